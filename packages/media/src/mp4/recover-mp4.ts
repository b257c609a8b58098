import { videoFormat } from '../codecs/index.ts';
import { type RandomAccess, type Recovery, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type FileBox, readBoxHeader } from './box-reader.ts';
import { type FileStart, readFileStart, readMovieBox } from './file-start.ts';
import { FragmentScanner, type ReadFragment } from './fragment-scanner.ts';
import { finishHybridMovie, tracksWithSamples, writeMediaDataHeader } from './hybrid-layout.ts';
import type { FinishedTrack } from './movie-box.ts';
import { type ReadMovie, type ReadTrack, readMovie } from './movie-reader.ts';
import { summarizeFinishedMovie } from './mp4-summary.ts';
import { PictureFormats } from './picture-formats.ts';
import { SampleTable } from './sample-table.ts';

/** Parameter sets and frame headers are at the front of a key frame. */
const KEY_FRAME_FRONT_LENGTH = 1024;

const NOTHING = { append: [], patches: [] };

/**
 * Finds out how to make a whole hybrid MP4 of one that was cut off at whatever byte: where to truncate it, what to
 * append, and what to overwrite. The tables of its final `moov` are rebuilt from the fragments' headers, the picture
 * formats from the front of the key frames; the data are neither read nor copied. A file that is whole is left as it is, and one that only lacks the last patch gets that.
 *
 * @param fileSize - the file's length in bytes
 * @throws MediaError `container-malformed` when the file was cut off before its first `moov` was whole, or is no MP4;
 * `container-unsupported` when it is one, but no hybrid
 */
export async function recoverMp4(read: RandomAccess, fileSize: number): Promise<Recovery> {
  const reader = new WindowReader(read);
  const start = await readFileStart(reader, fileSize);
  if (start === undefined)
    throw new MediaError('container-malformed', 'the file was cut off before its moov was whole');
  if (start.patchOffset === undefined || !start.movie.fragmented) {
    throw new MediaError('container-unsupported', 'the file is no hybrid MP4');
  }
  const { patchOffset, wrappedEnd } = start;
  if (wrappedEnd !== undefined) {
    const final = await readFinalMovie(reader, wrappedEnd, fileSize);
    if (final !== undefined) {
      return { truncateTo: final.box.end, finalization: NOTHING, summary: summarizeFinishedMovie(final.movie) };
    }
  }

  const rebuilt = await rebuild(reader, start, fileSize);
  const appended = await readFinalMovie(reader, rebuilt.fragmentsEnd, fileSize);
  if (appended !== undefined && sameSampleCounts(appended.movie, rebuilt.tracks)) {
    const patch = { offset: patchOffset, data: writeMediaDataHeader(rebuilt.fragmentsEnd - patchOffset) };
    return {
      truncateTo: appended.box.end,
      finalization: { append: [], patches: [patch] },
      summary: summarizeFinishedMovie(appended.movie),
    };
  }
  const { movie, patch } = finishHybridMovie(
    rebuilt.tracks,
    start.movie.creationTime,
    rebuilt.fragmentsEnd,
    patchOffset,
  );
  return {
    truncateTo: rebuilt.fragmentsEnd,
    finalization: { append: [movie], patches: [{ offset: patchOffset, data: patch }] },
    summary: summarizeFinishedMovie(readMovie(movie.subarray(8))),
  };
}

