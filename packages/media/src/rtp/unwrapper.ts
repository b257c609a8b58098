/**
 * Gives numbers that wrap at 16 bits their place on an endless line: each is taken as the nearest to the highest before.
 */
export class SequenceUnwrapper {
  #highest: number | undefined;

  /**
   * @param sequenceNumber - 16 bits
   * @returns a number whose low 16 bits are the sequence number; it may lie before earlier ones, and below zero
   */
  unwrap(sequenceNumber: number): number {
    if (this.#highest === undefined) {
      this.#highest = sequenceNumber;
      return sequenceNumber;
    }
    const ahead = ((sequenceNumber - this.#highest) << 16) >> 16;
    const unwrapped = this.#highest + ahead;
    if (ahead > 0) this.#highest = unwrapped;
    return unwrapped;
  }

  /** The next number starts a line of its own. */
  reset(): void {
    this.#highest = undefined;
  }
}

/** Gives RTP timestamps, which wrap at 32 bits, their place on an endless line, each nearest to the one before. */
export class TimestampUnwrapper {
  #last: number | undefined;

  /**
   * @param timestamp - 32 bits
   * @returns a number whose low 32 bits are the timestamp
   */
  unwrap(timestamp: number): number {
    // `%` keeps the sum exact where `|0` of a number beyond 2^53 would not be.
    this.#last = this.#last === undefined ? timestamp : this.#last + ((timestamp - (this.#last % 2 ** 32)) | 0);
    return this.#last;
  }
}
