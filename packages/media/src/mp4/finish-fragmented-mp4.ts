import { type ForeignRecovery, type RandomAccess, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type FileBox, readBoxHeader } from './box-reader.ts';
import { finishHybridMovie } from './hybrid-layout.ts';
import type { FinishedTrack } from './movie-box.ts';
import { readMovieSource, type SourceTrack } from './movie-source.ts';
import { SampleTable } from './sample-table.ts';

/** Boxes that may stand before the `moov`. */
const MAX_BOXES_BEFORE_MOVIE = 64;

/**
 * Finds out how to make a plain MP4, which names its duration and can be searched, of a fragmented one that another
 * program wrote, without moving a byte of its media: a `moov` with all samples goes behind its last whole box (where it was
 * cut off inside a fragment, behind the one before), and the header of an `mdat` around everything before it over the first
 * 16 bytes of the `moov` that the fragments belonged to. Of that nothing is needed then. Until the patch it stays the file
 * that it was. Sample entries, rotation and edit lists are kept as they are. A file that is plain already is left alone.
 *
 * @param fileSize - the file's length in bytes; it may have been cut off anywhere
 * @throws MediaError `container-malformed` when it is no MP4 or was cut off before its `moov` was whole,
 * `container-unsupported` when it holds no sample yet, or is encrypted
 */
export async function finishFragmentedMp4(read: RandomAccess, fileSize: number): Promise<ForeignRecovery> {
  const source = await readMovieSource(read, fileSize);
  const { durationSeconds } = source;
  const reader = new WindowReader(read);
  const patchOffset = await fragmentsMovieOffset(reader, fileSize);
  if (patchOffset === undefined) {
    return { truncateTo: fileSize, finalization: { append: [], patches: [] }, durationSeconds };
  }
  const end = await wholeBoxesEnd(reader, patchOffset, Math.max(...source.tracks.map(dataEndOf)), fileSize);
  const tracks = source.tracks.map((track, index) => finishedTrack(track, index + 1));
  const { movie, patch } = finishHybridMovie(tracks, source.creationTime, end, patchOffset);
  return {
    truncateTo: end,
    finalization: { append: [movie], patches: [{ offset: patchOffset, data: patch }] },
    durationSeconds,
  };
}

/** Where the `moov` lies that fragments follow; undefined in a plain file. */
async function fragmentsMovieOffset(reader: WindowReader, fileSize: number): Promise<number | undefined> {
  let movie: FileBox | undefined;
  for (let position = 0, count = 0; count < MAX_BOXES_BEFORE_MOVIE; count++) {
    const box = await readBoxHeader(reader, position, fileSize);
    if (box === undefined) return undefined;
    if (box.type === 'moof') return movie?.offset;
    if (box.type === 'moov') movie = box;
    position = box.end;
  }
  throw new MediaError('container-malformed', `neither fragments nor an end among ${MAX_BOXES_BEFORE_MOVIE} boxes`);
}

/**
 * Where the last whole box ends behind the last sample: a `moof` there begins a fragment that was cut off, and a `moov` is
 * what finishing had written when it was interrupted. Others stay, such as an `mfra`: an upload may have sent them.
 *
 * @param from - offset of a box before the fragments
 */
async function wholeBoxesEnd(reader: WindowReader, from: number, dataEnd: number, fileSize: number): Promise<number> {
  let end = dataEnd;
  for (let position = from; ; ) {
    const box = await readBoxHeader(reader, position, fileSize).catch(noBox);
    if (box === undefined || box.end > fileSize) return end;
    if (box.offset >= dataEnd && (box.type === 'moof' || box.type === 'moov')) return end;
    position = box.end;
    end = Math.max(end, position);
  }
}

function noBox(error: unknown): undefined {
  if (!(error instanceof MediaError)) throw error;
}

function dataEndOf({ samples }: SourceTrack): number {
  let end = 0;
  for (let index = 0; index < samples.count; index++) {
    end = Math.max(end, samples.offsets[index]! + samples.sizes[index]!);
  }
  return end;
}

/** The same samples at the same times, in the tables of a plain file. */
function finishedTrack(track: SourceTrack, trackId: number): FinishedTrack {
  const { samples, timescale, startSeconds, shownFrom, shownTo } = track;
  const table = new SampleTable();
  let chunkEnd = -1;
  let format = 0;
  for (let index = 0; index < samples.count; index++) {
    const offset = samples.offsets[index]!;
    if (offset !== chunkEnd || samples.formats[index] !== format) table.beginChunk(offset, samples.formats[index]!);
    format = samples.formats[index]!;
    chunkEnd = offset + samples.sizes[index]!;
    table.add(
      samples.sizes[index]!,
      durationUntilNext(track, index),
      samples.keyFrames[index] === 1,
      samples.compositionOffsets[index]!,
    );
  }
  // Fragments count from anywhere, the tables of a plain file from its first sample.
  const zero = samples.decodeTimes[0]!;
  const from = Math.max(shownFrom, zero);
  const whole = from === zero && shownTo - zero === table.totalDuration;
  return {
    ...track,
    trackId,
    startTime: Math.round(startSeconds * timescale) + from - shownFrom,
    table,
    shown: whole ? undefined : { start: from - zero, duration: shownTo - from },
  };
}

/** Up to the next sample, also where a hole lies between two fragments. */
function durationUntilNext({ samples }: SourceTrack, index: number): number {
  if (index === samples.count - 1) return samples.durations[index]!;
  return Math.max(0, samples.decodeTimes[index + 1]! - samples.decodeTimes[index]!);
}
