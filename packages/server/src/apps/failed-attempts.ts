import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';

const windowMs = 60_000;
const attemptsPerWindow = 10;

/** Slows guessing down: after ten failures in a minute an address has to wait for the minute to end. */
export class FailedAttempts {
  readonly #failures = new Map<string, { count: number; endsAt: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws AircheckError `rate-limited` */
  check(address: string): void {
    const entry = this.#failures.get(address);
    if (entry !== undefined && entry.endsAt > this.#clock.now() && entry.count >= attemptsPerWindow) {
      throw new AircheckError('rate-limited', 'Too many failed sign-ins from this address; wait a minute');
    }
  }

  failed(address: string): void {
    const now = this.#clock.now();
    const entry = this.#failures.get(address);
    if (entry !== undefined && entry.endsAt > now) entry.count += 1;
    else {
      // Forgets what is over, so that the map stays as small as one minute's addresses.
      for (const [known, { endsAt }] of this.#failures) if (endsAt <= now) this.#failures.delete(known);
      this.#failures.set(address, { count: 1, endsAt: now + windowMs });
    }
  }
}
