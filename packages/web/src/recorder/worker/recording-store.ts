import { AircheckError } from '@aircheck/protocol/errors';
import { mediaFileName, type RecordingFacts, recordingLockName } from '../facts.ts';
import type { WorkerPlan } from '../worker-messages.ts';
import { openFile, recordingFolder, StorageSpace, type SyncAccessHandle, writeFacts } from './private-file.ts';

/** The folder of a recording that is being written, with the lock that tells other tabs so. */
export class RecordingStore {
  readonly file: SyncAccessHandle;
  readonly #plan: WorkerPlan;
  readonly #folder: FileSystemDirectoryHandle;
  readonly #space: StorageSpace;
  readonly #releaseLock: () => Promise<void>;

  /** @throws AircheckError `storage-full` when there is not even room for a beginning */
  static async open(plan: WorkerPlan): Promise<RecordingStore> {
    const space = new StorageSpace();
    if ((await space.begin()) < plan.reserveBytes) throw storageFull();
    const releaseLock = await holdLock(recordingLockName(plan.id));
    try {
      const folder = await recordingFolder(plan.id);
      const file = await openFile(folder, mediaFileName(plan.container));
      return new RecordingStore(plan, folder, file, space, releaseLock);
    } catch (error) {
      await releaseLock();
      throw error;
    }
  }

  private constructor(
    plan: WorkerPlan,
    folder: FileSystemDirectoryHandle,
    file: SyncAccessHandle,
    space: StorageSpace,
    releaseLock: () => Promise<void>,
  ) {
    this.#plan = plan;
    this.#folder = folder;
    this.file = file;
    this.#space = space;
    this.#releaseLock = releaseLock;
  }

  saveFacts(mimeType: string, finished?: RecordingFacts['finished']): Promise<void> {
    return writeFacts(this.#folder, { ...this.#plan.facts, mimeType, ...(finished !== undefined && { finished }) });
  }

  /**
   * What the browser still gives to this origin.
   * @param neededBytes - what finishing the file will take
   * @throws AircheckError `storage-full` when it is time to do so
   */
  async freeBytes(fileBytes: number, neededBytes: number): Promise<number> {
    const freeBytes = await this.#space.free(fileBytes);
    if (freeBytes < this.#plan.reserveBytes + neededBytes) throw storageFull();
    return freeBytes;
  }

  /** Bytes of the file, of which so many are written. */
  read(offset: number, length: number, fileBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, fileBytes - offset)));
    const read = this.file.read(bytes, { at: offset });
    return read < bytes.byteLength ? bytes.slice(0, read) : bytes;
  }

  /** Resolves when others may have the file. */
  async close(): Promise<void> {
    this.file.close();
    await this.#releaseLock();
  }
}

/** Resolves once the lock is held, with a function that resolves once it is given back. */
function holdLock(name: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const given = navigator.locks.request(name, () => {
      const { promise, resolve: giveBack } = Promise.withResolvers<void>();
      resolve(() => {
        giveBack();
        return given.then(() => {});
      });
      return promise;
    });
    given.catch(reject);
  });
}

export function isStorageFull(error: unknown): boolean {
  return error instanceof AircheckError
    ? error.code === 'storage-full'
    : error instanceof DOMException && error.name === 'QuotaExceededError';
}

export function storageFull(): AircheckError {
  return new AircheckError('storage-full', 'What the browser gives to this page is used up', {
    hint: 'Save recordings to files and remove them here, or free space on the disk',
  });
}
