import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readRecording } from '@aircheck/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalFolder } from '../../src/recorder/journal.ts';
import { capturedPackets, incomingTrack, mediaOf, play, soundPackets, startSession } from './live-session.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-codecs-'));
  mkdirSync(journalFolder(folder), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('packets of a real sender become a file that decodes without fault', () => {
  it.each([
    ['h264', 'video/mp4', 60],
    ['vp9', 'video/mp4', 40],
    ['av1', 'video/mp4', 30],
    ['vp8', 'video/webm', 40],
  ] as const)('in %s with sound', async (codec, mimeType, frames) => {
    const clock = { nowMs: 5000 };
    const picture = incomingTrack(codec, clock);
    const sound = incomingTrack('opus', clock);
    const { session } = startSession(folder, mediaOf(picture, sound), clock);
    play(
      clock,
      [session],
      [
        { track: picture, packets: capturedPackets(codec) },
        { track: sound, packets: capturedPackets('opus') },
      ],
    );
    const segments = await session.end('stopped');
    expect(segments).toHaveLength(1);
    const [segment] = segments;
    expect(segment).toMatchObject({ mimeType, video: { codec, frames }, audio: { codec: 'opus' } });
    expect(segment!.health).toMatchObject({ lostFrames: 0, frozenMs: 0 });
    const content = await readRecording(join(folder, segment!.path));
    expect(content.errors).toEqual([]);
    expect(content.pictures).toHaveLength(frames);
    expect(content.streams.map((stream) => stream.codec)).toEqual([codec, 'opus']);
    expect(content.streams[0]).toMatchObject({ width: segment!.video!.width, height: segment!.video!.height });
    expect(content.audioHoles).toEqual([]);
    const steps = content.pictures.slice(1).map(({ ptsMs }, index) => ptsMs - content.pictures[index]!.ptsMs);
    for (const step of steps) expect(step).toBeCloseTo(1000 / 30, -1);
  });
});

/** Opus packets of two seconds of a tone, out of an Ogg file (RFC 3533 §6, RFC 7845 §3): without head and tags. */
async function encodedTone(frameMs: number, channels: number): Promise<Buffer[]> {
  const path = join(folder, 'tone.ogg');
  const source = 'sine=frequency=440:duration=2';
  const encoder = ['-c:a', 'libopus', '-application', 'lowdelay', '-frame_duration', String(frameMs)];
  const args = ['-v', 'error', '-f', 'lavfi', '-i', source, '-ac', String(channels), ...encoder, path];
  await promisify(execFile)('ffmpeg', args);
  const bytes = readFileSync(path);
  const packets: Buffer[] = [];
  let packet: Buffer[] = [];
  for (let page = 0; page < bytes.length; ) {
    const segmentCount = bytes[page + 26]!;
    let offset = page + 27 + segmentCount;
    for (let segment = 0; segment < segmentCount; segment++) {
      const length = bytes[page + 27 + segment]!;
      packet.push(bytes.subarray(offset, offset + length));
      offset += length;
      if (length === 255) continue;
      packets.push(Buffer.concat(packet));
      packet = [];
    }
    page = offset;
  }
  return packets.slice(2);
}

describe('sound', () => {
  it.each([
    [2.5, 2],
    [10, 1],
    [20, 1],
    [40, 2],
    [60, 1],
  ])('in packets of %s ms with %s channels keeps its length and has no hole', async (frameMs, channels) => {
    const clock = { nowMs: 5000 };
    const sound = incomingTrack('opus', clock);
    const { session } = startSession(folder, mediaOf(sound), clock, { media: 'audio' });
    const data = await encodedTone(frameMs, channels);
    play(clock, [session], [{ track: sound, packets: soundPackets(data, frameMs * 48) }]);
    const [segment] = await session.end('stopped');
    expect(segment!.audio!.packets).toBe(data.length);
    expect(segment!.health).toMatchObject({ gapCount: 0, silenceMs: 0 });
    const content = await readRecording(join(folder, segment!.path));
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toEqual([]);
    expect(Math.abs(content.durationMs - data.length * frameMs)).toBeLessThan(1);
  });

  it('of a sender that is silent between words (DTX) keeps its place in time', async () => {
    const clock = { nowMs: 5000 };
    const sound = incomingTrack('opus', clock);
    const { session } = startSession(folder, mediaOf(sound), clock, { media: 'audio' });
    const data = await encodedTone(20, 1);
    // 30 packets of speech, then one every 400 ms, then speech again: no number is missing, only time passes.
    const at = (packet: number): number => {
      const pauses = Math.max(0, Math.min(packet, 35) - 30);
      return packet * 960 + pauses * 380 * 48;
    };
    play(clock, [session], [{ track: sound, packets: soundPackets(data, 960, at) }]);
    const [segment] = await session.end('stopped');
    expect(segment!.health).toMatchObject({ lostPackets: 0, silenceMs: 5 * 380 });
    const content = await readRecording(join(folder, segment!.path));
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toEqual([]);
    expect(Math.abs(content.durationMs - (data.length * 20 + 5 * 380))).toBeLessThan(1);
  });
});
