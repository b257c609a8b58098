import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AircheckError } from '@aircheck/protocol';
import { counterBreaks, encodeClip, readClip, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordSimulated } from '../../../../../bench/src/simulated-recording.ts';
import { doWork, ffmpeg, newFolder, SMALL, sharedFolder, sourceOf, writeRecording } from './clips.ts';

const SECONDS = 12;
const FRAME_MS = 40;

let segments: string[];
let recording: string;

beforeAll(async () => {
  const folder = await sharedFolder();
  const clip = readClip(await encodeClip({ ...SMALL, seconds: SECONDS, keyFrameSeconds: 2 }));
  segments = (await recordSimulated(clip, SECONDS, join(folder, 'segments'), 4)).paths;
  recording = (await recordSimulated(clip, SECONDS, join(folder, 'whole'))).path;
});

async function cut(path: string, startMs: number, endMs?: number) {
  const { folder, result, percents } = await doWork('clip', { source: sourceOf(path), startMs, endMs });
  const output = join(folder, result.file.name);
  return { output, ...result, percents, content: await readRecording(output) };
}

async function joinFiles(...paths: string[]) {
  const sources = paths.map((path, index) => ({ ...sourceOf(path), fileId: `1234567890123456${index}` }));
  const { folder, result, percents } = await doWork('concat', { sources });
  const output = join(folder, result.file.name);
  return { output, ...result, percents, content: await readRecording(output) };
}

describe('a clip', () => {
  test.each([
    [3000, 7000],
    [4000, 4040],
    [5010, 9990],
    [0, 12_000],
    [11_000, undefined],
  ])('from %i ms to %s ms has exactly the pictures of that time, and their sound', async (startMs, endMs) => {
    const { content, facts } = await cut(recording, startMs, endMs);
    const first = Math.floor(startMs / FRAME_MS);
    const end = endMs ?? SECONDS * 1000;
    const last = Math.ceil(end / FRAME_MS) - 1;
    expect(content.errors).toEqual([]);
    expect(content.pictures.map(({ counter }) => counter)).toEqual(
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    );
    expect(content.pictures[0]!.ptsMs).toBe(0);
    expect(content.audioHoles).toEqual([]);
    expect(content.silences).toEqual([]);
    const lengthMs = end - first * FRAME_MS;
    expect(Math.abs(content.durationMs - lengthMs)).toBeLessThan(1);
    expect(facts.durationMs).toBe(lengthMs);
    const events = syncEvents(content);
    if (lengthMs > 2000) expect(events.length).toBeGreaterThan(0);
    expect(syncSummary([{ flashMs: 0, beepMs: 0, offsetMs: 0 }, ...events]).worstMs).toBeLessThan(10);
  });
});

