/*
 * Run by `recording-file.test.ts` in a process of its own, with `--expose-gc`: writes a recording of some hours, faster than
 * real time, and prints what memory it takes. Arguments: container, hours.
 */
import { RecordingFile } from '../../src/recorder/worker/recording-file.ts';
import { soundTrackOptions } from '../../src/recorder/worker/sound-encoder.ts';
import type { SpaceReserve } from '../../src/recorder/worker/space-reserve.ts';

const [container, hours] = [process.argv[2] as 'mp4' | 'webm', Number(process.argv[3])];

const PICTURES_PER_SECOND = 30;
const PACKETS_PER_SECOND = 50;
const PICTURE_BYTES = 6000;
const SOUND_BYTES = 160;
const SAMPLE_STEP_SECONDS = 900;

/** How the key frames begin: H.264 with its parameter sets, of 1280 × 720, each NAL unit behind its length; VP8 likewise. */
const KEY_FRAME = {
  mp4: [
    ...[0, 0, 0, 10, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd],
    ...[0, 0, 0, 4, 0x68, 0xce, 0x3c, 0x80],
    ...[0, 0, (PICTURE_BYTES - 26) >> 8, (PICTURE_BYTES - 26) & 0xff, 0x65, 0xb8],
  ],
  webm: [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02],
}[container];
const PICTURE = { mp4: [0, 0, (PICTURE_BYTES - 4) >> 8, (PICTURE_BYTES - 4) & 0xff, 0x41, 0x9a], webm: [0x11] }[
  container
];

/** A buffer of its own each time, as encoders give them out. */
function encoded(byteLength: number, start: readonly number[]): Uint8Array {
  const data = new Uint8Array(byteLength);
  data.set(start);
  return data;
}

/** MiB that are still held after everything that could be freed is: buffers are given back a turn later. */
async function heldMiB(): Promise<number> {
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1024 / 1024;
}

let diskBytes = 0;
/** What the end writes, for it to be counted. */
const atEnd: Uint8Array[] = [];
let ending = false;
const file = {
  read: () => 0,
  write: (bytes: Uint8Array, { at }: { at: number }) => {
    diskBytes = Math.max(diskBytes, at + bytes.byteLength);
    if (ending) atEnd.push(bytes);
    return bytes.byteLength;
  },
  getSize: () => diskBytes,
  truncate: () => {},
  flush: () => {},
  close: () => {},
};
const reserve = { take: () => {}, release: () => {} } as unknown as SpaceReserve;

const recording = new RecordingFile({
  file,
  reserve,
  container,
  pictureCodec: container === 'mp4' ? 'h264' : 'vp8',
  sound: soundTrackOptions({ codec: 'opus', channels: 1, bitrateBps: 64_000 }),
  creationTime: 0,
});
const samples: number[] = [];
for (let second = 0; second < hours * 3600; second += 1) {
  for (let picture = 0; picture < PICTURES_PER_SECOND; picture += 1) {
    const keyFrame = picture === 0 && second % 2 === 0;
    // No two pictures are equally far apart, as it is with cameras.
    const positionUs = second * 1e6 + Math.round((picture * 1e6) / PICTURES_PER_SECOND) + (picture % 7) * 13;
    recording.addPicture({ data: encoded(PICTURE_BYTES, keyFrame ? KEY_FRAME : PICTURE), keyFrame, positionUs });
  }
  for (let packet = 0; packet < PACKETS_PER_SECOND; packet += 1) {
    recording.addSound({ data: encoded(SOUND_BYTES, [0xf8]), duration: 960 });
  }
  recording.writeFragment();
  if (second % SAMPLE_STEP_SECONDS === 0) samples.push(await heldMiB());
}
ending = true;
recording.finish(hours * 3600_000);
const atLast = await heldMiB();
process.stdout.write(
  JSON.stringify({
    samples,
    atLast,
    diskBytes,
    sizeBytes: recording.sizeBytes,
    mimeType: recording.mimeType,
  }),
);
