import { write as writeCallback } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Finalization } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';

/** Costs two thirds of what `FileHandle.write` does. */
const write = promisify(writeCallback);

/** Bytes that may wait for a slow disk before the recording is given up: about a minute of one stream. */
const MAX_QUEUED_BYTES = 64 * 2 ** 20;

/**
 * A file that grows at its end while it can be read. Writes go out in order, one at a time, off the packet path; those
 * that come while one is under way leave together. The first error ends it: later writes are refused with that error.
 */
export class SpoolFile {
  readonly #path: string;
  #file: FileHandle | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  /** Bytes known to be in the file (not yet: on the disk). */
  #writtenBytes = 0;
  #syncedBytes = 0;
  /** A disk that hangs is not asked twice. */
  #syncing = false;
  #busy: Promise<void> | undefined;
  #error: AircheckError | undefined;

  /**
   * @param path - must not exist; it is made, with its folder, when the first bytes come
   * @param file - the file, where it has been made already; it is closed with this one
   */
  constructor(path: string, file?: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get error(): AircheckError | undefined {
    return this.#error;
  }

  /** Takes a copy of bytes that are to be appended: one copy costs less than handing over a hundred small buffers. */
  append(chunks: readonly Uint8Array[]): void {
    if (this.#error !== undefined) return;
    const bytes = Buffer.concat(chunks);
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) {
      this.#error = new AircheckError('storage-failed', `the disk is too slow: ${this.#queuedBytes} bytes wait for it`);
      return;
    }
    this.#busy ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && this.#error === undefined) {
      const bytes = this.#queue.length === 1 ? this.#queue[0]! : Buffer.concat(this.#queue);
      this.#queue = [];
      try {
        this.#file ??= await this.#create();
        await this.#writeAll(this.#file, bytes);
      } catch (error) {
        this.#error = storageError(error, this.#path);
      }
    }
    this.#busy = undefined;
  }

  async #create(): Promise<FileHandle> {
    const folder = dirname(this.#path);
    const made = await mkdir(folder, { recursive: true });
    const file = await open(this.#path, 'wx+');
    await syncFolder(folder);
    if (made !== undefined) await syncFolder(dirname(made));
    return file;
  }

  async #writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
    for (let offset = 0; offset < bytes.length; ) {
      const { bytesWritten } = await write(file.fd, bytes, offset, bytes.length - offset, this.#writtenBytes);
      if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
      offset += bytesWritten;
      this.#writtenBytes += bytesWritten;
    }
    this.#queuedBytes -= bytes.length;
  }

  /** Waits until all appended bytes are in the file. @throws AircheckError when one of them isn't */
  async flush(): Promise<void> {
    while (this.#busy !== undefined) await this.#busy;
    if (this.#error !== undefined) throw this.#error;
  }

  /** Brings what is in the file to the disk, if there is news. */
  async sync(): Promise<void> {
    const bytes = this.#writtenBytes;
    if (this.#file === undefined || bytes === this.#syncedBytes || this.#error !== undefined || this.#syncing) return;
    this.#syncing = true;
    try {
      await this.#file.datasync();
      this.#syncedBytes = bytes;
    } catch (error) {
      this.#error ??= storageError(error, this.#path);
    } finally {
      this.#syncing = false;
    }
  }

  /**
   * Makes it a finished file: appends, syncs, patches, syncs. A crash in between leaves a file that still plays.
   * @throws AircheckError
   */
  async finalize(finalization: Finalization): Promise<void> {
    this.append(finalization.append);
    await this.flush();
    const file = this.#file;
    if (file === undefined) return;
    try {
      await file.datasync();
      for (const patch of finalization.patches) await file.write(patch.data, 0, patch.data.byteLength, patch.offset);
      await file.datasync();
    } catch (error) {
      this.#error ??= storageError(error, this.#path);
      throw this.#error;
    }
  }

  async close(): Promise<void> {
    while (this.#busy !== undefined) await this.#busy;
    await this.#file?.close();
    this.#file = undefined;
  }
}

/** Brings the names in a folder to the disk: of a new file that was synced a power cut may leave no trace else (fsync(2)). */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    // Windows, and some file systems, sync no folders.
    if (!['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** What went wrong with a file, in the project's terms. */
export function storageError(error: unknown, what: string): AircheckError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? new AircheckError('storage-full', `no space is left to write ${what} (${code})`, { cause: error })
    : new AircheckError('storage-failed', `cannot write ${what}: ${message}`, { cause: error });
}
