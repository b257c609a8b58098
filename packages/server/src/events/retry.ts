/** How long a delivery is tried, in milliseconds: 72 hours. */
export const giveUpAfterMs = 72 * 3_600_000;

/** The wait after the first failure, and the longest one, in milliseconds. */
const firstMs = 1000;
const longestMs = 3_600_000;

/**
 * When a delivery that failed is tried again: twice as long after each failure, an hour at most, and a random part of up
 * to a half earlier, so that what failed together does not come back together. The last attempt is when the time is over.
 * @param attempts - made so far, at least 1
 * @param random - a number from 0 to 1
 * @returns milliseconds since 1970; undefined when the delivery is given up
 */
export function nextAttemptAt(
  now: number,
  { attempts, giveUpAt }: { readonly attempts: number; readonly giveUpAt: number },
  random: number,
): number | undefined {
  if (now >= giveUpAt) return undefined;
  const waitMs = Math.min(longestMs, firstMs * 2 ** Math.min(attempts - 1, 30));
  return Math.min(Math.round(now + waitMs * (1 - random / 2)), giveUpAt);
}
