import type { Platform } from './platform.ts';

const firstDelayMs = 1_000;
const maxDelayMs = 10_000;

/** Tries something again after growing delays, half of which are random: not everybody comes back in the same instant. */
export class RetryTimer {
  readonly #platform: Pick<Platform, 'random'>;
  readonly #retry: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;

  constructor(platform: Pick<Platform, 'random'>, retry: () => void) {
    this.#platform = platform;
    this.#retry = retry;
  }

  /** It failed: tries again later, and later still the next time. */
  start(): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(maxDelayMs, firstDelayMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(this.#retry, delayMs * (0.5 + this.#platform.random() / 2));
  }

  /** It worked, or is not wanted any more. */
  reset(): void {
    clearTimeout(this.#timer);
    this.#failures = 0;
  }
}
