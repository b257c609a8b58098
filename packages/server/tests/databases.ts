import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, inject } from 'vitest';
import {
  type Database,
  type DatabaseKind,
  type DatabaseLocation,
  openDatabase,
  type RecordingRow,
} from '../src/db/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** What servers of tests keep their state in, see `openTestDatabase`. */
    database: DatabaseKind;
  }
}

/** A database of a test file, empty before each test but for the default app. */
export interface TestDatabase {
  readonly kind: DatabaseKind;
  readonly location: DatabaseLocation;
  readonly db: Database;
}

/** Tables that tests write into, those first that refer to others. */
const emptied = [
  'nonces',
  'uploads',
  'delivery_attempts',
  'deliveries',
  'subscribers',
  'events',
  'jobs',
  'templates',
  'procedures',
  'derivatives',
  'asset_tags',
  'assets',
  'name_blocks',
  'classes',
  'app_settings',
  'retention_rules',
  'served_bytes',
  'recordings',
  'meetings',
  'rooms',
  'apps',
] as const;

async function empty(db: Database): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    for (const table of emptied) await transaction.deleteFrom(table).execute();
  });
}

/** The PostgreSQL database of the process that runs tests, which it makes when it first needs it. */
let ofProcess: Promise<{ readonly db: Database; users: number }> | undefined;

async function openOfProcess(): Promise<{ readonly db: Database; users: number }> {
  const db = await openDatabase({ kind: 'postgres', url: await createPostgresDatabase() });
  return { db, users: 0 };
}

/**
 * Opens an empty database for a server that is made for a test: of SQLite in memory, or, where Vitest's project says so
 * (see `vitest.config.ts`), of PostgreSQL. To be closed before the next one is opened.
 */
export async function openTestDatabase(): Promise<{ readonly db: Database; close(): Promise<void> }> {
  if (inject('database') === 'sqlite') {
    const db = await openDatabase({ kind: 'sqlite', file: ':memory:' });
    return { db, close: () => db.destroy() };
  }
  ofProcess ??= openOfProcess();
  const shared = await ofProcess;
  if (shared.users > 0) throw new Error('the database of the test before is still open');
  shared.users = 1;
  await empty(shared.db);
  return {
    db: shared.db,
    async close() {
      shared.users = 0;
    },
  };
}

/** The same for a server that is started as a process, by `startServer`: undefined for SQLite. */
export async function databaseForServer(kind = inject('database')): Promise<string | undefined> {
  return kind === 'postgres' ? createPostgresDatabase() : undefined;
}

/** Where such a server keeps its state. */
export function locationOf(database: string | undefined, dataFolder: string): DatabaseLocation {
  return database === undefined
    ? { kind: 'sqlite', file: join(dataFolder, 'aircheck.db') }
    : { kind: 'postgres', url: database };
}

/** Runs the same tests on SQLite and on PostgreSQL. */
export function describeOnBothDatabases(name: string, tests: (database: TestDatabase) => void): void {
  for (const kind of ['sqlite', 'postgres'] as const) {
    describe(`${name} (${kind})`, () => {
      let folder: string | undefined;
      const opened: { location?: DatabaseLocation; db?: Database } = {};
      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'aircheck-database-'));
        opened.location =
          kind === 'sqlite' ? { kind, file: join(folder, 'test.db') } : { kind, url: await createPostgresDatabase() };
        opened.db = await openDatabase(opened.location);
      });
      beforeEach(async () => {
        await empty(opened.db!);
        await opened
          .db!.insertInto('apps')
          .values({
            app_id: 'default',
            name: 'Default',
            api_key: 'key',
            api_secret: 'a secret of the tests',
            created_at: 0,
          })
          .execute();
      });
      afterAll(async () => {
        await opened.db?.destroy();
        if (folder !== undefined) await rm(folder, { recursive: true, force: true });
      });
      tests({
        kind,
        get location() {
          return opened.location!;
        },
        get db() {
          return opened.db!;
        },
      });
    });
  }
}

/** Makes an empty database on the tests' PostgreSQL server. */
export async function createPostgresDatabase(): Promise<string> {
  const server = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client({ connectionString: `${server}/postgres` });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return `${server}/${name}`;
}

/** Enters a recording that has ended, for files to belong to; one that is there already stays. */
export async function addRecording(
  db: Database,
  recordingId: string,
  changes: Partial<RecordingRow> = {},
): Promise<void> {
  await db
    .insertInto('recordings')
    .values({
      recording_id: recordingId,
      app_id: 'default',
      room_id: 'studio',
      user_id: 'anna',
      source: 'camera',
      media: 'av',
      file_name: 'Lesson',
      tags: '[]',
      class_id: 0,
      segment_seconds: 5400,
      idle_seconds: 60,
      state: 'ready',
      end_reason: null,
      detail: null,
      created_at: 0,
      started_at: null,
      ended_at: null,
      process: null,
      ...changes,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
