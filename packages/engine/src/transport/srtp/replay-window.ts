const wordCount = 8;
const wordBits = 32;

/**
 * Which packet indexes were seen (RFC 3711 §3.3.2, RFC 6347 §4.1.2.6). At least 224 wide: a NACKed packet may
 * come back after more than the 64 of the specification's minimum, and 64 video packets are 0.2 s.
 */
export class ReplayWindow {
  /** Highest index seen, -1 before the first. */
  #highest = -1;
  readonly #words = new Uint32Array(wordCount);

  get highest(): number {
    return this.#highest;
  }

  /** Whether a packet of this index may be taken: neither seen nor older than the window. */
  admits(index: number): boolean {
    if (index > this.#highest) return true;
    const word = Math.floor(index / wordBits);
    if (word <= Math.floor(this.#highest / wordBits) - wordCount) return false;
    return (this.#words[word & (wordCount - 1)]! & (1 << (index % wordBits))) === 0;
  }

  /** Marks an index as seen; only for authenticated packets. */
  record(index: number): void {
    if (index > this.#highest) {
      const words = this.#words;
      const from = Math.floor(this.#highest / wordBits);
      const to = Math.floor(index / wordBits);
      if (to - from >= wordCount) words.fill(0);
      else for (let word = from + 1; word <= to; word++) words[word & (wordCount - 1)] = 0;
      this.#highest = index;
    }
    this.#words[Math.floor(index / wordBits) & (wordCount - 1)]! |= 1 << (index % wordBits);
  }
}
