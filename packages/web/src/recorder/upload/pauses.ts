const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/** Growing, jittered pauses between attempts; they end at once when the network comes back, or nothing is wanted any more. */
export class Pauses {
  readonly #signal: AbortSignal;
  #failures = 0;

  /** @param signal - ends every pause, and whoever waits in it with the signal's reason */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** It worked: the next failure waits as the first one does. */
  reset(): void {
    this.#failures = 0;
  }

  async afterFailure(): Promise<void> {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures);
    this.#failures += 1;
    await this.wait(longest * (0.5 + Math.random() / 2), 'online');
  }

  /**
   * @param ms - milliseconds; none when it is 0 or less
   * @param event - of the page, that ends the pause before its time
   */
  async wait(ms: number, event?: 'online'): Promise<void> {
    this.#signal.throwIfAborted();
    if (ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const end = () => resolve();
    this.#signal.addEventListener('abort', end, { once: true });
    if (event !== undefined) globalThis.addEventListener(event, end, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', end);
      if (event !== undefined) globalThis.removeEventListener(event, end);
    }
    this.#signal.throwIfAborted();
  }
}
