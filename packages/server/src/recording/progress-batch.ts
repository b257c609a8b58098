import type { SegmentSnapshot } from '@aircheck/engine/recorder';

/** How often the growing files' progress is written down, in milliseconds. */
const flushMs = 1000;

/**
 * Gathers what all growing files tell of their progress into one transaction a second: a commit waits for the disk, and
 * a hundred recordings would otherwise wait for it a hundred times.
 */
export class ProgressBatch {
  readonly #latest = new Map<string, SegmentSnapshot>();
  readonly #write: (segments: readonly SegmentSnapshot[]) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (segments: readonly SegmentSnapshot[]) => Promise<void>, onError: (error: unknown) => void) {
    this.#write = write;
    this.#onError = onError;
  }

  add(segment: SegmentSnapshot): void {
    this.#latest.set(segment.fileId, segment);
    this.#timer ??= setTimeout(() => void this.flush(), flushMs);
  }

  /** A file's end has been told: what it said before no longer counts. */
  drop(fileId: string): void {
    this.#latest.delete(fileId);
  }

  /** Writes what there is now; never throws. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const segments = [...this.#latest.values()];
    this.#latest.clear();
    // Progress that could not be written is written by the next one.
    if (segments.length > 0) this.#writing = this.#writing.then(() => this.#write(segments)).catch(this.#onError);
    await this.#writing;
  }
}
