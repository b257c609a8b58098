import {
  AircheckError,
  type ChangeRoleRequest,
  type IceServer,
  type JoinRequest,
  type JoinResult,
  type Participant,
  type Recording,
  type RecordingSource,
  type Room,
  type RoomList,
  RoomType,
  type ServerNotification,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { type Apps, type Presence, requireRoom, roomOfToken, type UserPrincipal } from '../apps/index.ts';
import type { Clock } from '../clock.ts';
import { type Database, decodeCursor, encodeCursor, type RoomRow } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { OfferedSource } from '../worker/contract.ts';
import type { MediaWorkers } from '../worker/index.ts';
import { type Entrant, entrantOf } from './entrant.ts';
import type { ExternalSession } from './external-session.ts';
import { LiveRoom } from './live-room.ts';
import { MeetingLog } from './meeting-log.ts';
import { PeerStates } from './peer-states.ts';
import type { RoomContext } from './room-context.ts';
import type { RoomParticipant, SignalingLink } from './room-participant.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface RoomsOptions {
  readonly db: Database;
  readonly workers: Pick<MediaWorkers, 'request' | 'on' | 'onWorkerLost' | 'releaseRoom'>;
  readonly apps: Pick<Apps, 'verifyToken'>;
  readonly config: { readonly idleSeconds: number; readonly iceServers: readonly IceServer[] };
  readonly recordings: {
    /** Recordings of rooms that have not ended. */
    live(appId: string, roomIds: readonly string[]): Promise<Recording[]>;
  };
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly timers?: Timers;
  readonly logger: Logger;
}

