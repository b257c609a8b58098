import { type Asset, AssetSort } from '@aircheck/protocol';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import type { AssetFilter, AssetOwner, Library } from '../../src/library/index.ts';
import { balanceNameBlocks, countNames } from '../../src/library/name-counts.ts';
import { addRecording, describeOnBothDatabases } from '../databases.ts';
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

  async function add(library: Library, changes: Partial<AssetOwner>, segment: Parameters<typeof segmentOf>[1] = {}) {
    await addRecording(database.db, 'r');
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

  const sorts = AssetSort.options.filter((sort) => !sort.endsWith('segmentIndex'));

  /** What the list says, in JavaScript: by code points, then by id, and all of it the other way round. */
  function inOrder(assets: readonly Asset[], sort: AssetSort): string[] {
    const key = sort.replace('-', '') as 'startedAt' | 'createdAt' | 'fileName' | 'sizeBytes' | 'durationMs';
    const placeOf = (asset: Asset) => (key.endsWith('edAt') ? Date.parse(String(asset[key])) : asset[key]);
    const compare = (a: string | number, b: string | number) =>
      typeof a === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(String(b))) : a - Number(b);
    const sorted = assets.toSorted(
      (a, b) => compare(placeOf(a), placeOf(b)) || Buffer.compare(Buffer.from(a.fileId), Buffer.from(b.fileId)),
    );
    return (sort.startsWith('-') ? sorted.toReversed() : sorted).map(({ fileId }) => fileId);
  }

  async function pages(library: Library, filter: Omit<AssetFilter, 'limit'>, between?: () => Promise<void>) {
    const seen: string[] = [];
    const totals = new Set<number>();
    let cursor: string | undefined;
    do {
      const page = await library.list('default', { ...filter, limit: 7, cursor });
      seen.push(...page.items.map(({ fileId }) => fileId));
      totals.add(page.total);
      cursor = page.nextCursor ?? undefined;
      await between?.();
    } while (cursor !== undefined);
    return { seen, totals: [...totals] };
  }

  it('pages through every order, with and without a prefix, each file once while others come', async () => {
    const library = makeLibrary(database.db);
    const names = ['a', 'Ä', 'a\u{1f3ac}', '课程一', 'a b', 'a', 'z'];
    for (let index = 0; index < 40; index++) {
      const fileName = names[index % names.length]!;
      await add(
        library,
        { fileName },
        {
          startedAt: 1_700_000_000_000 + (index % 9) * 1000,
          sizeBytes: (index * 7) % 5,
          durationMs: ((index * 11) % 6) + 0.1,
        },
      );
    }
    const { items } = await library.list('default', { limit: 200 });
    for (const sort of sorts) {
      for (const fileNamePrefix of [undefined, 'a']) {
        const matching = items.filter(({ fileName }) => fileName.startsWith(fileNamePrefix ?? ''));
        const late: string[] = [];
        const { seen } = await pages(library, { sort, fileNamePrefix }, async () => {
          late.push(await add(library, { fileName: `a${late.length}` }));
        });
        const known = seen.filter((fileId) => !late.includes(fileId));
        expect([sort, fileNamePrefix, known]).toEqual([sort, fileNamePrefix, inOrder(matching, sort)]);
        await database.db.deleteFrom('assets').where('file_id', 'in', late).execute();
        const { totals } = await pages(library, { sort, fileNamePrefix });
        expect(totals).toEqual([matching.length]);
      }
    }
  });

  it('answers the same whichever index it walks', async () => {
    const library = makeLibrary(database.db);
    await addRecording(database.db, 'r');
    // More than are sorted without further ado; the rare names are at the far end of every order.
    const rows = Array.from({ length: 8500 }, (_, index) => ({
      ...rowOf(index),
      file_name: index < 5 ? `rare ${index}` : index < 2105 ? `many ${index}` : `most ${index}`,
      state: index % 100 === 3 ? 'failed' : 'ready',
    }));
    for (let at = 0; at < rows.length; at += 500) {
      await database.db
        .insertInto('assets')
        .values(rows.slice(at, at + 500))
        .execute();
    }
    await balanceNameBlocks(database.db);
    for (const [fileNamePrefix, count] of [
      ['rare', 5],
      ['many', 2100],
      ['most', 6395],
      ['m', 8495],
      ['', 8500],
    ] as const) {
      for (const sort of ['-startedAt', 'sizeBytes'] as const) {
        const { items, total, nextCursor } = await library.list('default', { fileNamePrefix, sort, limit: 20 });
        const right = rows
          .filter(({ file_name }) => file_name.startsWith(fileNamePrefix))
          .toSorted((a, b) => (sort === 'sizeBytes' ? a.size_bytes - b.size_bytes : b.started_at - a.started_at))
          .map(({ file_id }) => file_id);
        expect([total, items.map(({ fileId }) => fileId)]).toEqual([count, right.slice(0, 20)]);
        if (nextCursor === null) continue;
        const next = await library.list('default', { fileNamePrefix, sort, limit: 20, cursor: nextCursor });
        expect(next.items.map(({ fileId }) => fileId)).toEqual(right.slice(20, 40));
      }
    }
    // Pages by number, of files that are ready: from the beginning, from the end, and beyond it.
    for (const fileNamePrefix of ['rare', 'many', 'most', 'm', '']) {
      for (const sort of ['startedAt', '-startedAt', 'fileName'] as const) {
        const order = { startedAt: 1, '-startedAt': -1, fileName: 1 }[sort];
        const matching = rows.filter(
          ({ file_name, state }) => file_name.startsWith(fileNamePrefix) && state === 'ready',
        );
        const right = matching
          .toSorted((a, b) =>
            sort === 'fileName' ? (a.file_name < b.file_name ? -1 : 1) : (a.started_at - b.started_at) * order,
          )
          .map(({ file_id }) => file_id);
        const count = right.length;
        for (const offset of [20, Math.floor(count / 2), Math.floor(count * 0.8), count - 20, count - 1, count, 9000]) {
          if (offset < 0) continue;
          const page = await library.list('default', { fileNamePrefix, sort, state: 'ready', limit: 20, offset });
          const said = `${fileNamePrefix} ${sort} ${offset}`;
          expect(page.total, said).toBe(count);
          expect(
            page.items.map(({ fileId }) => fileId),
            said,
          ).toEqual(right.slice(offset, offset + 20));
          expect(page.nextCursor !== null, said).toBe(offset + 20 < count);
        }
      }
    }
  });

  it('filters by everything that a file has, and by all of it at once', async () => {
    const library = makeLibrary(database.db);
    const parent = (await library.classes.create('default', 'School')).classId;
    const child = (await library.classes.create('default', 'Grade 1', parent)).classId;
    await addRecording(database.db, 'r');
    await addRecording(database.db, 's');
    const one = await add(library, { tags: ['math', 'math', 'x'], classId: child }, { segmentIndex: 1 });
    const two = await add(library, { userId: 'bob', classId: parent }, { startedAt: 1_700_000_000_000 });
    const three = segmentOf('s', { segmentIndex: 0 });
    await library.save(owner({ roomId: 'hall', tags: ['x'] }), three, 'recording');
    const ids = async (filter: Omit<AssetFilter, 'limit'>) => {
      const { items, total } = await library.list('default', { limit: 10, sort: 'startedAt', ...filter });
      expect(total).toBe(items.length);
      return items.map(({ fileId }) => fileId).toSorted();
    };
    expect(await ids({})).toEqual([one, two, three.fileId].toSorted());
    expect(await ids({ tag: 'x' })).toEqual([one, three.fileId].toSorted());
    expect(await ids({ tag: 'math' })).toEqual([one]);
    expect(await ids({ tag: 'mat' })).toEqual([]);
    expect(await ids({ classId: parent })).toEqual([one, two].toSorted());
    expect(await ids({ classId: child })).toEqual([one]);
    expect(await ids({ classId: 0 })).toEqual([three.fileId]);
    expect(await ids({ classId: 99 })).toEqual([]);
    expect(await ids({ userId: 'bob' })).toEqual([two]);
    expect(await ids({ roomId: 'hall', userId: 'anna' })).toEqual([three.fileId]);
    expect(await ids({ state: 'recording' })).toEqual([three.fileId]);
    expect(await ids({ state: 'recycled' })).toEqual([]);
    expect(await ids({ source: 'upload' })).toEqual([]);
    expect(await ids({ startedBefore: '2023-11-14T22:13:20Z' })).toEqual([]);
    expect(await ids({ startedAfter: '2023-11-14T22:13:20Z', startedBefore: '2023-11-15T00:00:00+01:00' })).toEqual([
      two,
    ]);
    await database.db
      .updateTable('assets')
      .set({ created_at: 1_600_000_000_000, banned: 1 })
      .where('file_id', '=', two)
      .execute();
    expect(await ids({ banned: true })).toEqual([two]);
    expect(await ids({ banned: false })).toEqual([one, three.fileId].toSorted());
    expect(await ids({ createdBefore: '2020-09-13T12:26:40Z' })).toEqual([]);
    expect(await ids({ createdAfter: '2020-09-13T12:26:40Z', createdBefore: '2020-09-13T12:26:41Z' })).toEqual([two]);
    expect(await ids({ createdAfter: '2020-09-13T12:26:40.001Z' })).toEqual([one, three.fileId].toSorted());
    expect(
      await ids({
        recordingId: 'r',
        tag: 'math',
        classId: parent,
        roomId: 'studio',
        userId: 'anna',
        state: 'ready',
        source: 'record',
        fileNamePrefix: 'Les',
        sort: '-durationMs',
      }),
    ).toEqual([one]);
    const segments = await library.list('default', { recordingId: 'r', sort: '-segmentIndex', limit: 10 });
    expect(segments.items.map(({ fileId }) => fileId)).toEqual([one, two]);
    await expect(library.list('default', { sort: 'segmentIndex', limit: 1 })).rejects.toMatchObject({
      input: 'query.sort',
    });
  });

  it('takes no cursor but those of the same list', async () => {
    const library = makeLibrary(database.db);
    await add(library, {});
    await add(library, {});
    const { nextCursor } = await library.list('default', { limit: 1 });
    const forged = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url');
    for (const [sort, cursor] of [
      ['fileName', nextCursor!],
      ['startedAt', nextCursor!],
      ['-startedAt', 'nonsense'],
      ['-startedAt', forged(['-startedAt', 'x', '1'])],
      ['fileName', forged(['fileName', 'a\0', '1'])],
      ['fileName', forged(['fileName', 'a'.repeat(201), '1'])],
    ] as const) {
      await expect(library.list('default', { limit: 1, sort, cursor })).rejects.toMatchObject({
        code: 'request-invalid',
        input: 'query.cursor',
      });
    }
  });

  it('keeps and finds the longest names', async () => {
    const library = makeLibrary(database.db);
    // Four bytes a letter, and nothing that an index could compress.
    const letters = Array.from({ length: 1000 }, (_, index) =>
      String.fromCodePoint(0x20000 + ((index * 7919) % 40_000)),
    );
    const long = letters.join('');
    const other = [...letters.slice(0, 999), '好'].join('');
    await add(library, { fileName: long });
    await add(library, { fileName: other });
    const count = async (fileNamePrefix: string) =>
      (await library.list('default', { fileNamePrefix, limit: 10 })).total;
    expect(await count(letters.slice(0, 200).join(''))).toBe(2);
    expect(await count(letters.slice(0, 999).join(''))).toBe(2);
    expect(await count(long)).toBe(1);
    expect(await count(`${letters.slice(0, 200).join('')}x`)).toBe(0);
    const { seen } = await pages(library, { fileNamePrefix: letters.slice(0, 300).join(''), sort: 'fileName' });
    expect(seen).toHaveLength(2);
  });

  it('counts names as truly as one by one, whatever comes, goes and changes its name', async () => {
    const library = makeLibrary(database.db);
    await addRecording(database.db, 'r');
    const row = (index: number, fileName: string) => ({ ...rowOf(index), file_name: fileName });
    const letters = ['a', 'b', '课', '\u{10ffff}', '~'];
    const random = (index: number) => ((index * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
    const nameOf = (index: number) =>
      index % 3 === 0
        ? 'same'
        : letters[Math.floor(random(index) * 5)]! + letters[Math.floor(random(index + 1) * 5)]! + index;
    const rows = Array.from({ length: 5000 }, (_, index) => row(index, nameOf(index)));
    for (let at = 0; at < rows.length; at += 250) {
      await database.db
        .insertInto('assets')
        .values(rows.slice(at, at + 250))
        .execute();
    }
    const check = async () => {
      const visible = await database.db.selectFrom('assets').select('file_name').where('hidden', '=', 0).execute();
      for (const prefix of ['', 'a', 'ab', 'a~', 'same', 's', 'same1', '课', '\u{10ffff}', '~\u{10ffff}', 'b课1']) {
        const right = visible.filter(({ file_name }) => file_name.startsWith(prefix)).length;
        expect([prefix, await countNames(database.db, 'default', prefix)]).toEqual([prefix, right]);
      }
    };
    await check();
    await balanceNameBlocks(database.db);
    const { blocks } = await database.db
      .selectFrom('name_blocks')
      .select((select) => select.fn.countAll<number>().as('blocks'))
      .executeTakeFirstOrThrow();
    expect(blocks).toBeGreaterThan(5);
    await check();
    await balanceNameBlocks(database.db);
    for (let index = 0; index < 60; index++) {
      const fileId = rows[index * 7]!.file_id;
      if (index % 4 === 0) await library.remove('default', fileId);
      else if (index % 4 === 1) await library.update('default', fileId, { fileName: nameOf(index + 9000) });
      else if (index % 4 === 2) await database.db.deleteFrom('assets').where('file_id', '=', fileId).execute();
      else {
        await library.remove('default', fileId);
        await library.restore('default', fileId);
      }
    }
    await check();
  });

  it('tells once that a recorded file is ready, in the transaction that makes it so', async () => {
    const library = makeLibrary(database.db);
    const told: string[] = [];
    library.onReady(async (_transaction, { asset }) => {
      told.push(asset.fileId);
      if (told.length === 1) throw new Error('the first time something fails');
    });
    await addRecording(database.db, 'r');
    const segment = segmentOf('r');
    const events = () => database.db.selectFrom('events').select(['type', 'subject']).execute();
    await library.save(owner(), segment, 'recording');
    await expect(library.save(owner(), segment, 'ready')).rejects.toThrow('something fails');
    expect((await library.get(segment.fileId)).asset.state).toBe('recording');
    expect(await events()).toEqual([]);
    await library.save(owner(), segment, 'ready');
    await library.save(owner(), segment, 'ready');
    await library.save(owner(), { ...segment, durationMs: 1 }, 'failed');
    expect((await library.get(segment.fileId)).asset).toMatchObject({ state: 'ready', durationMs: 10_000.5 });
    expect(await events()).toEqual([{ type: 'asset.ready', subject: 'r' }]);
    expect(told).toHaveLength(2);
  });

  it('walks an index for the prefix instead of reading all files', async () => {
    const library = makeLibrary(database.db);
    for (let index = 0; index < 300; index++)
      await add(library, { fileName: `name ${String(index).padStart(4, '0')}` });
    const explain = database.kind === 'postgres' ? sql`explain` : sql`explain query plan`;
    await sql`analyze`.execute(database.db);
    const plan = await sql`${explain} select file_id from assets
      where app_id = 'default' and hidden = 0 and name_key >= 'name 0100' and name_key < 'name 0101'`.execute(
      database.db,
    );
    const text = JSON.stringify(plan.rows);
    expect(text).toContain('assets_by_name');
    expect(text).toMatch(
      database.kind === 'postgres' ? /Index Cond: .*name_key >=.*name_key </ : /name_key>\? AND name_key<\?/,
    );
  });
});

/** A file that ends a longer time ago, is smaller and shorter the lower its number. */
function rowOf(index: number) {
  const startedAt = 1_700_000_000_000 + index * 1000;
  return {
    file_id: `${startedAt}${String(index).padStart(6, '0')}`,
    app_id: 'default',
    source: 'record',
    recording_id: 'r',
    segment_index: index,
    room_id: 'studio',
    user_id: 'anna',
    intro: '',
    path: 'r/1.mp4',
    state: 'ready',
    banned: 0,
    mime_type: 'video/mp4',
    started_at: startedAt,
    ended_at: startedAt + 1000,
    duration_ms: 1000 + index,
    size_bytes: 10_000 - index,
    video: null,
    audio: null,
    tags: '[]',
    class_id: 0,
    health: JSON.stringify(segmentOf('r').health),
    sha256: null,
    md5: null,
    cover_id: null,
    created_at: startedAt,
    updated_at: startedAt,
    expires_at: null,
    recycled_at: null,
  };
}
