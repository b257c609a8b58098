import { once } from 'node:events';
import { appendFile, mkdir, open, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import { HybridMp4Writer } from '@aircheck/media';
import type { AssetState, PlayUrls } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../src/events/index.ts';
import {
  type Library,
  MediaLinks,
  MediaUrls,
  Removals,
  registerLibraryRoutes,
  registerMediaRoutes,
  ServedBytes,
} from '../../src/library/index.ts';
import { addRecording } from '../databases.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';
import { segmentOf } from '../recording/fake-workers.ts';
import { makeLibrary, recordingsOf } from './make-library.ts';

const fileName = '../../etc/课程 "一" 🎬 (1)\'s';
let server: TestServer;
let library: Library;
let served: ServedBytes;

beforeEach(async () => {
  server = await startTestServer();
  library = makeLibrary(server.db, server.clock);
  const links = new MediaLinks((appId) => server.apps.linkKey(appId), server.clock);
  const urls = new MediaUrls({ links, publicUrl: undefined, ownUrl: () => 'http://127.0.0.1' });
  const removals = new Removals({
    db: server.db,
    outbox: new Outbox(server.clock),
    config: { recordingsFolder: server.folder, derivedFolder: server.folder },
  });
  registerLibraryRoutes(server.app, { library, removals, urls });
  served = new ServedBytes({ db: server.db, clock: server.clock, logger: server.app.log as never });
  const recordingsFolder = server.folder;
  const derivedFolder = join(server.folder, 'derived');
  const recording = recordingsOf(server.db);
  registerMediaRoutes(server.app, {
    library,
    links,
    recording,
    served,
    recordingsFolder,
    derivedFolder,
    accel: 'none',
  });
  await addRecording(server.db, 'r', { file_name: fileName });
});
afterEach(async () => {
  await served.close();
  await server.close();
});

async function addFile(
  content: Uint8Array,
  state: AssetState = 'ready',
  changes: Partial<SegmentSnapshot> = {},
): Promise<SegmentSnapshot> {
  const segment = segmentOf('r', changes);
  const path = join(server.folder, segment.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  const owner = { appId: 'default', roomId: 'studio', userId: 'anna', fileName, tags: [], classId: 0 };
  await library.save(owner, segment, state);
  return segment;
}

async function linksOf(fileId: string, ttlSeconds?: number): Promise<PlayUrls> {
  const response = await server.asServer({
    method: 'POST',
    url: `/v1/assets/${fileId}/play-urls`,
    payload: ttlSeconds === undefined ? {} : { ttlSeconds },
  });
  expect(response.statusCode).toBe(200);
  return response.json();
}

const pathOf = (url: string) => new URL(url).pathname + new URL(url).search;
const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  server.app.inject({ method, url: pathOf(url), headers });
const digits = Buffer.from('0123456789'.repeat(10));

describe('a file', () => {
  it('is served whole and in ranges, under its own name', async () => {
    const { fileId } = await addFile(digits);
    const { mp4, expiresAt } = await linksOf(fileId);
    expect(mp4).toMatch(/^http:\/\/localhost:80\/v1\/media\/\d+\/[^/?]+\.mp4\?exp=\d+&sig=[\w-]{43}$/);
    expect(Date.parse(expiresAt)).toBe(Math.floor(server.clock.nowMs / 1000) * 1000 + 3_600_000);

    const whole = await get(mp4);
    expect(whole.statusCode).toBe(200);
    expect(whole.rawPayload).toEqual(digits);
    expect(whole.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '100',
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'private, max-age=86400',
      etag: `"${fileId}-100"`,
    });
    const disposition = String(whole.headers['content-disposition']);
    expect(disposition).toMatch(/^inline; filename="[\x20-\x7e]+"; filename\*=UTF-8''[\w%.!~-]+$/);
    expect(disposition).not.toMatch(/filename="[^"]*[/\\]/);
    expect(decodeURIComponent(disposition.split("UTF-8''")[1]!)).toBe(`${fileName}.mp4`);

    const part = await get(mp4, { range: 'bytes=10-14' });
    expect(part.statusCode).toBe(206);
    expect(part.body).toBe('01234');
    expect(part.headers).toMatchObject({ 'content-range': 'bytes 10-14/100', 'content-length': '5' });
    expect((await get(mp4, { range: 'bytes=-3' })).body).toBe('789');
    expect((await get(mp4, { range: 'bytes=95-' })).body).toBe('56789');
    const beyond = await get(mp4, { range: 'bytes=100-' });
    expect([beyond.statusCode, beyond.headers['content-range'], beyond.json().code]).toEqual([
      416,
      'bytes */100',
      'range-not-satisfiable',
    ]);
    expect((await get(mp4, { range: 'bytes=0-1,5-6' })).statusCode).toBe(200);
  });

  it('answers HEAD with the headers of the whole file and no body', async () => {
    const { fileId } = await addFile(digits);
    const { mp4 } = await linksOf(fileId);
    const whole = await get(mp4, {}, 'HEAD');
    expect([whole.statusCode, whole.headers['content-length'], whole.body]).toEqual([200, '100', '']);
    const part = await get(mp4, { range: 'bytes=0-9' }, 'HEAD');
    expect([part.statusCode, part.headers['content-length'], part.body]).toEqual([200, '100', '']);
    expect(part.headers).not.toHaveProperty('content-range');
    expect((await get(mp4, { range: 'bytes=100-' }, 'HEAD')).statusCode).toBe(200);
  });

  it('is not sent again to those who have it, and parts are not mixed with those of another version', async () => {
    const { fileId } = await addFile(digits);
    const { mp4 } = await linksOf(fileId);
    const etag = `"${fileId}-100"`;
    const known = await get(mp4, { 'if-none-match': `"x", W/${etag}` });
    expect([known.statusCode, known.body]).toEqual([304, '']);
    expect((await get(mp4, { range: 'bytes=0-1', 'if-range': etag })).statusCode).toBe(206);
    expect((await get(mp4, { range: 'bytes=0-1', 'if-range': '"other"' })).statusCode).toBe(200);
    expect((await get(mp4, { range: 'bytes=0-1', 'if-range': `W/${etag}` })).statusCode).toBe(200);
  });

  it('that grows is as long as it is now and is not kept by caches', async () => {
    const { fileId, path } = await addFile(digits, 'recording');
    const { mp4 } = await linksOf(fileId);
    const first = await get(mp4, { range: 'bytes=90-' });
    expect([first.statusCode, first.headers['content-range']]).toEqual([206, 'bytes 90-99/100']);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(first.headers).not.toHaveProperty('etag');
    await appendFile(join(server.folder, path), 'abc');
    expect((await get(mp4, { range: 'bytes=100-' })).body).toBe('abc');
  });

  it('is let go when the player goes away in the middle', async () => {
    const { fileId } = await addFile(Buffer.alloc(64 * 1024 * 1024, 1));
    const { mp4 } = await linksOf(fileId);
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.app.server.address() as AddressInfo;
    const aborted = once(server.app.server, 'connection').then(
      ([socket]) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    const player = connect(port, '127.0.0.1');
    player.write(`GET ${pathOf(mp4)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(player, 'data');
    player.destroy();
    await aborted;
    await expect.poll(() => openFiles(fileId)).toBe(0);
  });

  it('that is not on the disk, or not there at all, is not found', async () => {
    const { fileId, path } = await addFile(digits);
    const { mp4 } = await linksOf(fileId);
    await rm(join(server.folder, path));
    expect((await get(mp4)).json().code).toBe('asset-not-found');
    const nothing = await server.asServer({ url: '/v1/assets/12345678901234567890' });
    expect([nothing.statusCode, nothing.json().code]).toEqual([404, 'asset-not-found']);
    expect((await server.asServer({ url: '/v1/assets/..%2f..%2fetc' })).json().code).toBe('request-invalid');
  });

  it('is never one outside of the recordings folder, whatever the database says', async () => {
    const { fileId } = await addFile(digits);
    const { mp4 } = await linksOf(fileId);
    await server.db
      .updateTable('assets')
      .set({ path: '../../../../etc/hostname' })
      .where('file_id', '=', fileId)
      .execute();
    expect((await get(mp4)).json().code).toBe('asset-not-found');
  });
});

describe('a link', () => {
  it('ends', async () => {
    const { fileId } = await addFile(digits);
    const { mp4 } = await linksOf(fileId, 60);
    server.clock.nowMs += 59_000;
    expect((await get(mp4)).statusCode).toBe(200);
    server.clock.nowMs += 2000;
    const response = await get(mp4);
    expect([response.statusCode, response.json().code]).toEqual([403, 'link-expired']);
  });

  it('opens its own file only and cannot be made longer', async () => {
    const { fileId } = await addFile(digits);
    const other = await addFile(digits);
    const { mp4 } = await linksOf(fileId);
    const forged = [
      mp4.replace(fileId, other.fileId),
      mp4.replace(/exp=\d+/, (text) => `exp=${Number(text.slice(4)) + 1}`),
      mp4.replace(/sig=.*/, 'sig='),
      mp4.replace(/.$/, (letter) => (letter === 'A' ? 'B' : 'A')),
      mp4.replace(/\?.*/, ''),
      `${mp4}&sig=x`,
    ];
    for (const url of forged) {
      const response = await get(url);
      expect([url, response.statusCode, response.json().code]).toEqual([url, 403, 'link-invalid']);
    }
  });

  it('begins with what the request came to, or with the public URL', async () => {
    const { fileId } = await addFile(digits);
    const response = await server.asServer({
      method: 'POST',
      url: `/v1/assets/${fileId}/play-urls`,
      headers: { host: 'rec.example.com', 'x-forwarded-proto': 'https' },
    });
    expect(response.json().mp4).toMatch(/^https:\/\/rec\.example\.com\/v1\/media\//);
  });

  it('is not made for a Host header that names no host', async () => {
    const { fileId } = await addFile(digits);
    for (const host of ['a b', '"><script>', 'x/y', 'x?y', 'u@x', 'x:99999']) {
      const response = await server.asServer({
        method: 'POST',
        url: `/v1/assets/${fileId}/play-urls`,
        headers: { host },
      });
      expect([host, response.statusCode, response.json().input]).toEqual([host, 400, 'headers.host']);
    }
  });

  it('is given to users of the room, and to nobody else', async () => {
    const { fileId } = await addFile(digits);
    const ask = async (roomId: string) =>
      server.app.inject({
        method: 'POST',
        url: `/v1/assets/${fileId}/play-urls`,
        headers: { authorization: `Bearer ${await server.token({ roomId, role: 'audience' })}` },
      });
    expect((await ask('studio')).statusCode).toBe(200);
    expect((await ask('elsewhere')).json().code).toBe('forbidden');
    const list = async (roomId: string, query = '') =>
      server.app.inject({
        url: `/v1/assets${query}`,
        headers: { authorization: `Bearer ${await server.token({ roomId })}` },
      });
    expect((await list('studio')).json().total).toBe(1);
    expect((await list('elsewhere')).json().total).toBe(0);
    expect((await list('elsewhere', '?roomId=studio')).json().code).toBe('forbidden');
    expect((await server.app.inject({ url: '/v1/assets' })).statusCode).toBe(401);
  });
});

describe('HLS', () => {
  it('is a playlist of byte ranges of the file, while it grows and after', async () => {
    const writer = new HybridMp4Writer({
      tracks: [
        {
          kind: 'audio',
          codec: 'opus',
          timescale: 48_000,
          sampleRate: 48_000,
          channels: 1,
          description: opusDescription,
        },
      ],
      creationTime: 0,
    });
    const segment = await addFile(writer.header(), 'recording', { mimeType: 'audio/mp4', video: null });
    const path = join(server.folder, segment.path);
    const { hls } = await linksOf(segment.fileId);

    // Players give up on what is not there yet: who asks too early is kept waiting.
    let answered = false;
    const early = get(hls!).then((response) => {
      answered = true;
      return response;
    });
    const header = await get(hls!.replace('index.m3u8', 'init.mp4'));
    expect([header.statusCode, answered]).toEqual([200, false]);

    let ticks = 0;
    const grow = async (fragments: number) => {
      for (let count = 0; count < fragments; count++) {
        for (let packet = 0; packet < 50; packet++) {
          writer.addSample(0, {
            data: new Uint8Array(20).fill(packet),
            timestamp: ticks,
            duration: 960,
            keyFrame: true,
          });
          ticks += 960;
        }
        for (const chunk of writer.cutFragment()!.chunks) await appendFile(path, chunk);
      }
    };
    const ranges = (text: string) =>
      [...text.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)/g)].map(([, length, offset]) => [Number(offset), Number(length)]);

    await grow(2);
    const first = await early;
    expect([first.statusCode, ranges(first.body).length]).toEqual([200, 1]);
    await grow(7);
    const growing = await get(hls!);
    expect(growing.headers['content-type']).toBe('application/vnd.apple.mpegurl');
    expect(growing.headers['cache-control']).toBe('no-store');
    expect(growing.body).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');
    expect(growing.body).not.toContain('ENDLIST');
    const before = ranges(growing.body);
    await grow(8);
    const later = ranges((await get(hls!)).body);
    expect(later.length).toBeGreaterThan(before.length);
    expect(later.slice(0, before.length)).toEqual(before);

    const { append, patches } = writer.finalize();
    for (const chunk of append) await appendFile(path, chunk);
    const file = await open(path, 'r+');
    for (const { offset, data } of patches) await file.write(data, 0, data.byteLength, offset);
    const { size } = await file.stat();
    await file.close();
    const owner = { appId: 'default', roomId: 'studio', userId: 'anna', fileName, tags: [], classId: 0 };
    await library.save(owner, { ...segment, sizeBytes: size }, 'ready');

    const done = await get(hls!);
    expect(done.body).toContain('#EXT-X-ENDLIST');
    expect(done.headers['cache-control']).toBe('private, max-age=3600');
    const lengths = [...done.body.matchAll(/#EXTINF:([\d.]+)/g)].map(([, seconds]) => Number(seconds));
    expect(lengths.reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(17, 3);

    // What the playlist names can be fetched with nothing but what it says, and the ranges follow each other.
    const base = new URL(hls!);
    const init = await get(new URL(/URI="([^"]+)"/.exec(done.body)![1]!, base).href);
    expect(init.statusCode).toBe(200);
    expect(init.rawPayload.subarray(4, 8).toString()).toBe('ftyp');
    const media = done.body.split('\n').find((line) => line.startsWith('media.mp4'))!;
    let end: number | undefined;
    for (const [offset = 0, length = 0] of ranges(done.body)) {
      if (end !== undefined) expect(offset).toBe(end);
      end = offset + length;
      const part = await get(new URL(media, base).href, { range: `bytes=${offset}-${end - 1}` });
      expect(part.statusCode).toBe(206);
      expect(part.rawPayload.subarray(4, 8).toString()).toBe('moof');
      expect(part.rawPayload).toHaveLength(length);
    }
  });

  it('is not there for a file that a crash left without anything to play', async () => {
    const cut = await addFile(digits.subarray(0, 4), 'interrupted');
    const { hls } = await linksOf(cut.fileId);
    const response = await get(hls!);
    expect([response.statusCode, response.json().code]).toEqual([404, 'asset-not-found']);
  });

  it('is made once for those who ask at the same time, and reads the file anew once it is finished', async () => {
    const { bytes, finished } = soundFile(20);
    const segment = await addFile(bytes, 'recording', { mimeType: 'audio/mp4', video: null });
    const { hls } = await linksOf(segment.fileId);
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(hls!)));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    await writeFile(join(server.folder, segment.path), finished);
    const owner = { appId: 'default', roomId: 'studio', userId: 'anna', fileName, tags: [], classId: 0 };
    await library.save(owner, segment, 'ready');
    const ended = await get(hls!);
    expect(ended.body.startsWith(answers[0]!.body)).toBe(true);
    expect(ended.body).toContain('#EXT-X-ENDLIST');
    expect(await openFiles(segment.fileId)).toBe(0);
  });

  it('is not there for WebM', async () => {
    const { fileId } = await addFile(digits, 'ready', { mimeType: 'video/webm', path: 'r/0000.webm' });
    const { mp4, hls } = await linksOf(fileId);
    expect(hls).toBeNull();
    expect(mp4).toContain('.webm?');
    const file = await get(mp4);
    expect(file.headers['content-type']).toBe('video/webm');
    expect(file.headers['content-disposition']).toContain('.webm"');
    expect((await get(mp4.replace(/[^/]+\.webm/, 'index.m3u8'))).json().code).toBe('asset-not-found');
  });
});

const opusDescription = new Uint8Array([0, 1, 1, 56, 0, 0, 187, 128, 0, 0, 0]);

/** A file of a fragment of sound each second, as it is before and after it is finished. */
function soundFile(seconds: number): { readonly bytes: Uint8Array; readonly finished: Uint8Array } {
  const sound = { kind: 'audio', codec: 'opus', timescale: 48_000, sampleRate: 48_000, channels: 1 } as const;
  const writer = new HybridMp4Writer({ tracks: [{ ...sound, description: opusDescription }], creationTime: 0 });
  const parts: Uint8Array[] = [writer.header()];
  for (let packet = 0; packet < seconds * 50; packet++) {
    writer.addSample(0, { data: new Uint8Array(20), timestamp: packet * 960, duration: 960, keyFrame: true });
    if (packet % 50 === 49) parts.push(...writer.cutFragment()!.chunks);
  }
  const bytes = Buffer.concat(parts);
  const { append, patches } = writer.finalize();
  const finished = Buffer.concat([bytes, ...append]);
  for (const { offset, data } of patches) finished.set(data, offset);
  return { bytes, finished };
}

/** Descriptors of this process that lead to the file. */
async function openFiles(fileId: string): Promise<number> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((target) => target.includes(fileId)).length;
}