export interface RoomPage {
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** A joined client of the SDK: its room, and its place in it. */
export interface JoinedClient {
  readonly room: LiveRoom;
  readonly participant: RoomParticipant;
}

/** All rooms: what exists is in the database, who is inside is in memory. */
export class Rooms {
  readonly iceServers: readonly IceServer[];
  readonly #options: RoomsOptions;
  readonly #context: RoomContext;
  readonly #live = new Map<string, LiveRoom>();
  /** Rooms' last step under way: one room is opened, changed or deleted by one request at a time. */
  readonly #lastSteps = new Map<string, Promise<unknown>>();
  readonly #unlisten: readonly (() => void)[];
  #draining = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.iceServers = options.config.iceServers;
    const peerStates = new PeerStates();
    this.#context = {
      workers: options.workers,
      peerStates,
      meetings: new MeetingLog(options),
      clock: options.clock,
      timers: options.timers ?? systemTimers,
      logger: options.logger,
      graceMs: options.config.idleSeconds * 1000,
    };
    this.#unlisten = [
      options.workers.on('peer-state', (event) => peerStates.report(event)),
      options.workers.on('track-updated', ({ roomKey, userId, track }) => {
        this.#live.get(roomKey)?.trackUpdated(userId, track);
      }),
      options.workers.onWorkerLost((roomKeys) => {
        for (const roomKey of roomKeys) this.#live.get(roomKey)?.workerLost();
      }),
    ];
  }

  get timers(): Timers {
    return this.#context.timers;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  /**
   * Makes a room; asking again for the same one changes nothing.
   * @param expect - `new`: nobody may be inside
   * @throws AircheckError `room-type` when it exists with another type, `room-exists`
   */
  async put(appId: string, roomId: string, type: RoomType, expect?: 'new'): Promise<Room> {
    const row = await this.#inTurn(roomKeyOf(appId, roomId), () => this.#create(appId, roomId, type));
    if (expect === 'new') this.#live.get(roomKeyOf(appId, roomId))?.requireNobody();
    if (row.type !== type) {
      throw new AircheckError('room-type', `Room ${roomId} exists with type ${row.type}`, { input: 'body.type' });
    }
    return this.#describeOne(row);
  }

  /** @throws AircheckError `room-not-found` */
  async get(appId: string, roomId: string): Promise<Room> {
    const row = await this.#find(appId, roomId);
    if (row === undefined) throw roomNotFound(roomId);
    return this.#describeOne(row);
  }

  /** One page of an app's rooms, newest first. */
  async list(appId: string, { cursor, limit }: RoomPage): Promise<RoomList> {
    let query = this.#options.db.selectFrom('rooms').selectAll().where('app_id', '=', appId);
    if (cursor !== undefined) {
      const { at, id } = decodeCursor(cursor);
      query = query.where((where) =>
        where.or([where('created_at', '<', at), where.and([where('created_at', '=', at), where('room_id', '<', id)])]),
      );
    }
    // One more than asked for tells whether there is another page.
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('room_id', 'desc')
      .limit(limit + 1)
      .execute();
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      items: await this.#describe(appId, rows.slice(0, limit)),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.created_at, id: last.room_id }),
    };
  }

  /**
   * Deletes a room: everyone inside is told, its recordings end with `room-closed`.
   * @throws AircheckError `room-not-found`
   */
  async delete(appId: string, roomId: string): Promise<void> {
    const roomKey = roomKeyOf(appId, roomId);
    await this.#inTurn(roomKey, async () => {
      const { numDeletedRows } = await this.#options.db
        .deleteFrom('rooms')
        .where('app_id', '=', appId)
        .where('room_id', '=', roomId)
        .executeTakeFirst();
      if (numDeletedRows === 0n) throw roomNotFound(roomId);
      const room = this.#live.get(roomKey);
      if (room === undefined) return;
      this.#live.delete(roomKey);
      room.close('room-closed');
      try {
        await this.#options.workers.request(roomKey, 'closeRoom', { roomKey });
      } catch (error) {
        // A worker that is gone took the room with it; its recordings are finished by recovery.
        this.logger.warn({ err: error, roomKey }, 'the media worker did not close the room');
      }
      this.#options.workers.releaseRoom(roomKey);
    });
  }

  /**
   * Sends a participant away: its recordings end with `left`, and it is told `kicked`.
   * @throws AircheckError `room-not-found`, `participant-not-found`
   */
  async kick(appId: string, roomId: string, userId: string): Promise<void> {
    if ((await this.#find(appId, roomId)) === undefined) throw roomNotFound(roomId);
    if (this.#live.get(roomKeyOf(appId, roomId))?.kick(userId) !== true) {
      throw new AircheckError('participant-not-found', `${userId} is not in room ${roomId}`);
    }
  }

  /** The meeting that is on in a room: its number, and who came first. */
  meeting(appId: string, roomId: string): { readonly channelId: string; readonly creator: string | null } | undefined {
    return this.#live.get(roomKeyOf(appId, roomId))?.meeting;
  }

  /** Type of a room; undefined when there is no such room. */
  async type(appId: string, roomId: string): Promise<RoomType | undefined> {
    const row = await this.#find(appId, roomId);
    return row === undefined ? undefined : RoomType.parse(row.type);
  }

  /** A participant that is in the room now. */
  participant(appId: string, roomId: string, userId: string): Participant | undefined {
    return this.#live.get(roomKeyOf(appId, roomId))?.participant(userId);
  }

  /** Where a user is now, and as what. */
  presence(appId: string, userId: string): Presence {
    const rooms = [...this.#live.values()].filter((room) => room.appId === appId);
    return new Map(
      rooms.flatMap((room) => {
        const participant = room.participant(userId);
        return participant === undefined ? [] : [[room.roomId, participant.role] as const];
      }),
    );
  }

  /** Tells everyone in a room. */
  broadcast(appId: string, roomId: string, notification: ServerNotification): void {
    this.#live.get(roomKeyOf(appId, roomId))?.broadcast(notification);
  }

  /**
   * Lets a client of the SDK in, or back in.
   * @param answer - called with the result before any notification goes out over `link`
   * @throws AircheckError `unauthenticated`, `token-expired`, `room-not-found`, `room-full`, `draining`; `room-exists` when
   *   the client expects a new one; `request-invalid`, `forbidden` for what its token does not allow
   */
  async join(
    request: z.infer<typeof JoinRequest>,
    link: SignalingLink,
    answer: (result: JoinResult) => void,
  ): Promise<JoinedClient> {
    const user = entrantOf(await this.#options.apps.verifyToken(request.token), request);
    const { sessionId, autoSubscribe, expect } = request;
    const enter = async (room: LiveRoom) => {
      const recordings = await this.#options.recordings.live(user.appId, [user.roomId]);
      const { participant, resumed } = room.join(user, link, { sessionId, autoSubscribe, expect });
      answer({
        sessionId: participant.sessionId,
        resumed,
        roomId: room.roomId,
        roomType: room.type,
        self: participant.describe(),
        participants: room.participants().filter((other) => other.userId !== user.userId),
        recordings,
        iceServers: [...this.iceServers],
      });
      participant.flush();
      return { room, participant };
    };
    return this.#enter(user, enter, { make: user.role === 'host' && expect !== 'existing' });
  }

  /**
   * Gives a joined client another role, see {@link LiveRoom.changeRole}.
   * @throws AircheckError `forbidden` for more than the token allows, and for a token of somebody else;
   *   `session-not-found` when the client is not inside any more
   */
  async changeRole(
    { room, participant }: JoinedClient,
    { role, token }: z.infer<typeof ChangeRoleRequest>,
  ): Promise<Participant> {
    if (token === undefined) return room.changeRole(participant, role);
    const user = await this.#options.apps.verifyToken(token);
    roomOfToken(user, room.roomId);
    if (user.appId !== room.appId || user.userId !== participant.userId || user.viewerOf !== participant.viewerOf) {
      throw new AircheckError('forbidden', 'The token is of somebody else', { input: 'token' });
    }
    return room.changeRole(participant, role, user.role);
  }

  /** Lets a WHIP client in, see {@link LiveRoom.publishExternal}. */
  publishExternal(
    principal: UserPrincipal,
    roomId: string,
    sdp: string,
    tracks: readonly OfferedSource[] | undefined,
  ): Promise<{ readonly session: ExternalSession; readonly sdp: string }> {
    const { appId, userId, role, viewerOf } = principal;
    const user: Entrant = { appId, roomId: roomOfToken(principal, roomId), userId, role, mostRole: role, viewerOf };
    return this.#enter(user, (room) => room.publishExternal(user, sdp, tracks), { make: role === 'host' });
  }

  /** Opens a WHEP session, see {@link LiveRoom.view}. */
  async view(
    user: UserPrincipal,
    roomId: string,
    watchedUserId: string,
    source: RecordingSource,
    sdp: string,
  ): Promise<{ readonly session: ExternalSession; readonly sdp: string }> {
    requireRoom(user, roomId);
    // Whom it watches for may leave; a session of WHEP would go on unseen.
    if (user.viewerOf !== undefined) throw new AircheckError('forbidden', 'A hidden viewer watches by signaling alone');
    const room = this.#live.get(roomKeyOf(user.appId, roomId));
    if (room !== undefined) return room.hold(() => room.view(user, watchedUserId, source, sdp));
    if ((await this.#find(user.appId, roomId)) === undefined) throw roomNotFound(roomId);
    throw new AircheckError('participant-not-found', `${watchedUserId} is not in room ${roomId}`);
  }

  /** Sends everyone away, for the server ends. The media workers end the recordings when they are drained. */
  close(): void {
    this.#draining = true;
    for (const unlisten of this.#unlisten) unlisten();
    for (const room of this.#live.values()) room.close('draining');
    this.#live.clear();
  }

  /** Tells the ends of meetings that an earlier run of the server did not live to see; to be called before anybody comes in. */
  async recover(): Promise<void> {
    await this.#context.meetings.recover();
  }

  /** Resolves when the end of every meeting has been written down; to be called after {@link close}. */
  async settled(): Promise<void> {
    await this.#context.meetings.settled();
  }

  /** @param make - a missing room is made */
  async #enter<T>(
    user: Entrant,
    action: (room: LiveRoom) => Promise<T>,
    { make }: { readonly make: boolean },
  ): Promise<T> {
    if (this.#draining) throw new AircheckError('draining', 'The server is shutting down');
    const { appId, roomId } = user;
    const roomKey = roomKeyOf(appId, roomId);
    const room =
      this.#live.get(roomKey) ??
      (await this.#inTurn(roomKey, async () => {
        const row = await (make ? this.#create(appId, roomId, 'multi') : this.#find(appId, roomId));
        if (row === undefined) throw roomNotFound(roomId);
        const opened = this.#live.get(roomKey) ?? this.#open(row);
        this.#live.set(roomKey, opened);
        return opened;
      }));
    return room.hold(() => action(room));
  }

  #open(row: RoomRow): LiveRoom {
    return new LiveRoom({
      context: this.#context,
      appId: row.app_id,
      roomId: row.room_id,
      type: RoomType.parse(row.type),
      onEmpty: (room) => {
        if (this.#live.get(room.roomKey) !== room) return;
        this.#live.delete(room.roomKey);
        this.#options.workers.releaseRoom(room.roomKey);
      },
    });
  }

  async #create(appId: string, roomId: string, type: RoomType): Promise<RoomRow> {
    const existing = await this.#find(appId, roomId);
    if (existing !== undefined) return existing;
    const row: RoomRow = { app_id: appId, room_id: roomId, type, created_at: this.#options.clock.now() };
    await this.#options.db.insertInto('rooms').values(row).execute();
    return row;
  }

  #find(appId: string, roomId: string): Promise<RoomRow | undefined> {
    return this.#options.db
      .selectFrom('rooms')
      .selectAll()
      .where('app_id', '=', appId)
      .where('room_id', '=', roomId)
      .executeTakeFirst();
  }

  async #describeOne(row: RoomRow): Promise<Room> {
    const [room] = await this.#describe(row.app_id, [row]);
    return room!;
  }

  async #describe(appId: string, rows: readonly RoomRow[]): Promise<Room[]> {
    const ids = rows.map((row) => row.room_id);
    const recordings = Map.groupBy(await this.#options.recordings.live(appId, ids), ({ roomId }) => roomId);
    return rows.map((row) => ({
      roomId: row.room_id,
      type: RoomType.parse(row.type),
      createdAt: new Date(row.created_at).toISOString(),
      participants: this.#live.get(roomKeyOf(appId, row.room_id))?.participants() ?? [],
      recordings: recordings.get(row.room_id) ?? [],
    }));
  }

  async #inTurn<T>(roomKey: string, step: () => Promise<T>): Promise<T> {
    // The former step's failure is its own caller's matter.
    const former = this.#lastSteps.get(roomKey)?.catch(() => {});
    const current = (async () => {
      await former;
      return step();
    })();
    this.#lastSteps.set(roomKey, current);
    try {
      return await current;
    } finally {
      if (this.#lastSteps.get(roomKey) === current) this.#lastSteps.delete(roomKey);
    }
  }
}

function roomKeyOf(appId: string, roomId: string): string {
  return `${appId}/${roomId}`;
}

function roomNotFound(roomId: string): AircheckError {
  return new AircheckError('room-not-found', `There is no room ${roomId}`);
}
