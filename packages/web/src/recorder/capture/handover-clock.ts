/** Ticks per millisecond of RTP timestamps: of Opus (RFC 7587, section 4.1), and of pictures. */
const TICKS_PER_MS = { audio: 48, video: 90 } as const;

/**
 * A lateness that has changed by more since the handover before, in ms, is none: the sender has begun its clock anew, or let
 * it stand while it sent nothing.
 */
const BEGUN_ANEW_MS = 2000;

/** What was handed over last of a track. */
export interface Handover {
  readonly rtpTimestamp: number;
  /**
   * When, in ms, on a clock that is as steady as the page's but counts from elsewhere: Chromium takes the time of day where the
   * document begins, and `performance.timeOrigin` where its process did.
   */
  readonly atMs: number;
  /** How much later than the first one, by the RTP stream's own clock. */
  readonly lateMs: number;
}

/** Tells which moment of an RTP stream is played when (https://www.w3.org/TR/webrtc/#dom-rtcrtpcontributingsource). */
export class HandoverClock {
  readonly #receiver: RTCRtpReceiver;
  #newest: Handover | undefined;
  #lateSumMs = 0;
  #looks = 0;

  constructor(receiver: RTCRtpReceiver) {
    this.#receiver = receiver;
  }

  /** @returns undefined where a browser does not know, or nothing came yet */
  look(): Handover | undefined {
    const [source] = this.#receiver.getSynchronizationSources?.() ?? [];
    if (source === undefined) return this.#newest;
    const { rtpTimestamp, timestamp: atMs } = source;
    if (this.#newest?.atMs !== atMs) {
      this.#newest = { rtpTimestamp, atMs, lateMs: this.#lateMs(rtpTimestamp, atMs) };
    }
    this.#lateSumMs += this.#newest.lateMs;
    this.#looks += 1;
    return this.#newest;
  }

  /** Mean of the looks since it was last asked for. */
  takeMeanLateMs(): number | undefined {
    const meanMs = this.#looks > 0 ? this.#lateSumMs / this.#looks : undefined;
    this.#lateSumMs = 0;
    this.#looks = 0;
    return meanMs;
  }

  /** With a clock that was begun anew it counts as late as before, until the delays are measured. */
  #lateMs(rtpTimestamp: number, atMs: number): number {
    if (this.#newest === undefined) return 0;
    // The timestamps go around after 32 bits.
    const ticks = (rtpTimestamp - this.#newest.rtpTimestamp) | 0;
    const mediaMs = ticks / TICKS_PER_MS[this.#receiver.track.kind as 'audio' | 'video'];
    const laterMs = atMs - this.#newest.atMs - mediaMs;
    return this.#newest.lateMs + (Math.abs(laterMs) > BEGUN_ANEW_MS ? 0 : laterMs);
  }
}
