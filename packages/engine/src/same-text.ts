import { timingSafeEqual } from 'node:crypto';

/** Compares a secret or a signature with what was given, in a time that does not tell where the two differ. */
export function sameText(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
