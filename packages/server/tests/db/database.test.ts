import { AircheckError } from '@aircheck/protocol';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { isUniqueViolation, openDatabase } from '../../src/db/index.ts';
import { describeOnBothDatabases } from '../databases.ts';

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

it('says in one sentence that a database cannot be reached', async () => {
  const opening = openDatabase({ kind: 'postgres', url: 'postgres://nobody@127.0.0.1:1/none' });
  await expect(opening).rejects.toThrow(AircheckError);
  await expect(openDatabase({ kind: 'sqlite', file: '/nowhere/at/all/aircheck.db' })).rejects.toMatchObject({
    code: 'storage-failed',
  });
});
