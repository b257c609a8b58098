import { ByteReader, type RandomAccess, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import {
  type Box,
  type FileBox,
  findBox,
  readBoxes,
  readBoxHeader,
  readFullBoxHeader,
  requireBox,
} from './box-reader.ts';
import { BoxWriter } from './box-writer.ts';
import { readEdits } from './edit-list-reader.ts';
import { FragmentScanner, type TimedRun } from './fragment-scanner.ts';
import { EPOCH_OFFSET_SECONDS } from './movie-box.ts';
import { type ReadMovie, readAudioSpecificConfig, readMovie } from './movie-reader.ts';
import { writeAudioSampleEntry } from './sample-entry.ts';
import { readChunkOffsets, readChunkRuns, readRuns, readSizes, readSyncSamples } from './sample-table-reader.ts';
import { TrackSamples } from './track-samples.ts';

/** A track with all its samples. What codec it has matters to nobody who only moves samples about. */
export interface SourceTrack {
  readonly kind: 'video' | 'audio';
  readonly timescale: number;
  /** As it is displayed, in pixels; 0 for sound. */
  readonly width: number;
  readonly height: number;
  /** How it is turned for display: the matrix of `tkhd`, 36 bytes. */
  readonly matrix: Uint8Array;
  /** Whole sample entry boxes; one at least. */
  readonly sampleEntries: readonly Uint8Array[];
  readonly samples: TrackSamples;
  /** The stretch of the track's own clock that is shown, in its timescale. */
  readonly shownFrom: number;
  readonly shownTo: number;
  /** When `shownFrom` is on the file's clock. */
  readonly startSeconds: number;
}

/** An MP4 whose every sample is known. */
export interface MovieSource {
  /** Milliseconds since 1970. */
  readonly creationTime: number;
  /** Pictures first. Tracks without samples are left out. */
  readonly tracks: readonly SourceTrack[];
  /** From the file's zero to the end of the track that ends last. */
  readonly durationSeconds: number;
}

const MAX_MOVIE_LENGTH = 256 * 1024 * 1024;
const MAX_TOP_BOXES = 100_000;
const MAX_TRACKS = 64;

/**
 * Reads where every sample of a file of the MP4 family lies and when it is shown: a plain one, a finished hybrid one, or
 * a fragmented one (also one that grows or was cut off, up to its last whole fragment). Reads headers only.
 *
 * @param fileSize - the file's length in bytes
 * @throws MediaError `container-malformed`; `container-unsupported` for edit lists of several parts, encrypted tracks and
 * files of neither picture nor sound
 */
export async function readMovieSource(read: RandomAccess, fileSize: number): Promise<MovieSource> {
  const reader = new WindowReader(read);
  const { payload, box } = await findMovie(reader, fileSize);
  const boxes = readBoxes(payload);
  const header = new ByteReader(requireBox(boxes, 'mvhd').payload);
  const { version } = readFullBoxHeader(header);
  const created = version === 1 ? header.u64() : header.u32();
  header.skip(version === 1 ? 8 : 4);
  const movieTimescale = header.u32();
  if (movieTimescale === 0) throw new MediaError('container-malformed', 'a timescale is 0');

  const described = boxes.filter(({ type }) => type === 'trak').map(({ payload }) => readTrackBoxes(payload));
  if (described.length > MAX_TRACKS) throw new MediaError('container-unsupported', `more than ${MAX_TRACKS} tracks`);
  const fragments =
    findBox(boxes, 'mvex') === undefined ? undefined : await readFragments(reader, readMovie(payload), box, fileSize);

  const tracks: SourceTrack[] = [];
  for (const track of described) {
    if (track === undefined) continue;
    const samples = fragments === undefined ? readTable(track) : (fragments.get(track.trackId) ?? new TrackSamples(0));
    if (samples.count === 0) continue;
    const last = samples.count - 1;
    if (!(samples.offsets[last]! + samples.sizes[last]! <= fileSize)) {
      throw new MediaError('container-malformed', 'the file ends before its samples do');
    }
    const edits = readEdits(track.boxes, movieTimescale, track.timescale);
    const end = samples.endTime();
    const shownFrom = Math.min(edits.mediaStart, end);
    tracks.push({
      ...track,
      samples,
      shownFrom,
      // Written in the movie's timescale, which may be coarse: what is cut by rounding alone is not meant to be.
      shownTo: end - edits.mediaEnd <= track.timescale / movieTimescale + 1 ? end : edits.mediaEnd,
      startSeconds: edits.delay / movieTimescale,
    });
  }
  if (tracks.length === 0)
    throw new MediaError('container-unsupported', 'there is neither picture nor sound in the file');
  tracks.sort((a, b) => Number(a.kind === 'audio') - Number(b.kind === 'audio'));
  return {
    creationTime: Math.max(0, created - EPOCH_OFFSET_SECONDS) * 1000,
    tracks,
    durationSeconds: Math.max(...tracks.map(shownEndSeconds)),
  };
}

/** When a track ends on the file's clock. */
export function shownEndSeconds({ startSeconds, shownFrom, shownTo, timescale }: SourceTrack): number {
  return startSeconds + (shownTo - shownFrom) / timescale;
}

/** The last `moov` at the file's own level: that of a hybrid file, once it is finished, lies behind its fragments. */
async function findMovie(reader: WindowReader, fileSize: number): Promise<{ payload: Uint8Array; box: FileBox }> {
  let found: FileBox | undefined;
  for (let position = 0, count = 0; count < MAX_TOP_BOXES; count++) {
    const box = await readBoxHeader(reader, position, fileSize);
    if (box === undefined) break;
    if (count === 0 && !/^(ftyp|moov|mdat|wide|free|skip|styp)$/.test(box.type)) {
      throw new MediaError('container-malformed', 'the file does not begin as an MP4 does');
    }
    if (box.type === 'moov' && box.end <= fileSize) found = box;
    // Behind the first fragment there is no other moov.
    if (box.type === 'moof') break;
    position = box.end;
  }
  if (found === undefined) throw new MediaError('container-malformed', 'the file has no whole moov');
  if (found.size > MAX_MOVIE_LENGTH) throw new MediaError('container-malformed', `a moov box of ${found.size} bytes`);
  const bytes = await reader.bytes(found.offset, found.size, fileSize);
  reader.clear();
  if (bytes === undefined) throw new MediaError('container-malformed', 'the file has no whole moov');
  return { payload: bytes.subarray(found.headerLength), box: found };
}

interface TrackBoxes extends Pick<SourceTrack, 'kind' | 'timescale' | 'width' | 'height' | 'matrix' | 'sampleEntries'> {
  readonly trackId: number;
  readonly boxes: readonly Box[];
  readonly sampleTable: readonly Box[];
}

/** @returns undefined for a track that is neither picture nor sound */
function readTrackBoxes(payload: Uint8Array): TrackBoxes | undefined {
  const boxes = readBoxes(payload);
  const media = readBoxes(requireBox(boxes, 'mdia').payload);
  const handler = new ByteReader(requireBox(media, 'hdlr').payload);
  handler.skip(8);
  const handlerType = handler.fourCc();
  if (handlerType !== 'vide' && handlerType !== 'soun') return undefined;
  const kind = handlerType === 'vide' ? 'video' : 'audio';

  const trackHeader = new ByteReader(requireBox(boxes, 'tkhd').payload);
  const wide = readFullBoxHeader(trackHeader).version === 1;
  trackHeader.skip(wide ? 16 : 8);
  const trackId = trackHeader.u32();
  trackHeader.skip((wide ? 12 : 8) + 16);
  const matrix = trackHeader.bytes(36);
  const width = Math.round(trackHeader.u32() / 65536);
  const height = Math.round(trackHeader.u32() / 65536);

  const mediaHeader = new ByteReader(requireBox(media, 'mdhd').payload);
  mediaHeader.skip(readFullBoxHeader(mediaHeader).version === 1 ? 16 : 8);
  const timescale = mediaHeader.u32();
  if (timescale === 0) throw new MediaError('container-malformed', 'a timescale is 0');

  const information = readBoxes(requireBox(media, 'minf').payload);
  const sampleTable = readBoxes(requireBox(information, 'stbl').payload);
  const entries = readBoxes(requireBox(sampleTable, 'stsd').payload.subarray(8));
  if (entries.length === 0) throw new MediaError('container-malformed', 'a track has no sample entry');
  if (entries.length > 255) throw new MediaError('container-unsupported', 'a track has more than 255 sample entries');
  // Cover pictures of music are tracks of one JPEG or PNG.
  if (kind === 'video' && /^(jpeg|png |mjpa|mjpb)$/.test(entries[0]!.type)) return undefined;
  if (entries.some(({ type }) => /^enc[va]$/.test(type))) {
    throw new MediaError('container-unsupported', 'the file is encrypted');
  }
  const sampleEntries = entries.map((entry) => plainSoundEntry(entry) ?? entry.bytes);
  return { trackId, kind, timescale, width, height, matrix, sampleEntries, boxes, sampleTable };
}

/**
 * QuickTime has longer entries for sound, with the configuration a level deeper; players of MP4 know the plain ones.
 *
 * @returns undefined for what is plain already, or not known
 */
function plainSoundEntry({ type, payload }: Box): Uint8Array | undefined {
  const reader = new ByteReader(payload);
  if (type !== 'mp4a') return undefined;
  reader.skip(8);
  const version = reader.u16();
  reader.skip(6);
  const channels = reader.u16();
  reader.skip(6);
  const sampleRate = reader.u32() / 65536;
  if (version !== 1) return undefined;
  reader.skip(16);
  const wave = findBox(readBoxes(reader.bytes(reader.remaining)), 'wave');
  const esds = wave && findBox(readBoxes(wave.payload), 'esds');
  if (esds === undefined) return undefined;
  const description = readAudioSpecificConfig(esds.payload);
  const writer = new BoxWriter(256);
  writeAudioSampleEntry(writer, {
    kind: 'audio',
    codec: 'aac',
    timescale: sampleRate,
    sampleRate,
    channels,
    description,
  });
  return writer.finish();
}

/** The samples of a plain file (ISO/IEC 14496-12 §8.6, §8.7). */
function readTable(track: TrackBoxes): TrackSamples {
  const { sizes, sameSize, count } = readSizes(track);
  const samples = new TrackSamples(count);
  if (sameSize === 0) samples.sizes.set(sizes);
  else samples.sizes.fill(sameSize);

  fillTimes(samples, readRuns(track, 'stts'));
  fillRuns(samples.compositionOffsets, readRuns(track, 'ctts'));
  const syncSamples = readSyncSamples(track);
  if (syncSamples === undefined) samples.keyFrames.fill(1);
  else for (const number of syncSamples) if (number <= count) samples.keyFrames[number - 1] = 1;

  const runs = readChunkRuns(track);
  const chunkOffsets = readChunkOffsets(track);
  let sample = 0;
  let run = -1;
  for (let chunk = 0; chunk < chunkOffsets.length && sample < count; chunk++) {
    while ((runs[(run + 1) * 3] ?? Number.POSITIVE_INFINITY) <= chunk + 1) run++;
    let offset = chunkOffsets[chunk]!;
    const format = checkedFormat(runs[run * 3 + 2] ?? 1, track.sampleEntries.length);
    for (const end = Math.min(count, sample + (runs[run * 3 + 1] ?? 0)); sample < end; sample++) {
      samples.offsets[sample] = offset;
      samples.formats[sample] = format;
      offset += samples.sizes[sample]!;
    }
  }
  if (sample < count) throw new MediaError('container-malformed', 'there are samples that no chunk holds');
  return samples;
}

/** Where the runs end early, what is left lasts nothing. */
function fillTimes({ count, decodeTimes, durations }: TrackSamples, runs: Uint32Array): void {
  fillRuns(durations, runs);
  let time = 0;
  for (let index = 0; index < count; index++) {
    decodeTimes[index] = time;
    time += durations[index]!;
  }
}

/** @param runs - a count and a value in turn */
function fillRuns(values: Uint32Array | Int32Array, runs: Uint32Array): void {
  let index = 0;
  for (let run = 0; run + 1 < runs.length && index < values.length; run += 2) {
    const end = Math.min(values.length, index + runs[run]!);
    values.fill(runs[run + 1]!, index, end);
    index = end;
  }
}

function checkedFormat(format: number, entries: number): number {
  if (format >= 1 && format <= entries) return format;
  throw new MediaError('container-malformed', `samples have sample entry ${format} of ${entries}`);
}

interface PlacedRun {
  readonly run: TimedRun;
  readonly offset: number;
}

async function readFragments(
  reader: WindowReader,
  movie: ReadMovie,
  box: FileBox,
  fileSize: number,
): Promise<Map<number, TrackSamples>> {
  const runs = new Map<number, PlacedRun[]>();
  const scanner = new FragmentScanner(reader, movie, box.end);
  for (let found = await scanner.next(fileSize); found !== undefined; found = await scanner.next(fileSize)) {
    let position: number | undefined;
    for (const run of found.runs) {
      const { dataOffset, fileOffset } = run;
      const offset = fileOffset ?? (dataOffset === undefined ? position : found.offset + dataOffset);
      if (offset === undefined) {
        throw new MediaError('container-unsupported', 'the fragments do not say where their samples are');
      }
      position = offset + run.byteLength;
      const placed = runs.get(run.track.trackId);
      if (placed === undefined) runs.set(run.track.trackId, [{ run, offset }]);
      else placed.push({ run, offset });
    }
  }
  return new Map([...runs].map(([trackId, placed]) => [trackId, collectRuns(placed)]));
}

function collectRuns(placed: readonly PlacedRun[]): TrackSamples {
  const samples = new TrackSamples(placed.reduce((sum, { run }) => sum + run.sizes.length, 0));
  let index = 0;
  for (const { run, offset } of placed) {
    const { sizes, durations, compositionOffsets, keyFrames, formatIndex, track } = run;
    const format = checkedFormat(formatIndex, track.sampleEntries.length);
    let position = offset;
    let time = run.baseTime;
    for (let sample = 0; sample < sizes.length; sample++, index++) {
      samples.offsets[index] = position;
      samples.sizes[index] = sizes[sample]!;
      samples.decodeTimes[index] = time;
      samples.durations[index] = durations[sample]!;
      samples.compositionOffsets[index] = compositionOffsets[sample]!;
      samples.keyFrames[index] = track.options.kind === 'audio' ? 1 : keyFrames[sample]!;
      samples.formats[index] = format;
      position += sizes[sample]!;
      time += durations[sample]!;
    }
  }
  return samples;
}
