import { AircheckError, type AssetList, type AssetSort, type AssetSource, type AssetState } from '@aircheck/protocol';
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { AssetRow, Database } from '../db/index.ts';
import { type AssetCursor, decodeAssetCursor, encodeAssetCursor } from './asset-cursor.ts';
import { toStoredAsset } from './assets.ts';
import type { Classes } from './classes.ts';
import { countNames } from './name-counts.ts';
import { compareByCodePoint, nameKeyLetters, prefixRange } from './name-prefix.ts';

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
  readonly banned?: boolean | undefined;
  /** ISO 8601; that time itself among it. */
  readonly startedAfter?: string | undefined;
  /** ISO 8601; that time itself no more. */
  readonly startedBefore?: string | undefined;
  /** As of `started…`, by the time at which the file came into the library. */
  readonly createdAfter?: string | undefined;
  readonly createdBefore?: string | undefined;
  /** `-startedAt` when absent. */
  readonly sort?: AssetSort | undefined;
  readonly cursor?: string | undefined;
  /** Files to leave out before the page: for callers that count pages. */
  readonly offset?: number | undefined;
  readonly limit: number;
}

/**
 * Which index a query walks. Neither database finds that out by itself (SQLite keeps no statistics, and no statistics
 * know whether the newest 50 of a prefix are among the newest files), but here it is known how many files match.
 *
 * - `filter`: the index of what is filtered by, and all that match are sorted.
 * - `sort`: the index of what is sorted by, past what does not match until the page is full.
 * - `both`: one index has both.
 */
type Walk = 'filter' | 'sort' | 'both';

/** Up to so many matches are sorted without further ado. */
const sortedAtMost = 2000;

/** So many files are looked through for a page before all that match are sorted, where these are the fewer. */
const walkedAtMost = 1500;

const columns = {
  startedAt: 'started_at',
  createdAt: 'created_at',
  fileName: 'name_key',
  sizeBytes: 'size_bytes',
  durationMs: 'duration_ms',
  segmentIndex: 'segment_index',
} as const satisfies Record<string, keyof AssetRow>;

/**
 * One page of an app's files, and how many there are in all. A file whose place does not change meanwhile comes once,
 * however many others come and go between two pages.
 * @throws AircheckError `request-invalid` for a cursor of another list, and for a sort that takes another filter
 */
export async function listAssets(
  db: Database,
  classes: Classes,
  appId: string,
  filter: AssetFilter,
): Promise<AssetList> {
  const sort = filter.sort ?? '-startedAt';
  const column = columns[sort.replace('-', '') as keyof typeof columns];
  if (column === 'segment_index' && filter.recordingId === undefined) {
    throw new AircheckError('request-invalid', `query.sort: ${sort} takes a recordingId`, { input: 'query.sort' });
  }
  const cursor = filter.cursor === undefined ? undefined : decodeAssetCursor(filter.cursor, sort);
  const classIds = filter.classId === undefined ? undefined : await classes.withDescendants(appId, filter.classId);
  const query = new AssetQueryParts(appId, filter, classIds);
  const total = await query.count(db);
  const wanted = filter.limit + 1; // One more than asked for tells whether there is another page.
  const places = async (walk: Walk, atMost?: number) =>
    query.places(db, { column, descending: sort.startsWith('-'), walk, cursor, wanted, atMost });

  let found: readonly AssetPlace[];
  if (query.hasOrder(column)) found = await places('both');
  else if (total <= sortedAtMost || query.isSelective) found = await places('filter');
  else {
    // At worst all that match lie at the far end of the order. Whichever way is taken then: it touches half of the
    // files' index entries at most.
    const few = total < (await countNames(db, appId, '')) / 2;
    found = await places('sort', few ? walkedAtMost : undefined);
    if (few && found.length < wanted) found = await places('filter');
  }

  const page = found.slice(0, filter.limit);
  const last = found.length > filter.limit ? page.at(-1) : undefined;
  return {
    items: await assetsOf(
      db,
      page.map(({ file_id }) => file_id),
    ),
    nextCursor: last === undefined ? null : encodeAssetCursor({ sort, value: last.at, fileId: last.file_id }),
    total,
  };
}