describe('joined', () => {
  test('the segments of a recording are one again: no picture is lost, no beep is late, no gap is heard', async () => {
    expect(segments.length).toBe(3);
    const { content, facts } = await joinFiles(...segments);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures).toHaveLength(SECONDS * 25);
    expect(content.audioHoles).toEqual([]);
    expect(content.silences).toEqual([]);
    for (const [index, { ptsMs }] of content.pictures.entries())
      expect(Math.abs(ptsMs - index * FRAME_MS)).toBeLessThan(2);
    const events = syncEvents(content);
    expect(events.length).toBeGreaterThanOrEqual(SECONDS - 1);
    expect(syncSummary(events).worstMs).toBeLessThan(10);
    const { beepsMs } = await readRecording(recording);
    expect(content.beepsMs).toEqual(beepsMs);
    expect(facts).toMatchObject({ durationMs: 12_000, video: { frames: 300, fps: 25 }, audio: { packets: 600 } });
  });

  test('clips from anywhere follow one another without a picture too many or too few', async () => {
    const parts = [await cut(recording, 1000, 3000), await cut(recording, 3000, 6520), await cut(recording, 6520)];
    const { content } = await joinFiles(...parts.map(({ output }) => output));
    expect(content.errors).toEqual([]);
    // Pictures that only help to decode take a tick each, right before what they help with.
    const shown = content.pictures.filter(({ ptsMs }, index) => {
      const next = content.pictures[index + 1]?.ptsMs ?? content.durationMs;
      return next - ptsMs > 1;
    });
    expect(counterBreaks({ pictures: shown })).toEqual([]);
    expect([shown[0]!.counter, shown.length]).toEqual([25, 275]);
    expect(content.audioHoles).toEqual([]);
    expect(Math.abs(content.durationMs - 11_000)).toBeLessThan(21);
    const events = syncEvents({ ...content, flashesMs: content.flashesMs });
    expect(syncSummary(events).worstMs).toBeLessThan(FRAME_MS / 2);
  });

  test('files of different sizes are one, and each picture keeps its own', async () => {
    const folder = await newFolder();
    const [small, large] = [join(folder, 'small.mp4'), join(folder, 'large.mp4')];
    await writeRecording(small, SMALL);
    await writeRecording(large, { ...SMALL, width: 640, height: 360 });
    const { content, facts } = await joinFiles(small, large, small);
    expect(content.errors).toEqual([]);
    expect(content.pictures.map(({ counter }) => counter)).toEqual([0, 1, 2].flatMap(() => [...Array(75).keys()]));
    expect(facts.video).toMatchObject({ width: 640, height: 360, frames: 225 });
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
  });

  test('where the sound of a part ends early there is silence, and the next part begins in sync', async () => {
    const folder = await newFolder();
    const [whole, short] = [join(folder, 'whole.mp4'), join(folder, 'short.mp4')];
    await writeRecording(whole, SMALL);
    await ffmpeg(whole, short, '-c:v', 'copy', '-c:a', 'libopus', '-af', 'atrim=end=2.5');
    const { content } = await joinFiles(short, whole);
    expect(content.pictures).toHaveLength(150);
    expect(content.audioHoles).toEqual([]);
    expect(content.silences).toHaveLength(1);
    const [silence] = content.silences;
    expect(Math.abs(silence!.fromMs - 2500)).toBeLessThan(30);
    expect(Math.abs(silence!.toMs - 3000)).toBeLessThan(30);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(15);
  });

  test('files of unlike tracks are refused, with what differs and where', async () => {
    const folder = await newFolder();
    const [base, sound, aac, vp9] = ['base.mp4', 'sound.mp4', 'aac.mp4', 'vp9.mp4'].map((name) => join(folder, name));
    await writeRecording(base!, SMALL);
    await ffmpeg(base!, sound!, '-vn', '-c:a', 'copy');
    await ffmpeg(base!, aac!, '-c:v', 'copy', '-c:a', 'aac', '-ac', '1', '-ar', '44100');
    await ffmpeg(base!, vp9!, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'copy');
    const error: AircheckError = await joinFiles(base!, base!, aac!, vp9!).catch((error) => error);
    expect([error.code, error.message]).toEqual([
      'media-unlike',
      '12345678901234562 has sound in aac, 1 × 44100 Hz where 12345678901234560 has sound in opus; ' +
        '12345678901234563 has picture in vp9 where 12345678901234560 has picture in h264, NAL lengths of 4 bytes',
    ]);
    await expect(joinFiles(base!, sound!)).rejects.toThrow(
      '12345678901234561 has no such track where 12345678901234560 has sound in opus',
    );
  });
});

