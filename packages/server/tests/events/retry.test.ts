import { describe, expect, it } from 'vitest';
import { giveUpAfterMs, nextAttemptAt } from '../../src/events/retry.ts';

const hourMs = 3_600_000;
/** As near to 1 as `Math.random` comes. */
const almostOne = 1 - Number.EPSILON / 2;

describe('the next attempt of a delivery', () => {
  const waits = (random: number, giveUpAt = giveUpAfterMs) =>
    [1, 2, 3, 4, 12, 13, 1000].map((attempts) => nextAttemptAt(0, { attempts, giveUpAt }, random));

  it('comes twice as late after each failure, an hour at most', () => {
    expect(waits(0)).toEqual([1000, 2000, 4000, 8000, 2_048_000, hourMs, hourMs]);
  });

  it('comes up to a half earlier, by chance', () => {
    expect(waits(0.5)).toEqual([750, 1500, 3000, 6000, 1_536_000, 0.75 * hourMs, 0.75 * hourMs]);
    expect(waits(almostOne)).toEqual([500, 1000, 2000, 4000, 1_024_000, hourMs / 2, hourMs / 2]);
    // Whatever the number, never sooner and never later than that.
    for (let random = 0; random < 1; random += 0.01) {
      const wait = nextAttemptAt(0, { attempts: 4, giveUpAt: giveUpAfterMs }, random)!;
      expect(wait).toBeGreaterThan(4000);
      expect(wait).toBeLessThanOrEqual(8000);
    }
  });

  it('is the last one when the time is over, and none comes after it', () => {
    for (const random of [0, 0.5, almostOne]) {
      const at = (now: number) => nextAttemptAt(now, { attempts: 20, giveUpAt: giveUpAfterMs }, random);
      expect(at(giveUpAfterMs - 1000)).toBe(giveUpAfterMs);
      expect(at(giveUpAfterMs)).toBeUndefined();
    }
    expect(giveUpAfterMs).toBe(72 * hourMs);
  });
});
