import { stat, truncate } from 'node:fs/promises';
import { recoverFile } from '@aircheck/engine/recorder';

/** What is given up of a file's end, step by step, where its disk has no room for the index: 4 s of sound and more. */
const GIVE_UP_BYTES = [0, 64 * 1024, 256 * 1024, 2 ** 20, 4 * 2 ** 20];

/**
 * Finishes a file whose disk refused to take more, with what it has.
 * @throws what the disk refuses at last; the file stays one that grows, which plays as well
 */
export async function finishCutOff(path: string): Promise<{ readonly durationMs: number; readonly sizeBytes: number }> {
  let problem: unknown;
  for (const giveUpBytes of GIVE_UP_BYTES) {
    try {
      const { size } = await stat(path);
      if (giveUpBytes > 0 && size > 2 * giveUpBytes) await truncate(path, size - giveUpBytes);
      return await recoverFile(path, 'mp4');
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}
