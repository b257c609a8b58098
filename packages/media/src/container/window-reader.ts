import { MediaError } from '../errors.ts';
import type { RandomAccess } from './random-access.ts';

/** Headers of a fragment fit in; the fragments' data, which nobody asked for, mostly do not. */
const WINDOW_LENGTH = 16 * 1024;

/** Reads small stretches of a file that lie near one another with few calls. */
export class WindowReader {
  readonly #read: RandomAccess;
  #window: Uint8Array = new Uint8Array();
  #windowOffset = 0;

  constructor(read: RandomAccess) {
    this.#read = read;
  }

  /**
   * @param end - where the file ends, so that no window is asked for beyond
   * @returns exactly the bytes asked for, or undefined when they reach beyond `end`
   * @throws MediaError `container-malformed` when the file turns out to be shorter than `end`
   */
  async bytes(offset: number, length: number, end: number): Promise<Uint8Array | undefined> {
    if (offset + length > end) return undefined;
    const start = offset - this.#windowOffset;
    if (start >= 0 && start + length <= this.#window.byteLength) return this.#window.subarray(start, start + length);
    const wanted = Math.max(length, Math.min(WINDOW_LENGTH, end - offset));
    const window = await this.#read(offset, wanted);
    if (window.byteLength < length) {
      throw new MediaError('container-malformed', `the file ends inside the ${length} bytes at ${offset}`);
    }
    this.#window = window;
    this.#windowOffset = offset;
    return window.subarray(0, length);
  }

  /** Forgets what was read, since the file may have changed. */
  clear(): void {
    this.#window = new Uint8Array();
  }
}
