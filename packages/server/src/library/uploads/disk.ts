import type { FileHandle } from 'node:fs/promises';
import { constants, copyFile, link, mkdir, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AircheckError } from '@aircheck/protocol';

/** Bytes on the disk that uploads leave to recordings, which cannot wait. */
export const reservedBytes = 512 * 2 ** 20;

/** How many bytes a folder's disk can take. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** What went wrong with a file, in the project's terms. */
export function storageError(error: unknown, what: string): AircheckError {
  if (error instanceof AircheckError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? new AircheckError('storage-full', `No space is left for ${what} (${code})`, { cause: error })
    : new AircheckError('storage-failed', `Cannot write ${what}: ${message}`, { cause: error });
}

/** Length of a file in bytes; undefined when there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(error, path);
  }
}

/**
 * Appends what comes until it ends. What came before an error of the source stays, and is on the disk when this returns
 * or throws.
 * @returns the position after the last byte
 * @throws AircheckError `storage-full`, `storage-failed`; whatever the source throws
 */
export async function writeAll(
  file: FileHandle,
  source: AsyncIterable<Uint8Array>,
  start: number,
  what: string,
  onProgress: (position: number) => void = () => {},
): Promise<number> {
  let position = start;
  try {
    for await (const chunk of source) {
      let written = 0;
      while (written < chunk.byteLength) {
        const { bytesWritten } = await file
          .write(chunk, written, chunk.byteLength - written, position)
          .catch((error) => {
            throw storageError(error, what);
          });
        if (bytesWritten === 0) throw new AircheckError('storage-full', `No space is left for ${what}`);
        written += bytesWritten;
        position += bytesWritten;
      }
      onProgress(position);
    }
  } catch (error) {
    // What has come stays, also where the source broke off; that it cannot be synced is told when it is gone on with.
    await file.datasync().catch(() => {});
    throw error;
  }
  await file.datasync().catch((error) => {
    throw storageError(error, what);
  });
  return position;
}

/** Gives a file a second name, or a copy where the file system knows no second names. May be done again. */
export async function linkFile(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EXDEV' && code !== 'EMLINK') throw storageError(error, to);
    try {
      await copyFile(from, to, constants.COPYFILE_FICLONE);
    } catch (cause) {
      throw storageError(cause, to);
    }
  }
}
