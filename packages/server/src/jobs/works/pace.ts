import { setImmediate } from 'node:timers/promises';
import type { WorkContext } from '../work-orders.ts';

/** Decoding and encoding block the process; that often it listens to whoever ordered the work. */
const PAUSE_MS = 20;

/** Lets a work that calculates without end tell its progress, notice that it is cancelled, and free memory. */
export class Pace {
  readonly #context: WorkContext;
  readonly #from: number;
  readonly #to: number;
  #pausedAt = performance.now();
  #percent: number;

  /** @param from, to - the stretch of the whole progress, in percent, that is told here */
  constructor(context: WorkContext, from = 0, to = 100) {
    this.#context = context;
    this.#from = from;
    this.#to = to;
    this.#percent = from;
  }

  /** It is time for {@link pause}. */
  get due(): boolean {
    return performance.now() - this.#pausedAt > PAUSE_MS;
  }

  /**
   * @param done - part that is done, 0 to 1; it is never told to go back
   * @throws the signal's reason
   */
  async pause(done: number): Promise<void> {
    const { signal } = this.#context;
    signal.throwIfAborted();
    const percent = this.#from + (this.#to - this.#from) * Math.min(1, Math.max(0, done));
    if (percent > this.#percent) this.#percent = percent;
    this.#context.progress(this.#percent);
    // Objects of FFmpeg are freed between two turns of the loop only.
    await setImmediate();
    signal.throwIfAborted();
    this.#pausedAt = performance.now();
  }
}
