/** What one peer may send, or have sent again to it, on and on. Two 1080p tracks with their sound stay far below. */
const BITS_PER_SECOND = 20_000_000;
const PACKETS_PER_SECOND = 10_000;
/** How much of it may come at once: key frames and backlogs of a stalled network are bursts. */
const BURST_SECONDS = 2;

/** Leaky bucket over packets and bits: a peer that floods loses what is too much, and nobody else does. */
export class FloodGuard {
  #packets = 0;
  #bits = 0;
  #lastMs = Number.NaN;
  #dropped = 0;

  /** Packets refused so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether this packet may be taken. */
  admit(bytes: number, arrivalMs: number): boolean {
    const elapsed = Math.max(0, (arrivalMs - this.#lastMs) / 1000) || 0;
    this.#lastMs = Number.isNaN(this.#lastMs) ? arrivalMs : Math.max(this.#lastMs, arrivalMs);
    this.#packets = Math.max(0, this.#packets - elapsed * PACKETS_PER_SECOND);
    this.#bits = Math.max(0, this.#bits - elapsed * BITS_PER_SECOND);
    if (this.#packets >= PACKETS_PER_SECOND * BURST_SECONDS || this.#bits >= BITS_PER_SECOND * BURST_SECONDS) {
      this.#dropped += 1;
      return false;
    }
    this.#packets += 1;
    this.#bits += bytes * 8;
    return true;
  }
}
