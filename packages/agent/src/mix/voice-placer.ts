import { TrackClock } from '@aircheck/media';
import { MIX_RATE } from './sound-mixer.ts';

/** Nothing arrives before it was sent: a packet that is this much earlier than its place says that the place is late. */
const EARLY_MS = 10;
/** A voice whose packets are all so late, for the whole of a window, lies too early: by what the least late one is late. */
const LATE_MS = 20;
/** Networks and senders stall, and catch up again: shorter windows would take that for the sender's clock. */
const WINDOW_MS = 20_000;
/** How fast a voice is moved: half of what it is off in about so long. */
const CORRECTION_MS = 500;
/** At most so much longer or shorter than it was sent: no ear hears it in speech, and media clocks are never so wrong. */
const MAX_STRETCH = 0.03;
/** A voice that is further off is moved at once: it is heard as a gap, or with a piece left out. */
const JUMP_MS = 500;
/** Timestamps that go back, or that run ahead of their arrival by more, are of a sender that began anew. */
const DISCONTINUITY_MS = 1000;

/** Where a packet of sound goes, and how long it is to be there. Sample frames of the mix. */
export interface Place {
  readonly position: number;
  readonly length: number;
}

/**
 * Lays one voice's packets on the mix's time, which is the clock of this computer. Packets lie end to end, a hole in the
 * timestamps stays a hole, and delays of the network do not move anything. A media clock that runs fast or slow (crystals
 * a little, software clocks up to 2 %) is followed by the sender's reports, and by what the least delayed packets say in
 * the long run: packets are made a little shorter or longer, so that voices never drift apart.
 */
export class VoicePlacer {
  readonly #zeroMs: number;
  readonly #clockRate: number;
  #clock: TrackClock | undefined;
  #timestamp = Number.NEGATIVE_INFINITY;
  #arrivalMs = 0;
  /** The next packet's place, ms from the mix's zero, if its timestamp follows on the last one's. */
  #nextMs: number | undefined;
  #nextTimestamp = 0;
  /** From the time of the media to that of the mix. */
  #offsetMs = 0;
  #bySender = false;
  #leastLateMs = Number.POSITIVE_INFINITY;
  #windowStartMs = 0;

  /** @param zeroMs - the mix's zero on the clock of arrivals */
  constructor(zeroMs: number, clockRate: number) {
    this.#zeroMs = zeroMs;
    this.#clockRate = clockRate;
  }

  /** Takes a sender report in: it tells how fast the sender's media clock runs. */
  senderReport(ntpMs: number, rtpTimestamp: number): void {
    this.#clock?.senderReport(ntpMs, rtpTimestamp);
  }

  /**
   * Takes note of a packet that will be placed later. The first packets of a track often come late and all at once: where
   * the first one belongs is known better when some more have come.
   */
  arrived(rtpTimestamp: number, arrivalMs: number): void {
    this.#clock ??= new TrackClock(this.#clockRate);
    // The sender's clock stood still: what follows lies that much later.
    this.#offsetMs += this.#clock.frameArrived(rtpTimestamp, arrivalMs);
  }

  /**
   * @param samples - the packet's length, as decoded
   * @returns undefined for a packet that is left out
   */
  place(rtpTimestamp: number, arrivalMs: number, samples: number): Place | undefined {
    if (this.#clock !== undefined && !this.#goesOn(this.#clock, rtpTimestamp, arrivalMs)) {
      this.#clock = undefined;
      this.#nextMs = undefined;
    }
    // Held back ones have been taken note of.
    if (this.#clock === undefined || arrivalMs > this.#arrivalMs) this.arrived(rtpTimestamp, arrivalMs);
    const clock = this.#clock!;
    this.#arrivalMs = arrivalMs;
    this.#timestamp = rtpTimestamp;
    const durationMs = (samples * 1000) / MIX_RATE;
    const followsMs =
      this.#nextMs === undefined
        ? undefined
        : this.#nextMs + ((rtpTimestamp - this.#nextTimestamp) * 1000) / this.#clockRate;
    const wantedMs = this.#wantedMs(clock, rtpTimestamp, arrivalMs, followsMs);
    const errorMs = followsMs === undefined ? 0 : wantedMs - followsMs;
    let startMs = followsMs ?? wantedMs;
    let lengthMs = durationMs;
    if (Math.abs(errorMs) < JUMP_MS) lengthMs += durationMs * clampStretch(errorMs / CORRECTION_MS);
    else startMs = wantedMs;
    // Moved back at once: what lies there is not said twice.
    if (this.#nextMs !== undefined && startMs < this.#nextMs - JUMP_MS / 2) return undefined;
    this.#nextMs = startMs + lengthMs;
    this.#nextTimestamp = rtpTimestamp + (samples * this.#clockRate) / MIX_RATE;
    const position = toFrames(startMs);
    return { position, length: toFrames(this.#nextMs) - position };
  }

  /** Where a packet belongs, by the sender's clock as far as it is known. */
  #wantedMs(clock: TrackClock, rtpTimestamp: number, arrivalMs: number, followsMs: number | undefined): number {
    const bySender = clock.driftPpm !== undefined;
    const nominalMs = (rtpTimestamp * 1000) / this.#clockRate;
    const mediaMs = (bySender ? clock.senderTimeMs(rtpTimestamp) : undefined) ?? nominalMs;
    if (followsMs === undefined) {
      this.#moveTo(clock.arrivalTimeMs(rtpTimestamp) - this.#zeroMs - mediaMs, arrivalMs);
    } else if (bySender !== this.#bySender || Math.abs(mediaMs + this.#offsetMs - followsMs) > DISCONTINUITY_MS * 10) {
      // Another clock, or one that was set: it goes on from here.
      this.#moveTo(followsMs - mediaMs, arrivalMs);
    }
    this.#bySender = bySender;
    const lateMs = arrivalMs - this.#zeroMs - mediaMs - this.#offsetMs;
    this.#leastLateMs = Math.min(this.#leastLateMs, lateMs);
    if (lateMs < -EARLY_MS) {
      this.#moveTo(this.#offsetMs + lateMs, arrivalMs);
    } else if (arrivalMs - this.#windowStartMs > WINDOW_MS) {
      this.#moveTo(this.#offsetMs + (this.#leastLateMs > LATE_MS ? this.#leastLateMs : 0), arrivalMs);
    }
    return mediaMs + this.#offsetMs;
  }

  #moveTo(offsetMs: number, nowMs: number): void {
    this.#offsetMs = offsetMs;
    this.#leastLateMs = Number.POSITIVE_INFINITY;
    this.#windowStartMs = nowMs;
  }

  #goesOn(clock: TrackClock, rtpTimestamp: number, arrivalMs: number): boolean {
    const elapsedMs = ((rtpTimestamp - this.#timestamp) * 1000) / this.#clockRate;
    return elapsedMs > -DISCONTINUITY_MS && arrivalMs > clock.arrivalTimeMs(rtpTimestamp) - DISCONTINUITY_MS;
  }
}

function clampStretch(stretch: number): number {
  return Math.max(-MAX_STRETCH, Math.min(MAX_STRETCH, stretch));
}

function toFrames(ms: number): number {
  return Math.round((ms * MIX_RATE) / 1000);
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
