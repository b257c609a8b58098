import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counterBreaks, encodeClip, readClip, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordSimulated } from '../../../../bench/src/simulated-recording.ts';
import { Hotlinks } from '../../src/vendors/tencent/hotlink.ts';
import { ffmpeg, newFolder, SMALL, sharedFolder } from '../jobs/works/clips.ts';
import { type MediaServer, startMediaServer } from './media-server.ts';

const SECONDS = 12;
const key = 'abcDEF12345';
let folder: string;
let recording: string;

beforeAll(async () => {
  folder = await sharedFolder();
  const clip = readClip(await encodeClip({ ...SMALL, seconds: SECONDS, keyFrameSeconds: 2 }));
  recording = (await recordSimulated(clip, SECONDS, folder)).path;
});

interface PreviewServer extends MediaServer {
  /** A link with the vendor's signature, to a name beside the file or in a folder below it. */
  link(fileId: string, exper: number | undefined, name?: string): string;
}

async function startPreviewServer(accel: 'none' | 'nginx' = 'none'): Promise<PreviewServer> {
  const settings = { recycleDays: 7, sdkAppId: 1, bizId: '1', adminIdentifier: 'administrator', hotlinkKey: key };
  const clock = { now: () => Date.UTC(2026, 0, 1) };
  const hotlinks = new Hotlinks({ settings: { get: async () => settings }, publicUrl: undefined, clock });
  const media = await startMediaServer({ accel, hotlink: (...asked) => hotlinks.check(...asked) });
  return {
    ...media,
    link(fileId, exper, name = 'film.mp4') {
      const path = `/v1/media/${fileId}/${name}`;
      const t = Math.floor(clock.now() / 1000).toString(16);
      const dir = path.slice(0, path.lastIndexOf('/') + 1);
      const sign = createHash('md5')
        .update(key + dir + t + (exper ?? ''))
        .digest('hex');
      return `${media.origin}${path}?t=${t}${exper === undefined ? '' : `&exper=${exper}`}&sign=${sign}`;
    },
  };
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
const range = (first: number, last: number | '') => ({ headers: { range: `bytes=${first}-${last}` } });

/** Pictures and sound of exactly so many seconds, and none behind. */
async function expectSeconds(input: string, seconds: number): Promise<void> {
  const content = await readRecording(input);
  expect(content.errors).toEqual([]);
  expect(content.pictures.map(({ counter }) => counter)).toEqual([...Array(Math.round(seconds * 25)).keys()]);
  expect(counterBreaks(content)).toEqual([]);
  expect(content.audioHoles).toEqual([]);
  expect(content.silences).toEqual([]);
  expect(Math.abs(content.durationMs - seconds * 1000)).toBeLessThan(21);
  expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(15);
}

describe('a link with a preview', () => {
  it('gives the first seconds as a file of their own, whole and in ranges, and nothing behind', async () => {
    const media = await startPreviewServer();
    const fileId = await media.addFile(recording);
    const link = media.link(fileId, 5);
    const response = await fetch(link);
    const film = await bytesOf(response);
    const etag = response.headers.get('etag')!;
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(film.length),
      'accept-ranges': 'bytes',
      etag: `"${fileId}-first-5s-${film.length}"`,
    });
    const path = join(await newFolder(), 'preview.mp4');
    await writeFile(path, film);
    await expectSeconds(path, 5);

    // In the original the data behind are other bytes than these: none of them is in what was sent.
    const original = await readFile(recording);
    expect(film.length).toBeLessThan(original.length / 2);
    expect(film.includes(original.subarray(-200_000).subarray(0, 4000))).toBe(false);

    const head = await fetch(link, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
      200,
      String(film.length),
      etag,
    ]);
    // In the header, across its end, from piece to piece, at the end.
    for (let first = 0; first < film.length; first += 30_011) {
      const last = Math.min(film.length - 1, first + 40_000);
      const part = await fetch(link, range(first, last));
      expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes ${first}-${last}/${film.length}`]);
      expect((await bytesOf(part)).equals(film.subarray(first, last + 1))).toBe(true);
    }
    expect((await bytesOf(await fetch(link, { headers: { range: 'bytes=-77' } }))).equals(film.subarray(-77))).toBe(
      true,
    );
    const beyond = await fetch(link, range(film.length, ''));
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${film.length}`]);

    const ask = async (headers: Record<string, string>) => (await fetch(link, { headers })).status;
    expect(await ask({ 'if-none-match': etag })).toBe(304);
    expect(await ask({ range: 'bytes=0-9', 'if-range': etag })).toBe(206);
    // What is known of the whole, or of another beginning of it, is nothing of this one.
    for (const other of [media.link(fileId, undefined), media.link(fileId, 6)]) {
      const known = (await fetch(other, { method: 'HEAD' })).headers.get('etag')!;
      expect(await ask({ 'if-none-match': known })).toBe(200);
      expect(await ask({ range: 'bytes=0-9', 'if-range': known })).toBe(200);
    }
    expect((await media.counted(fileId)).bytes).toBeGreaterThan(film.length);
  });

  it('plays them as HLS, too, and neither segments nor ranges lead beyond', async () => {
    const media = await startPreviewServer();
    const fileId = await media.addFile(recording);
    const link = media.link(fileId, 5, 'index.m3u8');
    const playlist = await (await fetch(link)).text();
    expect(playlist.trimEnd().endsWith('#EXT-X-ENDLIST')).toBe(true);
    const lengths = [...playlist.matchAll(/#EXTINF:([\d.]+)/g)].map(([, text]) => Number(text));
    expect(lengths.reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(5, 3);
    await expectSeconds(link, 5);

    const names = playlist.split('\n').filter((line) => line.startsWith('segment-'));
    expect(names).toHaveLength(lengths.length);
    const next = names.at(-1)!.replace(/\d+(?=\.m4s)/, String(names.length));
    expect((await fetch(new URL(next, link))).status).toBe(404);
    // The playlist of the whole has byte ranges of `media.mp4`; this link leads to the preview under that name as well.
    const whole = await (await fetch(media.link(fileId, undefined, 'index.m3u8'))).text();
    const [, length, offset] = [...whole.matchAll(/BYTERANGE:(\d+)@(\d+)/g)].at(-1)!.map(Number);
    const part = await fetch(media.link(fileId, 5, 'media.mp4'), range(offset!, offset! + length! - 1));
    expect(part.status).toBe(416);
    expect((await fetch(media.link(fileId, 5).replace('exper=5', 'exper=50'))).status).toBe(403);
  });

  it('gives files of others and renditions in the same way, cut where pictures are reordered', async () => {
    const media = await startPreviewServer();
    const options = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-g', '50', '-c:a', 'aac'];
    const upload = await ffmpeg(recording, join(folder, 'b-frames.mp4'), ...options);
    const fileId = await media.addFile(upload);
    await media.addDerivative(fileId, { derivativeId: 'r1', kind: 'rendition' }, { 'r1.mp4': recording });
    await media.addDerivative(
      fileId,
      { derivativeId: 'c1', kind: 'cover', mimeType: 'image/jpeg' },
      { 'c1.jpg': Buffer.from('cover') },
    );
    await expectSeconds(media.link(fileId, 3), 3);
    await expectSeconds(media.link(fileId, 4, 'd/r1/film.mp4'), 4);
    await expectSeconds(media.link(fileId, 4, 'd/r1/index.m3u8'), 4);
    expect(await (await fetch(media.link(fileId, 4, 'd/c1/cover.jpg'))).text()).toBe('cover');
  });

  it('gives all of a file that is shorter', async () => {
    const media = await startPreviewServer();
    await expectSeconds(media.link(await media.addFile(recording), 3600), SECONDS);
  });

  it('is sent by the server itself where nginx sends the others', async () => {
    const media = await startPreviewServer('nginx');
    const fileId = await media.addFile(recording);
    const whole = await fetch(media.link(fileId, undefined));
    expect(whole.headers.get('x-accel-redirect')).not.toBeNull();
    const response = await fetch(media.link(fileId, 2));
    expect(response.headers.get('x-accel-redirect')).toBeNull();
    expect((await bytesOf(response)).length).toBe(Number(response.headers.get('content-length')));
  });

  it('is refused for what has no beginning that could be cut out: WebM, no media, what still grows', async () => {
    const media = await startPreviewServer();
    const answer = async (fileId: string, name?: string) => {
      const response = await fetch(media.link(fileId, 5, name));
      return [response.status, (await response.json()).code];
    };
    const webm = await media.addFile(Buffer.from('webm'), 'video/webm');
    expect(await answer(webm)).toEqual([422, 'media-invalid']);
    expect(await answer(await media.addFile(Buffer.from('no film')))).toEqual([422, 'media-invalid']);
    const growing = await media.addFile(recording);
    await media.server.db.updateTable('assets').set({ state: 'recording' }).where('file_id', '=', growing).execute();
    expect(await answer(growing)).toEqual([409, 'asset-state']);
    expect(await answer(growing, 'index.m3u8')).toEqual([409, 'asset-state']);
    expect((await fetch(media.link(growing, undefined))).status).toBe(200);
  });
});
