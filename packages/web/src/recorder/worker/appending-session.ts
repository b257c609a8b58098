import type { EndReason } from '../facts.ts';
import type { FromWorker, WorkerPlan } from '../worker-messages.ts';
import { writeWhole } from './private-file.ts';
import { RecordingStore } from './recording-store.ts';
import { describeError, reasonOf, type Session } from './session.ts';

export interface AppendingSessionOptions {
  readonly plan: WorkerPlan;
  /** What MediaRecorder writes. */
  readonly mimeType: string;
  readonly send: (message: FromWorker) => void;
}

/** Keeps what MediaRecorder makes, as it comes. Its files are fragmented and stay so: they play, and name no duration. */
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
    const { mimeType, send } = this.#options;
    const store = this.#store;
    if (store === undefined || this.#ended) return;
    try {
      writeWhole(store.file, bytes, this.#sizeBytes);
      store.file.flush();
      const first = this.#sizeBytes === 0;
      this.#sizeBytes += bytes.byteLength;
      this.#durationMs = Math.round(durationMs);
      if (first) {
        await store.saveFacts(mimeType);
        send({ type: 'recording', mimeType });
      }
      const freeBytes = await store.freeBytes(this.#sizeBytes, 0);
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

  async #end(reason: EndReason, error: unknown): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const [durationMs, sizeBytes] = [this.#durationMs, this.#sizeBytes];
    const health = { pictures: 0, droppedPictures: 0, silenceMs: 0, sizeChanges: 0 };
    if (sizeBytes > 0) {
      await this.#store?.saveFacts(this.#options.mimeType, { durationMs, sizeBytes, reason }).catch(() => {
        // Without them the file counts as one that a crash left, and is found as such.
      });
    }
    await this.#store?.close().catch(() => {
      // The file is written; what could not be tidied up goes when the recording is removed.
    });
    this.#store = undefined;
    const told = error === undefined ? {} : { error: describeError(error) };
    this.#options.send({ type: 'ended', reason, durationMs, sizeBytes, health, ...told });
  }
}
