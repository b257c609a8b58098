import { SAMPLE_RATE } from '../sample-rate.ts';
import type { RecordingTime } from './recording-time.ts';
import { SourceClock } from './source-clock.ts';

const SAMPLES_PER_MS = SAMPLE_RATE / 1000;
/** Sound that lies further than this from where it belongs is moved there; closer, it is stretched. */
const MAX_OFFSET = 30 * SAMPLES_PER_MS;
/** Below that it is left alone: timestamps are no better. */
const FINE_OFFSET = 5 * SAMPLES_PER_MS;
/** Samples that go to the encoder at once. */
const BATCH = 1920;
/** Sound that is later than this is written as silence. A second of it may wait for a worker that was kept from its work. */
const LATENESS_MS = 1200;

export interface SoundTrackOptions {
  readonly time: RecordingTime;
  readonly channels: 1 | 2;
  /** Samples that the decoder will put in front of the sound: that much is left out of its beginning. */
  readonly primingSamples: number;
  /** Takes the sound over, without holes: one array with all samples of the first channel, then of the second. */
  readonly encode: (planes: Float32Array<ArrayBuffer>, samples: number) => void;
}

/** Makes one unbroken run of samples of whatever sound comes, with silence where there is none. */
export class SoundTrack {
  readonly #options: SoundTrackOptions;
  #clock = new SourceClock();
  #batch: Float32Array<ArrayBuffer>;
  #filled = 0;
  /** Samples of the recording's time that are written; those left out for the priming among them. */
  #written = 0;
  #silentSamples = 0;
  #earlySamples = 0;

  constructor(options: SoundTrackOptions) {
    this.#options = options;
    this.#batch = new Float32Array(BATCH * options.channels);
    this.#written = options.primingSamples;
  }

  get silenceMs(): number {
    return this.#silentSamples / SAMPLES_PER_MS;
  }

  /** How much earlier than it came sound is written, in ms: what is not worth a silence is stretched away slowly. */
  get earlyMs(): number {
    return this.#earlySamples / SAMPLES_PER_MS;
  }

  /** Sound of another source follows, whose timestamps count from elsewhere. */
  sourceChanged(): void {
    this.#clock = new SourceClock();
  }

  /**
   * @param channels - samples of each channel; one is written to both, of more than there are in the file the first
   * @param sourceMs - time of the first sample on the source's clock
   */
  push(channels: readonly Float32Array[], sourceMs: number, arrivalMs: number): void {
    const samples = channels[0]?.length ?? 0;
    const lengthMs = samples / SAMPLES_PER_MS;
    const atMs = this.#clock.map(sourceMs + lengthMs, arrivalMs) - lengthMs;
    const positionMs = this.#options.time.positionAt(atMs);
    if (positionMs === undefined) return;
    const offset = Math.round(positionMs * SAMPLES_PER_MS) - this.#written;
    let from = 0;
    this.#earlySamples = Math.abs(offset) > MAX_OFFSET ? 0 : offset;
    if (offset > MAX_OFFSET) this.#silence(offset);
    else if (offset < -MAX_OFFSET || this.#written === this.#options.primingSamples) from = Math.max(0, -offset);
    else if (offset < -FINE_OFFSET) from = 1;
    if (from >= samples) return;
    this.#append(channels, from, samples);
    // One sample more in a hundredth of a second follows a clock that is 0.2 % off, and nobody hears it.
    if (offset > FINE_OFFSET && offset <= MAX_OFFSET) this.#append(channels, samples - 1, samples);
  }

  /** Writes silence where sound is overdue. */
  tick(nowMs: number): void {
    this.#silenceUpTo(this.#options.time.now(nowMs) - LATENESS_MS);
  }

  /** Hands over what is left, with silence up to the recording's end. */
  finish(nowMs: number): void {
    this.#silenceUpTo(this.#options.time.now(nowMs));
    this.#handOver();
  }

  #silenceUpTo(positionMs: number): void {
    const missing = Math.round(positionMs * SAMPLES_PER_MS) - this.#written;
    if (missing > 0) this.#silence(missing);
  }

  #silence(samples: number): void {
    this.#silentSamples += samples;
    this.#written += samples;
    for (let left = samples; left > 0; ) {
      const count = Math.min(left, BATCH - this.#filled);
      // A new batch is zero already.
      this.#filled += count;
      left -= count;
      if (this.#filled === BATCH) this.#handOver();
    }
  }

  #append(channels: readonly Float32Array[], from: number, to: number): void {
    this.#written += to - from;
    for (let at = from; at < to; ) {
      const count = Math.min(to - at, BATCH - this.#filled);
      for (let channel = 0; channel < this.#options.channels; channel++) {
        const source = channels[channel] ?? channels[0]!;
        this.#batch.set(source.subarray(at, at + count), channel * BATCH + this.#filled);
      }
      this.#filled += count;
      at += count;
      if (this.#filled === BATCH) this.#handOver();
    }
  }

  #handOver(): void {
    if (this.#filled === 0) return;
    const { channels, encode } = this.#options;
    let planes = this.#batch;
    if (this.#filled < BATCH) {
      planes = new Float32Array(this.#filled * channels);
      for (let channel = 0; channel < channels; channel++) {
        const start = channel * BATCH;
        planes.set(this.#batch.subarray(start, start + this.#filled), channel * this.#filled);
      }
    }
    const samples = this.#filled;
    this.#batch = new Float32Array(BATCH * channels);
    this.#filled = 0;
    encode(planes, samples);
  }
}
