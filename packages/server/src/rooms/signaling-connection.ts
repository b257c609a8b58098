import { AircheckError, ClientRequest } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { SignalingLink } from './room-participant.ts';
import type { JoinedClient, Rooms } from './rooms.ts';

const joinTimeoutMs = 10_000;
const silenceTimeoutMs = 30_000;
/** A client with more messages than that in one second is broken or hostile; ours sends a handful. */
const messagesPerSecond = 100;
/** Requests that may wait for those before them; each may hold a description of 200 KB. */
const maxWaitingRequests = 32;
/** Bytes not yet taken by the client's side; who lets so many pile up does not read. */
const maxBufferedBytes = 4 * 1024 * 1024;

/** Close codes of WebSocket (RFC 6455 §7.4.1). */
const closeCodes = { normal: 1000, policyViolation: 1008 } as const;

const AnyRequest = z.object({ id: z.int() });

/** One signaling WebSocket: takes requests in order, answers each, and hands on what the room has to tell. */
export class SignalingConnection implements SignalingLink {
  readonly #socket: WebSocket;
  readonly #rooms: Rooms;
  readonly #logger: Logger;
  #client: JoinedClient | undefined;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #messagesLeft = messagesPerSecond;
  readonly #cancelTimers = new Map<'join' | 'silence' | 'refill', () => void>();

  constructor(socket: WebSocket, rooms: Rooms, logger: Logger) {
    this.#socket = socket;
    this.#rooms = rooms;
    this.#logger = logger;
    this.#arm('join', joinTimeoutMs, () => this.#refuse('unauthenticated', 'Nobody joined within 10 s'));
    this.#arm('silence', silenceTimeoutMs, () => socket.terminate());
    socket.on('message', (data, isBinary) => this.#received(data, isBinary));
    socket.on('close', () => this.#ended());
    // A frame that breaks the protocol or is too large ends the connection by itself, with the code that says so.
    socket.on('error', (error) => logger.debug({ err: error }, 'signaling connection failed'));
  }

  send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > maxBufferedBytes) this.#socket.terminate();
    else this.#socket.send(text);
  }

  close(reason: string): void {
    this.#client = undefined;
    this.#socket.close(closeCodes.normal, reason);
  }

  #received(data: RawData, isBinary: boolean): void {
    this.#arm('silence', silenceTimeoutMs, () => this.#socket.terminate());
    if (!this.#takeMessage()) {
      this.#refuse('rate-limited', `More than ${messagesPerSecond} messages in a second`);
      return;
    }
    const request = this.#parse(data, isBinary);
    if (request === undefined) return;
    if (request.type === 'ping') {
      this.#answer(request.id, {});
      return;
    }
    if (this.#waiting >= maxWaitingRequests) {
      this.#refuse('rate-limited', `More than ${maxWaitingRequests} requests wait for an answer`, request.id);
      return;
    }
    this.#waiting += 1;
    this.#tail = this.#tail.then(async () => {
      try {
        await this.#handle(request);
      } catch (error) {
        this.#answerError(request.id, error);
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  #parse(data: RawData, isBinary: boolean): ClientRequest | undefined {
    let message: unknown;
    try {
      if (isBinary) throw new TypeError('Binary message');
      message = JSON.parse(String(data));
    } catch (cause) {
      this.#answerError(null, new AircheckError('request-invalid', 'The message is not JSON text', { cause }));
      return undefined;
    }
    const result = ClientRequest.safeParse(message);
    if (result.success) return result.data;
    const issue = result.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    const detail = `${path === '' ? 'The message' : path}: ${issue?.message ?? 'not valid'}`;
    this.#answerError(
      AnyRequest.safeParse(message).data?.id ?? null,
      new AircheckError('request-invalid', detail, { input: path, cause: result.error }),
    );
    return undefined;
  }

  async #handle(request: Exclude<ClientRequest, { type: 'ping' }>): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (request.type === 'join') return this.#join(request);
    const client = this.#client;
    if (client === undefined) throw new AircheckError('unauthenticated', 'The first request must be join');
    const { room, participant } = client;
    switch (request.type) {
      case 'publish':
        return this.#answer(request.id, await room.publish(participant, request));
      case 'mute':
        await room.mute(participant, request);
        break;
      case 'answer':
        await participant.subscriber?.answer(request.revision, request.sdp);
        break;
      case 'subscribe':
        room.subscribe(participant, request.trackId, request.enabled);
        break;
      case 'restart-subscriber':
        participant.subscriber?.restart(request.reset);
        break;
      case 'change-role':
        return this.#answer(request.id, { self: await this.#rooms.changeRole(client, request) });
      case 'leave':
        this.#answer(request.id, {});
        room.leave(participant, 'left');
        return;
    }
    this.#answer(request.id, {});
  }

  async #join(request: Extract<ClientRequest, { type: 'join' }>): Promise<void> {
    if (this.#client !== undefined) {
      throw new AircheckError('request-invalid', 'This connection has joined already', { input: 'type' });
    }
    this.#client = await this.#rooms.join(request, this, (result) => this.#answer(request.id, result));
    this.#cancel('join');
    // The connection may have broken while the room was being opened.
    if (this.#socket.readyState !== this.#socket.OPEN) this.#ended();
  }

  #answer(id: number, result: object): void {
    this.send(JSON.stringify({ id, ok: true, result }));
  }

  #answerError(id: number | null, error: unknown): void {
    const known = error instanceof AircheckError;
    if (!known || error.fault !== 'caller') this.#logger.error({ err: error }, 'signaling request failed');
    const told = known ? error : new AircheckError('internal', 'Something went wrong inside; the log says what');
    this.send(JSON.stringify({ id, ok: false, error: told.toProblem() }));
  }

  #refuse(code: 'unauthenticated' | 'rate-limited', detail: string, id: number | null = null): void {
    this.#answerError(id, new AircheckError(code, detail));
    this.#socket.close(closeCodes.policyViolation, code);
  }

  #takeMessage(): boolean {
    if (this.#messagesLeft === messagesPerSecond) {
      this.#arm('refill', 1000, () => {
        this.#messagesLeft = messagesPerSecond;
      });
    }
    this.#messagesLeft -= 1;
    return this.#messagesLeft >= 0;
  }

  #ended(): void {
    for (const cancel of this.#cancelTimers.values()) cancel();
    this.#cancelTimers.clear();
    this.#client?.participant.detach(this);
    this.#client = undefined;
  }

  #arm(name: 'join' | 'silence' | 'refill', delayMs: number, callback: () => void): void {
    this.#cancelTimers.get(name)?.();
    this.#cancelTimers.set(name, this.#rooms.timers.after(delayMs, callback));
  }

  #cancel(name: 'join'): void {
    this.#cancelTimers.get(name)?.();
    this.#cancelTimers.delete(name);
  }
}
