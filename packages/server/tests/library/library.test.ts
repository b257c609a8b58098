import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { AssetOwner, Library } from '../../src/library/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { segmentOf } from '../recording/fake-workers.ts';
import { makeLibrary } from './make-library.ts';

describeOnBothDatabases('the library', (database) => {
  const owner = (changes: Partial<AssetOwner> = {}): AssetOwner => ({
    appId: 'default',
    roomId: 'studio',
    userId: 'anna',
    fileName: 'Lesson',
    tags: [],
    classId: 0,
    ...changes,
  });

  async function addRecording(recordingId: string): Promise<void> {
    await database.db
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
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async function add(library: Library, changes: Partial<AssetOwner>, segment: Parameters<typeof segmentOf>[1] = {}) {
    await addRecording('r');
    const made = segmentOf('r', segment);
    await library.save(owner(changes), made, 'ready');
    return made.fileId;
  }

  it('finds files by the beginning of their name, whatever letters it has', async () => {
    const library = makeLibrary(database.db);
    const names = [
      '100%',
      '100% sure',
      '100',
      '100_a',
      'a',
      'A',
      'ä',
      '课程一',
      '课程二',
      '课',
      '🎬 take 1',
      '🎬',
      "o'clock",
      'a\\b',
    ];
    for (const fileName of names) await add(library, { fileName });
    const found = async (fileNamePrefix: string) => {
      const { items, total } = await library.list('default', { fileNamePrefix, limit: 100 });
      expect(total).toBe(items.length);
      return items.map(({ fileName }) => fileName).toSorted();
    };
    for (const prefix of [
      '',
      '1',
      '100%',
      '100_',
      '%',
      'a',
      'A',
      'ä',
      '课',
      '课程',
      '🎬',
      '🎬 take 1',
      "o'",
      'a\\',
      'nothing',
      '\u{10ffff}',
    ]) {
      expect([prefix, await found(prefix)]).toEqual([
        prefix,
        names.filter((name) => name.startsWith(prefix)).toSorted(),
      ]);
    }
  });

  it('lists newest first, page by page, each file once, also where many began at the same time', async () => {
    const library = makeLibrary(database.db);
    const ids: string[] = [];
    for (let index = 0; index < 11; index++) {
      ids.push(await add(library, {}, { startedAt: 1_700_000_000_000 + Math.floor(index / 4) }));
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await library.list('default', { limit: 3, cursor });
      expect(page.total).toBe(11);
      seen.push(...page.items.map(({ fileId }) => fileId));
      cursor = page.nextCursor ?? undefined;
      // A file that comes meanwhile is newer than the cursor: it neither shifts nor doubles what follows.
      if (seen.length === 3) {
        const late = segmentOf('r', { startedAt: 1_800_000_000_000 });
        await library.save(owner({ roomId: 'elsewhere' }), late, 'ready');
        await database.db.deleteFrom('assets').where('file_id', '=', late.fileId).execute();
      }
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.toReversed());
  });

  it('lists by room, by recording and for one app only', async () => {
    const library = makeLibrary(database.db);
    const here = await add(library, {});
    const there = await add(library, { roomId: 'elsewhere' });
    const ids = async (appId: string, filter: object) =>
      (await library.list(appId, { limit: 10, ...filter })).items.map(({ fileId }) => fileId);
    expect(await ids('default', { roomId: 'studio' })).toEqual([here]);
    expect(await ids('default', { roomId: 'elsewhere' })).toEqual([there]);
    expect(await ids('default', { recordingId: 'r' })).toEqual([there, here]);
    expect(await ids('default', { recordingId: 'other' })).toEqual([]);
    expect(await ids('another-app', {})).toEqual([]);
    await expect(library.get(here, 'another-app')).rejects.toMatchObject({ code: 'asset-not-found' });
  });

  it('walks an index for the prefix instead of reading all files', async () => {
    const library = makeLibrary(database.db);
    for (let index = 0; index < 300; index++)
      await add(library, { fileName: `name ${String(index).padStart(4, '0')}` });
    const explain = database.kind === 'postgres' ? sql`explain` : sql`explain query plan`;
    await sql`analyze`.execute(database.db);
    const plan = await sql`${explain} select file_id from assets
      where app_id = 'default' and file_name >= 'name 0100' and file_name < 'name 0101'`.execute(database.db);
    const text = JSON.stringify(plan.rows);
    expect(text).toContain('assets_by_name');
    expect(text).toMatch(
      database.kind === 'postgres' ? /Index Cond: .*file_name >=.*file_name </ : /file_name>\? AND file_name<\?/,
    );
  });
});
