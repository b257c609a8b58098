import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { counterBreaks, missingCounters, syncEvents, syncSummary } from '../src/expectations.ts';
import { type RecordingContent, readRecording } from '../src/read-recording.ts';
import { type EncodedClip, encodeClip, readClip } from '../src/synthetic-media/index.ts';
import { writeOgg } from './ogg.ts';

const SECONDS = 4;
const folder = mkdtempSync(join(tmpdir(), 'aircheck-testkit-'));
let clip: EncodedClip;
let content: RecordingContent;

/** Muxes with FFmpeg, so that what is read back rests on nothing of our own. */
function mux(name: string, pictures: EncodedClip['pictures'], sounds: EncodedClip['sounds']): string {
  const [video, audio, file] = ['h264', 'ogg', 'mp4'].map((type) => join(folder, `${name}.${type}`)) as [
    string,
    string,
    string,
  ];
  const startCode = Buffer.from([0, 0, 0, 1]);
  writeFileSync(video, Buffer.concat(pictures.flatMap(({ nalUnits }) => nalUnits.flatMap((nal) => [startCode, nal]))));
  writeFileSync(audio, writeOgg(sounds));
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-r', '30', '-i', video, '-i', audio, '-c', 'copy', file]);
  return file;
}

beforeAll(async () => {
  clip = readClip(await encodeClip({ seconds: SECONDS }));
  content = await readRecording(mux('whole', clip.pictures, clip.sounds));
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('a clip of the synthetic host, muxed by FFmpeg', () => {
  test('decodes without a complaint', () => {
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ kind, codec, packets }) => ({ kind, codec, packets }))).toEqual([
      { kind: 'video', codec: 'h264', packets: SECONDS * 30 },
      { kind: 'audio', codec: 'opus', packets: SECONDS * 50 },
    ]);
    expect(content.streams[0]).toMatchObject({ width: 640, height: 360 });
  });

  test('gives every counter back, in order, at its time', () => {
    expect(content.pictures.map(({ counter }) => counter)).toEqual(Array.from({ length: SECONDS * 30 }, (_, n) => n));
    expect(counterBreaks(content)).toEqual([]);
    content.pictures.forEach(({ ptsMs }, n) => {
      expect(Math.abs(ptsMs - (n * 1000) / 30)).toBeLessThan(0.2);
    });
  });

  test('flashes and beeps at each full second, to two milliseconds', () => {
    // The first flash has no dark picture before it.
    expect(content.flashesMs.map(Math.round)).toEqual([1000, 2000, 3000]);
    expect(content.beepsMs).toHaveLength(SECONDS);
    content.beepsMs.forEach((beepMs, n) => {
      if (n > 0) expect(Math.abs(beepMs - n * 1000)).toBeLessThanOrEqual(2);
    });
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThanOrEqual(2);
  });

  test('has a hum that is not silence', () => {
    expect(content.silences).toEqual([]);
    expect(content.audioHoles).toEqual([]);
  });

  test('has an IDR picture with parameter sets every two seconds and no other NAL units', () => {
    const keyFrames = clip.pictures.filter(({ keyFrame }) => keyFrame);
    expect(keyFrames.map(({ counter }) => counter)).toEqual([0, 60]);
    for (const { nalUnits } of keyFrames) expect(nalUnits.map((nal) => (nal[0] ?? 0) & 31)).toEqual([7, 8, 5]);
  });
});

describe('a damaged file', () => {
  test('is told by its missing counters and by silence', async () => {
    const silence = Buffer.from([0xf8, 0xff, 0xfe]);
    const sounds = clip.sounds.map((sound, n) => (n >= 60 && n < 70 ? silence : sound));
    const pictures = clip.pictures.filter((_, n) => n < 50 || n >= 60);
    const damaged = await readRecording(mux('damaged', pictures, sounds));
    expect(missingCounters(damaged, { first: 0, last: 119 })).toEqual([50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
    expect(counterBreaks(damaged)).toHaveLength(1);
    expect(damaged.silences).toHaveLength(1);
    const { fromMs, toMs } = damaged.silences[0]!;
    expect(toMs - fromMs).toBeGreaterThan(150);
    expect(toMs - fromMs).toBeLessThan(240);
    expect(syncSummary(syncEvents(damaged)).worstMs).toBeGreaterThan(100);
  });

  test('is told by the decoder', async () => {
    const pictures = clip.pictures.map((picture, n) =>
      n === 40 ? { ...picture, nalUnits: picture.nalUnits.map((nal) => nal.subarray(0, nal.length / 2)) } : picture,
    );
    const broken = await readRecording(mux('broken', pictures, clip.sounds));
    expect(broken.errors.length).toBeGreaterThan(0);
  });
});
