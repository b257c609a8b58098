import { TrackClock } from '@aircheck/media';
import { MIX_RATE } from './sound-mixer.ts';

const FRAMES_PER_MS = MIX_RATE / 1000;
/** Arrivals say no more precisely where a packet belongs, and no ear hears that two voices are so far apart. */
const TOLERANCE_MS = 10;
/** A voice that is further off is put where it belongs at once; it is heard as a short gap, or as a cut. */
const JUMP_MS = 120;
/** How fast a smaller error is made good: half of it in about so long. */
const CORRECTION_MS = 500;
/** At most so much longer or shorter than it was sent: no ear hears it in speech, and media clocks are never so wrong. */
const MAX_STRETCH = 0.03;
/** Timestamps that go back, or that run ahead of their arrival by more, are of a sender that began anew. */
const DISCONTINUITY_MS = 1000;

/** Where a packet of sound goes, and how long it is to be there. Sample frames of the mix. */
export interface Place {
  readonly position: number;
  readonly length: number;
}

/**
 * Lays one voice's packets on the mix's time, which is the clock of this computer. Packets lie end to end; a hole in the
 * timestamps stays a hole. A media clock that runs fast or slow against this one (crystals a little, software clocks up
 * to 2 %) is followed by making packets a little shorter or longer, so that voices never drift apart.
 */
export class VoicePlacer {
  readonly #zeroMs: number;
  readonly #clockRate: number;
  #clock: TrackClock | undefined;
  #timestamp = Number.NEGATIVE_INFINITY;
  /** Where the next packet lies if its timestamp follows on the last one's. */
  #next: number | undefined;
  #nextTimestamp = 0;

  /** @param zeroMs - the mix's zero on the clock of arrivals */
  constructor(zeroMs: number, clockRate: number) {
    this.#zeroMs = zeroMs;
    this.#clockRate = clockRate;
  }

  /** Takes a sender report in: it tells how fast the sender's clock runs. */
  senderReport(ntpMs: number, rtpTimestamp: number): void {
    this.#clock?.senderReport(ntpMs, rtpTimestamp);
  }

  /**
   * Takes note of a packet that will be placed later. The first packets of a track often come late and all at once: where
   * the first one belongs is known better when some more have come.
   */
  arrived(rtpTimestamp: number, arrivalMs: number): void {
    this.#clock ??= new TrackClock(this.#clockRate);
    this.#clock.frameArrived(rtpTimestamp, arrivalMs);
  }

  /** @param samples - the packet's length, as decoded */
  place(rtpTimestamp: number, arrivalMs: number, samples: number): Place {
    if (this.#clock !== undefined && !this.#goesOn(this.#clock, rtpTimestamp, arrivalMs)) {
      this.#clock = undefined;
      this.#next = undefined;
    }
    this.arrived(rtpTimestamp, arrivalMs);
    const wanted = (this.#clock!.arrivalTimeMs(rtpTimestamp) - this.#zeroMs) * FRAMES_PER_MS;
    let position = Math.round(wanted);
    let length = samples;
    if (this.#next !== undefined) {
      const missing = Math.round(((rtpTimestamp - this.#nextTimestamp) * MIX_RATE) / this.#clockRate);
      const follows = this.#next + missing;
      const errorMs = (wanted - follows) / FRAMES_PER_MS;
      if (Math.abs(errorMs) < JUMP_MS) {
        position = follows;
        length += Math.round(samples * stretchFor(errorMs));
      }
    }
    this.#timestamp = rtpTimestamp;
    this.#next = position + length;
    this.#nextTimestamp = rtpTimestamp + (samples * this.#clockRate) / MIX_RATE;
    return { position, length };
  }

  #goesOn(clock: TrackClock, rtpTimestamp: number, arrivalMs: number): boolean {
    const elapsedMs = ((rtpTimestamp - this.#timestamp) * 1000) / this.#clockRate;
    return elapsedMs > -DISCONTINUITY_MS && arrivalMs > clock.arrivalTimeMs(rtpTimestamp) - DISCONTINUITY_MS;
  }
}

function stretchFor(errorMs: number): number {
  const beyond = Math.sign(errorMs) * Math.max(0, Math.abs(errorMs) - TOLERANCE_MS);
  return Math.max(-MAX_STRETCH, Math.min(MAX_STRETCH, beyond / CORRECTION_MS));
}

/** A run of samples made longer or shorter, by straight lines between them. */
export function stretched(samples: Float32Array, length: number): Float32Array {
  if (length === samples.length) return samples;
  const result = new Float32Array(length);
  const step = length > 1 ? (samples.length - 1) / (length - 1) : 0;
  for (let index = 0; index < length; index++) {
    const at = index * step;
    const before = Math.floor(at);
    const value = samples[before]!;
    result[index] = value + (at - before) * ((samples[before + 1] ?? value) - value);
  }
  return result;
}
