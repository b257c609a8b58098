import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Longer than a build takes on a busy machine. */
const PATIENCE_MS = 300_000;

/**
 * Builds unless that is done. Of several processes that come at once one builds, and the others wait for it.
 * @param lockPath - a file for this alone; its folder is made if need be
 * @param isFresh - must not take what is half built for whole
 * @throws what `build` throws; an error of SQLite when another process takes longer than five minutes
 */
export function buildOnce(lockPath: string, isFresh: () => boolean, build: () => void): void {
  if (isFresh()) return;
  mkdirSync(dirname(lockPath), { recursive: true });
  // An exclusive transaction on an empty database is a lock of the kernel: it ends with the process however that ends.
  const lock = new DatabaseSync(lockPath, { timeout: PATIENCE_MS });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    if (!isFresh()) build();
  } finally {
    lock.close();
  }
}
