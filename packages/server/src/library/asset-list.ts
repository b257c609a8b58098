import type { AssetList, AssetSort, AssetSource, AssetState } from '@aircheck/protocol';
import type { ExpressionBuilder } from 'kysely';
import { type Database, decodeCursor, encodeCursor, type Schema } from '../db/index.ts';
import { toStoredAsset } from './assets.ts';
import type { Classes } from './classes.ts';
import { prefixRange } from './name-prefix.ts';

export interface AssetFilter {
  readonly fileNamePrefix?: string | undefined;
  readonly roomId?: string | undefined;
  readonly userId?: string | undefined;
  readonly recordingId?: string | undefined;
  /** Files of the class and of those below it. */
  readonly classId?: number | undefined;
  readonly tag?: string | undefined;
  readonly source?: AssetSource | undefined;
  /** Absent: all but those in the recycle bin and those being deleted. */
  readonly state?: AssetState | undefined;
  /** ISO 8601 */
  readonly startedAfter?: string | undefined;
  readonly startedBefore?: string | undefined;
  /** `-startedAt` when absent. */
  readonly sort?: AssetSort | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** One page of an app's files. */
export async function listAssets(
  db: Database,
  _classes: Classes,
  appId: string,
  filter: AssetFilter,
): Promise<AssetList> {
  const prefix = prefixRange(filter.fileNamePrefix ?? '');
  const matches = (where: ExpressionBuilder<Schema, 'assets'>) =>
    where.and([
      where('app_id', '=', appId),
      where('hidden', '=', 0),
      ...(filter.roomId === undefined ? [] : [where('room_id', '=', filter.roomId)]),
      ...(filter.recordingId === undefined ? [] : [where('recording_id', '=', filter.recordingId)]),
      ...(prefix.from === '' ? [] : [where('file_name', '>=', prefix.from)]),
      ...(prefix.before === undefined ? [] : [where('file_name', '<', prefix.before)]),
    ]);

  const { total } = await db
    .selectFrom('assets')
    .select((select) => select.fn.countAll<number>().as('total'))
    .where(matches)
    .executeTakeFirstOrThrow();

  let page = db.selectFrom('assets').selectAll().where(matches);
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
