import type { Sample } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { BoxWriter } from './box-writer.ts';
import { NON_SYNC_SAMPLE_FLAGS, SYNC_SAMPLE_FLAGS } from './movie-box.ts';

/** `tfhd` and `trun` flags, ISO/IEC 14496-12 §8.8.7.1 and §8.8.8.1. */
export const TrackFragmentFlag = {
  baseDataOffset: 0x000001,
  sampleDescriptionIndex: 0x000002,
  defaultDuration: 0x000008,
  defaultSize: 0x000010,
  defaultFlags: 0x000020,
  defaultBaseIsMoof: 0x020000,
} as const;

export const TrackRunFlag = {
  dataOffset: 0x000001,
  firstSampleFlags: 0x000004,
  duration: 0x000100,
  size: 0x000200,
  flags: 0x000400,
  compositionOffset: 0x000800,
} as const;

/** What a fragment's header says of a sample. */
export type DescribedSample = Pick<Sample, 'duration' | 'keyFrame' | 'compositionOffset'> & {
  readonly data: { readonly byteLength: number };
};

/** A track's samples in one fragment; there is one sample at least. */
export interface FragmentRun {
  readonly trackId: number;
  readonly kind: 'video' | 'audio';
  /** Decode time of the first sample, in the track's timescale. */
  readonly baseTime: number;
  readonly samples: readonly DescribedSample[];
  /** 1-based number of their sample entry; 1, the first, when absent. */
  readonly formatIndex?: number;
}

/**
 * Writes a `moof` with one `traf` per run, and the header of the `mdat` that holds the runs' data one behind another
 * (ISO/IEC 14496-12 §8.8.4 to §8.8.12).
 *
 * @throws MediaError `argument-invalid` when the data of the fragment is 4 GB or more
 */
export function writeMovieFragment(sequenceNumber: number, runs: readonly FragmentRun[]): Uint8Array<ArrayBuffer> {
  let sampleCount = 0;
  for (const run of runs) sampleCount += run.samples.length;
  const writer = new BoxWriter(64 + runs.length * 96 + sampleCount * 16);

  const moof = writer.open('moof');
  const mfhd = writer.openFull('mfhd', 0, 0);
  writer.u32(sequenceNumber);
  writer.close(mfhd);
  const dataOffsetPositions = runs.map((run) => writeTrackFragment(writer, run));
  writer.close(moof);

  let dataOffset = writer.length + 8;
  for (const [index, run] of runs.entries()) {
    writer.patchU32(dataOffsetPositions[index]!, dataOffset);
    for (const sample of run.samples) dataOffset += sample.data.byteLength;
  }
  const mdatSize = dataOffset - writer.length;
  if (dataOffset > 0x7fffffff) throw new MediaError('argument-invalid', 'a fragment must be smaller than 2 GB');
  writer.u32(mdatSize);
  writer.fourCc('mdat');
  return writer.finish();
}

/** @returns where the run's data offset is to be written */
function writeTrackFragment(writer: BoxWriter, run: FragmentRun): number {
  const { trackId, kind, baseTime, samples, formatIndex = 1 } = run;
  const first = samples[0]!;
  const sameDuration = samples.every((sample) => sample.duration === first.duration);
  const reordered = samples.some((sample) => (sample.compositionOffset ?? 0) !== 0);
  // A key frame at the start alone is said by first-sample-flags; one elsewhere needs flags for every sample.
  const laterKeyFrame = kind === 'video' && samples.some((sample, index) => index > 0 && sample.keyFrame);
  const firstIsKey = kind === 'video' && !laterKeyFrame && first.keyFrame;

  const traf = writer.open('traf');
  const tfhd = writer.openFull(
    'tfhd',
    0,
    TrackFragmentFlag.defaultBaseIsMoof |
      (formatIndex === 1 ? 0 : TrackFragmentFlag.sampleDescriptionIndex) |
      (sameDuration ? TrackFragmentFlag.defaultDuration : 0),
  );
  writer.u32(trackId);
  if (formatIndex !== 1) writer.u32(formatIndex);
  if (sameDuration) writer.u32(first.duration);
  writer.close(tfhd);

  const tfdt = writer.openFull('tfdt', 1, 0);
  writer.u64(baseTime);
  writer.close(tfdt);

  const trun = writer.openFull(
    'trun',
    1,
    TrackRunFlag.dataOffset |
      TrackRunFlag.size |
      (firstIsKey ? TrackRunFlag.firstSampleFlags : 0) |
      (sameDuration ? 0 : TrackRunFlag.duration) |
      (laterKeyFrame ? TrackRunFlag.flags : 0) |
      (reordered ? TrackRunFlag.compositionOffset : 0),
  );
  writer.u32(samples.length);
  const dataOffsetPosition = writer.length;
  writer.u32(0);
  if (firstIsKey) writer.u32(SYNC_SAMPLE_FLAGS);
  for (const sample of samples) {
    if (!sameDuration) writer.u32(sample.duration);
    writer.u32(sample.data.byteLength);
    if (laterKeyFrame) writer.u32(sample.keyFrame ? SYNC_SAMPLE_FLAGS : NON_SYNC_SAMPLE_FLAGS);
    if (reordered) writer.i32(sample.compositionOffset ?? 0);
  }
  writer.close(trun);
  writer.close(traf);
  return dataOffsetPosition;
}
