/** A second or so of one stream. */
const INITIAL_BYTES = 128 * 1024;

/**
 * Holds the bytes of samples from when they come until their fragment is given out, in one piece of memory that is used
 * again. Kept as they came, each packet and picture would be an object that outlives its youth: collecting those from the
 * old generation of the heap took half as much time as all of recording.
 */
export class SampleArena {
  #bytes = new Uint8Array(new ArrayBuffer(INITIAL_BYTES));
  #used = 0;

  /** @returns a copy that stays as it is until {@link clear} */
  keep(data: Uint8Array): Uint8Array {
    const { byteLength } = data;
    if (this.#used + byteLength > this.#bytes.byteLength) {
      // What is kept already stays where it is until it is given out.
      this.#bytes = new Uint8Array(new ArrayBuffer(2 * Math.max(this.#bytes.byteLength, byteLength)));
      this.#used = 0;
    }
    const kept = new Uint8Array(this.#bytes.buffer, this.#used, byteLength);
    kept.set(data);
    this.#used += byteLength;
    return kept;
  }

  /** What was kept has been given out, and its memory may be used again. */
  clear(): void {
    this.#used = 0;
  }
}
