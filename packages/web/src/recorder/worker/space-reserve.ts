import { RESERVE_FILE } from '../facts.ts';
import { openFile, type SyncAccessHandle, writeWhole } from './private-file.ts';

/** It grows in such steps. */
const STEP = new Uint8Array(1024 * 1024);

/**
 * Space that is taken now, so that a file can be ended when there is none left. What browsers tell of the free space is
 * only a hint: Chromium names the same 10 GiB on any disk, so that pages can't tell users apart by it
 * (https://chromestatus.com/feature/4977371751645184).
 */
export class SpaceReserve {
  readonly #folder: FileSystemDirectoryHandle;
  readonly #file: SyncAccessHandle;
  #bytes = 0;
  #released = false;

  static async open(folder: FileSystemDirectoryHandle): Promise<SpaceReserve> {
    return new SpaceReserve(folder, await openFile(folder, RESERVE_FILE));
  }

  private constructor(folder: FileSystemDirectoryHandle, file: SyncAccessHandle) {
    this.#folder = folder;
    this.#file = file;
  }

  /** Takes at least so much. @throws DOMException `QuotaExceededError` */
  take(bytes: number): void {
    while (this.#bytes < bytes && !this.#released) {
      writeWhole(this.#file, STEP, this.#bytes);
      this.#bytes += STEP.byteLength;
    }
  }

  /** Gives all of it back, at once, and takes nothing more. */
  release(): void {
    this.#released = true;
    this.#file.truncate(0);
  }

  async close(): Promise<void> {
    this.#file.close();
    await this.#folder.removeEntry(RESERVE_FILE);
  }
}
