import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { AircheckError } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';

const CHUNK_BYTES = 2 ** 20;

/**
 * SHA-256 and MD5 of a whole file, read once.
 *
 * @throws AircheckError `asset-not-found` when the file is gone, `storage-failed` when it can't be read
 */
export const hash: Work<'hash'> = async ({ source }, { progress, signal }) => {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let done = 0;
  try {
    const { size } = await stat(source.path);
    const stream = createReadStream(source.path, { highWaterMark: CHUNK_BYTES, signal });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      sha256.update(chunk);
      md5.update(chunk);
      done += chunk.length;
      progress(Math.min(100, (done * 100) / Math.max(1, size)));
    }
  } catch (error) {
    signal.throwIfAborted();
    throw readError(error, source.fileId);
  }
  return { sha256: sha256.digest('hex'), md5: md5.digest('hex') };
};

/**
 * What went wrong with reading a file, in the project's terms.
 *
 * @param name - of the file, for who asked: not its path
 */
export function readError(error: unknown, name: string): AircheckError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOENT'
    ? new AircheckError('asset-not-found', `The file ${name} is gone`, { cause: error })
    : new AircheckError('storage-failed', `The file ${name} cannot be read: ${message}`, { cause: error });
}
