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
const walkedAtMost = 3000;

/** How many entries of an index are walked past in the time that it takes to sort one. */
const sortingCost = 3;

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
  const descending = sort.startsWith('-');
  const stretch = stretchOf(filter, total);
  const places = async (walk: Walk, atMost?: number) => {
    const backwards = stretch.fromEnd ? !descending : descending;
    const found = await query.places(db, { column, descending: backwards, walk, cursor, stretch, atMost });
    return stretch.fromEnd ? found.reverse() : found;
  };

  let found: readonly AssetPlace[];
  if (stretch.wanted === 0) found = [];
  else if (query.hasOrder(column)) found = await places('both');
  else if (total <= sortedAtMost || query.isSelective) found = await places('filter');
  else {
    // At worst all that match lie at the far end of the order; where they are spread evenly, a page far inside is that
    // far inside of all files. To sort an entry takes some three times as long as to walk past it.
    const all = await countNames(db, appId, '');
    const expected = (stretch.offset * all) / total;
    const walks = total >= all / 2 || (stretch.offset > 0 && expected <= total * sortingCost);
    found = await places('sort', walks ? undefined : walkedAtMost);
    if (!walks && found.length < stretch.wanted) found = await places('filter');
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

/** What is read of the places that match, in their order or from the end of it on. */
interface Stretch {
  readonly fromEnd: boolean;
  readonly offset: number;
  readonly wanted: number;
}

/** The page, and one place more, which tells whether there is another page. */
function stretchOf({ cursor, offset = 0, limit }: AssetFilter, total: number): Stretch {
  const wanted = limit + 1;
  // Behind a cursor nobody knows how many there are.
  if (cursor !== undefined || offset === 0) return { fromEnd: false, offset, wanted };
  const left = Math.max(0, total - offset);
  const behind = Math.max(0, left - wanted);
  // Places are counted one by one up to the page: from the end, where that is much the nearer.
  return behind < offset / 2
    ? { fromEnd: true, offset: behind, wanted: Math.min(wanted, left) }
    : { fromEnd: false, offset, wanted };
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
  readonly stretch: Stretch;
  /** Only among the first so many of the order. */
  readonly atMost?: number | undefined;
}

async function countRows(db: Database, matches: RawBuilder<SqlBool>): Promise<number> {
  const { total } = await db
    .selectFrom('assets')
    .select((select) => select.fn.countAll<number>().as('total'))
    .where(matches)
    .executeTakeFirstOrThrow();
  return total;
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
  return textColumns.includes(column) ? sql`coalesce(${sql.ref(column)}, '')` : sql`${sql.ref(column)} + 0`;
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
    const { state, fileNamePrefix: prefix = '' } = this.#filter;
    if (!this.#isFiltered && !this.isSelective && [...prefix].length <= nameKeyLetters) {
      const all = await countNames(db, this.#appId, prefix);
      return state === 'ready' ? all - (await countRows(db, this.#unfinished(prefix))) : all;
    }
    return countRows(db, this.#matches('filter', undefined));
  }

  /** The places behind the cursor, in their order. */
  async places(
    db: Database,
    { column, descending, walk, cursor, stretch, atMost }: PlacesWanted,
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
      order by ${order} ${direction}, file_id ${direction} limit ${stretch.wanted} offset ${stretch.offset}`.execute(
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

  /** Whether anything but the name, being ready, and what {@link isSelective} names is filtered by. */
  get #isFiltered(): boolean {
    const { roomId, userId, source, state, banned } = this.#filter;
    const { startedAfter, startedBefore, createdAfter, createdBefore } = this.#filter;
    const times = [startedAfter, startedBefore, createdAfter, createdBefore];
    const values = [roomId, userId, this.#classIds, source, banned, ...times];
    return values.some((value) => value !== undefined) || (state !== undefined && state !== 'ready');
  }

  /** Files that are listed and not ready; they are few, and an index has them alone. */
  #unfinished(prefix: string): RawBuilder<SqlBool> {
    const { from, before } = prefixRange(prefix);
    const above = from === '' ? sql`` : sql` and name_key >= ${from}`;
    const below = before === undefined ? sql`` : sql` and name_key < ${before}`;
    return sql`app_id = ${this.#appId} and hidden = 0 and state <> 'ready'${above}${below}`;
  }

  /** Almost all files are ready: those that are not are left out, for which no row has to be read. */
  #stateMatches(state: AssetState): RawBuilder<unknown> {
    if (state !== 'ready' || this.isSelective) return sql`state = ${state}`;
    return sql`file_id not in (select file_id from assets where ${this.#unfinished('')})`;
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
    if (state !== undefined) conditions.push(this.#stateMatches(state));
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
