/** Where moments of the worker's clock lie in the file: from its beginning on, without what was paused. In ms. */
export class RecordingTime {
  #zeroMs: number | undefined;
  #pausedAtMs: number | undefined;
  #resumedAtMs = Number.NEGATIVE_INFINITY;

  get begun(): boolean {
    return this.#zeroMs !== undefined;
  }

  get paused(): boolean {
    return this.#pausedAtMs !== undefined;
  }

  /** The file begins at this moment, unless it has begun. */
  begin(atMs: number): void {
    this.#zeroMs ??= atMs;
  }

  pause(atMs: number): void {
    this.#pausedAtMs ??= atMs;
  }

  resume(atMs: number): void {
    if (this.#pausedAtMs === undefined) return;
    // What begins while paused begins with what comes after.
    if (this.#zeroMs !== undefined) this.#zeroMs += atMs - this.#pausedAtMs;
    this.#pausedAtMs = undefined;
    this.#resumedAtMs = atMs;
  }

  /**
   * @returns negative before the file's beginning; undefined for what is left out: media of a pause, or that arrives
   * after a pause and is from before it
   */
  positionAt(atMs: number): number | undefined {
    if (this.#zeroMs === undefined) return undefined;
    if (this.#pausedAtMs !== undefined ? atMs > this.#pausedAtMs : atMs < this.#resumedAtMs) return undefined;
    return atMs - this.#zeroMs;
  }

  /** The position now: that of the pause while there is one. */
  now(atMs: number): number {
    return this.#zeroMs === undefined ? 0 : Math.max(0, Math.min(atMs, this.#pausedAtMs ?? atMs) - this.#zeroMs);
  }
}
