import { BoxWriter } from './box-writer.ts';
import { type FinishedTrack, type MovieTrack, writeFinalMovie, writeInitMovie } from './movie-box.ts';

const BRANDS = ['isom', 'iso6', 'iso2', 'avc1', 'mp41'];

/** Length of the `ftyp` before the `free` that finishing overwrites. */
export const HYBRID_FREE_OFFSET = 16 + BRANDS.length * 4;

/** As long as an `mdat` header with a 64-bit size, so that the one can become the other. */
export const HYBRID_FREE_LENGTH = 16;

/**
 * The start of a hybrid MP4: `ftyp`, `free`, and the `moov` that the fragments belong to.
 *
 * @param creationTime - milliseconds since 1970
 */
export function writeFileStart(tracks: readonly MovieTrack[], creationTime: number): Uint8Array<ArrayBuffer> {
  const writer = new BoxWriter(2048);
  writeFileType(writer);
  const free = writer.open('free');
  writer.zeros(HYBRID_FREE_LENGTH - 8);
  writer.close(free);
  writeInitMovie(writer, tracks, creationTime);
  return writer.finish();
}

function writeFileType(writer: BoxWriter): void {
  const ftyp = writer.open('ftyp');
  writer.fourCc('isom');
  writer.u32(0x200);
  for (const brand of BRANDS) writer.fourCc(brand);
  writer.close(ftyp);
}

/** How much of a file {@link beginsAsHybridMp4} looks at. */
export const HYBRID_START_LENGTH = HYBRID_FREE_OFFSET + 8;

/**
 * Whether a file begins as our writer begins one, or has not got that far yet.
 *
 * @param start - its first {@link HYBRID_START_LENGTH} bytes, or all that there are
 */
export function beginsAsHybridMp4(start: Uint8Array): boolean {
  const growing = [HYBRID_FREE_LENGTH, 'free'] as const;
  const finished = [1, 'mdat'] as const;
  return [growing, finished].some(([size, type]) => {
    const writer = new BoxWriter(HYBRID_START_LENGTH);
    writeFileType(writer);
    writer.u32(size);
    writer.fourCc(type);
    const ours = writer.finish();
    return start.subarray(0, HYBRID_START_LENGTH).every((byte, index) => byte === ours[index]);
  });
}

/**
 * What turns the fragmented file into a plain one.
 *
 * @param creationTime - milliseconds since 1970
 * @param fragmentsEnd - offset of the first byte behind the last fragment: where `movie` goes
 * @param patchOffset - of the `free` box
 * @returns `movie` to append, and then `patch` to write over the `free`
 */
export function finishHybridMovie(
  tracks: readonly FinishedTrack[],
  creationTime: number,
  fragmentsEnd: number,
  patchOffset: number,
): { readonly movie: Uint8Array<ArrayBuffer>; readonly patch: Uint8Array<ArrayBuffer> } {
  const kept = tracksWithSamples(tracks);
  const samples = kept.reduce((sum, track) => sum + track.table.sampleCount, 0);
  const movie = new BoxWriter(2048 + samples * 16);
  writeFinalMovie(movie, kept, creationTime);
  return { movie: movie.finish(), patch: writeMediaDataHeader(fragmentsEnd - patchOffset) };
}

/**
 * The tracks that a final `moov` tells of. Players stumble over a track that was announced and never came; a file without
 * any sample keeps them all, since a `moov` needs a track.
 */
export function tracksWithSamples(tracks: readonly FinishedTrack[]): readonly FinishedTrack[] {
  const kept = tracks.filter((track) => track.table.sampleCount > 0);
  return kept.length > 0 ? kept : tracks;
}

/**
 * Header of an `mdat` with a 64-bit size (ISO/IEC 14496-12 §4.2.2).
 *
 * @param byteLength - of the whole box, header and all
 */
export function writeMediaDataHeader(byteLength: number): Uint8Array<ArrayBuffer> {
  const writer = new BoxWriter(HYBRID_FREE_LENGTH);
  writer.u32(1);
  writer.fourCc('mdat');
  writer.u64(byteLength);
  return writer.finish();
}
