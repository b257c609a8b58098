import { createHash, randomBytes, randomInt } from 'node:crypto';
import { readdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { CuttingProxy } from '@aircheck/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addRecording, describeOnBothDatabases } from '../../databases.ts';

import { facts, startUploadService, type UploadService } from './service.ts';
import { uploadFile } from './tus-client.ts';

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** `Upload-Metadata` as the protocol writes it. */
const encoded = (metadata: Record<string, string>) =>
  Object.entries(metadata)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
    .join(',');

describeOnBothDatabases('uploads', (database) => {
  let service: UploadService;
  const closing: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    await addRecording(database.db, 'rec-1');
    service = await startUploadService(database.db, { 'rec-1': { roomId: 'studio', userId: 'anna' } });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await service.close();
  });

  const events = async () =>
    (await database.db.selectFrom('events').selectAll().orderBy('seq').execute()).map(({ type, subject, data }) => ({
      type,
      subject,
      data: JSON.parse(data),
    }));

  const create = (headers: Record<string, string>, authorization = service.authorization) =>
    fetch(`${service.url}/v1/uploads`, {
      method: 'POST',
      headers: { authorization, 'tus-resumable': '1.0.0', ...headers },
    });

  it('come whole and unchanged though the connection is cut ten times at random places', async () => {
    const content = randomBytes(64 * 2 ** 20);
    const proxy = await CuttingProxy.start(() => Number(new URL(service.url).port));
    closing.push(() => proxy.close());
    for (let index = 0; index < 10; index++) proxy.cuts.push(randomInt(1000, 5 * 2 ** 20));
    const uploadId = await uploadFile(
      proxy.url,
      service.authorization,
      content,
      { fileName: 'Lesson.mp4' },
      { retryDelays: Array.from({ length: 20 }, () => 1) },
    );
    expect(proxy.done).toBe(10);
    expect(await service.status(uploadId)).toMatchObject({ state: 'checking', sizeBytes: content.byteLength });
    expect(sha256(await readFile(service.uploads.pathOf(uploadId)))).toBe(sha256(content));
  });

  it('become files of the library with all that their metadata says', async () => {
    const content = randomBytes(1000);
    const uploadId = await uploadFile(service.url, service.authorization, content, {
      filename: '课程 一.mp4',
      filetype: 'video/mp4',
      intro: 'An intro',
      tags: 'maths, 一',
      recordingId: 'rec-1',
      sha256: sha256(content).toUpperCase(),
    });
    expect(service.jobs.waiting).toEqual([
      {
        type: 'probe',
        appId: 'default',
        input: { uploadId, path: service.uploads.pathOf(uploadId), digests: true },
      },
    ]);
    // Killed after the files were moved: done again, and not doubled.
    await service.jobs.endProbe({ facts, sha256: sha256(content) }, false);
    await service.jobs.endProbe({ facts, sha256: sha256(content) });
    const { state, fileId } = await service.status(uploadId);
    expect(state).toBe('ready');
    const { asset, path } = await service.library.get(fileId!);
    expect(asset).toMatchObject({
      fileName: '课程 一.mp4',
      intro: 'An intro',
      tags: ['maths', '一'],
      source: 'upload',
      state: 'ready',
      recordingId: 'rec-1',
      roomId: 'studio',
      userId: 'anna',
      segmentIndex: 0,
    });
    expect(path).toBe(`${fileId}/0000-${fileId}.mp4`);
    expect(await readFile(join(service.folder, 'recordings', path))).toEqual(content);
    await expect.poll(() => readdir(join(service.folder, 'uploads'))).toEqual([]);
    expect((await events()).map(({ type, subject }) => [type, subject])).toEqual([
      ['asset.ready', 'rec-1'],
      ['upload.ready', 'rec-1'],
    ]);
    expect((await service.library.list('default', { limit: 10 })).total).toBe(1);
  });

  it('are rejected, told of and removed when they are not media or not what they should be', async () => {
    const text = Buffer.from('this is no film');
    const first = await uploadFile(service.url, service.authorization, text, { fileName: 'film.mp4' });
    await service.jobs.endProbe(new AircheckError('media-invalid', 'The file is text'));
    expect(await service.status(first)).toMatchObject({ state: 'rejected', detail: 'The file is text', fileId: null });

    const wrong = 'ab'.repeat(32);
    const second = await uploadFile(service.url, service.authorization, text, { fileName: 'b', sha256: wrong });
    await service.jobs.endProbe({ facts, sha256: sha256(text) });
    expect((await service.status(second)).detail).toBe(`The file's SHA-256 is ${sha256(text)}, not ${wrong}`);

    await expect.poll(() => readdir(join(service.folder, 'uploads'))).toEqual([]);
    expect(await events()).toMatchObject([
      { type: 'upload.rejected', data: { uploadId: first, state: 'rejected', detail: 'The file is text' } },
      { type: 'upload.rejected', data: { uploadId: second } },
    ]);
    expect((await service.library.list('default', { limit: 10 })).total).toBe(0);
  });

  it('go on after the server was killed, also where only its last answer was lost', async () => {
    const content = randomBytes(300_000);
    const made = await create({ 'upload-length': '300000', 'upload-metadata': encoded({ fileName: 'a' }) });
    const location = made.headers.get('location')!;
    const uploadId = location.split('/').at(-1)!;
    // What a killed server leaves: bytes in the file, and nobody who knows of them.
    await writeFile(service.uploads.pathOf(uploadId), content.subarray(0, 123_456));
    const head = await fetch(`${service.url}${location}`, {
      method: 'HEAD',
      headers: { authorization: service.authorization, 'tus-resumable': '1.0.0' },
    });
    expect([head.status, head.headers.get('upload-offset'), head.headers.get('upload-length')]).toEqual([
      200,
      '123456',
      '300000',
    ]);
    await uploadFile(service.url, service.authorization, content, {}, { uploadUrl: `${service.url}${location}` });
    expect(await readFile(service.uploads.pathOf(uploadId))).toEqual(content);
    expect(service.jobs.waiting).toHaveLength(1);

    const lost = await create({ 'upload-length': '300000', 'upload-metadata': encoded({ fileName: 'b' }) });
    const lostId = lost.headers.get('location')!.split('/').at(-1)!;
    await writeFile(service.uploads.pathOf(lostId), content);
    await service.uploads.start();
    expect(await service.status(lostId)).toMatchObject({ state: 'checking', receivedBytes: 300_000 });
    expect(service.jobs.waiting).toHaveLength(2);
    // A client that comes back late learns that all has come.
    await uploadFile(
      service.url,
      service.authorization,
      content,
      {},
      { uploadUrl: `${service.url}/v1/uploads/${lostId}` },
    );
  });

  it('keep what has come when the disk is full, say so, and go on when there is room', async () => {
    const content = randomBytes(200_000);
    service.free = 100_000;
    const refused = await create({ 'upload-length': '200000', 'upload-metadata': encoded({ fileName: 'a' }) });
    expect([refused.status, (await refused.json()).code]).toEqual([507, 'storage-full']);

    service.free = Number.POSITIVE_INFINITY;
    const made = await create({ 'upload-length': '200000', 'upload-metadata': encoded({ fileName: 'a' }) });
    const uploadUrl = `${service.url}${made.headers.get('location')}`;
    const path = service.uploads.pathOf(uploadUrl.split('/').at(-1)!);
    // A real ENOSPC, for every byte.
    await rename(path, `${path}.kept`);
    await symlink('/dev/full', path);
    const failed = await fetch(uploadUrl, {
      method: 'PATCH',
      headers: {
        authorization: service.authorization,
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
      },
      body: content,
    });
    expect([failed.status, failed.headers.get('content-type'), (await failed.json()).code]).toEqual([
      507,
      'application/problem+json',
      'storage-full',
    ]);
    await rename(`${path}.kept`, path);
    await writeFile(path, content.subarray(0, 70_000));
    await uploadFile(service.url, service.authorization, content, {}, { uploadUrl });
    expect(await readFile(path)).toEqual(content);
  });

  it('name what is wrong with a request', async () => {
    const named = encoded({ fileName: 'a' });
    const cases: [Record<string, string>, number, string, string?][] = [
      [{ 'upload-length': '10' }, 400, 'file-name-missing', 'metadata.fileName'],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a\0b' }) },
        400,
        'request-invalid',
        'metadata.fileName',
      ],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', classId: '-1' }) },
        400,
        'request-invalid',
        'metadata.classId',
      ],
      [{ 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', classId: '7' }) }, 404, 'class-not-found'],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', tags: '[1' }) },
        400,
        'request-invalid',
        'metadata.tags',
      ],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', recordingId: 'none' }) },
        404,
        'recording-not-found',
      ],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', sha256: 'zz' }) },
        400,
        'request-invalid',
        'metadata.sha256',
      ],
      [{ 'upload-length': '0', 'upload-metadata': named }, 400, 'request-invalid', 'headers.upload-length'],
      [{ 'upload-length': String(100 * 2 ** 20 + 1), 'upload-metadata': named }, 413, 'payload-too-large'],
      [{ 'upload-length': '10', 'upload-defer-length': '1', 'upload-metadata': named }, 400, 'request-invalid'],
      [
        { 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a', startedAt: 'today' }) },
        400,
        'request-invalid',
        'metadata.startedAt',
      ],
      [{ 'upload-length': '10', 'upload-metadata': named, 'tus-resumable': '0.2.0' }, 400, 'request-invalid'],
    ];
    for (const [headers, status, code, input] of cases) {
      const answer = await create(headers);
      const problem = await answer.json();
      expect([headers, answer.status, problem.code]).toEqual([headers, status, code]);
      if (input !== undefined) expect(problem.input).toBe(input);
    }
    const nobody = await fetch(`${service.url}/v1/uploads`, { method: 'POST', headers: { 'tus-resumable': '1.0.0' } });
    expect(nobody.status).toBe(401);
  });

  it('may begin with their bytes, and take no more than they were said to have', async () => {
    const content = randomBytes(700_000);
    const authorization = service.authorization;
    const uploadId = await uploadFile(
      service.url,
      authorization,
      content,
      { fileName: 'at once' },
      { uploadDataDuringCreation: true },
    );
    expect(await service.status(uploadId)).toMatchObject({ state: 'checking', receivedBytes: 700_000 });
    expect(await readFile(service.uploads.pathOf(uploadId))).toEqual(content);

    const made = await create({ 'upload-length': '1000', 'upload-metadata': encoded({ fileName: 'a' }) });
    const uploadUrl = `${service.url}${made.headers.get('location')}`;
    const patch = (body: BodyInit) =>
      fetch(uploadUrl, {
        method: 'PATCH',
        headers: {
          authorization,
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
          'content-type': 'application/offset+octet-stream',
        },
        body,
        duplex: 'half',
      } as RequestInit);
    const told = await patch(content.subarray(0, 1001));
    expect([told.status, (await told.json()).code]).toEqual([413, 'payload-too-large']);
    // Without a length that would tell beforehand.
    const untold = await patch(new Blob([content.subarray(0, 2000)]).stream());
    expect([untold.status, (await untold.json()).code]).toEqual([413, 'payload-too-large']);
    const stored = await readFile(service.uploads.pathOf(uploadUrl.split('/').at(-1)!));
    expect(stored).toEqual(content.subarray(0, 1000));
  });

  it('cannot write outside of their folder, whatever they are called', async () => {
    const name = '../../../etc/passwd\\..\\x%2e%2e%2f.mp4';
    const uploadId = await uploadFile(service.url, service.authorization, Buffer.from('abc'), { fileName: name });
    expect((await service.status(uploadId)).fileName).toBe(name);
    expect(await readdir(join(service.folder, 'uploads'))).toEqual([uploadId]);
    for (const id of ['..%2f..%2fcredentials.json', '%2e%2e', 'a'.repeat(32), `${'b'.repeat(31)}%00`]) {
      const answer = await fetch(`${service.url}/v1/uploads/${id}`, {
        method: 'PATCH',
        headers: {
          authorization: service.authorization,
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
          'content-type': 'application/offset+octet-stream',
        },
        body: 'x',
      });
      expect([id, answer.status]).toEqual([id, 404]);
    }
  });

  it('of a user token are its own in any room, and those of others where its user is host now', async () => {
    const anna = await service.bearer('anna', 'host', '*');
    const make = async (authorization: string, more: Record<string, string> = {}) => {
      const metadata = encoded({ fileName: 'a', ...more });
      const answer = await create({ 'upload-length': '3', 'upload-metadata': metadata }, authorization);
      return answer.headers.get('location') ?? answer.status;
    };
    const status = async (location: string | number) => {
      const answer = await fetch(`${service.url}${location}`, { headers: { authorization: anna } });
      return answer.status;
    };
    // What a closed tab left is sent up when its user is in no room.
    const own = await make(anna, { roomId: 'studio' });
    const roomless = await make(anna);
    expect([await status(own), await status(roomless)]).toEqual([200, 200]);
    expect(await make(anna, { roomId: 'studio', userId: 'ben' })).toBe(403);
    expect(await make(await service.bearer('anna', 'audience', '*'), { roomId: 'studio' })).toBe(403);
    const bens = await make(await service.bearer('ben', 'guest'));
    expect(await status(bens)).toBe(404);

    service.presence = new Map([['studio', 'host']]);
    expect(await status(bens)).toBe(200);
    expect(await make(anna, { roomId: 'studio', userId: 'ben' })).toEqual(expect.stringContaining('/v1/uploads/'));
    const count = async () => {
      const list = await fetch(`${service.url}/v1/uploads`, { headers: { authorization: anna } });
      return (await list.json()).items.length;
    };
    expect(await count()).toBe(4);
    service.presence = new Map([['studio', 'audience']]);
    expect(await make(anna, { roomId: 'studio' })).toBe(403);
    expect(await count()).toBe(2);
  });

  it('of a user belong to its room; nobody else finds them', async () => {
    const anna = await service.bearer('anna', 'guest');
    const host = await service.bearer('boss', 'host');
    const metadata = (more: Record<string, string>) => ({
      'upload-length': '3',
      'upload-metadata': encoded({ fileName: 'a', ...more }),
    });
    expect((await create(metadata({ roomId: 'elsewhere' }), anna)).status).toBe(403);
    expect((await create(metadata({ userId: 'ben' }), anna)).status).toBe(403);
    expect((await create(metadata({ userId: 'ben' }), host)).status).toBe(201);
    expect((await create(metadata({}), await service.bearer('eve', 'audience'))).status).toBe(403);
    const intruder = await service.bearer('mallory', 'host', 'elsewhere');
    expect((await create(metadata({ recordingId: 'rec-1' }), intruder)).status).toBe(403);

    const made = await create(metadata({}), anna);
    const uploadUrl = `${service.url}${made.headers.get('location')}`;
    for (const [who, status] of [
      [anna, 200],
      [host, 200],
      [intruder, 404],
      [await service.bearer('ben', 'guest'), 404],
      [service.authorization, 200],
    ] as const) {
      for (const method of ['HEAD', 'GET']) {
        const answer = await fetch(uploadUrl, { method, headers: { authorization: who, 'tus-resumable': '1.0.0' } });
        expect(answer.status).toBe(status);
      }
    }
    for (const [who, count] of [
      [anna, 1],
      // The one that it made for ben, and anna's.
      [host, 2],
      [intruder, 0],
      [service.authorization, 2],
    ] as const) {
      const list = await fetch(`${service.url}/v1/uploads`, { headers: { authorization: who } });
      expect((await list.json()).items).toHaveLength(count);
    }

    const given = await fetch(uploadUrl, {
      method: 'DELETE',
      headers: { authorization: anna, 'tus-resumable': '1.0.0' },
    });
    expect(given.status).toBe(204);
    const gone = await fetch(uploadUrl, { method: 'HEAD', headers: { authorization: anna, 'tus-resumable': '1.0.0' } });
    expect(gone.status).toBe(410);
  });

  it('are given up when nothing comes for a day, and their bytes go', async () => {
    const made = await create({ 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a' }) });
    const uploadId = made.headers.get('location')!.split('/').at(-1)!;
    expect(Date.parse(made.headers.get('upload-expires')!)).toBeGreaterThan(service.clock.nowMs + 23 * 3_600_000);
    service.clock.nowMs += 25 * 3_600_000;
    const fresh = await uploadFile(service.url, service.authorization, Buffer.from('abc'), { fileName: 'b' });
    await service.uploads.sweep();
    expect(await service.status(uploadId)).toMatchObject({ state: 'aborted', detail: 'Nothing came for 24 hours' });
    expect(await readdir(join(service.folder, 'uploads'))).toEqual([fresh]);
  });

  it('let a client take over from its own lost connection', async () => {
    const content = randomBytes(3 * 2 ** 20);
    const made = await create({
      'upload-length': String(content.byteLength),
      'upload-metadata': encoded({ fileName: 'a' }),
    });
    const uploadUrl = `${service.url}${made.headers.get('location')}`;
    const path = service.uploads.pathOf(uploadUrl.split('/').at(-1)!);
    // Sends a megabyte and then nothing, without an end.
    const stalled = new ReadableStream({ start: (controller) => controller.enqueue(content.subarray(0, 2 ** 20)) });
    const abort = new AbortController();
    const hanging = fetch(uploadUrl, {
      method: 'PATCH',
      headers: {
        authorization: service.authorization,
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
      },
      body: stalled,
      duplex: 'half',
      signal: abort.signal,
    } as RequestInit).catch(() => undefined);
    await expect.poll(async () => (await readFile(path)).byteLength).toBeGreaterThan(400_000);
    await uploadFile(service.url, service.authorization, content, {}, { uploadUrl });
    expect(await readFile(path)).toEqual(content);
    abort.abort();
    await hanging;
  });

  it('answer pages of other sites', async () => {
    const preflight = await fetch(`${service.url}/v1/uploads`, {
      method: 'OPTIONS',
      headers: { origin: 'https://example.org', 'access-control-request-method': 'POST' },
    });
    const allowed = preflight.headers.get('access-control-allow-headers')!.toLowerCase();
    for (const name of ['tus-resumable', 'upload-length', 'upload-offset', 'upload-metadata', 'authorization']) {
      expect(allowed).toContain(name);
    }
    const made = await create({ 'upload-length': '10', 'upload-metadata': encoded({ fileName: 'a' }) });
    expect(made.headers.get('access-control-allow-origin')).toBe('*');
    expect(made.headers.get('access-control-expose-headers')).toContain('Location');
    const options = await fetch(`${service.url}/v1/uploads`, { method: 'OPTIONS' });
    expect(options.headers.get('tus-max-size')).toBe(String(100 * 2 ** 20));
  });
});
