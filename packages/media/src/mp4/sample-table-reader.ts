import { ByteReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { findBox, requireBox } from './box-reader.ts';
import type { ReadTrack } from './movie-reader.ts';

/** What has a sample table: the boxes inside of `stbl`. */
export type TableOwner = Pick<ReadTrack, 'sampleTable'>;

/** What a finished track's tables say in sum. */
export interface SampleTotals {
  readonly sampleCount: number;
  readonly byteLength: number;
  /** In the track's timescale. */
  readonly duration: number;
}

/** Samples of one track that lie one behind another in the file. Times in the track's timescale, from its first sample. */
export interface ReadChunk {
  readonly offset: number;
  readonly byteLength: number;
  readonly start: number;
  readonly end: number;
  /** Its first sample is a sync sample. */
  readonly keyFrame: boolean;
}

/** @throws MediaError `container-malformed` */
export function readSampleTotals(track: ReadTrack): SampleTotals {
  const sizes = readSizes(track);
  let duration = 0;
  const durations = readRuns(track, 'stts');
  for (let index = 0; index < durations.length; index += 2) duration += durations[index]! * durations[index + 1]!;
  let byteLength = sizes.sameSize * sizes.count;
  for (const size of sizes.sizes) byteLength += size;
  return { sampleCount: sizes.count, byteLength, duration };
}

/**
 * The chunks of a finished track, in file order.
 *
 * @throws MediaError `container-malformed` when the tables contradict each other, `container-unsupported` when all
 * samples share one size, which nothing does that we write
 */
export function readChunks(track: ReadTrack): ReadChunk[] {
  const { sizes, sameSize } = readSizes(track);
  if (sameSize !== 0) throw new MediaError('container-unsupported', 'samples of one size for all');
  const offsets = readChunkOffsets(track);
  const chunkRuns = readChunkRuns(track);
  const durations = new RunCursor(readRuns(track, 'stts'));
  const compositionOffsets = new RunCursor(readRuns(track, 'ctts'));
  const syncSamples = readSyncSamples(track);

  const chunks: ReadChunk[] = [];
  let sample = 0;
  let time = 0;
  let run = -1;
  let nextSync = 0;
  for (let index = 0; index < offsets.length; index++) {
    while ((chunkRuns[(run + 1) * 3] ?? Number.POSITIVE_INFINITY) <= index + 1) run++;
    const count = chunkRuns[run * 3 + 1] ?? 0;
    if (sample + count > sizes.length)
      throw new MediaError('container-malformed', 'chunks have more samples than there are');
    let byteLength = 0;
    let start = Number.POSITIVE_INFINITY;
    let end = Number.NEGATIVE_INFINITY;
    while (syncSamples !== undefined && (syncSamples[nextSync] ?? Number.POSITIVE_INFINITY) < sample + 1) nextSync++;
    const keyFrame = syncSamples === undefined || syncSamples[nextSync] === sample + 1;
    for (const last = sample + count; sample < last; sample++) {
      const duration = durations.next();
      const presented = time + (compositionOffsets.next() | 0);
      byteLength += sizes[sample]!;
      start = Math.min(start, presented);
      end = Math.max(end, presented + duration);
      time += duration;
    }
    if (count > 0) chunks.push({ offset: offsets[index]!, byteLength, start, end, keyFrame });
  }
  return chunks;
}

export function readSizes(track: TableOwner): { count: number; sameSize: number; sizes: Uint32Array } {
  const reader = new ByteReader(requireBox(track.sampleTable, 'stsz').payload);
  reader.skip(4);
  const sameSize = reader.u32();
  const count = reader.u32();
  return { count, sameSize, sizes: sameSize === 0 ? readU32s(reader, count) : new Uint32Array() };
}

export function readU32s(reader: ByteReader, count: number): Uint32Array {
  requireEntries(reader, count, 4);
  const bytes = reader.bytes(count * 4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Uint32Array(count);
  for (let index = 0; index < count; index++) values[index] = view.getUint32(index * 4);
  return values;
}

/** A count and a value in turn, in one array: hundreds of thousands of pairs are read. Empty where there is no such box. */
export function readRuns(track: TableOwner, type: string): Uint32Array {
  const box = findBox(track.sampleTable, type);
  if (box === undefined) return new Uint32Array();
  const reader = new ByteReader(box.payload);
  reader.skip(4);
  const count = reader.u32();
  requireEntries(reader, count, 8);
  return readU32s(reader, count * 2);
}

/** First chunk, samples in each chunk from there on, and sample entry, in turn. */
export function readChunkRuns(track: TableOwner): Uint32Array {
  const reader = new ByteReader(requireBox(track.sampleTable, 'stsc').payload);
  reader.skip(4);
  const count = reader.u32();
  requireEntries(reader, count, 12);
  return readU32s(reader, count * 3);
}

export function readChunkOffsets(track: TableOwner): ArrayLike<number> {
  const narrow = findBox(track.sampleTable, 'stco');
  const reader = new ByteReader((narrow ?? requireBox(track.sampleTable, 'co64')).payload);
  reader.skip(4);
  const count = reader.u32();
  if (narrow !== undefined) return readU32s(reader, count);
  requireEntries(reader, count, 8);
  return Array.from({ length: count }, () => reader.u64());
}

export function readSyncSamples(track: TableOwner): Uint32Array | undefined {
  const box = findBox(track.sampleTable, 'stss');
  if (box === undefined) return undefined;
  const reader = new ByteReader(box.payload);
  reader.skip(4);
  return readU32s(reader, reader.u32());
}

function requireEntries(reader: ByteReader, count: number, entryLength: number): void {
  if (count * entryLength <= reader.remaining) return;
  throw new MediaError('container-malformed', `a table of ${count} entries does not fit in its box`);
}

/** Gives a run's value as often as its count says, then the next one's; 0 after the last. */
class RunCursor {
  readonly #runs: Uint32Array;
  #position = 0;
  #left = 0;
  #value = 0;

  constructor(runs: Uint32Array) {
    this.#runs = runs;
  }

  next(): number {
    while (this.#left === 0) {
      if (this.#position >= this.#runs.length) return 0;
      this.#left = this.#runs[this.#position]!;
      this.#value = this.#runs[this.#position + 1]!;
      this.#position += 2;
    }
    this.#left--;
    return this.#value;
  }
}
