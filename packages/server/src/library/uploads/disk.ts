import type { FileHandle } from 'node:fs/promises';
import { constants, copyFile, link, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
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

/** Written at once, in bytes: a write for each packet of a network would cost more than all the rest. */
const batchBytes = 512 * 1024;

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
): Promise<number> {
  let position = start;
  let batch: Uint8Array[] = [];
  let waiting = 0;
  async function flush(): Promise<void> {
    while (batch.length > 0) {
      const { bytesWritten } = await file.writev(batch, position).catch((error) => {
        throw storageError(error, what);
      });
      if (bytesWritten === 0) throw new AircheckError('storage-full', `No space is left for ${what}`);
      position += bytesWritten;
      waiting -= bytesWritten;
      batch = without(batch, bytesWritten);
    }
  }
  try {
    for await (const chunk of source) {
      batch.push(chunk);
      waiting += chunk.byteLength;
      if (waiting >= batchBytes) await flush();
    }
  } catch (error) {
    // What has come stays, also where the source broke off; that it cannot be kept is told when it is gone on with.
    await flush().catch(() => {});
    await file.datasync().catch(() => {});
    throw error;
  }
  await flush();
  await file.datasync().catch((error) => {
    throw storageError(error, what);
  });
  return position;
}

/** What is left of buffers when so many bytes of them have been written. */
function without(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return buffers.flatMap((buffer) => {
    const skipped = Math.min(skip, buffer.byteLength);
    skip -= skipped;
    return skipped === buffer.byteLength ? [] : [buffer.subarray(skipped)];
  });
}

/**
 * Writes over the first bytes of a file, whose length stays. May be done again.
 * @throws AircheckError `storage-full`, `storage-failed`
 */
export async function overwriteHead(path: string, head: Uint8Array): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      await file.write(head, 0, head.byteLength, 0);
      await file.datasync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw storageError(error, 'the upload');
  }
}

/**
 * Gives a file a second name, or a copy where the file system knows no second names. Whole or not there under that name,
 * however it ends. May be done again.
 */
export async function linkFile(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EXDEV' && code !== 'EMLINK') throw storageError(error, to);
    try {
      await copyWhole(from, to);
    } catch (cause) {
      throw storageError(cause, to);
    }
  }
}

async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.new`;
  try {
    await copyFile(from, draft, constants.COPYFILE_FICLONE);
    const file = await open(draft, 'r');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
