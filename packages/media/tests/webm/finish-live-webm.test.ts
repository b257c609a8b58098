import { beforeAll, describe, expect, it } from 'vitest';
import { element, Id, readElements, UNKNOWN_SIZE } from '../../src/webm/ebml.ts';
import { finishLiveWebm, WebmWriter, withRoomForIndex } from '../../src/webm/index.ts';
import { decode, encodeMedia, probe, withFile } from '../mp4/encoded-media.ts';
import {
  applyRecovery,
  CREATION_TIME,
  interleave,
  MemoryFile,
  type WrittenFile,
  writeSteps,
} from '../mp4/written-file.ts';

/** Where the content of a cluster begins whose size has eight bytes. */
const CLUSTER_HEADER_LENGTH = 12;

let written: WrittenFile;
/** As a browser writes it, with room: clusters that do not say how long they are. */
let live: Uint8Array;
/** The same before there was room. */
let raw: Uint8Array;

beforeAll(async () => {
  const media = await encodeMedia({ codec: 'vp8', seconds: 3, size: '64x48' });
  const writer = new WebmWriter({ tracks: [media.video, media.audio], creationTime: CREATION_TIME });
  written = writeSteps(writer, interleave(media), 1);
  raw = Buffer.from(written.growing);
  for (const { offset } of written.fragments) raw.set(UNKNOWN_SIZE, offset + 4);
  live = withRoomForIndex(raw);
});

async function finish(bytes: Uint8Array) {
  const finished = await finishLiveWebm(new MemoryFile(bytes).read, bytes.byteLength);
  return { ...finished, bytes: applyRecovery(bytes, finished) };
}

describe('finishing a live WebM', () => {
  it('gives it its duration and an index, and moves none of its media', async () => {
    const { bytes, durationSeconds, truncateTo } = await finish(live);
    expect(truncateTo).toBe(live.byteLength);
    expect(durationSeconds).toBeCloseTo(3, 1);
    const room = live.byteLength - raw.byteLength;
    const firstCluster = written.fragments[0]!.offset;
    const media = (file: Uint8Array, moved: number) =>
      Buffer.from(file.subarray(firstCluster + moved, live.byteLength));
    expect(Buffer.compare(media(bytes, room), raw.subarray(firstCluster))).toBe(0);
    // A place to jump to in each cluster, and no other.
    const [cues] = readElements(bytes.subarray(truncateTo));
    expect(cues!.id).toBe(Id.cues);
    expect(readElements(cues!.content).map(({ id }) => id)).toEqual(written.fragments.map(() => Id.cuePoint));
    await withFile('finished.webm', bytes, async (path) => {
      expect((await probe(path)).durationSeconds).toBeCloseTo(durationSeconds, 3);
      expect(await decode(path)).toBe(90);
      // From the middle, by the index.
      expect(await decode(path, '-ss', '2.0')).toBe(30);
    });
  });

  it('changes nothing the next time, and takes up where it was interrupted', async () => {
    const { bytes, finalization, durationSeconds } = await finish(live);
    const again = await finish(bytes);
    expect([again.finalization, again.durationSeconds]).toEqual([{ append: [], patches: [] }, durationSeconds]);
    const unpatched = Buffer.concat([live, ...finalization.append]);
    for (const length of [unpatched.byteLength, unpatched.byteLength - 1]) {
      expect(Buffer.compare((await finish(unpatched.subarray(0, length))).bytes, bytes)).toBe(0);
    }
  });

  it('keeps every whole block of a file that was cut off', async () => {
    const lengths = new Set<number>();
    for (let length = live.byteLength; length > live.byteLength / 2; length -= 211) {
      const { bytes, truncateTo, durationSeconds } = await finish(live.subarray(0, length));
      // The largest block is a key frame.
      expect(length - truncateTo).toBeLessThan(8000);
      expect(durationSeconds).toBeGreaterThan(1);
      await withFile('cut.webm', bytes, async (path) => {
        if (lengths.size % 8 === 0) expect((await probe(path)).durationSeconds).toBeCloseTo(durationSeconds, 3);
      });
      lengths.add(truncateTo);
    }
    expect(lengths.size).toBeGreaterThan(10);
  });

  it('finds blocks in groups, and clusters that say how long they are', async () => {
    const expected = (await finish(live)).durationSeconds;
    const clusters = written.fragments.map(({ offset, byteLength }) => {
      const content = readElements(raw.subarray(offset + CLUSTER_HEADER_LENGTH, offset + byteLength));
      const grouped = content.map(({ id, content }) => {
        if (id !== Id.simpleBlock) return element(id, content);
        const keyFrame = (content[3]! & 0x80) !== 0;
        const reference = keyFrame ? [] : [element(Id.referenceBlock, Uint8Array.of(0xff))];
        return element(Id.blockGroup, element(Id.block, content), ...reference);
      });
      return element(Id.cluster, ...grouped);
    });
    const header = live.subarray(0, written.fragments[0]!.offset + live.byteLength - raw.byteLength);
    const grouped = Buffer.concat([header, ...clusters]);
    const { bytes, durationSeconds, truncateTo } = await finish(grouped);
    expect(durationSeconds).toBe(expected);
    expect(readElements(readElements(bytes.subarray(truncateTo))[0]!.content)).toHaveLength(3);
    // A cluster that was cut off would be shorter than it says.
    const { truncateTo: cutAt } = await finish(grouped.subarray(0, grouped.byteLength - 1));
    expect(cutAt).toBe(grouped.byteLength - clusters.at(-1)!.byteLength);
  });

  it('refuses what has no room, and what holds nothing yet', async () => {
    await expect(finish(raw)).rejects.toMatchObject({ code: 'container-unsupported' });
    const room = live.byteLength - raw.byteLength;
    const header = live.subarray(0, written.headerLength + room);
    await expect(finish(header)).rejects.toMatchObject({ code: 'container-unsupported' });
    await expect(finish(header.subarray(0, -1))).rejects.toMatchObject({ code: 'container-malformed' });
    await expect(finish(Buffer.from('no WebM'))).rejects.toMatchObject({ code: 'container-malformed' });
    for (const bytes of [written.finished, Buffer.from('no WebM'), raw.subarray(0, 20)]) {
      expect(withRoomForIndex(bytes)).toBe(bytes);
    }
  });
});
