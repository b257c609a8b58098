import { newFileId } from '@aircheck/engine/file-id';
import type { RoomEnded } from '@aircheck/protocol';

interface Attendance {
  /** Of the times before the present one, in milliseconds. */
  pastMs: number;
  /** Milliseconds since 1970; undefined when away. */
  since: number | undefined;
}

/** One meeting in a room, from the first join until nobody is left: who was there, and for how long. */
export class Meeting {
  /** Names this one meeting: decimal digits, below 2^63, the same make as a file's id. */
  readonly channelId: string;
  readonly #roomId: string;
  readonly #startedAt: number;
  readonly #attendances = new Map<string, Attendance>();
  #video = false;

  /** @param now - here and below milliseconds since 1970 */
  constructor(roomId: string, now: number) {
    this.#roomId = roomId;
    this.#startedAt = now;
    this.channelId = newFileId(now);
  }

  /** Who came first. */
  get creator(): string | null {
    return this.#attendances.keys().next().value ?? null;
  }

  /** Somebody came in, or back with another session. */
  joined(userId: string, now: number): void {
    const attendance = this.#attendances.get(userId) ?? { pastMs: 0, since: undefined };
    attendance.since ??= now;
    this.#attendances.set(userId, attendance);
  }

  left(userId: string, now: number): void {
    const attendance = this.#attendances.get(userId);
    if (attendance?.since === undefined) return;
    attendance.pastMs += now - attendance.since;
    attendance.since = undefined;
  }

  /** Somebody sends a picture. @returns whether it is the first time */
  sawVideo(): boolean {
    const first = !this.#video;
    this.#video = true;
    return first;
  }

  /** What is told when it ends now. */
  endingAt(now: number): RoomEnded {
    return {
      roomId: this.#roomId,
      channelId: this.channelId,
      startedAt: new Date(this.#startedAt).toISOString(),
      endedAt: new Date(now).toISOString(),
      video: this.#video,
      participants: [...this.#attendances].map(([userId, { pastMs, since }], index) => ({
        userId,
        creator: index === 0,
        durationMs: pastMs + (since === undefined ? 0 : now - since),
      })),
    };
  }
}
