import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AssetState } from '@aircheck/protocol';
import { encodeClip, readClip, readRecording } from '@aircheck/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordSimulated } from '../../../../bench/src/simulated-recording.ts';
import { addRecording } from '../databases.ts';
import { newFolder, SMALL, sharedFolder } from '../jobs/works/clips.ts';
import { segmentOf } from '../recording/fake-workers.ts';
import { type MediaServer, startMediaServer } from './media-server.ts';

const SECONDS = 12;
const SEGMENT_SECONDS = 4;
const PICTURES = SEGMENT_SECONDS * 25;
let files: Buffer[];

beforeAll(async () => {
  const clip = readClip(await encodeClip({ ...SMALL, seconds: SECONDS, keyFrameSeconds: 2 }));
  const { paths } = await recordSimulated(clip, SECONDS, await sharedFolder(), SEGMENT_SECONDS);
  files = await Promise.all(paths.map((path) => readFile(path)));
  expect(files).toHaveLength(3);
});

/** A recording whose files come as its recorder would bring them. */
class Recording {
  readonly #media: MediaServer;
  readonly #segments = files.map((_, segmentIndex) =>
    segmentOf('rec', { segmentIndex, startedAt: Date.UTC(2026, 0, 1) + segmentIndex * SEGMENT_SECONDS * 1000 }),
  );

  constructor(media: MediaServer) {
    this.#media = media;
  }

  get fileIds(): string[] {
    return this.#segments.map(({ fileId }) => fileId);
  }

  /** @param bytes - of the file so far; undefined: it is not on the disk yet */
  async put(index: number, bytes: Uint8Array | undefined, state: AssetState): Promise<void> {
    const { library, recordingsFolder } = this.#media;
    const segment = this.#segments[index]!;
    const path = join(recordingsFolder, segment.path);
    await mkdir(dirname(path), { recursive: true });
    if (bytes !== undefined) await writeFile(path, bytes);
    const owner = { appId: 'default', roomId: 'studio', userId: 'anna', fileName: 'Lesson', tags: [], classId: 0 };
    await library.save(owner, { ...segment, sizeBytes: bytes?.byteLength ?? 0 }, state);
  }

  async end(): Promise<void> {
    await this.#media.server.db
      .updateTable('recordings')
      .set({ state: 'ready' })
      .where('recording_id', '=', 'rec')
      .execute();
  }

  async link(ended = false): Promise<string | null> {
    const stored = (await this.#media.library.ofRecordings(['rec'])).get('rec')!;
    const recording = { recordingId: 'rec', appId: 'default', ended };
    return this.#media.mediaUrls.forRecording(recording, stored, { ttlSeconds: 600 }).hls;
  }
}

async function startRecording(): Promise<{ media: MediaServer; recording: Recording; link: string }> {
  const media = await startMediaServer();
  await addRecording(media.server.db, 'rec', { state: 'recording' });
  const recording = new Recording(media);
  return { media, recording, link: (await recording.link())! };
}

const text = async (url: string) => (await fetch(url)).text();

/** The files that a playlist makes its player load, put together from what it names and nothing else. */
async function partsOf(link: string): Promise<Buffer[]> {
  const load = async (path: string, range?: string): Promise<Buffer> => {
    const response = await fetch(new URL(path, link), range === undefined ? {} : { headers: { range } });
    expect(response.status).toBe(range === undefined ? 200 : 206);
    return Buffer.from(await response.arrayBuffer());
  };
  const parts: Buffer[] = [];
  for (const part of (await text(link)).split('#EXT-X-DISCONTINUITY\n')) {
    const chunks = [await load(/#EXT-X-MAP:URI="(.+)"/.exec(part)![1]!)];
    for (const [, length, offset, path] of part.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)\n/g)) {
      chunks.push(await load(path!, `bytes=${offset}-${Number(offset) + Number(length) - 1}`));
    }
    parts.push(Buffer.concat(chunks));
  }
  return parts;
}

/** Numbers of the pictures in each part. */
async function picturesOf(link: string): Promise<number[][]> {
  const folder = await newFolder();
  const numbers: number[][] = [];
  for (const [index, part] of (await partsOf(link)).entries()) {
    const path = join(folder, `${index}.mp4`);
    await writeFile(path, part);
    const content = await readRecording(path);
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toEqual([]);
    numbers.push(content.pictures.map(({ counter }) => counter!));
  }
  return numbers;
}

const numbersFrom = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);

