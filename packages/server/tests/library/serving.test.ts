import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openMediaFile } from '../../src/library/media-file.ts';
import { startMediaServer } from './media-server.ts';

const digits = Buffer.from('0123456789'.repeat(10));
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a file that cannot be opened', () => {
  it('is gone only where the disk says so', async () => {
    const open = (path: string) => openMediaFile({ folder: import.meta.dirname, path, fileId: '1' });
    await expect(open('none.mp4')).rejects.toMatchObject({ code: 'asset-not-found' });
    const unreadable = `${'x'.repeat(300)}.mp4`;
    await expect(open(unreadable)).rejects.toMatchObject({ code: 'storage-failed', retryable: true });
  });
});

describe('what was made of a file', () => {
  it('is played with the same signature, renditions by ranges, pictures as such', async () => {
    const media = await startMediaServer();
    const fileId = await media.addFile(digits);
    await media.addDerivative(
      fileId,
      { derivativeId: 'r1', kind: 'rendition' },
      { 'r1.mp4': Buffer.from('rendition') },
    );
    const jpeg = { mimeType: 'image/jpeg' };
    await media.addDerivative(
      fileId,
      { derivativeId: 'c1', kind: 'cover', ...jpeg },
      { 'c1.jpg': Buffer.from('cover') },
    );
    await media.library.update('default', fileId, { coverId: 'c1' });
    const urls = await media.urls(fileId);
    expect(urls.renditions).toMatchObject([{ derivativeId: 'r1', definition: 20 }]);
    expect(urls.renditions[0]!.hls).toContain('/d/r1/index.m3u8?exp=');
    const rendition = await fetch(urls.renditions[0]!.url, { headers: { range: 'bytes=4-' } });
    expect([rendition.status, await rendition.text(), rendition.headers.get('etag')]).toEqual([206, 'ition', '"r1-9"']);
    const poster = await fetch(urls.poster!);
    expect([poster.headers.get('content-type'), await poster.text()]).toEqual(['image/jpeg', 'cover']);
    const unknown = await fetch(urls.renditions[0]!.url.replace('/r1/', '/r2/'));
    expect([unknown.status, (await unknown.json()).code]).toEqual([404, 'asset-not-found']);
    const unsigned = await fetch(urls.renditions[0]!.url.replace(/\?.*/, ''));
    expect([unsigned.status, (await unsigned.json()).code]).toEqual([403, 'link-invalid']);
    expect(await media.counted(fileId)).toEqual({ bytes: 10, requests: 2 });
  });

  it('of another file cannot be reached with a link', async () => {
    const media = await startMediaServer();
    const [mine, other] = [await media.addFile(digits), await media.addFile(digits)];
    await media.addDerivative(other, { derivativeId: 'r1', kind: 'rendition' }, { 'r1.mp4': digits });
    const { mp4 } = await media.urls(mine);
    const response = await fetch(mp4.replace(/\/[^/]*\?/, '/d/r1/x.mp4?'));
    expect([response.status, (await response.json()).code]).toEqual([404, 'asset-not-found']);
  });

  it('as thumbnails names its sheets with the signature, and only these are served beside it', async () => {
    const media = await startMediaServer();
    const fileId = await media.addFile(digits);
    const vtt =
      'WEBVTT\n\n00:00.000 --> 00:10.000\nsprite-001.jpg#xywh=0,0,160,90\n\n00:10.000 --> 00:20.000\nsprite-002.jpg#xywh=160,0,160,90\n';
    const info = { sheets: ['sprite-001.jpg', 'sprite-002.jpg'], vtt: 'sprite.vtt' };
    await media.addDerivative(
      fileId,
      { derivativeId: 's1', kind: 'sprite', mimeType: 'image/jpeg', info },
      {
        's1/sprite-001.jpg': Buffer.from('first'),
        's1/sprite-002.jpg': Buffer.from('second'),
        's1/sprite.vtt': Buffer.from(vtt),
        's1/secret.jpg': Buffer.from('secret'),
      },
    );
    const { sprite } = await media.urls(fileId);
    const response = await fetch(sprite!);
    expect(response.headers.get('content-type')).toBe('text/vtt; charset=utf-8');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const lines = (await response.text()).split('\n').filter((line) => line.includes('.jpg'));
    const pictures = await Promise.all(lines.map(async (line) => (await fetch(new URL(line, sprite!))).text()));
    expect(pictures).toEqual(['first', 'second']);
    expect(lines[1]).toMatch(/^sprite-002\.jpg\?exp=\d+&sig=[\w-]+#xywh=160,0,160,90$/);
    // Any other name is one for the eye: it leads to the first sheet.
    expect(await (await fetch(sprite!.replace('sprite.vtt', 'secret.jpg'))).text()).toBe('first');
    expect((await fetch(sprite!.replace('sprite.vtt', 'other.vtt'))).status).toBe(404);
  });
});

describe('a link', () => {
  it('to save gives the file its own name', async () => {
    const media = await startMediaServer();
    const { mp4 } = await media.urls(await media.addFile(digits, 'video/quicktime'));
    const disposition = async (url: string) => (await fetch(url)).headers.get('content-disposition')!;
    expect(await disposition(`${mp4}&download=1`)).toMatch(/^attachment; filename=".*"; filename\*=UTF-8''Lesson%20/);
    expect(await disposition(mp4)).toMatch(/^inline; /);
  });

  it('is good from pages of other origins, with ranges', async () => {
    const media = await startMediaServer();
    const { mp4 } = await media.urls(await media.addFile(digits));
    const asked = { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' };
    const preflight = await fetch(mp4, {
      method: 'OPTIONS',
      headers: { ...asked, 'access-control-request-headers': 'range' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Range');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('HEAD');
    const response = await fetch(mp4, { headers: { origin: asked.origin, range: 'bytes=0-0' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    const exposed = response.headers.get('access-control-expose-headers')!.split(/, */);
    expect(exposed).toEqual(expect.arrayContaining(['Content-Range', 'Content-Length', 'Accept-Ranges', 'ETag']));
  });

  it('to a banned file leads nowhere at once, also for those who play it, and back when it is lifted', async () => {
    const media = await startMediaServer();
    const fileId = await media.addFile(digits);
    await media.addDerivative(fileId, { derivativeId: 'r1', kind: 'rendition' }, { 'r1.mp4': digits });
    const { mp4, hls, renditions } = await media.urls(fileId);
    expect((await fetch(mp4, { headers: { range: 'bytes=0-9' } })).status).toBe(206);
    await media.library.update('default', fileId, { banned: true });
    for (const url of [mp4, hls!, hls!.replace('index.m3u8', 'init.mp4'), renditions[0]!.url]) {
      const response = await fetch(url, { headers: { range: 'bytes=10-19' } });
      expect([response.status, (await response.json()).code]).toEqual([403, 'asset-banned']);
    }
    await media.library.update('default', fileId, { banned: false });
    expect((await fetch(mp4)).status).toBe(200);
  });

  it('to a deleted file is not found, and good again when it is restored', async () => {
    const media = await startMediaServer();
    const fileId = await media.addFile(digits);
    const { mp4 } = await media.urls(fileId);
    await media.library.remove('default', fileId);
    const response = await fetch(mp4);
    expect([response.status, (await response.json()).code]).toEqual([404, 'asset-not-found']);
    await media.library.restore('default', fileId);
    expect((await fetch(mp4)).status).toBe(200);
  });

  it('may be signed in another way, which goes for all that is linked from it', async () => {
    const asked: string[] = [];
    const media = await startMediaServer({
      hotlink: async (_appId, path, query) => {
        asked.push(path);
        return query.t === 'good' ? { query: 't=good' } : undefined;
      },
    });
    const fileId = await media.addFile(digits);
    expect((await fetch(`${media.origin}/v1/media/${fileId}/a.mp4?t=good`)).status).toBe(200);
    expect((await fetch(`${media.origin}/v1/media/${fileId}/a.mp4?t=bad`)).status).toBe(403);
    expect(asked).toEqual([`/v1/media/${fileId}/a.mp4`, `/v1/media/${fileId}/a.mp4`]);
  });
});

describe('bytes', () => {
  it('come whole and unchanged, to many at once', async () => {
    const media = await startMediaServer();
    const content = randomBytes(3_000_001);
    const fileId = await media.addFile(content);
    const { mp4 } = await media.urls(fileId);
    const whole = sha(content);
    const bodies = await Promise.all(
      Array.from({ length: 20 }, async () => sha(new Uint8Array(await (await fetch(mp4)).arrayBuffer()))),
    );
    expect(new Set(bodies)).toEqual(new Set([whole]));
    for (const [first, last] of [
      [0, 0],
      [65_535, 65_536],
      [524_287, 1_048_577],
      [3_000_000, 3_000_000],
    ] as const) {
      const part = await fetch(mp4, { headers: { range: `bytes=${first}-${last}` } });
      expect(sha(new Uint8Array(await part.arrayBuffer()))).toBe(sha(content.subarray(first, last + 1)));
    }
    const { bytes, requests } = await media.counted(fileId);
    expect([bytes, requests]).toEqual([20 * content.length + 1 + 2 + 524_291 + 1, 24]);
  });

  it('that were not sent, since the player went away, are not counted', async () => {
    const media = await startMediaServer();
    const size = 64 * 1024 * 1024;
    const fileId = await media.addFile(Buffer.alloc(size, 7));
    const { mp4 } = await media.urls(fileId);
    const { pathname, search, port } = new URL(mp4);
    const player = connect(Number(port), '127.0.0.1');
    player.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: x\r\n\r\n`);
    let received = 0;
    player.on('data', (chunk) => {
      received += chunk.length;
      if (received > 4_000_000) player.destroy();
    });
    await once(player, 'close');
    await expect.poll(async () => (await media.counted(fileId)).bytes).toBeGreaterThan(3_000_000);
    const { bytes } = await media.counted(fileId);
    expect(bytes).toBeLessThan(size / 2);
  });

  it('of a HEAD, of what is known already and of what is refused are none', async () => {
    const media = await startMediaServer();
    const fileId = await media.addFile(digits);
    const { mp4 } = await media.urls(fileId);
    await fetch(mp4, { method: 'HEAD' });
    await fetch(mp4, { headers: { 'if-none-match': `"${fileId}-100"` } });
    await fetch(mp4, { headers: { range: 'bytes=100-' } });
    expect(await media.counted(fileId)).toEqual({ bytes: 0, requests: 0 });
  });

  it('are sent by nginx where it is told so', async () => {
    const media = await startMediaServer({ accel: 'nginx' });
    const fileId = await media.addFile(digits);
    await media.addDerivative(fileId, { derivativeId: 'r1', kind: 'rendition' }, { 'r1.mp4': digits });
    const { mp4, renditions } = await media.urls(fileId);
    const original = await fetch(`${mp4}&download=1`);
    expect([original.status, await original.text()]).toEqual([200, '']);
    expect(original.headers.get('x-accel-redirect')).toBe(`/aircheck-files/recordings/${fileId}/0000-${fileId}.mp4`);
    expect(original.headers.get('content-disposition')).toMatch(/^attachment/);
    const rendition = await fetch(renditions[0]!.url);
    expect(rendition.headers.get('x-accel-redirect')).toBe(`/aircheck-files/derived/${fileId}/r1.mp4`);
    expect(await media.counted(fileId)).toEqual({ bytes: 200, requests: 2 });
  });
});
