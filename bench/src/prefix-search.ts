import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AssetList, AssetSort } from '@aircheck/protocol';
import { sql } from 'kysely';
import { systemClock } from '../../packages/server/src/clock.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../../packages/server/src/db/index.ts';
import { Outbox } from '../../packages/server/src/events/index.ts';
import { type AssetFilter, Library } from '../../packages/server/src/library/index.ts';
import { balanceNameBlocks } from '../../packages/server/src/library/name-counts.ts';
import { startPostgres } from '../../packages/server/tests/postgres.ts';
import { type Spread, spreadOf, usageOf } from './process-usage.ts';
import { type Benchmark, number } from './table.ts';

const FILES = 100_000;
const ROUNDS = 15;
const BATCH = 500;

/** 100,000 names. All begin with `Recording `; `late` and `long ago` lie together in time, at either end of it. */
function nameOf(index: number): string {
  const subject = ['algebra', 'biology', 'chemistry', 'drama', 'english'][index % 5]!;
  const number = String((index * 7919) % FILES).padStart(6, '0');
  if (index < 2500) return `Recording long ago ${number}`;
  if (index < 42_500) return `Recording archived ${number}`;
  if (index >= FILES - 2500) return `Recording late ${number}`;
  return `Recording ${subject} ${number}, lesson of the ${(index % 28) + 1}th in room ${index % 400}`;
}

async function fill(db: Database): Promise<void> {
  await db
    .insertInto('apps')
    .values({ app_id: 'default', name: 'Default', api_key: 'key', api_secret: 'secret', created_at: 0 })
    .execute();
  // A transaction for each batch: in one of all, each file would count itself into the same row once more.
  for (let from = 0; from < FILES; from += BATCH) {
    const rows = Array.from({ length: BATCH }, (_, offset) => rowOf(from + offset));
    await db.insertInto('assets').values(rows).execute();
  }
}

function rowOf(index: number) {
  const startedAt = 1_700_000_000_000 + index * 60_000;
  const health =
    '{"gaps":[],"gapCount":0,"lostPackets":0,"recoveredPackets":0,"lostFrames":0,"frozenMs":0,"silenceMs":0,' +
    '"clockDriftPpm":{},"resolutionChanges":[]}';
  return {
    file_id: `${startedAt}${String(index).padStart(6, '0')}`,
    app_id: 'default',
    source: 'record',
    recording_id: null,
    segment_index: 0,
    room_id: `room-${index % 400}`,
    user_id: `user-${index % 1000}`,
    file_name: nameOf(index),
    intro: 'What this lesson is about, in a sentence or two.',
    path: `recordings/of/${index}.mp4`,
    // One in a thousand is being recorded, or failed.
    state: index % 1000 === 999 ? (index % 2000 === 999 ? 'recording' : 'failed') : 'ready',
    banned: 0,
    mime_type: 'video/mp4',
    started_at: startedAt,
    ended_at: startedAt + 2_700_000,
    duration_ms: 2_700_000 + (index % 1000),
    size_bytes: 400_000_000 + ((index * 104_729) % 100_000_000),
    video: '{"codec":"h264","width":1280,"height":720,"frames":81000,"fps":30,"bitrateBps":1200000}',
    audio: '{"codec":"opus","sampleRate":48000,"channels":2,"packets":135000,"bitrateBps":64000}',
    tags: '["lesson"]',
    class_id: 0,
    health,
    sha256: null,
    md5: null,
    cover_id: null,
    created_at: startedAt,
    updated_at: startedAt,
    expires_at: null,
    recycled_at: null,
  };
}

interface Search {
  readonly about: string;
  readonly prefix: string;
  readonly sort: AssetSort;
  /** A page in the middle of all that match instead of the first one: by a cursor, or by how many files come before it. */
  readonly deep?: 'cursor' | 'offset';
  /** As Tencent's `DescribeVodPlayInfo` asks: only files that are whole. */
  readonly ready?: true;
}

const SEARCHES: readonly Search[] = [
  { about: 'one file', prefix: 'Recording algebra 00003', sort: '-startedAt' },
  { about: '2,500 files, the newest', prefix: 'Recording late', sort: '-startedAt' },
  { about: '2,500 files, the oldest', prefix: 'Recording long', sort: '-startedAt' },
  { about: '2,500 files, the oldest, by length', prefix: 'Recording long', sort: '-durationMs' },
  { about: '40,000 files, the oldest', prefix: 'Recording arch', sort: '-startedAt' },
  { about: '11,000 files', prefix: 'Recording drama', sort: '-startedAt' },
  { about: 'all files', prefix: 'Recording', sort: '-startedAt' },
  { about: 'all files, a page in the middle', prefix: 'Recording', sort: '-startedAt', deep: 'cursor' },
  { about: 'all files, by name', prefix: 'Recording', sort: 'fileName' },
  { about: 'all files, by name, a page in the middle', prefix: 'Recording', sort: 'fileName', deep: 'cursor' },
  { about: 'all files, by size, a page in the middle', prefix: 'Recording', sort: 'sizeBytes', deep: 'cursor' },
  { about: 'no file', prefix: 'Rehearsal', sort: '-startedAt' },
  { about: 'DescribeVodPlayInfo: 2,500 files', prefix: 'Recording late', sort: 'startedAt', ready: true },
  ...(
    [
      ['11,000', 'Recording drama'],
      ['40,000', 'Recording arch'],
      ['all', 'Recording'],
    ] as const
  ).flatMap(([files, prefix]): Search[] => {
    const search = { prefix, sort: 'startedAt', ready: true } as const;
    const about = `DescribeVodPlayInfo: ${files} files`;
    return [
      { about, ...search },
      { about: `${about}, a page in the middle`, ...search, deep: 'offset' },
    ];
  }),
];

