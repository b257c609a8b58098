import { withRoomForIndex } from '@aircheck/media';
import type { EndReason } from '../facts.ts';
import type { FromWorker, WorkerPlan } from '../worker-messages.ts';
import { finishFile } from './finish-file.ts';
import { writeWhole } from './private-file.ts';
import { RecordingStore } from './recording-store.ts';
import { describeError, reasonOf, type Session } from './session.ts';

/**
 * What a second takes in the index that finishing appends, at most: 60 pictures and 50 packets of sound, each with its size
 * and its time.
 */
const INDEX_BYTES_PER_SECOND = 110 * 12;
const SLICES_IN_RESERVE = 3;

export interface AppendingSessionOptions {
  readonly plan: WorkerPlan;
  /** What MediaRecorder writes. */
  readonly mimeType: string;
  readonly send: (message: FromWorker) => void;
}

/** Keeps what MediaRecorder makes, as it comes, and makes the file whole at its end. */
export class AppendingSession implements Session {
  readonly #options: AppendingSessionOptions;
  #store: RecordingStore | undefined;
  /** One step after another: each may wait for the disk. */
  #tail: Promise<void> = Promise.resolve();
  #ended = false;
  #sizeBytes = 0;
  #durationMs = 0;

  constructor(options: AppendingSessionOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    return this.#next(() => this.#open());
  }

  /** Takes bytes over. Never rejects. */
  append(bytes: Uint8Array, durationMs: number): Promise<void> {
    return this.#next(() => this.#append(bytes, durationMs));
  }

  stop(reason: EndReason): Promise<void> {
    return this.#next(() => this.#end(reason, undefined));
  }

  fail(error: unknown): void {
    void this.#next(() => this.#end(reasonOf(error), error));
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#store?.read(offset, length, this.#sizeBytes) ?? new Uint8Array(0);
  }

  #next(step: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(step);
    return this.#tail;
  }

  async #append(bytes: Uint8Array, durationMs: number): Promise<void> {
    const { mimeType, send, plan } = this.#options;
    const store = this.#store;
    if (store === undefined || this.#ended) return;
    try {
      const first = this.#sizeBytes === 0;
      const kept = first && plan.container === 'webm' ? withRoomForIndex(bytes) : bytes;
      writeWhole(store.file, kept, this.#sizeBytes);
      store.file.flush();
      this.#sizeBytes += kept.byteLength;
      this.#durationMs = Math.round(durationMs);
      if (first) {
        await store.saveFacts(mimeType);
        send({ type: 'recording', mimeType });
      }
      const indexBytes = 4096 + Math.ceil((this.#durationMs * INDEX_BYTES_PER_SECOND) / 1000);
      // Room for the index and for what comes until it is written.
      store.reserve.take(indexBytes + SLICES_IN_RESERVE * kept.byteLength);
      const freeBytes = await store.freeBytes(this.#sizeBytes, indexBytes);
      send({ type: 'progress', durationMs: this.#durationMs, sizeBytes: this.#sizeBytes, freeBytes });
    } catch (error) {
      store.file.truncate(this.#sizeBytes);
      store.reserve.release();
      await this.#end(reasonOf(error), error);
    }
  }

  async #open(): Promise<void> {
    try {
      this.#store = await RecordingStore.open(this.#options.plan);
    } catch (error) {
      await this.#end(reasonOf(error), error);
    }
  }

  async #end(reason: EndReason, cause: unknown): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    let end = { reason, cause };
    try {
      await this.#finish(reason);
    } catch (error) {
      if (cause === undefined) end = { reason: reasonOf(error), cause: error };
      await this.#keepUnindexed(end.reason);
    }
    await this.#store?.close().catch(() => {
      // The file is written; what could not be tidied up goes when the recording is removed.
    });
    this.#store = undefined;
    this.#options.send({
      type: 'ended',
      reason: end.reason,
      durationMs: this.#durationMs,
      sizeBytes: this.#sizeBytes,
      health: { pictures: 0, droppedPictures: 0, silenceMs: 0, sizeChanges: 0 },
      ...(end.cause !== undefined && { error: describeError(end.cause) }),
    });
  }

  /** A file plays without its index, too. It is given out so: not to call it finished would mean not to give it out. */
  async #keepUnindexed(reason: EndReason): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    this.#sizeBytes = store.file.getSize();
    const finished = { durationMs: this.#durationMs, sizeBytes: this.#sizeBytes, reason };
    await store.saveFacts(this.#options.mimeType, finished).catch(() => {
      // Not even for that is there room: it is found, and made whole, when there is again.
    });
  }

  async #finish(reason: EndReason): Promise<void> {
    const store = this.#store;
    if (store === undefined || this.#sizeBytes === 0) return;
    store.reserve.release();
    const { sizeBytes, durationMs } = await finishFile(store.file, this.#options.plan.container);
    this.#sizeBytes = sizeBytes;
    // Where the file does not tell, the clock does.
    if (durationMs > 0) this.#durationMs = durationMs;
    await store.saveFacts(this.#options.mimeType, { durationMs: this.#durationMs, sizeBytes, reason });
  }
}
