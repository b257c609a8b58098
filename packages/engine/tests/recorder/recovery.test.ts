import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HybridMp4Writer, MediaError, opusHead, type TrackOptions } from '@aircheck/media';
import { canMount, type EncodedClip, encodeClip, mountSmallDisk, readClip, readRecording } from '@aircheck/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SegmentSnapshot } from '../../src/recorder/contract.ts';
import { HealthRecord } from '../../src/recorder/health.ts';
import { recoverSegment } from '../../src/recorder/index.ts';
import { salvageSegment } from '../../src/recorder/recovery.ts';

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

/** A file as it is when its writer is killed: a header, and fragments with so many packets of sound. */
function killedFile(sounds: number, soundsPerFragment = sounds): SegmentSnapshot {
  const writer = new HybridMp4Writer({ tracks, creationTime: 0 });
  const chunks = [writer.header()];
  for (let packet = 0; packet < sounds; packet += 1) {
    writer.addSample(1, { data: clip.sounds[packet]!, timestamp: packet * 960, duration: 960, keyFrame: true });
    if ((packet + 1) % soundsPerFragment === 0) chunks.push(...(writer.cutFragment()?.chunks ?? []));
  }
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

describe.runIf(canMount())('a segment whose disk is full', () => {
  it('gives up as little of its end as its index needs, however small it is', async () => {
    const unmount = mountSmallDisk(folder, 256 * 1024);
    try {
      const segment = killedFile(500, 25);
      const { size } = statSync(join(folder, segment.path));
      fillDisk(join(folder, 'others'));
      const salvaged = await salvageSegment(folder, segment);
      expect(salvaged.audio!.packets).toBeLessThan(500);
      expect(salvaged.sizeBytes).toBeGreaterThan(size - 40 * 1024);
      const content = await readRecording(join(folder, segment.path));
      expect(content.errors).toEqual([]);
      expect(content.streams).toMatchObject([{ kind: 'audio', packets: salvaged.audio!.packets }]);
    } finally {
      unmount();
    }
  });
});

/** Takes every byte that is left on a disk. */
function fillDisk(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
