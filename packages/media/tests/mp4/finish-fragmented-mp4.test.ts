import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { finishFragmentedMp4, type MovieSource, readMovieSource } from '../../src/mp4/index.ts';
import { decode, encodeMedia, probe, withFile } from './encoded-media.ts';
import { applyRecovery, MemoryFile, writeMp4 } from './written-file.ts';

const HEADER_LENGTH = 16;

/** Fragments of another program, with pictures out of order and an edit list that hides what AAC begins with. */
let foreign: Uint8Array;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-media-'));
  try {
    const path = join(folder, 'fragmented.mp4');
    await promisify(execFile)('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=30:duration=3'],
      ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=3'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '30', '-pix_fmt', 'yuv420p', '-c:a', 'aac'],
      ...['-movflags', 'frag_keyframe+delay_moov+default_base_moof', path],
    ]);
    foreign = await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const sourceOf = (bytes: Uint8Array) => readMovieSource(new MemoryFile(bytes).read, bytes.byteLength);

async function finish(bytes: Uint8Array) {
  const finished = await finishFragmentedMp4(new MemoryFile(bytes).read, bytes.byteLength);
  return { ...finished, bytes: applyRecovery(bytes, finished) };
}

/** Every sample: where its bytes are, when it is shown on the file's clock, and how it is described. */
function samplesOf({ tracks }: MovieSource) {
  return tracks.map(({ samples, startSeconds, shownFrom, timescale, sampleEntries, matrix, ...track }) => ({
    kind: track.kind,
    matrix: [...matrix],
    entries: sampleEntries.map((entry) => Buffer.from(entry).toString('hex')),
    samples: Array.from({ length: samples.count }, (_, index) => ({
      offset: samples.offsets[index],
      size: samples.sizes[index],
      format: samples.formats[index],
      keyFrame: samples.keyFrames[index],
      // Edit lists are exact to a tick of the movie.
      ms: Math.round((startSeconds + (samples.timeOf(index) - shownFrom) / timescale) * 1000),
    })),
  }));
}

describe('finishing a fragmented MP4', () => {
  it('gives it an index of the same samples at the same times, and moves none of its bytes', async () => {
    const { bytes, durationSeconds, finalization } = await finish(foreign);
    const [patch, ...others] = finalization.patches;
    expect([others.length, patch!.data.byteLength]).toEqual([0, HEADER_LENGTH]);
    expect(samplesOf(await sourceOf(bytes))).toEqual(samplesOf(await sourceOf(foreign)));
    await withFile('finished.mp4', bytes, async (path) => {
      const { durationSeconds: probed, streams } = await probe(path);
      expect(streams.map(({ codec, packets }) => [codec, packets.length > 80])).toEqual([
        ['h264', true],
        ['aac', true],
      ]);
      expect(probed).toBeCloseTo(durationSeconds, 2);
      expect(await decode(path)).toBe(90);
    });
    // It is a plain file now: nothing says that there are fragments.
    expect(topBoxes(bytes).filter((type) => type !== 'free')).toEqual(['ftyp', 'mdat', 'moov']);
  });

  it('changes nothing the next time, and takes up where it was interrupted', async () => {
    const { bytes, finalization } = await finish(foreign);
    const again = await finish(bytes);
    expect(again.finalization).toEqual({ append: [], patches: [] });
    expect(Buffer.compare(again.bytes, bytes)).toBe(0);
    const unpatched = Buffer.from(bytes);
    const { offset, data } = finalization.patches[0]!;
    unpatched.set(foreign.subarray(offset, offset + data.byteLength), offset);
    for (const length of [unpatched.byteLength, unpatched.byteLength - 1]) {
      expect(Buffer.compare((await finish(unpatched.subarray(0, length))).bytes, bytes)).toBe(0);
    }
  });

  it('keeps what lies behind the last fragment, but for a fragment that is not whole', async () => {
    const ends = boxesOf(foreign).map(({ end }) => end);
    expect(topBoxes(foreign).slice(-3)).toEqual(['moof', 'mdat', 'mfra']);
    const [moofEnd, mdatEnd, mfraEnd] = ends.slice(-3) as [number, number, number];
    const beforeMoof = ends.at(-4)!;
    for (const [length, kept] of [
      [mfraEnd, mfraEnd],
      [mfraEnd - 1, mdatEnd],
      [mdatEnd, mdatEnd],
      [mdatEnd - 1, beforeMoof],
      [moofEnd, beforeMoof],
      [beforeMoof + 4, beforeMoof],
    ] as const) {
      const { truncateTo, bytes, finalization } = await finish(foreign.subarray(0, length));
      expect(truncateTo, `of ${length} bytes`).toBe(kept);
      const { offset, data } = finalization.patches[0]!;
      const from = offset + data.byteLength;
      expect(Buffer.compare(bytes.subarray(from, kept), foreign.subarray(from, kept))).toBe(0);
    }
  });

  it('keeps every whole fragment of a file that was cut off', async () => {
    const { tracks } = await sourceOf(foreign);
    const all = Math.max(...tracks.map(({ samples }) => samples.count));
    const counts = new Set<number>();
    for (let length = foreign.byteLength; length > foreign.byteLength / 2; length -= 997) {
      const cut = foreign.subarray(0, length);
      const whole = await sourceOf(cut);
      const { bytes } = await finish(cut);
      expect(samplesOf(await sourceOf(bytes))).toEqual(samplesOf(whole));
      counts.add(Math.max(...whole.tracks.map(({ samples }) => samples.count)));
    }
    expect(counts.size).toBeGreaterThan(1);
    expect(Math.max(...counts)).toBe(all);
  });

  it('keeps the times where fragments are missing in between, and where a track begins late', async () => {
    const { growing, fragments } = writeMp4(await encodeMedia({ seconds: 3, size: '64x48' }));
    const [first, second, third] = fragments;
    const later = growing.subarray(third!.offset);
    for (const parts of [
      [growing.subarray(0, second!.offset), later],
      [growing.subarray(0, first!.offset), later],
    ]) {
      const holed = Buffer.concat(parts);
      const { bytes, durationSeconds } = await finish(holed);
      expect(samplesOf(await sourceOf(bytes))).toEqual(samplesOf(await sourceOf(holed)));
      expect(durationSeconds).toBeCloseTo(3, 1);
    }
  });

  it('refuses what holds nothing yet, and what is no MP4', async () => {
    const { growing, headerLength } = writeMp4(await encodeMedia({ seconds: 1, size: '64x48' }));
    await expect(finish(growing.subarray(0, headerLength))).rejects.toMatchObject({ code: 'container-unsupported' });
    await expect(finish(growing.subarray(0, headerLength - 1))).rejects.toMatchObject({ code: 'container-malformed' });
    await expect(finish(Buffer.from('not an MP4 at all'))).rejects.toMatchObject({ code: 'container-malformed' });
  });
});

/** The boxes at the file's own level. */
function boxesOf(bytes: Uint8Array): { readonly type: string; readonly end: number }[] {
  const view = Buffer.from(bytes);
  const boxes = [];
  for (let position = 0; position < view.byteLength; ) {
    const size = view.readUInt32BE(position);
    const type = view.toString('latin1', position + 4, position + 8);
    position += size === 1 ? Number(view.readBigUInt64BE(position + 8)) : size;
    boxes.push({ type, end: position });
  }
  return boxes;
}

function topBoxes(bytes: Uint8Array): string[] {
  return boxesOf(bytes).map(({ type }) => type);
}
