import { AircheckError, type AssetList, type AssetState } from '@aircheck/protocol';
import type { ExpressionBuilder } from 'kysely';
import { type Database, decodeCursor, encodeCursor, type NewAssetRow, type Schema } from '../db/index.ts';
import type { SegmentSnapshot } from '../worker/contract.ts';
import { type StoredAsset, toStoredAsset } from './assets.ts';
import { prefixRange } from './name-prefix.ts';

/** What a file has from the recording it belongs to. */
export interface AssetOwner {
  readonly appId: string;
  readonly roomId: string;
  readonly userId: string;
  readonly fileName: string;
  readonly tags: readonly string[];
  readonly classId: number;
}

export interface AssetFilter {
  readonly fileNamePrefix?: string | undefined;
  readonly roomId?: string | undefined;
  readonly recordingId?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** The video library: every file that a recording has made, from its first fragment on. */
export class Library {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Enters a segment, or brings its entry up to date. */
  async save(owner: AssetOwner, segment: SegmentSnapshot, state: AssetState): Promise<void> {
    const over = state === 'ready' || state === 'failed';
    const measured = measuredColumns(segment);
    const now = Date.now();
    const row: NewAssetRow = {
      file_id: segment.fileId,
      app_id: owner.appId,
      source: 'record',
      recording_id: segment.recordingId,
      segment_index: segment.segmentIndex,
      room_id: owner.roomId,
      user_id: owner.userId,
      file_name: owner.fileName,
      intro: '',
      banned: 0,
      path: segment.path,
      started_at: Math.round(segment.startedAt),
      tags: JSON.stringify(owner.tags),
      class_id: owner.classId,
      state,
      ended_at: over ? Math.round(segment.startedAt + segment.durationMs) : null,
      ...measured,
      sha256: null,
      md5: null,
      cover_id: null,
      created_at: now,
      updated_at: now,
      expires_at: null,
      recycled_at: null,
    };
    await this.#db
      .insertInto('assets')
      .values(row)
      .onConflict((conflict) =>
        conflict
          .column('file_id')
          .doUpdateSet({ state, ended_at: row.ended_at, started_at: row.started_at, ...measured }),
      )
      .execute();
  }

  /** Writes down how far growing files have come; those that have ended meanwhile stay as they are. */
  async saveProgress(segments: readonly SegmentSnapshot[]): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const segment of segments) {
        await transaction
          .updateTable('assets')
          .set(measuredColumns(segment))
          .where('file_id', '=', segment.fileId)
          .where('state', '=', 'recording')
          .execute();
      }
    });
  }

  /** Marks the growing files of a recording whose writer is gone. */
  async interrupt(recordingId: string): Promise<void> {
    await this.#db
      .updateTable('assets')
      .set({ state: 'interrupted' })
      .where('recording_id', '=', recordingId)
      .where('state', '=', 'recording')
      .execute();
  }

  /** Marks a file that could not be recovered. */
  async fail(fileId: string): Promise<void> {
    await this.#db.updateTable('assets').set({ state: 'failed' }).where('file_id', '=', fileId).execute();
  }

  /** The files of recordings, each recording's oldest first. */
  async ofRecordings(recordingIds: readonly string[]): Promise<Map<string, StoredAsset[]>> {
    const found = new Map<string, StoredAsset[]>(recordingIds.map((id) => [id, []]));
    if (recordingIds.length === 0) return found;
    const rows = await this.#db
      .selectFrom('assets')
      .selectAll()
      .where('recording_id', 'in', recordingIds)
      .orderBy('recording_id')
      .orderBy('segment_index')
      .execute();
    for (const row of rows) found.get(row.recording_id!)?.push(toStoredAsset(row));
    return found;
  }

  /** @throws AircheckError `asset-not-found`, also for a file of another app when `appId` is given */
  async get(fileId: string, appId?: string): Promise<StoredAsset> {
    const row = await this.#db.selectFrom('assets').selectAll().where('file_id', '=', fileId).executeTakeFirst();
    if (row === undefined || (appId !== undefined && row.app_id !== appId)) {
      throw new AircheckError('asset-not-found', `There is no file ${fileId}`);
    }
    return toStoredAsset(row);
  }

  /** One page of the files that the filter lets through, newest first. */
  async list(appId: string, filter: AssetFilter): Promise<AssetList> {
    const prefix = prefixRange(filter.fileNamePrefix ?? '');
    const matches = (where: ExpressionBuilder<Schema, 'assets'>) =>
      where.and([
        where('app_id', '=', appId),
        ...(filter.roomId === undefined ? [] : [where('room_id', '=', filter.roomId)]),
        ...(filter.recordingId === undefined ? [] : [where('recording_id', '=', filter.recordingId)]),
        ...(prefix.from === '' ? [] : [where('file_name', '>=', prefix.from)]),
        ...(prefix.before === undefined ? [] : [where('file_name', '<', prefix.before)]),
      ]);

    const { total } = await this.#db
      .selectFrom('assets')
      .select((select) => select.fn.countAll<number>().as('total'))
      .where(matches)
      .executeTakeFirstOrThrow();

    let page = this.#db.selectFrom('assets').selectAll().where(matches);
    if (filter.cursor !== undefined) {
      const { at, id } = decodeCursor(filter.cursor);
      page = page.where((where) =>
        where.or([where('started_at', '<', at), where.and([where('started_at', '=', at), where('file_id', '<', id)])]),
      );
    }
    // One more than asked for tells whether there is another page.
    const rows = await page
      .orderBy('started_at', 'desc')
      .orderBy('file_id', 'desc')
      .limit(filter.limit + 1)
      .execute();
    const last = rows.length > filter.limit ? rows[filter.limit - 1] : undefined;
    return {
      items: rows.slice(0, filter.limit).map((row) => toStoredAsset(row).asset),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.started_at, id: last.file_id }),
      total,
    };
  }
}

function measuredColumns(segment: SegmentSnapshot) {
  return {
    mime_type: segment.mimeType,
    duration_ms: segment.durationMs,
    size_bytes: segment.sizeBytes,
    video: segment.video === null ? null : JSON.stringify(segment.video),
    audio: segment.audio === null ? null : JSON.stringify(segment.audio),
    health: JSON.stringify(segment.health),
  };
}
