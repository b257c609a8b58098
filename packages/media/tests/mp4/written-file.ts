import type { ContainerWriter, FragmentInfo, RandomAccess, Recovery, Sample } from '../../src/container/index.ts';
import { HybridMp4Writer } from '../../src/mp4/index.ts';
import type { EncodedMedia } from './encoded-media.ts';

export const CREATION_TIME = Date.UTC(2026, 0, 2, 3, 4, 5);

/** A file as it stood at each step of its writing. */
export interface WrittenFile {
  /** Header and fragments: what a kill before the end leaves. */
  readonly growing: Uint8Array;
  /** The final index is appended and nothing overwritten yet. */
  readonly appended: Uint8Array;
  readonly finished: Uint8Array;
  readonly headerLength: number;
  readonly fragments: readonly FragmentInfo[];
}

export interface Step {
  readonly track: number;
  readonly sample: Sample;
  readonly seconds: number;
  /** Called before the sample is added. */
  readonly before?: () => void;
}

/** All samples of the media in the order in which they would have come. */
export function interleave(media: EncodedMedia): Step[] {
  const steps = [
    ...media.videoSamples.map((sample) => ({ track: 0, sample, seconds: sample.timestamp / media.video.timescale })),
    ...media.audioSamples.map((sample) => ({ track: 1, sample, seconds: sample.timestamp / media.audio.timescale })),
  ];
  return steps.sort((a, b) => a.seconds - b.seconds);
}

/** Writes all steps with a cut every `cutSeconds`. */
export function writeSteps(writer: ContainerWriter, steps: readonly Step[], cutSeconds: number): WrittenFile {
  const header = writer.header();
  const parts: Uint8Array[] = [header];
  const fragments: FragmentInfo[] = [];
  const cut = () => {
    const fragment = writer.cutFragment();
    if (fragment === undefined) return;
    parts.push(...fragment.chunks);
    fragments.push(fragment.info);
  };
  let nextCut = cutSeconds;
  for (const { track, sample, seconds, before } of steps) {
    if (seconds >= nextCut) {
      cut();
      nextCut += cutSeconds;
    }
    before?.();
    writer.addSample(track, sample);
  }
  cut();
  const growing = Buffer.concat(parts);
  const { append, patches } = writer.finalize();
  const appended = Buffer.concat([growing, ...append]);
  const finished = Buffer.from(appended);
  for (const { offset, data } of patches) finished.set(data, offset);
  return { growing, appended, finished, headerLength: header.byteLength, fragments };
}

export function writeMp4(media: EncodedMedia, cutSeconds = 0.5): WrittenFile {
  const writer = new HybridMp4Writer({ tracks: [media.video, media.audio], creationTime: CREATION_TIME });
  return writeSteps(writer, interleave(media), cutSeconds);
}

/** Reads from memory, and counts what was read. */
export class MemoryFile {
  bytes: Uint8Array;
  reads = 0;
  bytesRead = 0;
  readonly read: RandomAccess = async (offset, length) => {
    this.reads++;
    // A Buffer, as files of Node give.
    const slice = Buffer.from(this.bytes.subarray(offset, offset + length));
    this.bytesRead += slice.byteLength;
    return slice;
  };

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** Does to the bytes what a recovery asks for. */
export function applyRecovery(
  bytes: Uint8Array,
  { truncateTo, finalization }: Pick<Recovery, 'truncateTo' | 'finalization'>,
): Uint8Array {
  const whole = Buffer.concat([bytes.subarray(0, truncateTo), ...finalization.append]);
  for (const { offset, data } of finalization.patches) whole.set(data, offset);
  return whole;
}