/** The cursor before the middle of what a search finds, made as a user gets there: page by page. */
async function middle(library: Library, filter: AssetFilter): Promise<string | undefined> {
  let cursor: string | undefined;
  let seen = 0;
  for (;;) {
    const page: AssetList = await library.list('default', { ...filter, limit: 20_000, cursor });
    seen += page.items.length;
    cursor = page.nextCursor ?? undefined;
    if (seen >= page.total / 2 || cursor === undefined) return cursor;
  }
}

async function measure(library: Library, pids: () => readonly number[], search: Search): Promise<Spread> {
  const { prefix, sort, deep, ready } = search;
  const searched = { fileNamePrefix: prefix, sort, state: ready && ('ready' as const), limit: 50 };
  const filter: AssetFilter = {
    ...searched,
    cursor: deep === 'cursor' ? await middle(library, searched) : undefined,
    offset: deep === 'offset' ? (await library.list('default', searched)).total >> 1 : undefined,
  };
  for (let round = 0; round < 3; round += 1) await library.list('default', filter);
  const figures: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const processes = pids();
    const before = usageOf(processes);
    await library.list('default', filter);
    figures.push(usageOf(processes).cpuMs - before.cpuMs);
  }
  return spreadOf(figures);
}

/** Opens, fills and searches one database. @param also - processes beside this one that do the work */
async function searched(location: DatabaseLocation, also: (db: Database) => Promise<() => number[]>) {
  const db = await openDatabase(location);
  try {
    await fill(db);
    // As the library does every minute, and PostgreSQL soon after so many rows have come.
    await balanceNameBlocks(db);
    if (location.kind === 'postgres') await sql`vacuum analyze`.execute(db);
    const library = new Library({
      db,
      outbox: new Outbox(systemClock),
      clock: systemClock,
      enqueueRemoval: async () => {},
    });
    const others = await also(db);
    const figures: Spread[] = [];
    for (const search of SEARCHES) figures.push(await measure(library, () => [process.pid, ...others()], search));
    return figures;
  } finally {
    await db.destroy();
  }
}

/** What PostgreSQL does by itself, most of it after a table was filled: begun and ended at times of its own. */
const ofItsOwn = /autovacuum|checkpointer|background writer|walwriter|logical replication/;

/** Process ids of a PostgreSQL server's part in queries, from one of its connections. */
async function postgresPids(db: Database): Promise<() => number[]> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  const parentOf = (pid: string) => Number(/^.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
  const server = parentOf(String(rows[0]!.pid));
  return () =>
    readdirSync('/proc').flatMap((name) => {
      if (!/^\d+$/.test(name)) return [];
      try {
        const answers = parentOf(name) === server && !ofItsOwn.test(readFileSync(`/proc/${name}/cmdline`, 'utf8'));
        return Number(name) === server || answers ? [Number(name)] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** CPU time of one page of a prefix search, with its total, among 100,000 files. */
export const prefixSearchBenchmark: Benchmark = {
  name: 'search',
  about: 'prefix search among 100,000 files, on both databases',
  async run(progress) {
    progress(`search: ${SEARCHES.length} searches, ${ROUNDS} times, on SQLite`);
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-search-'));
    const postgres = await startPostgres();
    try {
      const sqlite = await searched({ kind: 'sqlite', file: join(folder, 'search.db') }, async () => () => []);
      progress('search: on PostgreSQL');
      const remote = await searched({ kind: 'postgres', url: `${postgres.url}/postgres` }, postgresPids);
      const cell = ({ median, max }: Spread) => `${number(median)} (${number(max)})`;
      return {
        title: 'Prefix search among 100,000 files',
        columns: ['search', 'SQLite, CPU ms', 'PostgreSQL, CPU ms'],
        rows: SEARCHES.map(({ about, sort }, index) => [
          about.includes(', by ') ? about : `${about}, by ${sort === '-startedAt' ? 'time' : sort}`,
          cell(sqlite[index]!),
          cell(remote[index]!),
        ]),
        notes: [
          `One page of 50 files with the count of all that match; median (and highest) of ${ROUNDS}.`,
          'CPU time of this process and, for PostgreSQL, of the processes of its server that answer queries.',
        ],
      };
    } finally {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
