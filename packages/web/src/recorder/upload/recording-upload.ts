import { AircheckError, type ErrorCode } from '@aircheck/protocol/errors';
import type { RestClient } from '../../core/index.ts';
import { TypedEmitter } from '../../core/typed-emitter.ts';
import type { RecordingFacts } from '../facts.ts';
import { runTask } from '../keeping/run-task.ts';
import { readUploadNote, recordingFolder } from '../keeping/storage.ts';
import type { StoredRecording, Upload, UploadEvents, UploadOptions, UploadResult } from '../stored-recording.ts';
import { Pauses } from './pauses.ts';
import { giveUp, type UploadPosition, UploadRequests } from './upload-requests.ts';
import type { Completion, UploadSource } from './upload-source.ts';

/** Sent at once, in bytes: all that an upload ever holds in memory. */
const CHUNK_BYTES = 2 ** 20;
/** While a file grows, what has come meanwhile is sent that often, in milliseconds. */
const GROWING_STEP_MS = 1000;
/** How often is asked whether the library has looked into the file, in milliseconds. */
const CHECK_STEP_MS = 500;
/** A server that forgets its uploads again and again is not one to send a file to. */
const MAX_LOSSES = 5;

/** The upload is not there any more; it is begun anew. */
const LOST = new Set<ErrorCode>(['upload-not-found', 'upload-gone']);
/** Beside what is retryable by its nature: another request is still at work on it, or the server has a bad moment. */
const PASSING = new Set<ErrorCode>(['upload-state', 'internal']);
/** A recording may be longer than its token is good; the page may give the room another one meanwhile. */
const RENEWABLE = new Set<ErrorCode>(['token-expired', 'unauthenticated']);

export interface RecordingUploadParts {
  readonly facts: RecordingFacts;
  readonly source: UploadSource;
  readonly api: RestClient;
  readonly options: UploadOptions;
  /** Resolves when the file is whole. */
  readonly recording: Promise<StoredRecording>;
}

/**
 * A recording on its way into the library, also while it is being written. It goes on by itself after cut connections, and
 * with the next `upload()` after its tab was closed or crashed: what was sent is a beginning of the file, whatever comes.
 */
export class RecordingUpload extends TypedEmitter<UploadEvents> implements Upload {
  readonly done: Promise<UploadResult>;
  readonly #parts: RecordingUploadParts;
  readonly #ended = new AbortController();
  readonly #requests: UploadRequests;
  readonly #pauses: Pauses;
  #uploadId: string | undefined;
  /** How often the server had lost it. */
  #losses = 0;

