import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readMp4Summary } from '@aircheck/media';
import { counterBreaks, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { describe, expect, test } from 'vitest';
import { doWork, ffmpeg, newFolder, run, SMALL, sourceOf, writeRecording } from './clips.ts';

/** Digests and times of all pictures, as they are stored. */
async function storedPictures(path: string): Promise<string[]> {
  const options = ['-map', '0:v', '-c', 'copy', '-f', 'framehash', '-hash', 'sha256'];
  const lines = String(await run('ffmpeg', ['-v', 'error', '-i', path, ...options, '-'])).split('\n');
  return lines.filter((line) => /^\d/.test(line)).map((line) => line.split(',').slice(1).join().replaceAll(' ', ''));
}

describe('an MP4 with AAC', () => {
  test('has the very pictures of the recording, at the same times, and its sound in sync', async () => {
    const source = join(await newFolder(), 'recording.mp4');
    await writeRecording(source, SMALL, { ...SMALL, seconds: 1, width: 640, height: 360 });
    const { folder, result } = await doWork('aac', { source: sourceOf(source) });
    const output = join(folder, result.files[0]!.name);
    expect(await storedPictures(output)).toEqual(await storedPictures(source));
    const content = await readRecording(output);
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ codec }) => codec)).toEqual(['h264', 'aac']);
    expect(counterBreaks(content)).toHaveLength(1); // where the second clip begins
    expect(syncEvents(content)).toHaveLength(2);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
    expect(result.files[0]).toMatchObject({ mimeType: 'video/mp4', info: { video: { codec: 'h264', frames: 100 } } });
    const bytes = await readFile(output);
    const summary = await readMp4Summary(
      async (offset, length) => bytes.subarray(offset, offset + length),
      bytes.length,
    );
    expect(summary.tracks[0]).toMatchObject({ codec: 'h264', width: 640, height: 360 });
  });

  test('begins where a clip begins, though its pictures begin at the key frame before', async () => {
    const folder = await newFolder();
    const recording = join(folder, 'recording.mp4');
    await writeRecording(recording, SMALL);
    const cut = await doWork('clip', { source: sourceOf(recording), startMs: 1520, endMs: 2800 });
    const clip = sourceOf(join(cut.folder, cut.result.file.name));
    const transcoded = await doWork('transcode', {
      source: clip,
      spec: {
        container: 'mp4',
        video: { codec: 'h264', bitrateBps: 600_000 },
        audio: { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 },
      },
    });
    const exact = await readRecording(join(transcoded.folder, 'video.mp4'));
    expect(String(exact.pictures.map(({ counter }) => counter))).toBe(
      String(Array.from({ length: 32 }, (_, n) => 38 + n)),
    );
    expect(exact.pictures[0]!.ptsMs).toBe(0);
    expect(syncSummary(syncEvents(exact)).worstMs).toBeLessThan(10);

    const copied = await doWork('aac', { source: clip });
    const content = await readRecording(join(copied.folder, 'video.mp4'));
    expect(content.errors).toEqual([]);
    const shown = content.pictures.filter(({ ptsMs }, index) => content.pictures[index + 1]?.ptsMs !== ptsMs);
    expect(String(shown.map(({ counter }) => counter))).toBe(String(Array.from({ length: 32 }, (_, n) => 38 + n)));
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
    expect(syncEvents(content)).toHaveLength(1);
  });

  const others = {
    'reordered pictures': ['mp4', '-c:v', 'libx264', '-bf', '3', '-preset', 'fast', '-c:a', 'libopus'],
    VP9: ['webm', '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'copy'],
    AV1: ['mp4', '-c:v', 'libaom-av1', '-cpu-used', '8', '-usage', 'realtime', '-c:a', 'copy'],
    FLV: ['flv', '-c:v', 'copy', '-c:a', 'aac'],
    'MPEG-TS': ['ts', '-c:v', 'copy', '-c:a', 'aac'],
  };
  test.each(Object.entries(others))('is made of %s, too', async (_, [extension, ...options]) => {
    const folder = await newFolder();
    const recording = join(folder, 'recording.mp4');
    await writeRecording(recording, SMALL);
    const source = await ffmpeg(recording, join(folder, `source.${extension}`), ...options);
    const { folder: made, result } = await doWork('aac', { source: sourceOf(source) });
    const content = await readRecording(join(made, result.files[0]!.name));
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures).toHaveLength(75);
    // Some have their sound begin with a packet that only brings decoders into step.
    expect(content.pictures[0]!.ptsMs).toBeLessThan(25);
    const before = await readRecording(source);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(syncSummary(syncEvents(before)).worstMs + 10);
    expect(content.streams.map(({ codec }) => codec)[1]).toBe('aac');
  });

  test('is refused for pictures that MP4 does not keep, and for a file without sound', async () => {
    const folder = await newFolder();
    const recording = join(folder, 'recording.mp4');
    await writeRecording(recording, { ...SMALL, seconds: 1 });
    const vp8 = await ffmpeg(
      recording,
      join(folder, 'vp8.webm'),
      '-c:v',
      'libvpx',
      '-deadline',
      'realtime',
      '-c:a',
      'copy',
    );
    const silent = await ffmpeg(recording, join(folder, 'silent.mp4'), '-an', '-c', 'copy');
    await expect(doWork('aac', { source: sourceOf(vp8) })).rejects.toMatchObject({
      code: 'media-invalid',
      message: /vp8/,
    });
    await expect(doWork('aac', { source: sourceOf(silent) })).rejects.toMatchObject({
      code: 'media-invalid',
      message: /no sound/,
    });
  });
});
