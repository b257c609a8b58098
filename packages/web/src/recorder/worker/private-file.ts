import { FACTS_FILE, RECORDINGS_FOLDER, type RecordingFacts } from '../facts.ts';

/** As in https://fs.spec.whatwg.org/#api-filesystemsyncaccesshandle; workers only. */
export interface SyncAccessHandle {
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

type WorkerFileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccessHandle> };

/** The folder of a recording in the origin's private file system. */
export async function recordingFolder(id: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  const recordings = await root.getDirectoryHandle(RECORDINGS_FOLDER, { create: true });
  return recordings.getDirectoryHandle(id, { create: true });
}

/**
 * Opens a file for writing in place. Unlike `createWritable`, whose bytes are in a swap file until it is closed, what is
 * flushed here is in the file when the tab crashes.
 */
export async function openFile(folder: FileSystemDirectoryHandle, name: string): Promise<SyncAccessHandle> {
  const handle = (await folder.getFileHandle(name, { create: true })) as WorkerFileHandle;
  return handle.createSyncAccessHandle();
}

export async function writeFacts(folder: FileSystemDirectoryHandle, facts: RecordingFacts): Promise<void> {
  const file = await openFile(folder, FACTS_FILE);
  try {
    writeText(file, JSON.stringify(facts));
  } finally {
    file.close();
  }
}

/**
 * Puts a text in the place of what a file holds, and has it on the disk when it returns.
 * @throws DOMException `QuotaExceededError` when not all of it fits
 */
export function writeText(file: SyncAccessHandle, text: string): void {
  const bytes = new TextEncoder().encode(text);
  writeWhole(file, bytes, 0);
  file.truncate(bytes.byteLength);
  file.flush();
}

/** @throws DOMException `QuotaExceededError` when not all of it fits */
export function writeWhole(file: SyncAccessHandle, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    const written = file.write(bytes.subarray(done), { at: at + done });
    // Where the quota is used up, Chromium does not throw as https://fs.spec.whatwg.org/#api-filesystemsyncaccesshandle-write
    // has it, but gives out its error number, -8, as one without a sign (https://crbug.com/541725401; 156 does). Others
    // write less than they were given.
    if (written <= 0 || written > bytes.byteLength - done) {
      throw new DOMException('The storage takes no more', 'QuotaExceededError');
    }
    done += written;
  }
}

/** Tells how much the browser still gives to this origin, beside a file that grows. */
export class StorageSpace {
  #usedBefore = 0;

  /** What is free before the file is begun. */
  async begin(): Promise<number> {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    this.#usedBefore = usage;
    return Math.max(0, quota - usage);
  }

  /** @param fileBytes - length of the file, which Chromium (156) counts only once it is closed */
  async free(fileBytes: number): Promise<number> {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return Math.max(0, quota - Math.max(usage, this.#usedBefore + fileBytes));
  }
}
