/** How long an arrival counts: a page that was busy for shorter does not move the picture against the sound. */
const WINDOW_MS = 2000;
const BUCKET_MS = 250;

/**
 * Tells when media happened on the worker's clock, from timestamps that count from anywhere.
 *
 * Browsers stamp pictures and sound from different zeros, which no standard names (Chromium: a remote picture from the
 * track's first one, sound from the page's time origin, a worklet's from its context;
 * https://github.com/w3c/mediacapture-transform/issues/35 and /87), so that timestamps alone do not bring the two together.
 * What they have in common is that media is handed over soon after it happened: the least delay between a timestamp
 * and its arrival, over the last seconds, is the distance of the two clocks.
 */
export class SourceClock {
  /** Least delay of each stretch of {@link BUCKET_MS}, newest last. */
  readonly #buckets: { readonly fromMs: number; leastMs: number }[] = [];

  /**
   * @param sourceMs - of the picture, or of the end of a block of sound
   * @param arrivalMs - now, on the worker's clock
   * @returns when that was, on the worker's clock
   */
  map(sourceMs: number, arrivalMs: number): number {
    const delayMs = arrivalMs - sourceMs;
    const bucket = this.#buckets.at(-1);
    if (bucket === undefined || arrivalMs - bucket.fromMs >= BUCKET_MS) {
      this.#buckets.push({ fromMs: arrivalMs, leastMs: delayMs });
      while (arrivalMs - this.#buckets[0]!.fromMs > WINDOW_MS) this.#buckets.shift();
    } else if (delayMs < bucket.leastMs) bucket.leastMs = delayMs;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const one of this.#buckets) leastMs = Math.min(leastMs, one.leastMs);
    return sourceMs + leastMs;
  }
}
