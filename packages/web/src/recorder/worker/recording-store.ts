import { AircheckError } from '@aircheck/protocol/errors';
import { mediaFileName, type RecordingFacts, recordingLockName } from '../facts.ts';
import type { WorkerPlan } from '../worker-messages.ts';
import { openFile, recordingFolder, StorageSpace, type SyncAccessHandle, writeFacts } from './private-file.ts';
import { SpaceReserve } from './space-reserve.ts';

/** The folder of a recording that is being written, with the lock that tells other tabs so. */
export class RecordingStore {
  readonly file: SyncAccessHandle;
  readonly #plan: WorkerPlan;
  readonly #folder: FileSystemDirectoryHandle;
  readonly reserve: SpaceReserve;
  readonly #space: StorageSpace;
  readonly #releaseLock: () => Promise<void>;
  /** One after the other: a file takes one writer at a time. */
  #saving: Promise<void> = Promise.resolve();

  /** @throws AircheckError `storage-full` when there is not even room for a beginning */
  static async open(plan: WorkerPlan): Promise<RecordingStore> {
    const space = new StorageSpace();
    if ((await space.begin()) < plan.reserveBytes) throw storageFull();
    const releaseLock = await holdLock(recordingLockName(plan.id));
    let reserve: SpaceReserve | undefined;
    try {
      const folder = await recordingFolder(plan.id);
      reserve = await SpaceReserve.open(folder);
      reserve.take(1);
      const file = await openFile(folder, mediaFileName(plan.container));
      return new RecordingStore(plan, folder, file, reserve, space, releaseLock);
    } catch (error) {
      reserve?.release();
      await reserve?.close();
      await releaseLock();
      throw error;
    }
  }

  private constructor(
    plan: WorkerPlan,
    folder: FileSystemDirectoryHandle,
    file: SyncAccessHandle,
    reserve: SpaceReserve,
    space: StorageSpace,
    releaseLock: () => Promise<void>,
  ) {
    this.#plan = plan;
    this.#folder = folder;
    this.file = file;
    this.reserve = reserve;
    this.#space = space;
    this.#releaseLock = releaseLock;
  }

  saveFacts(mimeType: string, finished?: RecordingFacts['finished']): Promise<void> {
    const facts = { ...this.#plan.facts, mimeType, ...(finished !== undefined && { finished }) };
    const save = () => writeFacts(this.#folder, facts);
    this.#saving = this.#saving.then(save, save);
    return this.#saving;
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
    try {
      this.file.close();
      await this.#saving.catch(() => {
        // Whoever saved them was told.
      });
      await this.reserve.close();
    } finally {
      await this.#releaseLock();
    }
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
