import { ByteReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { readBoxes, readFullBoxHeader, requireBox } from './box-reader.ts';
import { TrackFragmentFlag, TrackRunFlag } from './movie-fragment.ts';
import type { ReadMovie, ReadTrack, SampleDefaults } from './movie-reader.ts';

/** `sample_is_non_sync_sample`, ISO/IEC 14496-12 §8.8.3.1. */
const NON_SYNC = 0x00010000;

/** Most samples that a fragment may have without a byte for each in its header: more is an attack on memory. */
const MAX_UNDESCRIBED_SAMPLES = 1 << 16;

/** Samples of one track that lie one behind another. */
export interface ReadRun {
  readonly track: ReadTrack;
  /** Decode time of the first sample; undefined when the fragment does not say. */
  readonly baseTime: number | undefined;
  /** Of the first sample's data from the start of the `moof`; undefined when it is told in another way. */
  readonly dataOffset: number | undefined;
  /** The same from the start of the file, where the fragment tells it in this way. */
  readonly fileOffset: number | undefined;
  /** 1-based number of the samples' entry. */
  readonly formatIndex: number;
  readonly byteLength: number;
  readonly sizes: Uint32Array;
  readonly durations: Uint32Array;
  readonly compositionOffsets: Int32Array;
  /** 1 for a sync sample. */
  readonly keyFrames: Uint8Array;
}

/**
 * Reads the payload of a `moof` (ISO/IEC 14496-12 §8.8.4 to §8.8.12). Runs of tracks that the movie does not have are
 * left out.
 *
 * @throws MediaError `container-malformed`
 */
export function readMovieFragment(payload: Uint8Array, movie: ReadMovie): ReadRun[] {
  const fragment = { runs: [], undescribedSamples: 0 };
  for (const box of readBoxes(payload)) {
    if (box.type === 'traf') readTrackFragment(box.payload, movie, fragment);
  }
  return fragment.runs;
}

interface FragmentInProgress {
  readonly runs: ReadRun[];
  undescribedSamples: number;
}

function readTrackFragment(payload: Uint8Array, movie: ReadMovie, fragment: FragmentInProgress): void {
  const boxes = readBoxes(payload);
  const header = new ByteReader(requireBox(boxes, 'tfhd').payload);
  const { flags } = readFullBoxHeader(header);
  const trackId = header.u32();
  const track = movie.tracks.find((candidate) => candidate.trackId === trackId);
  if (track === undefined) return;
  const ownOffset = (flags & TrackFragmentFlag.baseDataOffset) !== 0;
  const base = ownOffset ? header.u64() : undefined;
  const formatIndex = flags & TrackFragmentFlag.sampleDescriptionIndex ? header.u32() : 1;
  const defaults: SampleDefaults = {
    duration: flags & TrackFragmentFlag.defaultDuration ? header.u32() : track.defaults.duration,
    size: flags & TrackFragmentFlag.defaultSize ? header.u32() : track.defaults.size,
    flags: flags & TrackFragmentFlag.defaultFlags ? header.u32() : track.defaults.flags,
  };
  const offsetIsFromMoof = !ownOffset && (flags & TrackFragmentFlag.defaultBaseIsMoof) !== 0;

  let baseTime: number | undefined;
  for (const box of boxes) {
    if (box.type === 'tfdt') {
      const reader = new ByteReader(box.payload);
      baseTime = readFullBoxHeader(reader).version === 1 ? reader.u64() : reader.u32();
    } else if (box.type === 'trun') {
      const samples = readTrackRun(new ByteReader(box.payload), defaults, fragment);
      const { dataOffset } = samples;
      const run = {
        ...samples,
        track,
        baseTime,
        formatIndex,
        dataOffset: offsetIsFromMoof ? dataOffset : undefined,
        fileOffset: base === undefined ? undefined : base + (dataOffset ?? 0),
      };
      fragment.runs.push(run);
      if (baseTime !== undefined) for (const duration of run.durations) baseTime += duration;
    }
  }
}

function readTrackRun(
  reader: ByteReader,
  defaults: SampleDefaults,
  fragment: FragmentInProgress,
): Omit<ReadRun, 'track' | 'baseTime' | 'formatIndex' | 'fileOffset'> {
  const { flags } = readFullBoxHeader(reader);
  const count = reader.u32();
  const dataOffset = flags & TrackRunFlag.dataOffset ? reader.i32() : undefined;
  const firstFlags = flags & TrackRunFlag.firstSampleFlags ? reader.u32() : undefined;
  const fields = [TrackRunFlag.duration, TrackRunFlag.size, TrackRunFlag.flags, TrackRunFlag.compositionOffset];
  const described = fields.filter((flag) => flags & flag).length * 4;
  if (count * described > reader.remaining) {
    throw new MediaError('container-malformed', `a run of ${count} samples does not fit in its box`);
  }
  if (described === 0 && count > 0) {
    fragment.undescribedSamples += count;
    if (defaults.size === 0 || fragment.undescribedSamples > MAX_UNDESCRIBED_SAMPLES) {
      throw new MediaError('container-malformed', `a run has ${count} samples and describes none`);
    }
  }
  const run = {
    sizes: new Uint32Array(count).fill(defaults.size),
    durations: new Uint32Array(count).fill(defaults.duration),
    compositionOffsets: new Int32Array(count),
    keyFrames: new Uint8Array(count),
  };
  let byteLength = 0;
  for (let index = 0; index < count; index++) {
    if (flags & TrackRunFlag.duration) run.durations[index] = reader.u32();
    if (flags & TrackRunFlag.size) run.sizes[index] = reader.u32();
    const ownFlags = flags & TrackRunFlag.flags ? reader.u32() : undefined;
    // Version 0 has the offset unsigned, but writers put negative ones there as well, and none reaches 2^31.
    if (flags & TrackRunFlag.compositionOffset) run.compositionOffsets[index] = reader.i32();
    const sampleFlags = ownFlags ?? (index === 0 ? firstFlags : undefined) ?? defaults.flags;
    run.keyFrames[index] = sampleFlags & NON_SYNC ? 0 : 1;
    byteLength += run.sizes[index]!;
  }
  return { ...run, byteLength, dataOffset };
}
