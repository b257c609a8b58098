import type { RoomEnded } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { Database } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import { SerialTasks } from '../serial-tasks.ts';

export interface MeetingLogOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly logger: Logger;
}

/**
 * Tells the ends of meetings. One that is on is written down as it would be told if it ended now, so that the next start
 * can tell of it where a kill let nobody see its end.
 */
export class MeetingLog {
  readonly #options: MeetingLogOptions;
  /** Of one meeting, what is written down is in the order of what happened. */
  readonly #writes = new SerialTasks();

  constructor(options: MeetingLogOptions) {
    this.#options = options;
  }

  /** Writes down how far a meeting has come. */
  keep(appId: string, meeting: RoomEnded): void {
    this.#write(meeting, async (db) => {
      const data = JSON.stringify(meeting);
      await db
        .insertInto('meetings')
        .values({ channel_id: meeting.channelId, app_id: appId, data })
        .onConflict((conflict) => conflict.column('channel_id').doUpdateSet({ data }))
        .execute();
    });
  }

  /** Tells of a meeting that is over. */
  end(appId: string, meeting: RoomEnded): void {
    this.#write(meeting, async () => {
      await this.#tell(appId, meeting);
      this.#options.outbox.wake();
    });
  }

  /** Tells of meetings that an earlier run of the server left; to be called before anybody comes in. */
  async recover(): Promise<void> {
    const { db, outbox } = this.#options;
    const left = await db.selectFrom('meetings').selectAll().orderBy('channel_id').execute();
    for (const { app_id: appId, data } of left) await this.#tell(appId, JSON.parse(data) as RoomEnded);
    if (left.length > 0) outbox.wake();
  }

  /** Resolves when all has been written down. */
  async settled(): Promise<void> {
    await this.#writes.idle();
  }

  async #tell(appId: string, meeting: RoomEnded): Promise<void> {
    const { db, outbox } = this.#options;
    const { channelId, roomId: subject } = meeting;
    await db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('meetings').where('channel_id', '=', channelId).execute();
      await outbox.append(transaction, { appId, type: 'room.ended', subject, data: meeting });
    });
  }

  #write(meeting: RoomEnded, write: (db: Database) => Promise<void>): void {
    const { db, logger } = this.#options;
    this.#writes
      .run(meeting.channelId, () => write(db))
      .catch((error: unknown) => logger.error({ err: error, meeting }, 'a meeting cannot be written down'));
  }
}
