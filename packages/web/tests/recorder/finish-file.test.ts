import { type ContainerWriter, HybridMp4Writer, type TrackOptions, WebmWriter } from '@aircheck/media';
import { describe, expect, it } from 'vitest';
import { finishFile } from '../../src/recorder/worker/finish-file.ts';
import { MemoryHandle } from './memory-handle.ts';

const SOUND: TrackOptions = {
  kind: 'audio',
  codec: 'opus',
  timescale: 48_000,
  sampleRate: 48_000,
  channels: 2,
  // Two channels, no pre-skip, 48 kHz.
  description: Uint8Array.of(0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0),
};

/** Five seconds of packets: the file while it grew, where its fragments ended, and the file as its writer finishes it. */
function write(writer: ContainerWriter) {
  const header = writer.header();
  const grown = new MemoryHandle(header);
  const ends: number[] = [];
  for (let packet = 0; packet < 250; packet++) {
    const data = Uint8Array.from({ length: 40 }, (_, index) => (packet * 7 + index * 13) & 0xff);
    writer.addSample(0, { data, timestamp: packet * 960, duration: 960, keyFrame: true });
    if (packet % 25 !== 24) continue;
    for (const chunk of writer.cutFragment()!.chunks) grown.write(chunk, { at: grown.getSize() });
    ends.push(grown.getSize());
  }
  const finished = new MemoryHandle(grown.bytes);
  const { append, patches } = writer.finalize();
  for (const bytes of append) finished.write(bytes, { at: finished.getSize() });
  const unpatched = finished.bytes;
  for (const { offset, data } of patches) finished.write(data, { at: offset });
  return { headerLength: header.byteLength, ends, grown: grown.bytes, unpatched, finished: finished.bytes };
}

describe.each([
  ['mp4', () => new HybridMp4Writer({ tracks: [SOUND], creationTime: 0 }), 52],
  ['webm', () => new WebmWriter({ tracks: [SOUND], creationTime: 0 }), 1024],
] as const)('finishing a %s that a crash left', (container, writer, headLength) => {
  const file = write(writer());

  it('keeps every byte that an upload may have sent, but for the head, wherever it was cut', async () => {
    for (let length = file.headerLength; length <= file.unpatched.byteLength; length += 13) {
      const handle = new MemoryHandle(file.unpatched.subarray(0, length));
      const { sizeBytes, durationMs } = await finishFile(handle, container);
      const sent = file.ends.filter((end) => end <= length).at(-1) ?? 0;
      expect(Buffer.compare(handle.bytes.subarray(headLength, sent), file.grown.subarray(headLength, sent))).toBe(0);
      expect(sizeBytes).toBe(handle.bytes.byteLength);
      expect(sizeBytes).toBeGreaterThan(sent);
      expect(Math.abs(durationMs - file.ends.filter((end) => end <= length).length * 500)).toBeLessThanOrEqual(20);
    }
  });

  it('makes of it what its writer would have, and changes nothing the next time', async () => {
    for (const bytes of [file.grown, file.unpatched, file.finished]) {
      const handle = new MemoryHandle(bytes);
      const finished = await finishFile(handle, container);
      expect(finished).toEqual({ sizeBytes: file.finished.byteLength, durationMs: 5000 });
      expect(Buffer.compare(handle.bytes, file.finished)).toBe(0);
      expect(await finishFile(handle, container)).toEqual(finished);
      expect(Buffer.compare(handle.bytes, file.finished)).toBe(0);
    }
  });

  it('loses nothing where there is no room for the index', async () => {
    for (const room of [file.grown.byteLength, file.finished.byteLength - 1]) {
      const handle = new MemoryHandle(file.grown);
      handle.room = room;
      await expect(finishFile(handle, container)).rejects.toMatchObject({ name: 'QuotaExceededError' });
      handle.room = Number.POSITIVE_INFINITY;
      await finishFile(handle, container);
      expect(Buffer.compare(handle.bytes, file.finished)).toBe(0);
    }
  });

  it('finds nothing in a file that was cut inside its header', async () => {
    const handle = new MemoryHandle(file.grown.subarray(0, file.headerLength - 1));
    expect((await finishFile(handle, container)).durationMs).toBe(0);
  });
});

describe('finishing an MP4 of MediaRecorder', () => {
  // Fragments without the room that our own writer leaves for a header: as browsers write them.
  const own = write(new HybridMp4Writer({ tracks: [SOUND], creationTime: 0 }));
  const grown = Buffer.concat([own.grown.subarray(0, 36), own.grown.subarray(52)]);
  const ends = own.ends.map((end) => end - 16);
  const header = own.headerLength - 16;

  it('gives it its duration wherever it was cut, and keeps every byte that an upload may have sent, but for the head', async () => {
    for (let length = ends[0]!; length <= grown.byteLength; length += 13) {
      const handle = new MemoryHandle(grown.subarray(0, length));
      const finished = await finishFile(handle, 'mp4');
      const whole = ends.filter((end) => end <= length);
      expect(finished).toEqual({ sizeBytes: handle.bytes.byteLength, durationMs: whole.length * 500 });
      expect(finished.sizeBytes).toBeGreaterThan(whole.at(-1)!);
      expect(Buffer.compare(handle.bytes.subarray(52, whole.at(-1)), grown.subarray(52, whole.at(-1)))).toBe(0);
      const once = handle.bytes;
      expect(await finishFile(handle, 'mp4')).toEqual(finished);
      expect(Buffer.compare(handle.bytes, once)).toBe(0);
    }
  });

  it('loses nothing where there is no room for the index', async () => {
    const handle = new MemoryHandle(grown);
    handle.room = grown.byteLength + 100;
    await expect(finishFile(handle, 'mp4')).rejects.toMatchObject({ name: 'QuotaExceededError' });
    handle.room = Number.POSITIVE_INFINITY;
    expect((await finishFile(handle, 'mp4')).durationMs).toBe(5000);
  });

  it('leaves alone what holds nothing yet', async () => {
    for (const length of [header - 1, header, ends[0]! - 1]) {
      const handle = new MemoryHandle(grown.subarray(0, length));
      expect(await finishFile(handle, 'mp4')).toEqual({ sizeBytes: length, durationMs: 0 });
    }
  });
});
