import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HybridMp4Writer, MediaError, opusHead, type TrackOptions } from '@aircheck/media';
import { type EncodedClip, encodeClip, readClip, readRecording } from '@aircheck/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SegmentSnapshot } from '../../src/recorder/contract.ts';
import { HealthRecord } from '../../src/recorder/health.ts';
import { recoverSegment } from '../../src/recorder/index.ts';

let clip: EncodedClip;
let folder: string;

beforeAll(async () => {
  clip = readClip(await encodeClip({ seconds: 10, keyFrameSeconds: 2 }));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-recovery-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const description = Uint8Array.of(1, 0x42, 0xc0, 0x1f, 0xff, 0xe0, 0);
const tracks: readonly TrackOptions[] = [
  { kind: 'video', codec: 'h264', timescale: 90_000, width: 640, height: 360, description },
  {
    kind: 'audio',
    codec: 'opus',
    timescale: 48_000,
    sampleRate: 48_000,
    channels: 2,
    description: opusHead({ channels: 2, preSkip: 0, inputSampleRate: 48_000 }),
  },
];

/** A file as it is when its writer is killed: a header, and a fragment with so many packets of sound. */
function killedFile(sounds: number): SegmentSnapshot {
  const writer = new HybridMp4Writer({ tracks, creationTime: 0 });
  const chunks = [writer.header()];
  for (let packet = 0; packet < sounds; packet += 1) {
    writer.addSample(1, { data: clip.sounds[packet]!, timestamp: packet * 960, duration: 960, keyFrame: true });
  }
  chunks.push(...(writer.cutFragment()?.chunks ?? []));
  writeFileSync(join(folder, 'killed.mp4'), Buffer.concat(chunks));
  return {
    recordingId: 'rec',
    fileId: '1000000000000000001',
    segmentIndex: 0,
    path: 'killed.mp4',
    mimeType: 'video/mp4',
    startedAt: 0,
    durationMs: 0,
    sizeBytes: 0,
    video: null,
    audio: null,
    health: new HealthRecord().snapshot(),
  };
}

describe('a segment whose writer was killed', () => {
  it('before its first fragment has nothing to recover', async () => {
    await expect(recoverSegment(folder, killedFile(0))).rejects.toThrow(MediaError);
  });

  it('before its first picture is recovered with its sound alone', async () => {
    const segment = await recoverSegment(folder, killedFile(100));
    expect(segment).toMatchObject({ video: null, audio: { packets: 100 }, durationMs: 2000 });
    const content = await readRecording(join(folder, segment.path));
    expect(content.errors).toEqual([]);
    expect(content.streams).toMatchObject([{ kind: 'audio', packets: 100 }]);
  });
});
