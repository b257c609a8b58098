import { closeSync, openSync } from 'node:fs';
import { AircheckError } from '@aircheck/protocol';
import BetterSqlite3 from 'better-sqlite3';
import { Kysely, PostgresDialect, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { migrations } from './migrations.ts';
import type { Schema } from './schema.ts';

export type DatabaseKind = 'sqlite' | 'postgres';

export type Database = Kysely<Schema>;

/** Where the state is kept: a file of SQLite, or a PostgreSQL server by its URL. */
export type DatabaseLocation =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string };

/** PostgreSQL's type number of `bigint`, which `pg` reads as text: our times and sizes stay below 2^53. */
const bigintType = 20;

/** Statements of SQLite that are kept compiled; the service has some two hundred. */
const keptStatements = 500;

/** How long PostgreSQL may take to take a connection, in milliseconds: behind a firewall it would never answer. */
const connectTimeoutMs = 10_000;

/**
 * Opens the database and brings its tables to the newest version.
 * @param version - name of the migration to stop at, for tests of those after it
 * @throws AircheckError `storage-failed` when it cannot be opened or migrated
 */
export async function openDatabase(location: DatabaseLocation, version?: string): Promise<Database> {
  const statements = new Statements();
  const db = new Kysely<Schema>({
    dialect: location.kind === 'sqlite' ? sqliteDialect(location.file, statements) : postgresDialect(location.url),
  });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations(location.kind) } });
  const { error } = await (version === undefined ? migrator.migrateToLatest() : migrator.migrateTo(version));
  if (error !== undefined) {
    await db.destroy();
    throw new AircheckError('storage-failed', `The database cannot be used: ${reason(error)}`, { cause: error });
  }
  // From here on the tables stay as they are.
  statements.keep = true;
  return db;
}

/** Compiles statements of SQLite once, which otherwise takes an eighth of the time that a query does. */
class Statements {
  keep = false;
  readonly #kept = new Map<string, BetterSqlite3.Statement>();

  get(database: BetterSqlite3.Database, sql: string): BetterSqlite3.Statement {
    const kept = this.#kept.get(sql);
    if (kept !== undefined) return kept;
    const statement = database.prepare(sql);
    if (!this.keep) return statement;
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= keptStatements && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(sql, statement);
    return statement;
  }
}

function sqliteDialect(file: string, statements: Statements): SqliteDialect {
  return new SqliteDialect({
    database: async () => {
      // It holds the apps' secrets. SQLite makes its journal files with the same rights.
      if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600));
      const database = new BetterSqlite3(file);
      // FULL: a commit that was answered survives a power cut; NORMAL may lose the last ones in WAL mode.
      database.pragma('journal_mode = WAL');
      database.pragma('synchronous = FULL');
      database.pragma('foreign_keys = ON');
      database.pragma('busy_timeout = 5000');
      return { prepare: (sql: string) => statements.get(database, sql) as never, close: () => void database.close() };
    },
  });
}

function postgresDialect(url: string): PostgresDialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: connectTimeoutMs,
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === bigintType && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format)) as never,
    },
  });
  // Without a listener the loss of an idle connection ends the process; the pool replaces it by itself.
  pool.on('error', () => {});
  return new PostgresDialect({ pool });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an insert failed because a unique index holds the same values already. */
export function isUniqueViolation(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === '23505' || code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY';
}
