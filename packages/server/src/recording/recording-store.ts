import {
  AircheckError,
  type EndReason,
  type Recording,
  type RecordingList,
  type RecordingMedia,
  type RecordingProcess,
  type RecordingSource,
  type RecordingState,
} from '@aircheck/protocol';
import { type Database, decodeCursor, encodeCursor, isUniqueViolation, type RecordingRow } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { AssetOwner, Library } from '../library/index.ts';
import { mergeHealth } from './health.ts';
import { liveStates, reachableFrom, unfinishedStates } from './states.ts';

/** What changes together with a state. Times are milliseconds since 1970. */
export interface StateChanges {
  /** Kept from the first time on. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly endReason?: EndReason;
  readonly detail?: string;
}

export interface RecordingFilter {
  readonly roomId?: string | undefined;
  readonly userId?: string | undefined;
  readonly live?: boolean | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** Recordings as the database has them. Each change of a state and the event that tells of it are one transaction. */
export class RecordingStore {
  readonly #db: Database;
  readonly #library: Library;
  readonly #outbox: Outbox;

  constructor(db: Database, library: Library, outbox: Outbox) {
    this.#db = db;
    this.#library = library;
    this.#outbox = outbox;
  }

  /** @throws AircheckError `recording-exists` when that participant's source is being recorded */
  async insert(row: RecordingRow): Promise<void> {
    try {
      await this.#db.transaction().execute(async (transaction) => {
        await transaction.insertInto('recordings').values(row).execute();
        await this.#tell(transaction, row);
      });
    } catch (cause) {
      if (!isUniqueViolation(cause)) throw cause;
      throw new AircheckError('recording-exists', `The ${row.source} of ${row.user_id} is being recorded already`, {
        cause,
      });
    }
    this.#outbox.wake();
  }

  /**
   * Takes back a recording that its worker refused to begin. It was told of as starting: it is told of as failed.
   * @param detail - why
   */
  async delete(row: RecordingRow, at: number, detail: string): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('recordings').where('recording_id', '=', row.recording_id).execute();
      await this.#tell(transaction, { ...row, state: 'failed', end_reason: 'no-media', ended_at: at, detail });
    });
    this.#outbox.wake();
  }

  /**
   * Moves a recording into a state, if it is in one from which that may be reached.
   * @returns the recording in that state; undefined when it did not move
   */
  async move(recordingId: string, to: RecordingState, changes: StateChanges): Promise<Recording | undefined> {
    const moved = await this.#db.transaction().execute(async (transaction) => {
      const row = await this.#update(transaction, recordingId, to, changes);
      return row === undefined ? undefined : this.#tell(transaction, row);
    });
    if (moved !== undefined) this.#outbox.wake();
    return moved;
  }

  async #update(
    transaction: Database,
    recordingId: string,
    to: RecordingState,
    { startedAt, endedAt, endReason, detail }: StateChanges,
  ): Promise<RecordingRow | undefined> {
    return transaction
      .updateTable('recordings')
      .set({
        state: to,
        ...(endedAt !== undefined && { ended_at: Math.round(endedAt) }),
        ...(endReason !== undefined && { end_reason: endReason }),
        ...(detail !== undefined && { detail }),
      })
      .$if(startedAt !== undefined, (query) =>
        query.set((set) => ({ started_at: set.fn.coalesce('started_at', set.val(Math.round(startedAt ?? 0))) })),
      )
      .where('recording_id', '=', recordingId)
      .where('state', 'in', reachableFrom[to])
      .returningAll()
      .executeTakeFirst();
  }

  /** Writes down when a recording began that is beyond that state already, unless it is known; nobody is told. */
  async noteStart(recordingId: string, startedAt: number): Promise<void> {
    await this.#db
      .updateTable('recordings')
      .set({ started_at: Math.round(startedAt) })
      .where('recording_id', '=', recordingId)
      .where('started_at', 'is', null)
      .execute();
  }

  async #tell(transaction: Database, row: RecordingRow): Promise<Recording> {
    const recording = (await this.toRecordings([row], transaction))[0]!;
    await this.#outbox.append(transaction, {
      appId: row.app_id,
      type: `recording.${recording.state}`,
      subject: row.recording_id,
      data: recording,
    });
    return recording;
  }

  async row(recordingId: string): Promise<RecordingRow | undefined> {
    return this.#db.selectFrom('recordings').selectAll().where('recording_id', '=', recordingId).executeTakeFirst();
  }

  /** @throws AircheckError `recording-not-found`, also for one of another app when `appId` is given */
  async requireRow(recordingId: string, appId?: string): Promise<RecordingRow> {
    const row = await this.row(recordingId);
    if (row === undefined || (appId !== undefined && row.app_id !== appId)) {
      throw new AircheckError('recording-not-found', `There is no recording ${recordingId}`);
    }
    return row;
  }

  /** What is to be made of a recording's files. */
  async processOf(recordingId: string, db: Database): Promise<RecordingProcess | undefined> {
    const row = await db
      .selectFrom('recordings')
      .select('process')
      .where('recording_id', '=', recordingId)
      .executeTakeFirst();
    return row?.process == null ? undefined : (JSON.parse(row.process) as RecordingProcess);
  }

  /** Rows of the given recordings that have not ended, or of all such when none are named. */
  async unfinished(recordingIds?: readonly string[]): Promise<RecordingRow[]> {
    if (recordingIds?.length === 0) return [];
    return this.#db
      .selectFrom('recordings')
      .selectAll()
      .where('state', 'in', unfinishedStates)
      .$if(recordingIds !== undefined, (query) => query.where('recording_id', 'in', recordingIds ?? []))
      .execute();
  }

  /** Recordings of rooms that have not ended, oldest first. */
  async live(appId: string, roomIds: readonly string[]): Promise<Recording[]> {
    if (roomIds.length === 0) return [];
    const rows = await this.#db
      .selectFrom('recordings')
      .selectAll()
      .where('app_id', '=', appId)
      .where('room_id', 'in', roomIds)
      .where('state', 'in', liveStates)
      .orderBy('created_at')
      .orderBy('recording_id')
      .execute();
    return this.toRecordings(rows);
  }

  /** One page of an app's recordings, newest first. */
  async list(appId: string, filter: RecordingFilter): Promise<RecordingList> {
    const { roomId, userId, live, cursor, limit } = filter;
    let query = this.#db.selectFrom('recordings').selectAll().where('app_id', '=', appId);
    if (roomId !== undefined) query = query.where('room_id', '=', roomId);
    if (userId !== undefined) query = query.where('user_id', '=', userId);
    if (live === true) query = query.where('state', 'in', liveStates);
    if (live === false) query = query.where('state', 'not in', liveStates);
    if (cursor !== undefined) {
      const { at, id } = decodeCursor(cursor);
      query = query.where((where) =>
        where.or([
          where('created_at', '<', at),
          where.and([where('created_at', '=', at), where('recording_id', '<', id)]),
        ]),
      );
    }
    // One more than asked for tells whether there is another page.
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('recording_id', 'desc')
      .limit(limit + 1)
      .execute();
    const last = rows.length > limit ? rows[limit - 1] : undefined;
    return {
      items: await this.toRecordings(rows.slice(0, limit)),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.created_at, id: last.recording_id }),
    };
  }

  /** The recordings of these rows, with what their files say. */
  async toRecordings(rows: readonly RecordingRow[], db: Database = this.#db): Promise<Recording[]> {
    const recordingIds = rows.map((row) => row.recording_id);
    const assets = await this.#library.ofRecordings(recordingIds, db);
    return rows.map((row) => {
      const kept = (assets.get(row.recording_id) ?? [])
        .map(({ asset }) => asset)
        .filter(({ state }) => state !== 'failed' && state !== 'deleting');
      return {
        recordingId: row.recording_id,
        roomId: row.room_id,
        userId: row.user_id,
        source: row.source as RecordingSource,
        media: row.media as RecordingMedia,
        fileName: row.file_name,
        tags: JSON.parse(row.tags) as string[],
        classId: row.class_id,
        segmentSeconds: row.segment_seconds,
        idleSeconds: row.idle_seconds,
        state: row.state as RecordingState,
        endReason: row.end_reason as EndReason | null,
        detail: row.detail,
        createdAt: new Date(row.created_at).toISOString(),
        startedAt: row.started_at === null ? null : new Date(row.started_at).toISOString(),
        endedAt: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
        durationMs: kept.reduce((sum, asset) => sum + asset.durationMs, 0),
        sizeBytes: kept.reduce((sum, asset) => sum + asset.sizeBytes, 0),
        fileIds: kept.map((asset) => asset.fileId),
        health: mergeHealth(kept),
        ...(row.process !== null && { process: JSON.parse(row.process) as RecordingProcess }),
      };
    });
  }
}

/** What a recording's files have from it. */
export function ownerOf(row: RecordingRow): AssetOwner {
  return {
    appId: row.app_id,
    roomId: row.room_id,
    userId: row.user_id,
    fileName: row.file_name,
    tags: JSON.parse(row.tags) as string[],
    classId: row.class_id,
  };
}
