import type { GrowingRecording } from '../keeper.ts';
import { runTask, storageError } from '../keeping/run-task.ts';

/** Finishing changes the front of a file alone: 16 bytes near the start of an MP4, some hundred of a WebM. */
const HEAD_BYTES = 1024;

/** What can only be told when a file is whole. */
export interface Completion {
  readonly sizeBytes: number;
  /** Hex digest of the whole file. */
  readonly sha256: string;
  /** The first bytes as they are now; they may have been sent when they were others. */
  readonly head: Uint8Array;
}

/** A file to be sent, which may still grow. */
export interface UploadSource {
  /** It is still being recorded. */
  readonly growing: boolean;
  /** How many bytes can be sent now. They do not change any more, but for those of {@link Completion.head}. */
  readonly sizeBytes: number;
  /** Set when the file is whole. */
  readonly completion: Completion | undefined;
  /** @throws AircheckError `recording-not-found` when the file was removed meanwhile, `storage-failed` */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Resolves when there is more than there was at the call. Rejects when there never will be. */
  changed(): Promise<void>;
}

/** A file that is whole; its digest is computed while its first bytes are sent. */
export class StoredSource implements UploadSource {
  readonly growing = false;
  readonly #opened: Promise<void>;
  #file: File | undefined;
  #completion: Completion | undefined;
  readonly #completed: Promise<void>;

  /** @param open - the finished file */
  constructor(open: () => Promise<File>) {
    this.#opened = open().then((file) => {
      this.#file = file;
    });
    this.#completed = this.#opened.then(() => this.#complete(this.#file!));
    // Whoever waits for it is told; where nobody waits any more, nobody has to know.
    this.#completed.catch(() => {});
  }

  get sizeBytes(): number {
    return this.#file?.size ?? 0;
  }

  get completion(): Completion | undefined {
    return this.#completion;
  }

  async read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    await this.#opened;
    try {
      return new Uint8Array(await this.#file!.slice(start, end).arrayBuffer());
    } catch (error) {
      throw storageError(error as Error);
    }
  }

  changed(): Promise<void> {
    return this.#file === undefined ? this.#opened : this.#completed;
  }

  async #complete(file: File): Promise<void> {
    const [sha256, head] = await Promise.all([runTask('hash', { file }), file.slice(0, HEAD_BYTES).arrayBuffer()]);
    this.#completion = { sizeBytes: file.size, sha256, head: new Uint8Array(head) };
  }
}

/** A file that is being written, and is whole later. */
export class GrowingSource implements UploadSource {
  readonly #recording: GrowingRecording;
  readonly #stored: Promise<StoredSource>;
  #finished: StoredSource | undefined;
  #growing = true;

  constructor(recording: GrowingRecording) {
    this.#recording = recording;
    this.#stored = recording.finished.then((stored) => {
      this.#finished = new StoredSource(() => stored.file());
      return this.#finished;
    });
    const ended = () => {
      this.#growing = false;
    };
    this.#stored.then(ended, ended);
  }

  get growing(): boolean {
    return this.#growing;
  }

  get sizeBytes(): number {
    return this.#finished?.sizeBytes ?? this.#recording.file.sizeBytes;
  }

  get completion(): Completion | undefined {
    return this.#finished?.completion;
  }

  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const stored = this.#stored.then((source) => source.read(start, end));
    if (this.#finished !== undefined) return stored;
    // The recorder's worker may end before it answers; then the file itself does.
    return Promise.race([this.#recording.file.read(start, end - start), stored]);
  }

  changed(): Promise<void> {
    if (this.#finished !== undefined) return this.#finished.changed();
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = this.#recording.onGrowth(resolve);
    return Promise.race([promise, this.#stored.then(() => {})]).finally(end);
  }
}
