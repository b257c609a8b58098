import { AircheckError } from '@aircheck/protocol/errors';
import type { RestClient } from '../../core/index.ts';
import { type RecordingFacts, recordingLockName } from '../facts.ts';
import type { Container } from '../start-options.ts';
import type { StoredRecording, Upload, UploadOptions } from '../stored-recording.ts';
import { RecordingUpload, StoredSource } from '../upload/index.ts';
import { runTask, storageError } from './run-task.ts';
import { saveFile } from './save-file.ts';
import { mediaFile, recordingFolder, recordingsFolder } from './storage.ts';

/** Characters that file names of Windows, macOS or Linux cannot have. */
const FORBIDDEN_IN_NAMES = /[\\/:*?"<>|\p{Cc}]/gu;

/** Where recordings are sent to, and in whose name: a `Room` is one. */
export interface Uploader {
  readonly api: RestClient;
}

/** A recording in this browser's private storage. */
export class KeptRecording implements StoredRecording {
  readonly #uploader: Uploader | undefined;
  #facts: RecordingFacts;
  #sizeBytes: number;

  /** @param sizeBytes - of its file as it is */
  constructor(facts: RecordingFacts, sizeBytes: number, uploader: Uploader | undefined) {
    this.#facts = facts;
    this.#sizeBytes = sizeBytes;
    this.#uploader = uploader;
  }

  get id(): string {
    return this.#facts.id;
  }

  get fileName(): string {
    return this.#facts.fileName;
  }

  get container(): Container {
    return this.#facts.container;
  }

  get mimeType(): string {
    return this.#facts.mimeType;
  }

  get userId(): string | undefined {
    return this.#facts.userId;
  }

  get roomId(): string {
    return this.#facts.roomId;
  }

  get startedAt(): number {
    return this.#facts.startedAt;
  }

  get durationMs(): number {
    return this.#facts.finished?.durationMs ?? 0;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get complete(): boolean {
    return this.#facts.finished !== undefined;
  }

  /**
   * Makes the file whole where a crash left it without its end.
   * @throws AircheckError `recording-not-found`, `recording-state` while it is being written, `storage-full`,
   *   `storage-failed`
   */
  async finish(): Promise<void> {
    if (this.complete) return;
    await navigator.locks.request(recordingLockName(this.id), { ifAvailable: true }, async (lock) => {
      if (lock === null) throw new AircheckError('recording-state', 'The recording is being written');
      const finished = await runTask('finish', this.#facts);
      this.#facts = { ...this.#facts, finished };
      this.#sizeBytes = finished.sizeBytes;
    });
  }

  async file(): Promise<File> {
    await this.finish();
    try {
      const folder = await recordingFolder(this.id);
      const stored = await (folder && (await mediaFile(folder, this.container)))?.getFile();
      if (stored === undefined) throw new DOMException('No such file', 'NotFoundError');
      const ending = `.${this.container}`;
      const name = this.fileName.replace(FORBIDDEN_IN_NAMES, '_').replace(new RegExp(`\\${ending}$`, 'i'), '') + ending;
      // It stays where it is: a File of a File holds no bytes.
      return new File([stored], name, { type: this.mimeType, lastModified: stored.lastModified });
    } catch (error) {
      throw storageError(error as Error);
    }
  }

  async url(): Promise<string> {
    return URL.createObjectURL(await this.file());
  }

  async save(): Promise<boolean> {
    const file = await this.file();
    try {
      return await saveFile(file);
    } catch (error) {
      throw storageError(error as Error);
    }
  }

  upload(options: UploadOptions = {}): Upload {
    return new RecordingUpload({
      facts: this.#facts,
      source: new StoredSource(() => this.file()),
      api: uploadApi(options, this.#uploader),
      options,
      recording: Promise.resolve(this),
    });
  }

  async remove(): Promise<void> {
    try {
      await (await recordingsFolder())?.removeEntry(this.id, { recursive: true });
    } catch (error) {
      if ((error as Error).name !== 'NotFoundError') throw storageError(error as Error);
    }
  }
}

/** @throws AircheckError `request-invalid` */
export function uploadApi(options: UploadOptions, uploader: Uploader | undefined): RestClient {
  const api = options.api ?? uploader?.api;
  if (api !== undefined) return api;
  throw new AircheckError('request-invalid', 'There is no server to send the recording to', { input: 'api' });
}
