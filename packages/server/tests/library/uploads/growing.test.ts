import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../databases.ts';
import { facts, startUploadService, type UploadService } from './service.ts';
import { uploadFile } from './tus-client.ts';

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

describeOnBothDatabases('uploads of files that still grow', (database) => {
  let service: UploadService;

  beforeEach(async () => {
    service = await startUploadService(database.db);
  });
  afterEach(() => service.close());

  const encoded = (metadata: Record<string, string>) =>
    Object.entries(metadata)
      .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
      .join(',');
  const request = (method: string, url: string, headers: Record<string, string>, body?: BodyInit) =>
    fetch(url, {
      method,
      headers: { authorization: service.authorization, 'tus-resumable': '1.0.0', ...headers },
      ...(body !== undefined && { body, duplex: 'half' }),
    } as RequestInit);
  async function begin(metadata: Record<string, string> = {}): Promise<{ uploadId: string; url: string }> {
    const made = await request('POST', `${service.url}/v1/uploads`, {
      'upload-defer-length': '1',
      'upload-metadata': encoded({ fileName: 'take 1', ...metadata }),
    });
    expect(made.status).toBe(201);
    const location = made.headers.get('location')!;
    return { uploadId: location.split('/').at(-1)!, url: `${service.url}${location}` };
  }
  async function patch(url: string, offset: number, body: BodyInit, more: Record<string, string> = {}) {
    const type = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
    const answer = await request('PATCH', url, { ...type, ...more }, body);
    const problem = answer.status < 400 ? undefined : await answer.json();
    return [answer.status, problem?.code, problem?.input];
  }

  it('take the bytes as they come, and length, digest and final header at the end', async () => {
    const grown = randomBytes(300_000);
    const head = randomBytes(52);
    const finished = Buffer.from(grown);
    head.copy(finished);
    const { uploadId, url } = await begin({ startedAt: '2024-05-06T07:08:09.000Z' });
    expect(await patch(url, 0, grown.subarray(0, 100_000))).toEqual([204, undefined, undefined]);
    // The server was begun anew meanwhile, with none of the bytes missing, and none of them all.
    await service.uploads.start();
    const asked = await request('HEAD', url, {});
    expect(['upload-offset', 'upload-length', 'upload-defer-length'].map((name) => asked.headers.get(name))).toEqual([
      '100000',
      null,
      '1',
    ]);
    expect(await service.status(uploadId)).toMatchObject({ state: 'receiving', sizeBytes: 0, receivedBytes: 100_000 });

    const last = {
      'upload-length': '300000',
      'upload-metadata': encoded({ sha256: sha256(finished), head: head.toString('base64') }),
    };
    // Cut after 200 000 bytes: the client says it all again.
    await patch(url, 100_000, grown.subarray(100_000, 200_000), last);
    expect((await request('HEAD', url, {})).headers.get('upload-length')).toBe('300000');
    expect(await patch(url, 200_000, grown.subarray(200_000), last)).toEqual([204, undefined, undefined]);
    expect(await readFile(service.uploads.pathOf(uploadId))).toEqual(finished);
    expect(service.jobs.waiting).toMatchObject([{ type: 'probe', input: { uploadId, digests: true } }]);

    await service.jobs.endProbe({ facts, sha256: sha256(finished) });
    const { fileId } = await service.status(uploadId);
    const { asset } = await service.library.get(fileId!);
    expect(asset).toMatchObject({ source: 'upload', startedAt: '2024-05-06T07:08:09.000Z' });
  });

  it('are whole with the request that tells their length, though it brings no byte', async () => {
    const { uploadId, url } = await begin();
    await patch(url, 0, 'all of it');
    expect(await patch(url, 9, '', { 'upload-length': '9' })).toEqual([204, undefined, undefined]);
    expect((await service.status(uploadId)).state).toBe('checking');
  });

  it('come from any tus client', async () => {
    const content = randomBytes(1_500_000);
    const uploadId = await uploadFile(
      service.url,
      service.authorization,
      Readable.from([content.subarray(0, 700_000), content.subarray(700_000)]) as never,
      { fileName: 'a stream' },
      { uploadLengthDeferred: true, chunkSize: 400_000 },
    );
    expect(await service.status(uploadId)).toMatchObject({ state: 'checking', sizeBytes: 1_500_000 });
    expect(await readFile(service.uploads.pathOf(uploadId))).toEqual(content);
  });

  it('name what is wrong at their end, and can be ended rightly then', async () => {
    const { uploadId, url } = await begin();
    await patch(url, 0, 'four');
    const head = Buffer.from('FO').toString('base64');
    const cases: [Record<string, string>, number, string, string | undefined][] = [
      [{ 'upload-length': '3' }, 400, 'request-invalid', undefined],
      [{ 'upload-length': String(101 * 2 ** 20) }, 413, 'payload-too-large', undefined],
      [{ 'upload-length': '4', 'upload-metadata': encoded({ head }) }, 400, 'request-invalid', 'metadata.head'],
      [
        { 'upload-length': '4', 'upload-metadata': encoded({ sha256: 'x' }) },
        400,
        'request-invalid',
        'metadata.sha256',
      ],
      [
        { 'upload-length': '4', 'upload-metadata': encoded({ sha256: 'a'.repeat(64), head: btoa('longer') }) },
        400,
        'request-invalid',
        'metadata.head',
      ],
      [{ 'upload-length': '4', 'upload-metadata': 'sha256 ,,' }, 400, 'request-invalid', undefined],
    ];
    for (const [headers, ...expected] of cases) {
      expect([headers, ...(await patch(url, 4, '', headers))]).toEqual([headers, ...expected]);
    }
    const right = { 'upload-length': '4', 'upload-metadata': encoded({ head, sha256: 'a'.repeat(64) }) };
    await patch(url, 4, '', right);
    expect(await readFile(service.uploads.pathOf(uploadId), 'utf8')).toBe('FOur');

    const other = await begin();
    await patch(other.url, 0, 'four', { 'upload-length': '9' });
    expect(await patch(other.url, 4, '', { 'upload-length': '8' })).toEqual([400, 'request-invalid', undefined]);
    const empty = await begin();
    const nothing = await patch(empty.url, 0, '', { 'upload-length': '0' });
    expect(nothing).toEqual([400, 'request-invalid', 'headers.upload-length']);
  });

  it('leave the disk its room, byte by byte, and go on when there is some', async () => {
    const content = randomBytes(40_000);
    const { uploadId, url } = await begin();
    service.free = 30_000;
    expect(await patch(url, 0, content)).toEqual([507, 'storage-full', undefined]);
    // Without a length that would tell beforehand.
    expect(await patch(url, 0, new Blob([content]).stream())).toEqual([507, 'storage-full', undefined]);
    service.free = Number.POSITIVE_INFINITY;
    const { receivedBytes } = await service.status(uploadId);
    await patch(url, receivedBytes, content.subarray(receivedBytes), { 'upload-length': '40000' });
    expect(await readFile(service.uploads.pathOf(uploadId))).toEqual(content);
  });

  it('are given up when nothing comes for a day', async () => {
    const first = await begin();
    const second = await begin();
    service.clock.nowMs += 23 * 3_600_000;
    await patch(second.url, 0, 'goes on');
    service.clock.nowMs += 2 * 3_600_000;
    await service.uploads.sweep();
    expect((await service.status(first.uploadId)).state).toBe('aborted');
    expect((await service.status(second.uploadId)).state).toBe('receiving');
    expect(await readdir(`${service.folder}/uploads`)).toEqual([second.uploadId]);
  });
});
