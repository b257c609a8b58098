import { beforeAll, describe, expect, it } from 'vitest';
import type { FragmentInfo } from '../../src/container/index.ts';
import { Mp4FragmentIndex } from '../../src/mp4/index.ts';
import { decode, type EncodedMedia, encodeMedia, withFile } from './encoded-media.ts';
import { MemoryFile, type WrittenFile, writeMp4 } from './written-file.ts';

let media: EncodedMedia;
let file: WrittenFile;

beforeAll(async () => {
  media = await encodeMedia({ seconds: 6 });
  const videoSamples = media.videoSamples.map((sample) => ({ ...sample, timestamp: sample.timestamp + 1234 }));
  media = { ...media, videoSamples };
  file = writeMp4(media);
});

function expectFragments(found: readonly FragmentInfo[], expected: readonly FragmentInfo[]): void {
  expect(found.map(({ offset, byteLength, independent }) => ({ offset, byteLength, independent }))).toEqual(
    expected.map(({ offset, byteLength, independent }) => ({ offset, byteLength, independent })),
  );
  for (const [index, { startSeconds, durationSeconds }] of found.entries()) {
    expect(startSeconds).toBeCloseTo(expected[index]!.startSeconds, 6);
    expect(durationSeconds).toBeCloseTo(expected[index]!.durationSeconds, 6);
  }
}

describe('the index of the fragments of an MP4', () => {
  it('is what the writer said, of a growing file, of one before the patch, and of a finished one', async () => {
    for (const stage of ['growing', 'appended', 'finished'] as const) {
      const memory = new MemoryFile(file[stage]);
      const index = new Mp4FragmentIndex(memory.read);
      await index.update(memory.bytes.byteLength);
      expectFragments(index.fragments, file.fragments);
    }
  });

  it('finds the fragments of a finished file with a hand of reads', async () => {
    const memory = new MemoryFile(file.finished);
    const index = new Mp4FragmentIndex(memory.read);
    await index.update(memory.bytes.byteLength);
    expectFragments(index.fragments, file.fragments);
    expect(memory.reads).toBeLessThanOrEqual(6);
  });

  it('has a header with which each fragment plays', async () => {
    for (const stage of ['growing', 'finished'] as const) {
      const memory = new MemoryFile(file[stage]);
      const index = new Mp4FragmentIndex(memory.read);
      await index.update(memory.bytes.byteLength);
      const { offset, byteLength } = index.fragments[4]!;
      const bytes = Buffer.concat([index.init!, file[stage].subarray(offset, offset + byteLength)]);
      await withFile('piece.mp4', bytes, async (path) => expect(await decode(path)).toBe(15));
    }
  });

  it('follows a growing file byte by byte and never reads a fragment twice', async () => {
    const memory = new MemoryFile(file.appended);
    const index = new Mp4FragmentIndex(memory.read);
    for (let size = 0; size <= file.appended.byteLength; size += 1 + (size % 997)) {
      await index.update(size);
      const whole = file.fragments.filter(({ offset, byteLength }) => offset + byteLength <= size);
      expect(index.fragments).toHaveLength(whole.length);
      expect(index.init !== undefined).toBe(size >= file.headerLength);
    }
    const before = memory.bytesRead;
    await index.update(file.appended.byteLength);
    expect(memory.bytesRead - before).toBeLessThan(20_000);
    expectFragments(index.fragments, file.fragments);
  });

  it('stays right when the file is finished under it', async () => {
    const memory = new MemoryFile(file.growing);
    const index = new Mp4FragmentIndex(memory.read);
    await index.update(file.growing.byteLength - 1);
    expect(index.fragments).toHaveLength(file.fragments.length - 1);
    memory.bytes = file.finished;
    await index.update(file.finished.byteLength);
    expectFragments(index.fragments, file.fragments);
  });

  it('can be asked twice at the same time', async () => {
    const memory = new MemoryFile(file.growing);
    const index = new Mp4FragmentIndex(memory.read);
    await Promise.all([index.update(file.growing.byteLength), index.update(file.growing.byteLength)]);
    expectFragments(index.fragments, file.fragments);
  });

  it('reads headers, and little of the data', async () => {
    const large = await encodeMedia({ seconds: 3, size: '1280x720' });
    const padded = large.videoSamples.map((sample) => ({
      ...sample,
      data: Buffer.concat([sample.data, new Uint8Array(8000)]),
    }));
    const { growing, fragments } = writeMp4({ ...large, videoSamples: padded });
    const memory = new MemoryFile(growing);
    const index = new Mp4FragmentIndex(memory.read);
    await index.update(growing.byteLength);
    expectFragments(index.fragments, fragments);
    expect(memory.bytesRead).toBeLessThan(growing.byteLength / 5);
  });

  it('refuses a file without fragments', async () => {
    const memory = new MemoryFile(Buffer.from('neither this nor that, but long enough'));
    await expect(new Mp4FragmentIndex(memory.read).update(38)).rejects.toMatchObject({ code: 'container-malformed' });
  });
});
