import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { sql } from 'kysely';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DatabaseLocation, isUniqueViolation, openDatabase } from '../../src/db/index.ts';
import { createPostgresDatabase, describeOnBothDatabases } from '../databases.ts';

describeOnBothDatabases('the database', (database) => {
  it('reads times and sizes beyond 32 bits as numbers', async () => {
    const createdAt = 1_795_258_529_992;
    await database.db
      .insertInto('rooms')
      .values({ app_id: 'default', room_id: 'r', type: 'multi', created_at: createdAt })
      .execute();
    const room = await database.db.selectFrom('rooms').selectAll().executeTakeFirstOrThrow();
    expect(room).toEqual({ app_id: 'default', room_id: 'r', type: 'multi', created_at: createdAt });
  });

  it('tells a broken unique index from other errors', async () => {
    const app = { app_id: 'default', name: 'again', api_key: 'other', api_secret: 's', created_at: 0 };
    const insert = () => database.db.insertInto('apps').values(app).execute();
    const error: unknown = await insert().catch((thrown: unknown) => thrown);
    expect(isUniqueViolation(error)).toBe(true);
    const foreign: unknown = await database.db
      .insertInto('rooms')
      .values({ app_id: 'nobody', room_id: 'r', type: 'multi', created_at: 0 })
      .execute()
      .catch((thrown: unknown) => thrown);
    expect(foreign).toBeInstanceOf(Error);
    expect(isUniqueViolation(foreign)).toBe(false);
  });

  it('keeps transactions that run at the same time apart', async () => {
    const insert = (roomId: string, fails: boolean) =>
      database.db
        .transaction()
        .execute(async (transaction) => {
          await transaction
            .insertInto('rooms')
            .values({ app_id: 'default', room_id: roomId, type: 'multi', created_at: 0 })
            .execute();
          await new Promise(setImmediate);
          if (fails) throw new Error('taken back');
        })
        .catch(() => {});
    await Promise.all([insert('kept', false), insert('lost', true), insert('kept too', false)]);
    const rooms = await database.db.selectFrom('rooms').select('room_id').orderBy('room_id').execute();
    expect(rooms.map((room) => room.room_id)).toEqual(['kept', 'kept too']);
  });

  it('orders file names by code point, whatever the locale', async () => {
    const { rows } = await (database.kind === 'postgres'
      ? sql<{ x: string }>`select x collate "C" as x from (values ('a'), ('B'), ('ä'), ('课')) as t(x) order by 1`
      : sql<{ x: string }>`select column1 as x from (values ('a'), ('B'), ('ä'), ('课')) order by 1`
    ).execute(database.db);
    expect(rows.map((row) => row.x)).toEqual(['B', 'a', 'ä', '课']);
  });

  it('can be opened again: migrations that ran are not run twice', async () => {
    const again = await openDatabase(database.location);
    const apps = await again.selectFrom('apps').select('app_id').execute();
    await again.destroy();
    expect(apps).toEqual([{ app_id: 'default' }]);
  });
});

describe.each(['sqlite', 'postgres'] as const)('a database of the first version (%s)', (kind) => {
  it('is brought to the newest one with all that is in it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-migration-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const location: DatabaseLocation =
      kind === 'sqlite' ? { kind, file: join(folder, 'old.db') } : { kind, url: await createPostgresDatabase() };
    const old = await openDatabase(location, '0001-rooms-and-recordings');
    const times = { created_at: 1, started_at: 2, ended_at: 3 };
    await old
      .insertInto('apps')
      .values({ app_id: 'a', name: 'A', api_key: 'k', api_secret: 's', created_at: 1 })
      .execute();
    await sql`insert into recordings (recording_id, app_id, room_id, user_id, source, media, file_name, tags, class_id,
      segment_seconds, idle_seconds, state, created_at) values ('r', 'a', 'studio', 'anna', 'camera', 'av', '课程',
      '["math"]', 0, 5400, 60, 'ready', ${times.created_at})`.execute(old);
    await sql`insert into assets (file_id, app_id, recording_id, segment_index, room_id, user_id, file_name, path, state,
      mime_type, started_at, ended_at, duration_ms, size_bytes, tags, class_id, health) values ('17952585299924173', 'a',
      'r', 0, 'studio', 'anna', '课程', 'r/0.mp4', 'ready', 'video/mp4', ${times.started_at}, ${times.ended_at}, 1.5, 10,
      '["math"]', 0, '{}')`.execute(old);
    await old.destroy();

    const db = await openDatabase(location);
    const asset = await db.selectFrom('assets').selectAll().executeTakeFirstOrThrow();
    expect(asset).toMatchObject({ source: 'record', banned: 0, intro: '', hidden: 0, name_key: '课程', updated_at: 3 });
    expect(await db.selectFrom('name_blocks').select('files').execute()).toEqual([{ files: 1 }]);
    expect(await db.selectFrom('asset_tags').select(['file_id', 'app_id', 'tag']).execute()).toEqual([
      { file_id: '17952585299924173', app_id: 'a', tag: 'math' },
    ]);
    await db.destroy();
  });
});

it('says in one sentence that a database cannot be reached', async () => {
  const opening = openDatabase({ kind: 'postgres', url: 'postgres://nobody@127.0.0.1:1/none' });
  await expect(opening).rejects.toThrow(AircheckError);
  await expect(openDatabase({ kind: 'sqlite', file: '/nowhere/at/all/aircheck.db' })).rejects.toMatchObject({
    code: 'storage-failed',
  });
});
