import { open } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { BoxWriter } from '../../src/mp4/box-writer.ts';
import { finishHybridMovie, HYBRID_FREE_OFFSET, writeFileStart } from '../../src/mp4/hybrid-layout.ts';
import { Mp4FragmentIndex, readMp4Summary } from '../../src/mp4/index.ts';
import { writeVideoSampleEntry } from '../../src/mp4/sample-entry.ts';
import { SampleTable } from '../../src/mp4/sample-table.ts';
import { decode, encodeMedia, probe, withFile } from './encoded-media.ts';
import { CREATION_TIME } from './written-file.ts';

it('finds samples that lie beyond 4 GB', async () => {
  const { video, videoSamples } = await encodeMedia({ seconds: 1 });
  const entry = new BoxWriter();
  writeVideoSampleEntry(entry, video);
  const track = {
    ...{ trackId: 1, kind: 'video' as const, timescale: 90000, width: video.width, height: video.height },
    sampleEntries: [entry.finish()],
  };
  const header = writeFileStart([track], CREATION_TIME);
  // Half of the samples right behind the header, half beyond what 32 bits reach.
  const far = 5 * 2 ** 30;
  const table = new SampleTable();
  const halves = [videoSamples.slice(0, 15), videoSamples.slice(15)];
  const offsets = [header.byteLength, far];
  for (const [index, samples] of halves.entries()) {
    table.beginChunk(offsets[index]!, 1);
    for (const { data, duration, keyFrame } of samples) table.add(data.byteLength, duration, keyFrame, 0);
  }
  const end = far + halves[1]!.reduce((sum, sample) => sum + sample.data.byteLength, 0);
  const { movie, patch } = finishHybridMovie(
    [{ ...track, startTime: 0, table }],
    CREATION_TIME,
    end,
    HYBRID_FREE_OFFSET,
  );
  expect(Buffer.from(movie).includes('co64')).toBe(true);

  await withFile('large.mp4', header, async (path) => {
    const file = await open(path, 'r+');
    try {
      // The file system keeps no blocks for what is never written.
      for (const [index, samples] of halves.entries()) {
        await file.write(Buffer.concat(samples.map((sample) => sample.data)), 0, undefined, offsets[index]!);
      }
      await file.write(movie, 0, undefined, end);
      await file.write(patch, 0, undefined, HYBRID_FREE_OFFSET);
      expect((await probe(path)).streams[0]!.packets).toHaveLength(30);
      expect(await decode(path)).toBe(30);

      const read = async (offset: number, length: number) => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      };
      const size = end + movie.byteLength;
      expect((await readMp4Summary(read, size)).tracks[0]!.sampleCount).toBe(30);
      // It has no fragments, in spite of its first moov, and the index does not make some up.
      const index = new Mp4FragmentIndex(read);
      await index.update(size);
      expect(index.fragments).toEqual([]);
    } finally {
      await file.close();
    }
  });
});

it('keeps 32-bit offsets below', () => {
  const table = new SampleTable();
  table.beginChunk(2 ** 32 - 1, 1);
  table.add(1, 1, true, 0);
  const writer = new BoxWriter();
  table.write(writer);
  expect(Buffer.from(writer.finish()).includes('stco')).toBe(true);
  expect(Buffer.from(writer.finish()).includes('co64')).toBe(false);
});