describe('the playlist of a recording', () => {
  it('grows over all its files, is only appended to, and ends with the recording', async () => {
    const { recording, link } = await startRecording();
    const steps: (() => Promise<void>)[] = [
      () => recording.put(0, files[0]!.subarray(0, (files[0]!.length * 3) / 4), 'recording'),
      // The next file has begun before the former is finished.
      () => recording.put(1, files[1]!.subarray(0, (files[1]!.length * 3) / 4), 'recording'),
      () => recording.put(0, files[0]!, 'ready'),
      () => recording.put(1, files[1]!, 'ready'),
      () => recording.put(2, undefined, 'recording'),
      () => recording.put(2, files[2]!.subarray(0, files[2]!.length / 2), 'recording'),
      () => recording.put(2, files[2]!, 'ready'),
      () => recording.end(),
    ];
    let before = '#EXTM3U\n';
    const lengths: number[] = [];
    for (const step of steps) {
      await step();
      const response = await fetch(link);
      expect(response.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
      const now = await response.text();
      expect(now.startsWith(before)).toBe(true);
      expect(now.includes('#EXT-X-ENDLIST')).toBe(step === steps.at(-1));
      lengths.push(now.length);
      before = now;
    }
    // The second file waits for the end of the first; then it is there as far as it goes.
    expect(lengths[1]).toBe(lengths[0]);
    expect(lengths[2]).toBeGreaterThan(lengths[1]!);
    expect(before.match(/#EXT-X-MAP:URI="[^"]+"/g)!.map((map) => /\.\.\/(\d+)\//.exec(map)![1])).toEqual(
      recording.fileIds,
    );
    expect(before.match(/#EXT-X-PROGRAM-DATE-TIME:(.+)/g)!.map((line) => line.slice(-13))).toEqual([
      '00:00:00.000Z',
      '00:00:04.000Z',
      '00:00:08.000Z',
    ]);
    expect(await picturesOf(link)).toEqual([0, 1, 2].map((index) => numbersFrom(index * PICTURES, PICTURES)));
    const head = await fetch(link, { method: 'HEAD' });
    expect([head.headers.get('content-length'), head.headers.get('cache-control')]).toEqual([
      String(before.length),
      'private, max-age=3600',
    ]);
  });

  it('reaches back to the beginning while the recording runs', async () => {
    const { recording, link } = await startRecording();
    await recording.put(0, files[0]!, 'ready');
    await recording.put(1, files[1]!.subarray(0, (files[1]!.length * 3) / 4), 'recording');
    const [first, second] = await picturesOf(link);
    expect(first).toEqual(numbersFrom(0, PICTURES));
    expect(second!.length).toBeGreaterThan(20);
    expect(second).toEqual(numbersFrom(PICTURES, second!.length));
    expect((await fetch(link)).headers.get('cache-control')).toBe('no-store');
  });

  it('is waited for by those who come too early, and is not there for a recording without files', async () => {
    const { media, recording, link } = await startRecording();
    const early = text(link);
    await media.server.app.inject('/healthz');
    await recording.put(0, files[0]!, 'ready');
    expect(await early).toContain('#EXTINF');
    await addRecording(media.server.db, 'empty', { state: 'failed' });
    const { hls } = media.mediaUrls.forRecording({ recordingId: 'empty', appId: 'default', ended: false }, [], {
      ttlSeconds: 60,
    });
    expect((await fetch(hls!)).status).toBe(404);
  });

  it('leaves out files that nobody may play, that are gone, and that HLS does not play', async () => {
    const { media, recording, link } = await startRecording();
    for (const [index, bytes] of files.entries()) await recording.put(index, bytes, 'ready');
    await recording.end();
    const [, second, third] = recording.fileIds;
    await media.library.update('default', second!, { banned: true });
    expect((await picturesOf(link)).map(([number]) => number)).toEqual([0, 2 * PICTURES]);
    await media.library.remove('default', third!);
    expect((await picturesOf(link)).map(([number]) => number)).toEqual([0]);
    const { db } = media.server;
    await db
      .updateTable('assets')
      .set({ mime_type: 'video/webm' })
      .where('file_id', '=', recording.fileIds[0]!)
      .execute();
    const banned = await fetch(link);
    expect([banned.status, (await banned.json()).code]).toEqual([403, 'asset-banned']);
    expect(await recording.link(true)).toEqual(link);
    await db.updateTable('assets').set({ mime_type: 'video/webm' }).execute();
    expect(await recording.link(true)).toBeNull();
  });

  it('leaves out a file that a crash damaged beyond use', async () => {
    const { recording, link } = await startRecording();
    await recording.put(0, files[0]!, 'ready');
    await recording.put(1, Buffer.from('no film at all'), 'failed');
    await recording.put(2, files[2]!, 'ready');
    await recording.end();
    expect((await picturesOf(link)).map(([number]) => number)).toEqual([0, 2 * PICTURES]);
  });

  it('opens to its own link alone, whose files’ links end when it does', async () => {
    const { media, recording, link } = await startRecording();
    await recording.put(0, files[0]!, 'ready');
    await addRecording(media.server.db, 'other');
    const refused = [
      link.replace('/rec/', '/other/'),
      link.replace(/exp=\d+/, (exp) => `${exp}0`),
      link.replace(/\?.*/, ''),
      (await media.urls(recording.fileIds[0]!)).hls!.replace(/media\/\d+\//, 'media/recordings/rec/'),
    ];
    for (const url of refused) {
      const response = await fetch(url);
      expect([url, response.status, (await response.json()).code]).toEqual([url, 403, 'link-invalid']);
    }
    // Nor does it open a file directly.
    const file = await fetch(link.replace('recordings/rec', recording.fileIds[0]!));
    expect(file.status).toBe(403);
    const init = new URL(/URI="(.+)"/.exec(await text(link))![1]!, link);
    expect(init.searchParams.get('exp')).toBe(new URL(link).searchParams.get('exp'));
    media.server.clock.nowMs += 601_000;
    for (const url of [link, init]) {
      const response = await fetch(url);
      expect([response.status, (await response.json()).code]).toEqual([403, 'link-expired']);
    }
    expect((await fetch(`${media.origin}/v1/media/recordings/none/index.m3u8${new URL(link).search}`)).status).toBe(
      404,
    );
  });
});
