import type { Asset, Role } from '@aircheck/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  MediaLinks,
  MediaUrls,
  registerLibraryRoutes,
  registerLibrarySettingsRoutes,
} from '../../src/library/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';
import { appId, type LibraryService, libraryService } from './library-service.ts';

describeOnBothDatabases('the API of the library', (database) => {
  let server: TestServer;
  let service: LibraryService;

  beforeEach(async () => {
    service = await libraryService(database.db);
    server = await startTestServer();
    const links = new MediaLinks((app) => server.apps.linkKey(app), service.clock);
    const urls = new MediaUrls({ links, publicUrl: 'https://media.example.com', ownUrl: () => 'http://127.0.0.1' });
    registerLibraryRoutes(server.app, { library: service.library, removals: service.removals, urls });
    registerLibrarySettingsRoutes(server.app, service.library);
    return () => server.close();
  });

  type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  async function api(method: Method, url: string, payload?: object, token?: string) {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await server.asServer({ method, url: `/v1${url}`, headers, ...(payload && { payload }) });
    return { status: response.statusCode, body: response.body === '' ? undefined : response.json() };
  }

  describe('changes', () => {
    it('what people may change of a file, and tells of it once', async () => {
      const fileId = await service.addFile();
      await service.addRendition(fileId, 'cover-1', 'cover');
      const { classId } = (await api('POST', '/classes', { name: 'School' })).body;
      const expiresAt = new Date(service.clock.now() + 86_400_000).toISOString();
      const changes = { fileName: '新', intro: 'About', classId, tags: ['a', 'b', 'a'], expiresAt, coverId: 'cover-1' };
      service.clock.nowMs += 5000;
      const { status, body } = await api('PATCH', `/assets/${fileId}`, changes);
      expect([status, body]).toEqual([200, (await api('GET', `/assets/${fileId}`)).body]);
      expect(body).toMatchObject({
        ...changes,
        tags: ['a', 'b'],
        updatedAt: new Date(service.clock.now()).toISOString(),
      } satisfies Partial<Asset>);
      expect((await api('GET', '/assets?tag=b&fileNamePrefix=%E6%96%B0')).body.items).toMatchObject([{ fileId }]);
      await api('PATCH', `/assets/${fileId}`, changes);
      await api('PATCH', `/assets/${fileId}`, { tags: [], expiresAt: null, coverId: null });
      expect((await api('GET', '/assets?tag=b')).body.total).toBe(0);
      await api('PATCH', `/assets/${fileId}`, { banned: true, intro: '' });
      await api('PATCH', `/assets/${fileId}`, { banned: false });
      expect((await service.events()).map(({ type }) => type)).toEqual([
        'asset.ready',
        'asset.updated',
        'asset.updated',
        'asset.updated',
        'asset.banned',
        'asset.unbanned',
      ]);
    });

    it.each([
      [{ classId: 4711 }, 404, 'class-not-found', 'body.classId'],
      [{ coverId: 'of-another-file' }, 400, 'request-invalid', 'body.coverId'],
      [{ expiresAt: '2020-01-01T00:00:00Z' }, 400, 'request-invalid', 'body.expiresAt'],
      [{ expiresAt: 'tomorrow' }, 400, 'request-invalid', 'body.expiresAt'],
      [{ fileName: '' }, 400, 'file-name-missing', 'body.fileName'],
      [{ fileName: 'a\0b' }, 400, 'request-invalid', 'body.fileName'],
      [{ tags: [''] }, 400, 'request-invalid', 'body.tags.0'],
      [{ tags: Array.from({ length: 33 }, (_, n) => `${n}`) }, 400, 'request-invalid', 'body.tags'],
      [{ intro: 'x'.repeat(2001) }, 400, 'request-invalid', 'body.intro'],
      [{ banned: 'yes' }, 400, 'request-invalid', 'body.banned'],
    ])('nothing for %j', async (payload, status, code, input) => {
      const fileId = await service.addFile();
      await service.addRendition(await service.addFile(), 'of-another-file', 'cover');
      expect(await api('PATCH', `/assets/${fileId}`, payload)).toMatchObject({ status, body: { code, input } });
      expect((await api('GET', `/assets/${fileId}`)).body).toMatchObject({ fileName: 'Lesson', tags: [] });
    });
  });

  it.each([
    [`fileNamePrefix=${'x'.repeat(10_000)}`, 'query.fileNamePrefix'],
    ['fileNamePrefix=a%00', 'query.fileNamePrefix'],
    ['limit=0', 'query.limit'],
    ['limit=201', 'query.limit'],
    ['sort=path', 'query.sort'],
    ['sort=segmentIndex', 'query.sort'],
    ['cursor=..%2F..%2Fetc%2Fpasswd', 'query.cursor'],
    ['classId=-1', 'query.classId'],
    ['state=gone', 'query.state'],
    ['startedAfter=yesterday', 'query.startedAfter'],
    ["roomId=a'%20or%201=1", 'query.roomId'],
    ["recordingId=a';drop%20table%20assets", 'query.recordingId'],
  ])('names what is wrong with a list of %.40s', async (query, input) => {
    expect(await api('GET', `/assets?${query}`)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid', input },
    });
  });

  it('takes SQL and path fragments as the text that they are', async () => {
    const fragments = [
      "'; drop table assets; --",
      '" or ""="',
      "' union select api_secret from apps --",
      '%',
      '_',
      '\\',
      '../../../../etc/passwd',
      '..\\..\\windows',
      '$1',
      '{{7*7}}',
      '?',
    ];
    for (const text of fragments) {
      const fileId = await service.addFile({ fileName: text, intro: text, tags: [text] });
      const { classId } = (await api('POST', '/classes', { name: text })).body;
      expect((await api('PATCH', `/assets/${fileId}`, { intro: `${text}!`, classId })).status).toBe(200);
      const found = async (query: string) => (await api('GET', `/assets?${query}`)).body.items;
      const shown = { fileId, fileName: text, intro: `${text}!`, tags: [text], classId };
      expect(await found(`fileNamePrefix=${encodeURIComponent(text)}`)).toMatchObject([shown]);
      expect(await found(`tag=${encodeURIComponent(text)}`)).toMatchObject([shown]);
    }
    expect((await api('GET', '/classes')).body.items.map(({ name }: { name: string }) => name).toSorted()).toEqual(
      [...fragments, '其他/Other'].toSorted(),
    );
    for (const fileId of ["1' or '1'='1", '..%2f..%2fetc%2fpasswd', '0'.repeat(10_000)]) {
      expect((await api('GET', `/assets/${encodeURIComponent(fileId)}`)).status).toBeOneOf([400, 404]);
    }
  });

  it('deletes, restores and deletes for good', async () => {
    const fileId = await service.addFile();
    expect(await api('DELETE', `/assets/${fileId}`)).toMatchObject({ status: 200, body: { state: 'recycled' } });
    expect(await api('POST', `/assets/${fileId}/play-urls`)).toMatchObject({
      status: 409,
      body: { code: 'asset-state' },
    });
    expect((await api('GET', '/assets?state=recycled')).body.items).toMatchObject([{ fileId }]);
    expect(await api('POST', `/assets/${fileId}/restore`)).toMatchObject({ status: 200, body: { state: 'ready' } });
    expect(await api('POST', `/assets/${fileId}/restore`)).toMatchObject({
      status: 409,
      body: { code: 'asset-state' },
    });
    expect(await api('DELETE', `/assets/${fileId}?now=true`)).toMatchObject({
      status: 202,
      body: { state: 'deleting' },
    });
    expect(await api('DELETE', `/assets/${fileId}?now=maybe`)).toMatchObject({
      status: 400,
      body: { input: 'query.now' },
    });
    await service.jobs.start();
    await expect.poll(async () => (await api('GET', `/assets/${fileId}`)).status, { interval: 20 }).toBe(404);
    expect((await api('DELETE', `/assets/${fileId}`)).status).toBe(404);
  });

  it('lists and deletes what was made of a file, and links to it', async () => {
    const fileId = await service.addFile();
    await service.addRendition(fileId, 'r1');
    await service.addRendition(fileId, 'c1', 'cover');
    await api('PATCH', `/assets/${fileId}`, { coverId: 'c1' });
    const { items } = (await api('GET', `/assets/${fileId}/derivatives`)).body;
    expect(items).toMatchObject([
      { derivativeId: 'c1', kind: 'cover', fileId },
      { derivativeId: 'r1', kind: 'rendition', fileId },
    ]);
    const urls = (await api('POST', `/assets/${fileId}/play-urls`, { ttlSeconds: 60 })).body;
    expect(urls.poster).toContain(`/v1/media/${fileId}/d/c1/`);
    expect(urls.renditions).toMatchObject([{ derivativeId: 'r1' }]);
    expect((await api('DELETE', `/assets/${fileId}/derivatives/c1`)).status).toBe(204);
    expect((await api('DELETE', `/assets/${fileId}/derivatives/c1`)).status).toBe(404);
    expect((await api('GET', `/assets/${fileId}`)).body.coverId).toBeNull();
    await api('PATCH', `/assets/${fileId}`, { banned: true });
    expect(await api('POST', `/assets/${fileId}/play-urls`)).toMatchObject({
      status: 403,
      body: { code: 'asset-banned' },
    });
  });

  it('lets users see the files of their room, hosts change them, and nobody else', async () => {
    const own = await service.addFile({ roomId: 'studio', userId: 'anna' });
    const elsewhere = await service.addFile({ roomId: 'hall' });
    const roomless = await service.addFile();
    const tokens = {
      host: await server.token({ role: 'host' }),
      guest: await server.token({ role: 'guest' }),
      audience: await server.token({ role: 'audience' }),
    };
    for (const [role, token] of Object.entries(tokens)) {
      expect((await api('GET', '/assets', undefined, token)).body.items).toMatchObject([{ fileId: own }]);
      expect((await api('GET', `/assets/${own}`, undefined, token)).status).toBe(200);
      for (const fileId of [elsewhere, roomless]) {
        expect((await api('GET', `/assets/${fileId}`, undefined, token)).status).toBe(403);
        expect((await api('DELETE', `/assets/${fileId}`, undefined, token)).status).toBe(403);
      }
      expect((await api('GET', '/assets?roomId=hall', undefined, token)).status).toBe(403);
      const allowed = role === 'host' ? 200 : 403;
      expect([role, (await api('PATCH', `/assets/${own}`, { intro: role }, token)).status]).toEqual([role, allowed]);
      // Who may unban what the operator has banned is the operator alone.
      expect((await api('PATCH', `/assets/${own}`, { banned: false }, token)).status).toBe(403);
      expect((await api('DELETE', `/assets/${own}`, undefined, token)).status).toBe(allowed);
      if (role === 'host') await api('POST', `/assets/${own}/restore`, undefined, token);
      for (const url of ['/classes', '/settings', '/retention-rules', '/statistics']) {
        expect((await api('GET', url, undefined, token)).status).toBe(403);
      }
    }
  });

  it('keeps settings and retention rules', async () => {
    expect((await api('GET', '/settings')).body).toMatchObject({
      recycleDays: 7,
      hotlinkKey: null,
      sdkAppId: 1_400_000_000,
      bizId: '1',
    });
    expect((await api('PATCH', '/settings', { recycleDays: 3, hotlinkKey: 'secretkey1' })).status).toBe(200);
    expect((await api('PATCH', '/settings', { bizId: '8525' })).body).toMatchObject({ recycleDays: 3, bizId: '8525' });
    expect(await api('PATCH', '/settings', { hotlinkKey: 'short' })).toMatchObject({
      status: 400,
      body: { input: 'body.hotlinkKey' },
    });

    const { classId } = (await api('POST', '/classes', { name: 'School' })).body;
    const items = [
      { classId: -1, days: 30 },
      { classId, days: 365 },
    ];
    expect((await api('PUT', '/retention-rules', { items })).body).toEqual({ items });
    expect(await api('PUT', '/retention-rules', { items: [{ classId: 4711, days: 1 }] })).toMatchObject({
      status: 404,
      body: { code: 'class-not-found', input: 'body.items.0.classId' },
    });
    expect(await api('PUT', '/retention-rules', { items: [items[0], items[0]] })).toMatchObject({ status: 400 });
    expect(await api('PUT', '/retention-rules', { items: [{ classId, days: 0 }] })).toMatchObject({ status: 400 });
    expect((await api('GET', '/retention-rules')).body).toEqual({ items });
  });

  it('makes, shows, changes and deletes classes', async () => {
    const made = await api('POST', '/classes', { name: 'School' });
    expect(made).toMatchObject({ status: 201, body: { name: 'School', parentId: 0, level: 1 } });
    const { classId } = made.body;
    expect((await api('PATCH', `/classes/${classId}`, { name: 'Schule' })).body).toMatchObject({ name: 'Schule' });
    expect((await api('GET', `/classes/${classId}`)).body).toMatchObject({ name: 'Schule' });
    expect(await api('PATCH', `/classes/${classId}`, { parentId: classId })).toMatchObject({
      status: 409,
      body: { code: 'class-invalid', input: 'body.parentId' },
    });
    expect((await api('DELETE', `/classes/${classId}`)).status).toBe(204);
    expect((await api('DELETE', `/classes/${classId}`)).status).toBe(404);
    expect((await api('DELETE', '/classes/0')).status).toBe(409);
    expect((await api('GET', '/classes/x')).status).toBe(400);
  });

  it('says how much is kept and was served', async () => {
    const empty = { files: 0, originalBytes: 0, totalBytes: 0, durationMs: 0, served: [] };
    expect((await api('GET', '/statistics')).body).toEqual(empty);
    const fileId = await service.addFile();
    await service.addFile();
    await service.addRendition(fileId, 'r1');
    const served = { app_id: appId, file_id: fileId, bytes: 3_000_000_000, requests: 2 };
    await database.db
      .insertInto('served_bytes')
      .values([
        { ...served, day: '2026-11-20' },
        { ...served, day: '2026-11-21' },
        { ...served, day: '2026-11-21', file_id: 'another' },
      ])
      .execute();
    expect((await api('GET', '/statistics')).body).toEqual({
      files: 2,
      originalBytes: 10,
      totalBytes: 19,
      durationMs: 20_000,
      served: [
        { day: '2026-11-21', bytes: 6_000_000_000, requests: 4 },
        { day: '2026-11-20', bytes: 3_000_000_000, requests: 2 },
      ],
    });
  });

  it('shows to a user token the rooms where its user is now, and its own files of all rooms', async () => {
    let inside: ReadonlyMap<string, Role> = new Map();
    server.apps.usePresence((app, userId) => (app === appId && userId === 'anna' ? inside : new Map()));
    const token = await server.token({ userId: 'anna', roomId: '*', role: 'host' });
    const own = await service.addFile({ roomId: 'one', userId: 'anna' });
    const bens = await service.addFile({ roomId: 'one', userId: 'ben' });
    const elsewhere = await service.addFile({ roomId: 'two', userId: 'anna' });
    const roomless = await service.addFile({ userId: 'anna' });
    const apps = await service.addFile();
    const asAnna = (method: Method, url: string, payload?: object) => api(method, url, payload, token);
    const listed = async (query = '') => {
      const { items } = (await asAnna('GET', `/assets${query}`)).body;
      return new Set(items.map(({ fileId }: Asset) => fileId));
    };
    const open = async (fileId: string) => [
      (await asAnna('GET', `/assets/${fileId}`)).status,
      (await asAnna('POST', `/assets/${fileId}/play-urls`, {})).status,
      (await asAnna('GET', `/assets/${fileId}/derivatives`)).status,
      (await asAnna('PATCH', `/assets/${fileId}`, { intro: 'x' })).status,
      (await asAnna('DELETE', `/assets/${fileId}`)).status,
    ];

    // Nowhere inside: its own, to look at.
    expect(await listed()).toEqual(new Set([own, elsewhere, roomless]));
    expect(await listed('?roomId=one')).toEqual(new Set([own]));
    expect(await listed('?userId=anna')).toEqual(new Set([own, elsewhere, roomless]));
    expect((await asAnna('GET', '/assets?userId=ben')).body).toMatchObject({
      code: 'forbidden',
      input: 'query.userId',
    });
    for (const fileId of [own, elsewhere, roomless]) expect(await open(fileId)).toEqual([200, 200, 200, 403, 403]);
    for (const fileId of [bens, apps]) expect(await open(fileId)).toEqual([403, 403, 403, 403, 403]);

    inside = new Map([['one', 'guest']]);
    expect(await listed('?roomId=one')).toEqual(new Set([own, bens]));
    expect(await listed('?roomId=one&userId=ben')).toEqual(new Set([bens]));
    expect(await listed()).toEqual(new Set([own, elsewhere, roomless]));
    expect(await open(bens)).toEqual([200, 200, 200, 403, 403]);

    inside = new Map([['one', 'host']]);
    expect(await open(bens)).toEqual([200, 200, 200, 200, 200]);
    expect(await open(elsewhere)).toEqual([200, 200, 200, 403, 403]);
    // A host in the room, with the token of a guest.
    const lesser = await server.token({ userId: 'anna', roomId: '*', role: 'guest' });
    expect((await api('PATCH', `/assets/${own}`, { intro: 'x' }, lesser)).status).toBe(403);
  });

  it('hides the files of other apps', async () => {
    await database.db
      .insertInto('apps')
      .values({ app_id: 'other', name: 'Other', api_key: 'other', api_secret: 'another secret', created_at: 0 })
      .execute();
    const fileId = await service.addFile({ appId: 'other' });
    for (const [method, url] of [
      ['GET', `/assets/${fileId}`],
      ['PATCH', `/assets/${fileId}`],
      ['DELETE', `/assets/${fileId}`],
      ['POST', `/assets/${fileId}/restore`],
      ['POST', `/assets/${fileId}/play-urls`],
      ['GET', `/assets/${fileId}/derivatives`],
      ['DELETE', `/assets/${fileId}/derivatives/x`],
    ] as const) {
      expect([url, await api(method, url, method === 'PATCH' ? { intro: 'x' } : undefined)]).toMatchObject([
        url,
        { status: 404, body: { code: 'asset-not-found' } },
      ]);
    }
    expect((await api('GET', '/assets')).body.total).toBe(0);
  });
});