describe('files of others', () => {
  const forms: [name: string, options: string[]][] = [
    ['b-frames.mp4', ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-g', '50', '-c:a', 'aac']],
    [
      'index-first.mov',
      ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '50', '-c:a', 'aac', '-movflags', '+faststart'],
    ],
    [
      'fragmented.mp4',
      [
        '-c:v',
        'libx264',
        '-preset',
        'veryfast',
        '-bf',
        '2',
        '-g',
        '50',
        '-c:a',
        'aac',
        '-movflags',
        '+frag_keyframe+empty_moov',
      ],
    ],
    ['vp9.mp4', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '50', '-c:a', 'libopus']],
    [
      'hevc.mp4',
      [
        '-c:v',
        'libx265',
        '-x265-params',
        'log-level=none',
        '-preset',
        'ultrafast',
        '-g',
        '50',
        '-c:a',
        'aac',
        '-tag:v',
        'hvc1',
      ],
    ],
  ];
  test.each(forms)('%s are cut exactly and joined again', async (name, options) => {
    const folder = await newFolder();
    const path = await ffmpeg(recording, join(folder, name), '-t', '6', ...options);
    const original = await readRecording(path);
    expect(original.pictures).toHaveLength(150);
    const first = await cut(path, 0, 2920);
    const second = await cut(path, 2920);
    // By the file's own clock: a fragmented file with reordered pictures begins a little late.
    const count = original.pictures.filter(({ ptsMs }) => ptsMs < 2919.5).length;
    const counters = [...first.content.pictures, ...second.content.pictures].map(({ counter }) => counter);
    expect([first.content.pictures.length, counters]).toEqual([count, [...Array(150).keys()]]);
    for (const { content } of [first, second]) {
      expect(content.errors).toEqual([]);
      // One of the files has a hole near its beginning; cutting adds none.
      expect(content.audioHoles).toEqual(content === first.content ? original.audioHoles : []);
      expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(15);
    }
    const { content } = await joinFiles(path, path);
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toHaveLength(original.audioHoles.length * 2);
    expect(content.pictures.map(({ counter }) => counter)).toEqual([0, 1].flatMap(() => [...Array(150).keys()]));
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(30);
  });
});

describe('refused', () => {
  test.each([
    [12_000, undefined, 'startMs'],
    [0, 13_001, 'endMs'],
    [5000, 5000, 'endMs'],
    [5000, 4000, 'endMs'],
    [5000, -8000, 'endMs'],
  ])('is a clip from %s to %s of twelve seconds', async (startMs, endMs, input) => {
    await expect(cut(recording, startMs, endMs)).rejects.toMatchObject({ code: 'request-invalid', input });
  });

  test('is what is no MP4, or none that is whole', async () => {
    const folder = await newFolder();
    const path = join(folder, 'file.mp4');
    const bytes = await readFile(recording);
    for (const content of [
      Buffer.from('a text file, nothing more'),
      Buffer.alloc(0),
      bytes.subarray(0, 20_000),
      bytes.subarray(20_000),
    ]) {
      await writeFile(path, content);
      const clipped = cut(path, 0, 1000);
      if (content.length === 20_000) {
        // Cut off in the middle it is still a fragmented file, up to its last whole fragment.
        await clipped.catch((error) =>
          expect(error).toMatchObject({ code: expect.stringMatching(/media-invalid|request-invalid/) }),
        );
      } else await expect(clipped).rejects.toMatchObject({ code: 'media-invalid', input: 'fileId' });
    }
    const webm = doWork('clip', { source: { ...sourceOf(path), mimeType: 'video/webm' }, startMs: 0 });
    await expect(webm).rejects.toMatchObject({ code: 'media-invalid', hint: expect.stringContaining('Transcode') });
    const gone = doWork('concat', { sources: [sourceOf(recording), sourceOf(join(folder, 'gone.mp4'))] });
    await expect(gone).rejects.toMatchObject({ code: 'asset-not-found', input: 'fileIds.1' });
  });

  test('is what nobody waits for any more: nothing is left of it', async () => {
    const folder = await newFolder();
    const signal = AbortSignal.abort(new Error('cancelled'));
    await expect(doWork('clip', { source: sourceOf(recording), startMs: 0 }, { folder, signal })).rejects.toThrow(
      'cancelled',
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test('nobody has to count from the front: negative times count from the end', async () => {
    const { content } = await cut(recording, -2000, -1000);
    expect(content.pictures.map(({ counter }) => counter)).toEqual(
      Array.from({ length: 25 }, (_, index) => 250 + index),
    );
  });
});
