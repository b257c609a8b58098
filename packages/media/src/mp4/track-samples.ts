import { MediaError } from '../errors.ts';

/** Samples of all tracks of one file: a hundred hours of picture and sound; PCM in single samples passes it in minutes. */
const MAX_SAMPLES = 40_000_000;

/** The samples of a track in decode order, 34 bytes each. Times in the track's timescale. */
export class TrackSamples {
  readonly count: number;
  /** Of their data in the file. */
  readonly offsets: Float64Array;
  readonly sizes: Uint32Array;
  readonly decodeTimes: Float64Array;
  readonly durations: Uint32Array;
  /** Presentation time minus decode time. */
  readonly compositionOffsets: Int32Array;
  /** 1 for a sync sample. */
  readonly keyFrames: Uint8Array;
  /** 1-based numbers of their sample entries. */
  readonly formats: Uint8Array;

  /** @throws MediaError `container-unsupported` when there are more than anybody records */
  constructor(count: number) {
    if (count > MAX_SAMPLES) throw new MediaError('container-unsupported', `a track of ${count} samples`);
    this.count = count;
    this.offsets = new Float64Array(count);
    this.sizes = new Uint32Array(count);
    this.decodeTimes = new Float64Array(count);
    this.durations = new Uint32Array(count);
    this.compositionOffsets = new Int32Array(count);
    this.keyFrames = new Uint8Array(count);
    this.formats = new Uint8Array(count);
  }

  /** Presentation time of a sample on the track's own clock, before any edit. */
  timeOf(index: number): number {
    return this.decodeTimes[index]! + this.compositionOffsets[index]!;
  }

  /** When the sample that is shown last ends. */
  endTime(): number {
    let end = 0;
    for (let index = 0; index < this.count; index++) end = Math.max(end, this.timeOf(index) + this.durations[index]!);
    return end;
  }
}
