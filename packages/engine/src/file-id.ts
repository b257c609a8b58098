import { randomInt } from 'node:crypto';

/** A new file's id: 19 decimal digits, milliseconds since 1970, then six random ones. */
export function newFileId(nowMs: number = Date.now()): string {
  return `${nowMs}${String(randomInt(1_000_000)).padStart(6, '0')}`;
}