  constructor(parts: RecordingUploadParts) {
    super();
    this.#parts = parts;
    this.#requests = new UploadRequests(parts.api, this.#ended.signal);
    this.#pauses = new Pauses(this.#ended.signal);
    // Two tabs that send the same file would take each other's place for ever.
    const lock = `aircheck-upload-${parts.facts.id}`;
    this.done = navigator.locks
      .request(lock, { signal: this.#ended.signal }, () => this.#run())
      .catch((error) => {
        throw this.#ended.signal.aborted ? this.#ended.signal.reason : error;
      });
    // Who does not ask what became of it is not to be told by an unhandled rejection.
    this.done.catch(() => {});
  }

  async abort(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(new AircheckError('upload-gone', 'The upload was given up'));
    const uploadId = this.#uploadId;
    const sent = await this.done.then(
      () => true,
      () => false,
    );
    if (sent || uploadId === undefined) return;
    await this.#note(undefined);
    await giveUp(this.#parts.api, uploadId);
  }

  async #run(): Promise<UploadResult> {
    const uploadId = await this.#sendAll();
    const fileId = await this.#checked(uploadId);
    const { sha256 } = this.#parts.source.completion ?? (await this.#completion());
    if (this.#parts.options.removeWhenDone === true) await (await this.#parts.recording).remove();
    return { uploadId, fileId, sha256 };
  }

  /** @returns the upload's id when the server has all of it */
  async #sendAll(): Promise<string> {
    const { source, facts, api } = this.#parts;
    // Nothing is begun for a file that cannot be had.
    if (source.sizeBytes === 0) await this.#orEnded(source.changed());
    const folder = await recordingFolder(facts.id);
    const note = folder && (await readUploadNote(folder));
    if (note?.baseUrl === api.baseUrl) this.#uploadId = note.uploadId;
    let position = await this.#position();
    for (let reached = 0; !position.whole; reached = position.offset) {
      this.#tell(position.offset);
      // Over a slow line requests are cut by their time limit, which is no failure as long as something comes.
      if (position.offset > reached) this.#pauses.reset();
      const { completion, sizeBytes } = source;
      const end = Math.min(position.offset + CHUNK_BYTES, sizeBytes);
      if (completion !== undefined && position.offset > completion.sizeBytes) {
        await this.#afterFailure(new AircheckError('upload-gone', 'The server has another file'));
        position = await this.#position();
      } else if (end <= position.offset && completion === undefined) {
        await this.#orEnded(source.changed());
      } else {
        const begunAt = performance.now();
        const bytes = await this.#orEnded(source.read(position.offset, end));
        position = await this.#append(position.offset, bytes, completion);
        if (source.completion === undefined && source.sizeBytes - position.offset < CHUNK_BYTES) {
          await this.#pauses.wait(GROWING_STEP_MS - (performance.now() - begunAt));
        }
      }
    }
    this.#tell(position.offset);
    return this.#uploadId!;
  }

  /** Asks how far the server has come; begins the upload where it has none. */
  async #position(): Promise<UploadPosition> {
    for (;;) {
      try {
        if (this.#uploadId !== undefined) return await this.#requests.position(this.#uploadId);
        this.#uploadId = await this.#create();
        await this.#note(this.#uploadId);
        return { offset: 0, whole: false };
      } catch (error) {
        await this.#afterFailure(error);
      }
    }
  }

  async #append(
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    completion: Completion | undefined,
  ): Promise<UploadPosition> {
    try {
      return await this.#requests.append(this.#uploadId!, offset, bytes, completion);
    } catch (error) {
      await this.#afterFailure(error);
      return this.#position();
    }
  }

  /** Waits until another attempt may succeed. @throws the error when none will */
  async #afterFailure(error: unknown): Promise<void> {
    this.#ended.signal.throwIfAborted();
    const { code, retryable } = error as AircheckError;
    if (LOST.has(code) && this.#losses < MAX_LOSSES) {
      this.#losses += 1;
      this.#uploadId = undefined;
    } else if (retryable === true || PASSING.has(code) || (RENEWABLE.has(code) && this.#parts.source.growing)) {
      await this.#pauses.afterFailure();
    } else {
      throw error;
    }
  }

  /** Waits until the library has looked into the file. @returns the file's id there */
  async #checked(uploadId: string): Promise<string> {
    for (;;) {
      try {
        const { state, fileId, detail } = await this.#requests.describe(uploadId);
        if (state === 'ready' && fileId !== null) return fileId;
        if (state === 'rejected' || state === 'aborted') {
          await this.#note(undefined);
          throw new AircheckError('media-invalid', `The library rejected the recording: ${detail ?? state}`);
        }
        this.#pauses.reset();
        await this.#pauses.wait(CHECK_STEP_MS);
      } catch (error) {
        this.#ended.signal.throwIfAborted();
        if ((error as AircheckError).retryable !== true) throw error;
        await this.#pauses.afterFailure();
      }
    }
  }

  /** Of a file all of which the server had before its digest was known here. */
  async #completion() {
    const { source } = this.#parts;
    while (source.completion === undefined) await this.#orEnded(source.changed());
    return source.completion;
  }

  async #create(): Promise<string> {
    const { facts, options } = this.#parts;
    const metadata = {
      fileName: options.fileName ?? facts.fileName,
      roomId: facts.roomId === '' ? undefined : facts.roomId,
      userId: facts.userId,
      startedAt: new Date(facts.startedAt).toISOString(),
      tags: options.tags && JSON.stringify(options.tags),
      classId: options.classId === undefined ? undefined : String(options.classId),
    };
    try {
      return await this.#requests.create(metadata);
    } catch (error) {
      const { code, input } = error as AircheckError;
      if (code !== 'forbidden' || input !== 'metadata.userId') throw error;
      // A guest may name nobody but itself: what it recorded of another is a file of its own.
      return this.#requests.create({ ...metadata, userId: undefined });
    }
  }

  async #note(uploadId: string | undefined): Promise<void> {
    const { facts, api } = this.#parts;
    const note = uploadId === undefined ? undefined : { baseUrl: api.baseUrl, uploadId };
    await runTask('note', { id: facts.id, note }).catch(() => {
      // It is sent without: after a crash of the tab it would be begun anew.
    });
  }

  #tell(sentBytes: number): void {
    this.emit('progress', { sentBytes, totalBytes: this.#parts.source.completion?.sizeBytes });
  }

  /** What takes as long as it takes, but not longer than the upload is wanted. */
  #orEnded<Result>(work: Promise<Result>): Promise<Result> {
    const { signal } = this.#ended;
    const { promise, reject } = Promise.withResolvers<never>();
    const end = () => reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', end));
  }
}
