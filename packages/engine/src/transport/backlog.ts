/** The loop did something else for so long: datagrams that came meanwhile waited in the kernel. */
const busyMs = 10;
/** It waited for events for so long: there is nothing left to be read. */
const idleEnoughMs = 0.5;

/**
 * Tells datagrams that waited in the kernel while the event loop was busy from those that are read as they come. Their
 * times of arrival would otherwise look like a network that stands still and then delivers all at once.
 */
export class Backlog {
  readonly #idleMs: () => number;
  #lastMs = Number.NaN;
  #lastIdleMs = 0;
  #draining = false;

  /** @param idleMs - how long the loop has waited for events in all, see `PerformanceNodeTiming.idleTime` */
  constructor(idleMs: () => number) {
    this.#idleMs = idleMs;
  }

  /** Notes a datagram that is read now. @returns whether it may have come at any time since the one before */
  note(nowMs: number): boolean {
    const totalIdleMs = this.#idleMs();
    const idleMs = totalIdleMs - this.#lastIdleMs;
    if (nowMs - this.#lastMs - idleMs > busyMs) this.#draining = true;
    else if (idleMs > idleEnoughMs) this.#draining = false;
    this.#lastMs = nowMs;
    this.#lastIdleMs = totalIdleMs;
    return this.#draining;
  }
}