/** @returns undefined when there is no whole, sound `moov` at the offset */
async function readFinalMovie(
  reader: WindowReader,
  offset: number,
  fileSize: number,
): Promise<{ readonly box: FileBox; readonly movie: ReadMovie } | undefined> {
  try {
    const box = await readBoxHeader(reader, offset, fileSize);
    if (box?.type !== 'moov') return undefined;
    const found = await readMovieBox(reader, box, fileSize);
    if (found === undefined || found.movie.fragmented) return undefined;
    summarizeFinishedMovie(found.movie);
    return { box, movie: found.movie };
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

function sameSampleCounts(movie: ReadMovie, tracks: readonly FinishedTrack[]): boolean {
  const found = summarizeFinishedMovie(movie).tracks.map((track) => track.sampleCount);
  const expected = tracksWithSamples(tracks).map(({ table }) => table.sampleCount);
  return found.length === expected.length && expected.every((count, index) => count === found[index]);
}

async function rebuild(
  reader: WindowReader,
  { movie, movieEnd }: FileStart,
  fileSize: number,
): Promise<{ readonly tracks: readonly FinishedTrack[]; readonly fragmentsEnd: number }> {
  // An mdat that was patched around the fragments says where they end, but its end is just what may be missing.
  const scanner = new FragmentScanner(reader, movie, movieEnd);
  const tracks = movie.tracks.map((track) => new RebuiltTrack(track));
  for (let found = await scanner.next(fileSize); found !== undefined; found = await scanner.next(fileSize)) {
    for (const track of tracks) await track.add(found, reader);
  }
  return { tracks: tracks.map((track) => track.finish()), fragmentsEnd: scanner.position };
}

/** Puts a track's sample table together from its runs in fragments. */
class RebuiltTrack {
  readonly #track: ReadTrack;
  readonly #table = new SampleTable();
  readonly #formats: PictureFormats | undefined;
  #startTime: number | undefined;

  constructor(track: ReadTrack) {
    this.#track = track;
    if (track.options.kind === 'video') this.#formats = new PictureFormats(track.options);
  }

  async add({ offset, byteLength, runs }: ReadFragment, reader: WindowReader): Promise<void> {
    for (const run of runs) {
      if (run.track !== this.#track || run.sizes.length === 0) continue;
      if (run.dataOffset === undefined) {
        throw new MediaError('container-unsupported', `the fragment at ${offset} does not say where its data are`);
      }
      this.#startTime ??= run.baseTime;
      let position = offset + run.dataOffset;
      let chunkFormat: number | undefined;
      for (let index = 0; index < run.sizes.length; index++) {
        const size = run.sizes[index]!;
        const keyFrame = this.#formats === undefined || run.keyFrames[index] === 1;
        if (keyFrame) await this.#selectFormat(reader, position, size, offset + byteLength);
        const format = this.#formats?.selected ?? 1;
        if (format !== chunkFormat) this.#table.beginChunk(position, format);
        chunkFormat = format;
        this.#table.add(size, run.durations[index]!, keyFrame, run.compositionOffsets[index]!);
        position += size;
      }
    }
  }

  /** A key frame that does not say its format goes on with the one before. */
  async #selectFormat(reader: WindowReader, offset: number, size: number, end: number): Promise<void> {
    const { options } = this.#track;
    if (this.#formats === undefined || options.kind !== 'video') return;
    const front = await reader.bytes(offset, Math.min(size, KEY_FRAME_FRONT_LENGTH), end);
    const format = front && videoFormat(options.codec, options.codec === 'h264' ? wholeNalUnits(front) : front);
    if (format !== undefined) this.#formats.select(format);
  }

  finish(): FinishedTrack {
    const { trackId, options, sampleEntries } = this.#track;
    return {
      trackId,
      kind: options.kind,
      timescale: options.timescale,
      width: this.#formats?.width ?? 0,
      height: this.#formats?.height ?? 0,
      sampleEntries: this.#formats?.sampleEntries ?? sampleEntries,
      startTime: this.#startTime ?? 0,
      table: this.#table,
    };
  }
}

/** The NAL units, each behind its 4-byte length, that are whole in the front of a sample. */
function wholeNalUnits(front: Uint8Array): Uint8Array {
  const view = new DataView(front.buffer, front.byteOffset, front.byteLength);
  let end = 0;
  while (end + 4 <= front.byteLength) {
    const next = end + 4 + view.getUint32(end);
    if (next > front.byteLength) break;
    end = next;
  }
  return front.subarray(0, end);
}
