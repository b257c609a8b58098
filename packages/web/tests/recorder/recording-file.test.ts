import { describe, expect, it } from 'vitest';
import { RecordingFile } from '../../src/recorder/worker/recording-file.ts';
import { soundTrackOptions } from '../../src/recorder/worker/sound-encoder.ts';
import type { SpaceReserve } from '../../src/recorder/worker/space-reserve.ts';

/** A disk of which nothing is kept. */
function endlessDisk() {
  let size = 0;
  const file = {
    read: () => 0,
    write: (bytes: Uint8Array, { at }: { at: number }) => {
      size = Math.max(size, at + bytes.byteLength);
      return bytes.byteLength;
    },
    getSize: () => size,
    truncate: () => {},
    flush: () => {},
    close: () => {},
  };
  const reserve = { take: () => {}, release: () => true } as unknown as SpaceReserve;
  return { file, reserve, size: () => size };
}

/** A key frame of 1280 × 720 with its parameter sets, each NAL unit behind its length. */
const KEY_FRAME = Uint8Array.from([
  ...[0, 0, 0, 10, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd],
  ...[0, 0, 0, 4, 0x68, 0xce, 0x3c, 0x80],
  ...[0, 0, 0, 4, 0x65, 0xb8, 0x00, 0x04],
]);
const PICTURE = Uint8Array.from([0, 0, 0, 4, 0x41, 0x9a, 0x24, 0x6c]);
const SOUND = Uint8Array.of(0xf8, 0xff, 0xfe);
const HOURS = 3;

describe('the file of a recording', () => {
  it('takes less than 64 MiB of memory for three hours, the end included', () => {
    const disk = endlessDisk();
    const before = memoryNow();
    const recording = new RecordingFile({
      file: disk.file,
      reserve: disk.reserve,
      container: 'mp4',
      pictureCodec: 'h264',
      sound: soundTrackOptions({ codec: 'opus', channels: 1, bitrateBps: 64_000 }),
      creationTime: 0,
    });
    let most = 0;
    for (let second = 0; second < HOURS * 3600; second += 1) {
      for (let picture = 0; picture < 30; picture += 1) {
        const keyFrame = picture === 0 && second % 2 === 0;
        // No two pictures are equally far apart, as it is with cameras.
        const positionUs = second * 1e6 + Math.round((picture * 1e6) / 30) + (picture % 7) * 13;
        recording.addPicture({ data: keyFrame ? KEY_FRAME : PICTURE, keyFrame, positionUs });
      }
      for (let packet = 0; packet < 50; packet += 1) recording.addSound({ data: SOUND, duration: 960 });
      recording.writeFragment();
      if (second % 900 === 0) most = Math.max(most, memoryNow() - before);
    }
    recording.finish(HOURS * 3600_000);
    most = Math.max(most, memoryNow() - before);
    expect(disk.size()).toBe(recording.sizeBytes);
    expect(recording.mimeType).toBe('video/mp4; codecs="avc1.42c01f, opus"');
    expect(most / 1024 / 1024).toBeLessThan(64);
  });
});

/** Heap and buffers. */
function memoryNow(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
