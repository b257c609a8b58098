/** The rate of Opus decoders (RFC 7587 §4.1), of the mix and of its file. */
export const MIX_RATE = 48_000;
export const MIX_CHANNELS = 2;

/** Sound that lies further ahead of what was given out is of a computer that slept: there is no room for all of that time. */
const MAX_AHEAD = 70 * MIX_RATE;

/** Voices that together are louder than this are bent, softly, instead of being cut off at full scale. */
const KNEE = 0.8;

/**
 * Adds up voices on one line of time. Positions are sample frames from the mix's zero. What is added for a time that was
 * given out already is lost; where nothing was added there is silence.
 */
export class SoundMixer {
  #sums = new Float32Array(MIX_RATE * MIX_CHANNELS);
  /** Position of the first frame in `#sums`. */
  #start = 0;
  /** Frames in `#sums` that anything was added to. */
  #filled = 0;

  /** Up to where the mix was given out. */
  get position(): number {
    return this.#start;
  }

  /** Adds one voice's sound. A voice of one channel is given twice. */
  add(position: number, left: Float32Array, right: Float32Array): void {
    const skip = Math.max(0, this.#start - position);
    const count = left.length - skip;
    const from = position + skip - this.#start;
    if (count <= 0 || from + count > MAX_AHEAD) return;
    this.#reserve(from + count);
    const sums = this.#sums;
    for (let index = 0, at = from * MIX_CHANNELS; index < count; index++) {
      sums[at++]! += left[skip + index]!;
      sums[at++]! += right[skip + index]!;
    }
    this.#filled = Math.max(this.#filled, from + count);
  }

  /**
   * Gives out the mix up to a position.
   * @returns interleaved frames, within full scale; empty when that was given out already
   */
  take(until: number): Float32Array<ArrayBuffer> {
    const count = Math.max(0, until - this.#start);
    this.#reserve(count);
    const mixed = this.#sums.slice(0, count * MIX_CHANNELS);
    for (let index = 0; index < mixed.length; index++) mixed[index] = softClip(mixed[index]!);
    const left = Math.max(0, this.#filled - count);
    this.#sums.copyWithin(0, count * MIX_CHANNELS, (count + left) * MIX_CHANNELS);
    this.#sums.fill(0, left * MIX_CHANNELS, Math.max(this.#filled, count) * MIX_CHANNELS);
    this.#start += count;
    this.#filled = left;
    return mixed;
  }

  #reserve(frames: number): void {
    if (frames * MIX_CHANNELS <= this.#sums.length) return;
    const grown = new Float32Array(2 * frames * MIX_CHANNELS);
    grown.set(this.#sums);
    this.#sums = grown;
  }
}

/** Leaves what is below the knee as it is, and brings what is above it smoothly below full scale. */
function softClip(value: number): number {
  const size = Math.abs(value);
  if (size <= KNEE) return value;
  return Math.sign(value) * (KNEE + (1 - KNEE) * Math.tanh((size - KNEE) / (1 - KNEE)));
}
