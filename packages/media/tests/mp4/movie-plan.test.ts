import { beforeAll, describe, expect, it } from 'vitest';
import {
  clipMovie,
  concatMovies,
  MoviePackager,
  type MoviePlan,
  type MovieSource,
  readMovieSource,
} from '../../src/mp4/index.ts';
import { encodeMedia } from './encoded-media.ts';
import { MemoryFile, writeMp4 } from './written-file.ts';

let bytes: Uint8Array;
let source: MovieSource;

beforeAll(async () => {
  bytes = writeMp4(await encodeMedia({ seconds: 6, bFrames: 2, keyFrameInterval: 60 })).finished;
  source = await readMovieSource(new MemoryFile(bytes).read, bytes.length);
});

function build(plan: MoviePlan, ...files: Uint8Array[]): Uint8Array {
  const parts = plan.pieces.map((piece) =>
    'data' in piece ? piece.data : files[piece.source]!.subarray(piece.offset, piece.offset + piece.byteLength),
  );
  return Buffer.concat([plan.header, ...parts]);
}

/** Every sample of a track: its bytes, and when it is shown on the file's clock. */
function samplesOf(file: Uint8Array, movie: MovieSource, kind: 'video' | 'audio') {
  const track = movie.tracks.find((candidate) => candidate.kind === kind)!;
  return Array.from({ length: track.samples.count }, (_, index) => ({
    data: Buffer.from(
      file.subarray(track.samples.offsets[index]!, track.samples.offsets[index]! + track.samples.sizes[index]!),
    ).toString('base64'),
    seconds: track.startSeconds + (track.samples.timeOf(index) - track.shownFrom) / track.timescale,
  }));
}

describe('a finished, a growing and a cut-off file', () => {
  it('tell the same samples', async () => {
    const { growing } = writeMp4(await encodeMedia({ seconds: 6, bFrames: 2, keyFrameInterval: 60 }));
    const half = growing.subarray(0, growing.length * 0.7);
    for (const file of [growing, half]) {
      const movie = await readMovieSource(new MemoryFile(file).read, file.length);
      for (const kind of ['video', 'audio'] as const) {
        const found = samplesOf(file, movie, kind);
        const expected = samplesOf(bytes, source, kind).slice(0, found.length);
        expect(found.map(({ data }) => data)).toEqual(expected.map(({ data }) => data));
        for (const [index, { seconds }] of found.entries()) expect(seconds).toBeCloseTo(expected[index]!.seconds, 4);
      }
    }
  });
});

describe('a planned file', () => {
  it('has its index first, is as long as it says, and holds the samples of its stretch at their times', async () => {
    const plan = clipMovie(source, 2.51, 4.2);
    const file = build(plan, bytes);
    expect(file.length).toBe(plan.byteLength);
    expect(Buffer.from(file.subarray(4, 8)).toString()).toBe('ftyp');
    const movie = await readMovieSource(new MemoryFile(file).read, file.length);
    const start = Math.floor(2.51 * 30 + 1e-6) / 30;
    expect(movie.durationSeconds).toBeCloseTo(4.2 - start, 4);
    for (const kind of ['video', 'audio'] as const) {
      const all = new Map(
        samplesOf(bytes, source, kind).map(({ data, seconds }) => [`${data}${seconds.toFixed(3)}`, seconds]),
      );
      const found = samplesOf(file, movie, kind);
      expect(found.length).toBeGreaterThan(50);
      for (const { data, seconds } of found) expect(all.has(`${data}${(seconds + start).toFixed(3)}`)).toBe(true);
      expect(Math.min(...found.map(({ seconds }) => seconds))).toBeLessThanOrEqual(0);
    }
  });

  it('beyond 4 GB says where its samples are in 64 bits', async () => {
    // The same file with its data moved far away: nothing but offsets matters here.
    const far = 5 * 2 ** 30;
    const moved: MovieSource = {
      ...source,
      tracks: source.tracks.map((track) => {
        const { samples } = track;
        const sizes = track.kind === 'video' ? samples.sizes.map(() => 30_000_000) : samples.sizes;
        const offsets = samples.offsets.map(
          (offset, index) => far + (track.kind === 'video' ? index * 40_000_000 : offset),
        );
        const copy = Object.assign(Object.create(Object.getPrototypeOf(samples)), samples, { sizes, offsets });
        return { ...track, samples: copy };
      }),
    };
    const plan = clipMovie(moved, 0, 6);
    expect(plan.byteLength).toBeGreaterThan(2 ** 32);
    expect(Buffer.from(plan.header).includes('co64')).toBe(true);
    const read = async (offset: number, length: number) => {
      const part = new Uint8Array(Math.min(length, plan.byteLength - offset));
      if (offset < plan.header.length) part.set(plan.header.subarray(offset, offset + part.length));
      return part;
    };
    const movie = await readMovieSource(read, plan.byteLength);
    const [video] = movie.tracks;
    const last = video!.samples.count - 1;
    const total = plan.pieces.reduce((sum, piece) => sum + ('data' in piece ? piece.data.length : piece.byteLength), 0);
    expect(plan.header.length + total).toBe(plan.byteLength);
    expect(video!.samples.offsets[0]).toBeGreaterThanOrEqual(plan.header.length);
    expect(video!.samples.offsets[last]! + 30_000_000).toBeLessThanOrEqual(plan.byteLength);
  });

  it('of several parts goes on without a gap, times as they were', async () => {
    const plan = concatMovies([1, 2, 3].map((name) => ({ name: String(name), movie: source })));
    const file = build(plan, bytes, bytes, bytes);
    const movie = await readMovieSource(new MemoryFile(file).read, file.length);
    const [video, audio] = movie.tracks;
    expect(video!.samples.count).toBe(source.tracks[0]!.samples.count * 3);
    const packets = audio!.samples;
    for (let index = 1; index < packets.count; index++) {
      expect(packets.decodeTimes[index]).toBe(packets.decodeTimes[index - 1]! + packets.durations[index - 1]!);
      expect(packets.durations[index]).toBeLessThanOrEqual(960);
    }
    expect(video!.sampleEntries).toHaveLength(1);
  });
});

describe('segments made of a file', () => {
  it('hold every sample once, in order, and begin with key frames', async () => {
    const file = build(clipMovie(source, 0, 6), bytes);
    const movie = await readMovieSource(new MemoryFile(file).read, file.length);
    const packager = new MoviePackager(movie, 2);
    const made = packager.segments.map((_, number) => {
      const { header, ranges, byteLength } = packager.segment(number)!;
      const part = Buffer.concat([
        header,
        ...ranges.map(({ offset, byteLength }) => file.subarray(offset, offset + byteLength)),
      ]);
      expect(part.length).toBe(byteLength);
      return part;
    });
    expect(packager.segments.map(({ independent }) => independent)).toEqual([true, true, true]);
    expect(packager.segment(3)).toBeUndefined();
    const fragmented = Buffer.concat([packager.init, ...made]);
    const again = await readMovieSource(new MemoryFile(fragmented).read, fragmented.length);
    for (const kind of ['video', 'audio'] as const) {
      const data = (bytes: Uint8Array, movie: MovieSource) => samplesOf(bytes, movie, kind).map(({ data }) => data);
      expect(data(fragmented, again)).toEqual(data(file, movie));
    }
  });
});