/** A file's place in the order of a list. */
interface AssetPlace {
  readonly file_id: string;
  readonly at: number | string;
}

interface PlacesWanted {
  readonly column: AssetColumn;
  readonly descending: boolean;
  readonly walk: Walk;
  readonly cursor: AssetCursor | undefined;
  readonly wanted: number;
  /** Only among the first so many of the order. */
  readonly atMost?: number | undefined;
}

/** Whole rows are read for those alone that are answered with. */
async function assetsOf(db: Database, fileIds: readonly string[]): Promise<AssetList['items']> {
  if (fileIds.length === 0) return [];
  const rows = await db.selectFrom('assets').selectAll().where('file_id', 'in', fileIds).execute();
  const byId = new Map(rows.map((row) => [row.file_id, row]));
  return fileIds.flatMap((fileId) => byId.get(fileId) ?? []).map((row) => toStoredAsset(row).asset);
}

/** A row value: both databases take it as one place in the index, where an `or` would be walked to. */
function after(order: RawBuilder<unknown>, { value, fileId }: AssetCursor, descending: boolean): RawBuilder<SqlBool> {
  return sql`(${order}, file_id) ${sql.raw(descending ? '<' : '>')} (${value}, ${fileId})`;
}

type AssetColumn = keyof AssetRow & string;

const textColumns: readonly string[] = ['app_id', 'room_id', 'user_id', 'name_key'] satisfies AssetColumn[];

/** A column in a form that no index is walked by; those that hold it are still read instead of rows. */
function disguised(column: AssetColumn): RawBuilder<unknown> {
  return textColumns.includes(column) ? sql`${sql.ref(column)} || ''` : sql`${sql.ref(column)} + 0`;
}

/** The conditions of a filter, as each way of walking needs them. */
class AssetQueryParts {
  readonly #appId: string;
  readonly #filter: AssetFilter;
  readonly #classIds: readonly number[] | undefined;

  constructor(appId: string, filter: AssetFilter, classIds: readonly number[] | undefined) {
    this.#appId = appId;
    this.#filter = filter;
    this.#classIds = classIds;
  }

