import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Mp4FragmentIndex, readMp4Summary, vp8Format, WebmWriter } from '@aircheck/media';
import type { TranscodeSpec } from '@aircheck/protocol';
import { counterBreaks, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { doWork, ffmpeg, newFolder, run, SMALL, sharedFolder, sourceOf, writeRecording } from './clips.ts';

const VIDEO = { codec: 'h264', bitrateBps: 600_000 } as const;
const AUDIO = { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 } as const;
const SPEC: TranscodeSpec = { container: 'mp4', video: VIDEO, audio: AUDIO };

let recording: string;

beforeAll(async () => {
  recording = join(await sharedFolder(), 'recording.mp4');
  await writeRecording(recording, SMALL);
});

async function transcode(path: string, spec: TranscodeSpec = SPEC) {
  const { folder, result, percents } = await doWork('transcode', { source: sourceOf(path), spec });
  const file = result.files[0]!;
  const output = join(folder, file.name);
  return { file, output, percents, content: await readRecording(output) };
}

describe('a recording', () => {
  test('becomes H.264 and AAC with every picture, in sync, and tells what it is', async () => {
    const { file, output, content } = await transcode(recording);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures).toHaveLength(75);
    expect(content.pictures[0]).toEqual({ ptsMs: 0, counter: 0 });
    const events = syncEvents(content);
    expect(events).toHaveLength(2);
    expect(syncSummary(events).worstMs).toBeLessThan(10);
    expect(content.audioHoles).toEqual([]);
    expect(content.silences).toEqual([]);
    expect(file).toEqual({
      name: 'video.mp4',
      mimeType: 'video/mp4',
      sizeBytes: (await stat(output)).size,
      info: expect.objectContaining({ width: 320, height: 180, durationMs: 3000 }),
    });
    expect(file.info.video).toMatchObject({ codec: 'h264', width: 320, height: 180, frames: 75, fps: 25 });
    expect(file.info.audio).toMatchObject({ codec: 'aac', sampleRate: 48_000, channels: 2 });
  });

  test('can be played by ranges at once: its fragments begin with key frames, two seconds apart', async () => {
    const { output } = await transcode(recording);
    const bytes = await readFile(output);
    const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
    expect((await readMp4Summary(read, bytes.length)).finished).toBe(true);
    const index = new Mp4FragmentIndex(read);
    await index.update(bytes.length);
    expect(index.fragments).toMatchObject([
      { independent: true, startSeconds: 0, durationSeconds: expect.closeTo(2, 1) },
      { independent: true, startSeconds: 2, durationSeconds: expect.closeTo(1, 1) },
    ]);
  });

  test('is made smaller, never larger, in its own aspect', async () => {
    const smaller = await transcode(recording, { ...SPEC, video: { ...VIDEO, height: 120 } });
    expect(smaller.file.info).toMatchObject({ width: 214, height: 120 });
    const larger = await transcode(recording, { ...SPEC, video: { ...VIDEO, width: 1920, height: 1080 } });
    expect(larger.file.info).toMatchObject({ width: 320, height: 180 });
    expect(counterBreaks(larger.content)).toEqual([]);
  });

  test('is put whole into another shape, with black beside it', async () => {
    const { output, file } = await transcode(recording, { ...SPEC, video: { ...VIDEO, width: 320, height: 320 } });
    expect(file.info).toMatchObject({ width: 320, height: 320 });
    const inner = await readRecording(await ffmpeg(output, `${output}.crop.mp4`, '-vf', 'crop=320:180:0:70'));
    expect(counterBreaks(inner)).toEqual([]);
    const gray = await run('ffmpeg', [
      '-v',
      'error',
      '-i',
      output,
      '-frames:v',
      '1',
      '-f',
      'rawvideo',
      '-pix_fmt',
      'gray',
      '-',
    ]);
    expect(Math.max(...gray.subarray(0, 320 * 68))).toBeLessThan(24);
    expect(Math.max(...gray.subarray(320 * 252))).toBeLessThan(24);
  });

  test('is thinned out evenly to the pictures a second that are asked for', async () => {
    const { content } = await transcode(recording, { ...SPEC, video: { ...VIDEO, fps: 12.5 } });
    const counters = content.pictures.map(({ counter }) => counter);
    expect(String(counters)).toBe(String(Array.from({ length: 38 }, (_, n) => n * 2)));
  });

  test('becomes sound alone', async () => {
    const spec: TranscodeSpec = { container: 'm4a', video: null, audio: { ...AUDIO, channels: 1, sampleRate: 44_100 } };
    const { file, content } = await transcode(recording, spec);
    expect(file).toMatchObject({ name: 'audio.m4a', mimeType: 'audio/mp4' });
    expect(content.streams).toMatchObject([{ kind: 'audio', codec: 'aac', sampleRate: 44_100, channels: 1 }]);
    expect(content.durationMs).toBeCloseTo(3000, -1);
    expect(content.beepsMs.slice(1).map(Math.round)).toEqual([1000, 2000]);
  });

  test('that changes its size becomes one of a single size, the largest', async () => {
    const changing = join(await newFolder(), 'changing.mp4');
    await writeRecording(changing, { ...SMALL, seconds: 1 }, { ...SMALL, seconds: 1, width: 640, height: 360 }, SMALL);
    const { file, content } = await transcode(changing);
    expect(file.info).toMatchObject({ width: 640, height: 360, durationMs: 5000 });
    expect(content.errors).toEqual([]);
    const counters = [25, 25, 75].flatMap((count) => Array.from({ length: count }, (_, n) => n));
    expect(String(content.pictures.map(({ counter }) => counter))).toBe(String(counters));
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
  });
});

