import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { canMount, mountSmallDisk, readRecording } from '@aircheck/testkit';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { doWork, ffmpeg, newFolder, run, SMALL, sharedFolder, sourceOf, writeRecording } from './clips.ts';

const VIDEO = { codec: 'h264', bitrateBps: 600_000 } as const;
const AUDIO = { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 } as const;
const SPEC = { container: 'mp4', video: VIDEO, audio: AUDIO } as const;

let folder: string;
let recording: string;

beforeAll(async () => {
  folder = await sharedFolder();
  recording = join(folder, 'recording.mp4');
  await writeRecording(recording, SMALL);
});

describe('a damaged file', () => {
  test('is transcoded as far as it can be read', async () => {
    const whole = await readFile(await ffmpeg(recording, join(folder, 'whole.ts'), '-c:v', 'copy', '-c:a', 'aac'));
    const damaged = join(folder, 'damaged.ts');
    whole.fill(0x55, Math.floor(whole.length * 0.4), Math.floor(whole.length * 0.5));
    await writeFile(damaged, whole.subarray(0, Math.floor(whole.length * 0.9)));
    const { folder: made, result } = await doWork('transcode', { source: sourceOf(damaged), spec: SPEC });
    const content = await readRecording(join(made, result.files[0]!.name));
    expect(content.errors).toEqual([]);
    expect(content.pictures.length).toBeGreaterThan(40);
    expect(content.pictures.length).toBeLessThan(75);
  });

  test('of which nothing can be decoded is refused, and says why', async () => {
    const bytes = await readFile(recording);
    const movie = bytes.lastIndexOf('moov');
    // All samples, but not the indexes around them.
    bytes.fill(0xff, 2000, movie - 4);
    const zeroed = join(folder, 'zeroed.mp4');
    await writeFile(zeroed, bytes);
    const source = sourceOf(zeroed);
    const refusal = { code: 'media-invalid', message: /No picture of the file could be decoded: .*h264/ };
    await expect(doWork('transcode', { source, spec: SPEC })).rejects.toMatchObject(refusal);
    const picture = { code: 'media-invalid', message: /No picture could be decoded at 1000 ms/ };
    await expect(doWork('snapshot', { source, offsetsMs: [1000], format: 'png' })).rejects.toMatchObject(picture);
    await expect(doWork('cover', { source })).rejects.toMatchObject({ code: 'media-invalid' });
  });

  test('with a sound track of which nothing can be decoded becomes one without sound', async () => {
    const source = join(folder, 'mute.mkv');
    // A track that is announced, and whose packets are not what it says.
    await ffmpeg(recording, source, '-c:v', 'copy', '-c:a', 'libvorbis');
    const bytes = await readFile(source);
    const text = bytes.indexOf('A_VORBIS');
    bytes.write('A_AC3   ', text);
    await writeFile(source, bytes);
    const { folder: made, result } = await doWork('transcode', { source: sourceOf(source), spec: SPEC });
    const content = await readRecording(join(made, result.files[0]!.name));
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ kind }) => kind)).toEqual(['video']);
    expect(content.pictures).toHaveLength(75);
  });

  test('that is text, or without what the template asks for, is refused', async () => {
    const text = join(folder, 'text.mp4');
    await writeFile(text, 'not a video\n'.repeat(100));
    for (const name of ['transcode', 'aac', 'snapshot', 'cover', 'sprite'] as const) {
      const spec = name === 'sprite' ? { tileWidth: 160, columns: 2, rows: 2 } : SPEC;
      const order = { source: sourceOf(text), spec, offsetsMs: [0], format: 'jpeg' };
      await expect(doWork(name, order as never)).rejects.toMatchObject({ code: 'media-invalid', message: /is text/ });
    }
    const silent = await ffmpeg(recording, join(folder, 'silent.mp4'), '-an', '-c', 'copy');
    const order = { source: sourceOf(silent), spec: { ...SPEC, video: null } } as const;
    await expect(doWork('transcode', order)).rejects.toMatchObject({ code: 'media-invalid', message: /picture alone/ });
  });
});

describe('a work', () => {
  test('tells its progress and ends soon after it is cancelled', async () => {
    const long = join(await newFolder(), 'long.mkv');
    await run('ffmpeg', [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=640x360:d=40',
      '-c:v',
      'mpeg4',
      '-q:v',
      '5',
      long,
    ]);
    const orders = {
      transcode: { source: sourceOf(long), spec: SPEC },
      sprite: { source: sourceOf(long), spec: { tileWidth: 160, columns: 10, rows: 20, intervalMs: 200 } },
    } as const;
    for (const name of ['transcode', 'sprite'] as const) {
      const controller = new AbortController();
      const percents: number[] = [];
      let cancelledAt = 0;
      const work = doWork(name, orders[name], {
        signal: controller.signal,
        folder: await newFolder(),
        progress: (percent: number) => {
          percents.push(percent);
          if (percent > 3 && cancelledAt === 0) {
            cancelledAt = performance.now();
            controller.abort(new AircheckError('job-cancelled', 'The job was cancelled'));
          }
        },
      });
      await expect(work).rejects.toMatchObject({ code: 'job-cancelled' });
      expect(performance.now() - cancelledAt).toBeLessThan(1000);
      expect(percents.every((percent, index) => percent >= (percents[index - 1] ?? 0))).toBe(true);
    }
  });

  test.runIf(canMount())('says when the disk is full, and leaves nothing half done', async () => {
    const disk = await newFolder();
    onTestFinished(mountSmallDisk(disk, 64 * 1024));
    const order = { source: sourceOf(recording), spec: SPEC };
    await expect(doWork('transcode', order, { folder: disk })).rejects.toMatchObject({ code: 'storage-full' });
    expect(await readdir(disk)).toEqual([]);
    const snapshots = {
      source: sourceOf(recording),
      offsetsMs: Array.from({ length: 20 }, (_, n) => n * 100),
      format: 'png',
    } as const;
    await expect(doWork('snapshot', snapshots, { folder: disk })).rejects.toMatchObject({ code: 'storage-full' });
  });
});
