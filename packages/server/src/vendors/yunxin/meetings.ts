import type { Asset, RoomEnded } from '@aircheck/protocol';
import type { Database } from '../../db/index.ts';
import type { Meeting } from './message-copy.ts';

/**
 * The meeting that a file was recorded in: the one that is on in its room, or one that has ended, of which the outbox
 * still tells.
 */
export class Meetings {
  readonly #db: Database;
  readonly #live: (appId: string, roomId: string) => Meeting | undefined;

  /** @param live - the meeting that is on in a room */
  constructor(db: Database, live: (appId: string, roomId: string) => Meeting | undefined) {
    this.#db = db;
    this.#live = live;
  }

  /** @returns for a meeting that nobody knows any more, one that is named by the beginning of the file */
  async of(appId: string, { roomId, startedAt }: Asset): Promise<Meeting> {
    const began = Date.parse(startedAt);
    const unknown = { channelId: String(began), creator: null };
    if (roomId === null) return unknown;
    const row = await this.#db
      .selectFrom('events')
      .select('data')
      .where('app_id', '=', appId)
      .where('type', '=', 'room.ended')
      .where('subject', '=', roomId)
      .where('created_at', '>=', began)
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return this.#live(appId, roomId) ?? unknown;
    const ended = JSON.parse(row.data) as RoomEnded;
    if (Date.parse(ended.startedAt) > began) return unknown;
    return { channelId: ended.channelId, creator: ended.participants.find(({ creator }) => creator)?.userId ?? null };
  }
}