/** Frames of an IVF file: 32 bytes of header, 12 before each frame. */
function* framesOfIvf(ivf: Buffer): Generator<Buffer> {
  for (let at = 32; at < ivf.length; ) {
    const length = ivf.readUInt32LE(at);
    yield ivf.subarray(at + 12, at + 12 + length);
    at += 12 + length;
  }
}

test('a recording in VP8 that grows on the way becomes H.264 of its largest size', async () => {
  const folder = await newFolder();
  const sizes = ['320:180', '640:360'];
  const parts = await Promise.all(
    sizes.map(async (size) => {
      const options = ['-an', '-vf', `scale=${size}`, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8'];
      return [
        ...framesOfIvf(await readFile(await ffmpeg(recording, join(folder, `${size}.ivf`), ...options, '-b:v', '1M'))),
      ];
    }),
  );
  const formats = parts.map((frames) => vp8Format(frames[0]!)!);
  const writer = new WebmWriter({ creationTime: 0, tracks: [{ kind: 'video', timescale: 25, ...formats[0]! }] });
  const chunks = [writer.header()];
  let timestamp = 0;
  for (const [index, frames] of parts.entries()) {
    writer.setVideoFormat(0, formats[index]!);
    for (const data of frames) {
      writer.addSample(0, { data, timestamp, duration: 1, keyFrame: (data[0]! & 1) === 0 });
      timestamp += 1;
    }
    chunks.push(...(writer.cutFragment()?.chunks ?? []));
  }
  const { append, patches } = writer.finalize();
  const bytes = Buffer.concat([...chunks, ...append]);
  for (const { offset, data } of patches) bytes.set(data, offset);
  const source = join(folder, 'growing.webm');
  await writeFile(source, bytes);
  const { file, content } = await transcode(source);
  expect(file.info).toMatchObject({ width: 640, height: 360, durationMs: 6000 });
  expect(content.errors).toEqual([]);
  expect(counterBreaks(content)).toEqual([{ atMs: 3000, from: 74, to: 0 }]);
});

describe('other containers and codecs', () => {
  const codecs = {
    'WebM with VP8 and Opus': [
      'webm',
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      '-cpu-used',
      '8',
      '-b:v',
      '1M',
      '-c:a',
      'copy',
    ],
    'WebM with VP9 and Opus': [
      'webm',
      '-c:v',
      'libvpx-vp9',
      '-deadline',
      'realtime',
      '-cpu-used',
      '8',
      '-b:v',
      '1M',
      '-c:a',
      'copy',
    ],
    'MP4 with AV1 and Opus': ['mp4', '-c:v', 'libaom-av1', '-cpu-used', '8', '-usage', 'realtime', '-c:a', 'copy'],
    'MP4 with reordered H.264 and AAC': ['mp4', '-c:v', 'libx264', '-bf', '3', '-preset', 'fast', '-c:a', 'aac'],
    'QuickTime with HEVC and AAC': ['mov', '-c:v', 'libx265', '-preset', 'ultrafast', '-c:a', 'aac'],
    'FLV with H.264 and AAC': ['flv', '-c:v', 'copy', '-c:a', 'aac'],
    'MPEG-TS with H.264 and AAC': ['ts', '-c:v', 'copy', '-c:a', 'aac'],
    'Matroska with MPEG-4 and MP3': ['mkv', '-c:v', 'mpeg4', '-q:v', '2', '-c:a', 'libmp3lame'],
  };
  test.each(Object.entries(codecs))('%s', async (_, [extension, ...options]) => {
    const source = await ffmpeg(recording, join(await newFolder(), `source.${extension}`), ...options);
    const { content, file } = await transcode(source);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures).toHaveLength(75);
    const before = syncSummary(syncEvents(await readRecording(source))).worstMs;
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10 + before);
    expect(syncEvents(content)).toHaveLength(2);
    expect(file.info.video).toMatchObject({ codec: 'h264', frames: 75 });
  });

  test('a picture without sound, and sound without a picture', async () => {
    const folder = await newFolder();
    const silent = await transcode(await ffmpeg(recording, join(folder, 'silent.mp4'), '-an', '-c', 'copy'));
    expect(silent.content.streams.map(({ kind }) => kind)).toEqual(['video']);
    expect(silent.content.pictures).toHaveLength(75);
    const blind = await transcode(await ffmpeg(recording, join(folder, 'blind.webm'), '-vn', '-c', 'copy'));
    expect(blind.content.streams.map(({ kind }) => kind)).toEqual(['audio']);
    expect(blind.file.mimeType).toBe('audio/mp4');
  });

  test('a picture that is turned stands upright', async () => {
    const turned = join(await newFolder(), 'turned.mov');
    // Lies on its left side, and says so.
    await ffmpeg(recording, `${turned}.mp4`, '-vf', 'transpose=cclock', '-c:v', 'libx264', '-crf', '12', '-an');
    await ffmpeg(`${turned}.mp4`, turned, '-c', 'copy', '-metadata:s:v:0', 'rotate=270');
    const { file, content } = await transcode(turned);
    expect(file.info).toMatchObject({ width: 320, height: 180 });
    expect(counterBreaks(content)).toEqual([]);
  });

  test('pictures that come now and then keep their times, and the last its length', async () => {
    const source = join(await newFolder(), 'seldom.mkv');
    const seldom = "select='lt(n,5)+eq(n,20)+gt(n,50)*not(mod(n,3))'";
    await ffmpeg(recording, source, '-vf', seldom, '-fps_mode', 'vfr', '-c:v', 'libx264', '-an');
    const { content, file } = await transcode(source);
    const times = content.pictures.map(({ counter, ptsMs }) => [counter, Math.round(ptsMs)]);
    const counters = [0, 1, 2, 3, 4, 20, ...Array.from({ length: 8 }, (_, n) => 51 + n * 3)];
    expect(String(times)).toBe(String(counters.map((counter) => [counter, counter * 40])));
    expect(file.info.durationMs).toBeGreaterThanOrEqual(72 * 40 + 30);
    expect(file.info.durationMs).toBeLessThan(3100);
  });

  test('sound that begins late, and has a hole, stays in its place', async () => {
    const folder = await newFolder();
    const late = join(folder, 'late.mkv');
    const drop = "aselect='not(between(t,0,0.9))*not(between(t,1.3,1.8))'";
    await ffmpeg(recording, late, '-c:v', 'copy', '-c:a', 'libopus', '-af', drop);
    const { content } = await transcode(late);
    expect(syncEvents(content)).toHaveLength(2);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
    expect(content.audioHoles).toEqual([]);
  });
});
