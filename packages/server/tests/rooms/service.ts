import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { EventType, Recording, Role, ServerNotification } from '@aircheck/protocol';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { Apps, ConsoleSessions, defaultAppId, registerAccess, registerAppRoutes } from '../../src/apps/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { registerWhep, registerWhip } from '../../src/ingest/index.ts';
import { Rooms, type RoomsOptions, registerRoomRoutes, registerSignaling, type Timers } from '../../src/rooms/index.ts';
import { openTestDatabase } from '../databases.ts';
import { createTestHttpServer } from '../http/declared-errors.ts';

export const credentials = { key: 'ak_test', secret: 'a secret of sixteen letters' };
const basic = `Basic ${Buffer.from(`${credentials.key}:${credentials.secret}`).toString('base64')}`;

/** Time that passes when the test says so. */
export class ManualTimers implements Timers {
  #nowMs = 0;
  readonly #waiting = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#waiting.add(timer);
    return () => this.#waiting.delete(timer);
  }

  advance(milliseconds: number): void {
    const endMs = this.#nowMs + milliseconds;
    for (;;) {
      const [next] = [...this.#waiting].filter(({ dueMs }) => dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }
}

export interface Service<W> {
  readonly app: FastifyInstance;
  readonly rooms: Rooms;
  readonly workers: W;
  readonly timers: ManualTimers;
  readonly apps: Apps;
  readonly url: string;
  readonly recordings: Recording[];
  /** Data of the events of one type, oldest first. */
  eventsOf<T>(type: EventType): Promise<T[]>;
  token(userId: string, role: Role, roomId?: string): Promise<string>;
  asServer(method: 'GET' | 'PUT' | 'DELETE', url: string, body?: object): Promise<LightMyRequestResponse>;
  client(): Promise<SignalingClient>;
  /** A client that has joined. */
  joined(userId: string, role: Role, options?: object): Promise<SignalingClient>;
  close(): Promise<void>;
}

/** The service as far as rooms and ingest go, listening on a free port of the loopback. */
export async function startService<W extends RoomsOptions['workers']>(
  workers: W,
  config: Partial<RoomsOptions['config']> = {},
): Promise<Service<W>> {
  const clock = { now: Date.now };
  const timers = new ManualTimers();
  const logger = pino({ level: 'silent' });
  const { db, close: closeDatabase } = await openTestDatabase();
  const sessions = new ConsoleSessions(credentials.secret, clock);
  const apps = await Apps.open({ db, credentials, sessions, clock });
  const app = await createTestHttpServer({
    logger,
    health: { draining: () => false, readyWorkers: () => 1, workerStats: async () => [] },
    version: '0.0.0',
    consoleFolder: import.meta.dirname,
    sdkFolder: import.meta.dirname,
    agentFolder: import.meta.dirname,
  });
  registerAccess(app, apps);
  const recordings: Recording[] = [];
  const rooms = new Rooms({
    db,
    workers,
    apps,
    config: { idleSeconds: 60, iceServers: [], ...config },
    recordings: { live: async (_appId, roomIds) => recordings.filter(({ roomId }) => roomIds.includes(roomId)) },
    outbox: new Outbox(clock),
    clock,
    timers,
    logger,
  });
  apps.usePresence((appId, userId) => rooms.presence(appId, userId));
  registerAppRoutes(app, { apps, sessions, clock, secureCookies: false });
  registerRoomRoutes(app, rooms);
  registerSignaling(app, rooms);
  registerWhip(app, { rooms });
  registerWhep(app, { rooms });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1/signal`;

  const service: Service<W> = {
    app,
    rooms,
    workers,
    timers,
    apps,
    url,
    recordings,
    eventsOf: async (type) => {
      const rows = await db.selectFrom('events').select('data').where('type', '=', type).orderBy('seq').execute();
      return rows.map(({ data }) => JSON.parse(data));
    },
    token: async (userId, role, roomId = 'studio') =>
      (await apps.signToken(defaultAppId, { userId, role, roomId, ttlSeconds: 3600 })).token,
    asServer: (method, path, body) =>
      app.inject({ method, url: path, headers: { authorization: basic }, ...(body && { body }) }),
    client: () => SignalingClient.connect(url),
    async joined(userId, role, options = {}) {
      const client = await service.client();
      await client.request({ type: 'join', token: await service.token(userId, role), ...options });
      return client;
    },
    async close() {
      rooms.close();
      await rooms.settled();
      await app.close();
      await closeDatabase();
    },
  };
  return service;
}

/** What a request is answered with. */
// biome-ignore lint/suspicious/noExplicitAny: each test reads the parts it is about
export type Answer = { readonly id: number | null; readonly ok: boolean; readonly result?: any; readonly error?: any };

type NotificationOf<T extends ServerNotification['type']> = Extract<ServerNotification, { type: T }>;

/** A signaling client that keeps all that it was told. */
export class SignalingClient {
  readonly socket: WebSocket;
  readonly notifications: ServerNotification[] = [];
  readonly answers: Answer[] = [];
  /** Close code and reason, once the connection is over. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #wakeUps = new Set<() => void>();
  #nextId = 1;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if ('ok' in message) this.answers.push(message);
      else this.notifications.push(message);
      for (const wakeUp of [...this.#wakeUps]) wakeUp();
    });
    socket.on('error', () => {});
  }

  static async connect(url: string): Promise<SignalingClient> {
    const socket = new WebSocket(url, 'aircheck.v1');
    const client = new SignalingClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** Sends a request and waits for its answer. */
  async request(request: object): Promise<Answer> {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ id, ...request }));
    return this.answerTo(id);
  }

  /** Sends text as it is. */
  send(text: string | Uint8Array): void {
    this.socket.send(text);
  }

  answerTo(id: number | null): Promise<Answer> {
    return this.#until(() => this.answers.find((answer) => answer.id === id));
  }

  /** The first notification of a type that meets the condition, past or to come; it is taken out. */
  told<T extends ServerNotification['type']>(
    type: T,
    condition: (notification: NotificationOf<T>) => boolean = () => true,
  ): Promise<NotificationOf<T>> {
    return this.#until(() => {
      const index = this.notifications.findIndex(
        (notification) => notification.type === type && condition(notification as NotificationOf<T>),
      );
      return index < 0 ? undefined : (this.notifications.splice(index, 1)[0] as NotificationOf<T>);
    });
  }

  /** Breaks the connection without a word, as a lost network does. */
  async drop(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  async #until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const wakeUp = () => {
          this.#wakeUps.delete(wakeUp);
          resolve();
        };
        this.#wakeUps.add(wakeUp);
        this.closed.then(({ code, reason }) => reject(new Error(`Connection closed: ${code} ${reason}`)));
      });
    }
  }
}

/** An offer with microphone and camera; `origin` names the peer connection that it is of. */
export function offerSdp(origin = '4711', version = 1): string {
  const media = (kind: string, payloadType: number, mid: number) => [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloadType}`,
    'c=IN IP4 0.0.0.0',
    `a=mid:${mid}`,
    'a=ice-ufrag:offr',
    'a=ice-pwd:offerPassword12345678901',
    'a=sendonly',
  ];
  return [
    'v=0',
    `o=- ${origin} ${version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=group:BUNDLE 0 1',
    ...media('audio', 111, 0),
    ...media('video', 96, 1),
    '',
  ].join('\r\n');
}

export const publishRequest = {
  type: 'publish',
  sdp: offerSdp(),
  tracks: [
    { mid: '0', source: 'microphone' },
    { mid: '1', source: 'camera' },
  ],
};
