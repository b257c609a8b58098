import { sql } from 'kysely';
import type { Database } from '../db/index.ts';
import { prefixRange } from './name-prefix.ts';

/** Files that a block is made for, and how many it may have before blocks are made anew. */
const blockFiles = 500;
const fullBlockFiles = 4 * blockFiles;

/**
 * How many files have a name that begins with a prefix, in the time that it takes to count a thousand: the names in their
 * order are cut into blocks whose files are counted by the database as they come and go, so that only the two blocks at the
 * ends of the prefix's range are counted one by one. The count is as true as counting all.
 *
 * @param prefix - 200 letters at most
 */
export async function countNames(db: Database, appId: string, prefix: string): Promise<number> {
  const { from, before } = prefixRange(prefix);
  const blocks = await db
    .selectFrom('name_blocks')
    .select(['first_key', 'files'])
    .where('app_id', '=', appId)
    .where('first_key', '>=', (select) =>
      select
        .selectFrom('name_blocks')
        .select((max) => max.fn.coalesce(max.fn.max('first_key'), sql.lit('')).as('first'))
        .where('app_id', '=', appId)
        .where('first_key', '<=', from),
    )
    .$if(before !== undefined, (query) => query.where('first_key', '<', before!))
    .orderBy('first_key')
    .execute();

  const [first, second] = blocks;
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return 0;
  const inner = blocks.slice(1, -1).reduce((sum, { files }) => sum + files, 0);
  if (from === '' && before === undefined) return inner + first.files + (blocks.length > 1 ? last.files : 0);
  if (second === undefined) return countBetween(db, appId, from, before);
  const lower = first.first_key === from ? first.files : await countBetween(db, appId, from, second.first_key);
  const upper = before === undefined ? last.files : await countBetween(db, appId, last.first_key, before);
  return lower + inner + upper;
}

async function countBetween(db: Database, appId: string, from: string, before: string | undefined): Promise<number> {
  const { files } = await db
    .selectFrom('assets')
    .select((select) => select.fn.countAll<number>().as('files'))
    .where('app_id', '=', appId)
    .where('hidden', '=', sql.lit(0))
    .where('name_key', '>=', from)
    .$if(before !== undefined, (query) => query.where('name_key', '<', before!))
    .executeTakeFirstOrThrow();
  return files;
}

/** Cuts the names of those apps anew that have a block which has grown too large. To be called now and then. */
export async function balanceNameBlocks(db: Database): Promise<void> {
  const apps = await db
    .selectFrom('name_blocks')
    .select('app_id')
    .distinct()
    .where('files', '>', fullBlockFiles)
    // One name can't be cut, however many files have it: the next block begins right behind it.
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('name_blocks as next')
            .select('next.app_id')
            .whereRef('next.app_id', '=', 'name_blocks.app_id')
            .where('next.first_key', '=', sql<string>`name_blocks.first_key || ${rightBehind}`),
        ),
      ),
    )
    .execute();
  for (const { app_id } of apps) await cutAnew(db, app_id);
}

/** PostgreSQL keeps no NUL, thus no text lies between a text and the same with this behind it. */
const rightBehind = '\u0001';

async function cutAnew(db: Database, appId: string): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    // Nobody may count a name into a block that is about to be cut. SQLite has one writer at a time anyway.
    if (db.getExecutor().adapter.supportsMultipleConnections) {
      await sql`lock table assets in share row exclusive mode`.execute(transaction);
    }
    const names = await transaction
      .selectFrom((from) =>
        from
          .selectFrom('assets')
          .select(['name_key', sql<number>`row_number() over (order by name_key, file_id)`.as('place')])
          .where('app_id', '=', appId)
          .where('hidden', '=', sql.lit(0))
          .as('named'),
      )
      .select('name_key')
      .where(sql<boolean>`place % ${sql.lit(blockFiles)} = 0`)
      .orderBy('place')
      .execute();
    const keys = new Set(['']);
    for (const { name_key } of names) keys.add(keys.has(name_key) ? `${name_key}${rightBehind}` : name_key);

    await transaction.deleteFrom('name_blocks').where('app_id', '=', appId).execute();
    const bounds = [...keys];
    for (const [index, first_key] of bounds.entries()) {
      const files = await countBetween(transaction, appId, first_key, bounds[index + 1]);
      await transaction.insertInto('name_blocks').values({ app_id: appId, first_key, files }).execute();
    }
  });
}
