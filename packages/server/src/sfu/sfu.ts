import type { ParticipantMedia } from '@aircheck/engine/receiving';
import type { LocalTransportParameters } from '@aircheck/engine/transport';
import { AircheckError } from '@aircheck/protocol';
import type { WorkerRequests } from '../worker/contract.ts';
import { Room, type RoomContext } from './room.ts';

/** How often requests for lost packets are repeated and feedback is looked after. */
const TICK_MS = 25;

/** All rooms of one media worker: publishers in, subscribers and viewers out. */
export class Sfu {
  readonly #context: RoomContext;
  readonly #rooms = new Map<string, Room>();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: RoomContext) {
    this.#context = context;
  }

  get peerCount(): number {
    let count = 0;
    for (const room of this.#rooms.values()) count += room.peerCount;
    return count;
  }

  /** @throws AircheckError `sdp-invalid`, `codec-unsupported`, `request-invalid` */
  publish(request: WorkerRequests['publish']['in']): WorkerRequests['publish']['out'] {
    return this.#inRoom(request.roomKey, (room) => room.publish(request));
  }

  /** @throws AircheckError `track-not-found` */
  mute(request: WorkerRequests['mute']['in']): void {
    this.#inRoom(request.roomKey, (room) => room.mute(request));
  }

  /** @throws AircheckError `request-invalid` */
  subscribe(request: WorkerRequests['subscribe']['in']): WorkerRequests['subscribe']['out'] {
    return this.#inRoom(request.roomKey, (room) => room.subscribe(request));
  }

  /** @throws AircheckError `sdp-invalid`, `session-not-found` */
  subscribeAnswer(request: WorkerRequests['subscribeAnswer']['in']): void {
    this.#roomOfPeer(request.peerId).subscribeAnswer(request);
  }

  /** @throws AircheckError `sdp-invalid`, `codec-unsupported`, `track-not-found` */
  view(request: WorkerRequests['view']['in']): WorkerRequests['view']['out'] {
    return this.#inRoom(request.roomKey, (room) => room.view(request));
  }

  /** @throws AircheckError `session-not-found` */
  restartIce(request: WorkerRequests['restartIce']['in']): LocalTransportParameters {
    return this.#roomOfPeer(request.peerId).restartIce(request);
  }

  /** A peer that is not there is fine. */
  closePeer(peerId: string): void {
    for (const room of this.#rooms.values()) {
      if (room.has(peerId)) this.#inRoom(room.roomKey, () => room.closePeer(peerId));
    }
  }

  leave(roomKey: string, userId: string): void {
    this.#inRoom(roomKey, (room) => room.leave(userId));
  }

  closeRoom(roomKey: string): void {
    this.#inRoom(roomKey, (room) => room.close());
  }

  /** What a participant publishes, now or later, until it leaves. */
  participantMedia(roomKey: string, userId: string): ParticipantMedia {
    return this.#inRoom(roomKey, (room) => room.participant(userId));
  }

  /** Closes all rooms; may be called twice. */
  close(): void {
    for (const roomKey of [...this.#rooms.keys()]) this.closeRoom(roomKey);
  }

  /** Rooms come with the first who needs them, and go with the last. */
  #inRoom<T>(roomKey: string, act: (room: Room) => T): T {
    let room = this.#rooms.get(roomKey);
    if (room === undefined) {
      room = new Room(roomKey, this.#context);
      this.#rooms.set(roomKey, room);
    }
    try {
      return act(room);
    } finally {
      if (room.empty) this.#rooms.delete(roomKey);
      this.#setTimer();
    }
  }

  #roomOfPeer(peerId: string): Room {
    for (const room of this.#rooms.values()) if (room.has(peerId)) return room;
    throw new AircheckError('session-not-found', `There is no session ${peerId}`);
  }

  #setTimer(): void {
    if (this.#rooms.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    const nowMs = this.#context.now();
    for (const room of this.#rooms.values()) {
      room.tick(nowMs);
      if (room.empty) this.#rooms.delete(room.roomKey);
    }
    this.#setTimer();
  }
}
