/** Ticks per millisecond of RTP timestamps: of Opus (RFC 7587, section 4.1), and of pictures. */
const TICKS_PER_MS = { audio: 48, video: 90 } as const;

/** What was handed over last of a track. */
export interface Handover {
  readonly rtpTimestamp: number;
  /** When, on the page's clock (`performance.now()`). */
  readonly atMs: number;
  /** How much later than on the RTP stream's own clock, which counts from anywhere. */
  readonly lateMs: number;
}

/** Tells which moment of an RTP stream is played when (https://www.w3.org/TR/webrtc/#dom-rtcrtpcontributingsource). */
export class HandoverClock {
  readonly #receiver: RTCRtpReceiver;
  #ticks = 0;
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
    const { rtpTimestamp, timestamp } = source;
    const atMs = timestamp - performance.timeOrigin;
    if (this.#newest?.atMs !== atMs) {
      // The timestamps go around after 32 bits.
      this.#ticks += this.#newest === undefined ? 0 : (rtpTimestamp - this.#newest.rtpTimestamp) | 0;
      const mediaMs = this.#ticks / TICKS_PER_MS[this.#receiver.track.kind as 'audio' | 'video'];
      this.#newest = { rtpTimestamp, atMs, lateMs: atMs - mediaMs };
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
}