  /** How many files match. */
  async count(db: Database): Promise<number> {
    const prefix = this.#filter.fileNamePrefix ?? '';
    if (!this.#isFiltered && !this.isSelective && [...prefix].length <= nameKeyLetters) {
      return countNames(db, this.#appId, prefix);
    }
    const { total } = await db
      .selectFrom('assets')
      .select((select) => select.fn.countAll<number>().as('total'))
      .where(this.#matches('filter', undefined))
      .executeTakeFirstOrThrow();
    return total;
  }

  /** The places behind the cursor, in their order. */
  async places(
    db: Database,
    { column, descending, walk, cursor, wanted, atMost }: PlacesWanted,
  ): Promise<AssetPlace[]> {
    const order = walk === 'filter' ? disguised(column) : sql.ref(column);
    const direction = sql.raw(descending ? 'desc' : 'asc');
    const matches = this.#matches(walk, cursor);
    const behind = cursor === undefined ? sql`` : sql` and ${after(order, cursor, descending)}`;
    const source =
      atMost === undefined
        ? sql`assets where ${matches}${behind}`
        : sql`(select * from assets where ${this.#common()}${behind}
            order by ${order} ${direction}, file_id ${direction} limit ${sql.lit(atMost)}) as assets where ${matches}`;
    const { rows } = await sql<AssetPlace>`select file_id, ${sql.ref(column)} as at from ${source}
      order by ${order} ${direction}, file_id ${direction} limit ${wanted} offset ${this.#filter.offset ?? 0}`.execute(
      db,
    );
    return rows;
  }

  /** Files of one recording or of one tag are looked up, never walked to. */
  get isSelective(): boolean {
    return this.#filter.recordingId !== undefined || this.#filter.tag !== undefined;
  }

  /** Whether the index of what is filtered by is in the order of that column, or nothing is filtered by. */
  hasOrder(column: AssetColumn): boolean {
    const { fileNamePrefix, roomId, userId } = this.#filter;
    if (this.isSelective) return false;
    if (!this.#isFiltered) return !fileNamePrefix || column === 'name_key';
    return column === 'started_at' && !fileNamePrefix && (roomId !== undefined || userId !== undefined);
  }

  /** Whether anything but the name and what {@link isSelective} names is filtered by. */
  get #isFiltered(): boolean {
    const { roomId, userId, source, state, banned } = this.#filter;
    const { startedAfter, startedBefore, createdAfter, createdBefore } = this.#filter;
    const times = [startedAfter, startedBefore, createdAfter, createdBefore];
    return [roomId, userId, this.#classIds, source, state, banned, ...times].some((value) => value !== undefined);
  }

  /** What all lists have in common. */
  #common(): RawBuilder<SqlBool> {
    const { state } = this.#filter;
    const column = (name: AssetColumn) => (this.isSelective ? disguised(name) : sql.ref(name));
    const hidden = state === 'recycled' || state === 'deleting' ? 1 : 0;
    return sql`${column('app_id')} = ${this.#appId} and ${column('hidden')} = ${sql.lit(hidden)}`;
  }

  #matches(walk: Walk, cursor: AssetCursor | undefined): RawBuilder<SqlBool> {
    const { roomId, userId, recordingId, tag, source, state, banned } = this.#filter;
    const { startedAfter, startedBefore, createdAfter, createdBefore } = this.#filter;
    const filtered = (column: AssetColumn) => (walk === 'sort' ? disguised(column) : sql.ref(column));
    const conditions: RawBuilder<unknown>[] = [this.#common(), ...this.#nameMatches(walk, filtered, cursor)];
    if (state !== undefined) conditions.push(sql`state = ${state}`);
    if (banned !== undefined) conditions.push(sql`banned = ${sql.lit(Number(banned))}`);
    if (roomId !== undefined) conditions.push(sql`${filtered('room_id')} = ${roomId}`);
    if (userId !== undefined) conditions.push(sql`${filtered('user_id')} = ${userId}`);
    if (recordingId !== undefined) conditions.push(sql`recording_id = ${recordingId}`);
    if (source !== undefined) conditions.push(sql`source = ${source}`);
    if (startedAfter !== undefined) conditions.push(sql`started_at >= ${Date.parse(startedAfter)}`);
    if (startedBefore !== undefined) conditions.push(sql`started_at < ${Date.parse(startedBefore)}`);
    if (createdAfter !== undefined) conditions.push(sql`created_at >= ${Date.parse(createdAfter)}`);
    if (createdBefore !== undefined) conditions.push(sql`created_at < ${Date.parse(createdBefore)}`);
    if (this.#classIds !== undefined) {
      conditions.push(
        this.#classIds.length === 0 ? sql`1 = 0` : sql`${filtered('class_id')} in (${sql.join(this.#classIds)})`,
      );
    }
    if (tag !== undefined) {
      conditions.push(sql`file_id in (select file_id from asset_tags where app_id = ${this.#appId} and tag = ${tag})`);
    }
    return sql`${sql.join(conditions, sql` and `)}`;
  }

  #nameMatches(
    walk: Walk,
    filtered: (column: AssetColumn) => RawBuilder<unknown>,
    cursor: AssetCursor | undefined,
  ): RawBuilder<unknown>[] {
    const prefix = this.#filter.fileNamePrefix ?? '';
    if (prefix === '') return [];
    const letters = [...prefix];
    if (letters.length > nameKeyLetters) {
      const { from, before } = prefixRange(prefix);
      return [
        sql`${filtered('name_key')} = ${letters.slice(0, nameKeyLetters).join('')}`,
        sql`file_name >= ${from}`,
        ...(before === undefined ? [] : [sql`file_name < ${before}`]),
      ];
    }
    const { from, before } = prefixRange(prefix);
    // A cursor inside of the range is the nearer bound. With both, SQLite may begin at the farther one and walk.
    const at = walk === 'both' && typeof cursor?.value === 'string' ? cursor.value : undefined;
    const descending = cursor?.sort.startsWith('-') === true;
    const below = at !== undefined && !descending && compareByCodePoint(at, from) >= 0;
    const above = at !== undefined && descending && before !== undefined && compareByCodePoint(at, before) < 0;
    const name = filtered('name_key');
    return [
      ...(below ? [] : [sql`${name} >= ${from}`]),
      ...(above || before === undefined ? [] : [sql`${name} < ${before}`]),
    ];
  }
}
