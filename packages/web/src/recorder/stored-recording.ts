import type { RestClient } from '../core/index.ts';
import type { Container } from './start-options.ts';

/** A recording whose file lies in this browser's private storage. */
export interface StoredRecording {
  /** Folder name in the storage; unique. */
  readonly id: string;
  /** As given to `start`, without ending. */
  readonly fileName: string;
  readonly container: Container;
  readonly mimeType: string;
  /** Whose recording it is; undefined for the mix and for the page's own tracks. */
  readonly userId: string | undefined;
  readonly roomId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly sizeBytes: number;
  /** The index is written; false where that failed for want of room. `file` tries again. */
  readonly complete: boolean;
  /**
   * The finished file; it stays in the storage, and none of it in memory.
   * @throws AircheckError `recording-not-found` after `remove`, `recording-state` while it is being written, `storage-full`
   */
  file(): Promise<File>;
  /** An object URL of the finished file, for a `<video>`; revoke it when done. */
  url(): Promise<string>;
  /**
   * Lets the user pick a place where the browser can ask for one, which it does after a click alone; else it downloads.
   * @returns false when the user thought better of it
   */
  save(): Promise<boolean>;
  /** Sends it into the library. */
  upload(options?: UploadOptions): Upload;
  /** Deletes it from this browser. @throws AircheckError `recording-state` while it is being written */
  remove(): Promise<void>;
}

/** How a file goes into the library. */
export interface UploadOptions {
  /** Name in the library; the recording's own when absent. */
  readonly fileName?: string;
  readonly tags?: readonly string[];
  readonly classId?: number;
  /** Where to, instead of the room's server: `new RestClient({ baseUrl, token })`. */
  readonly api?: RestClient;
  /** Delete the local file once the library has it. */
  readonly removeWhenDone?: boolean;
}

export interface UploadEvents {
  progress: [progress: UploadProgress];
}

export interface UploadProgress {
  readonly sentBytes: number;
  /** Undefined while the recording still grows. */
  readonly totalBytes: number | undefined;
}

export interface UploadResult {
  readonly uploadId: string;
  readonly fileId: string;
  /** Hex SHA-256 of the file, here and there. */
  readonly sha256: string;
}

/** A file on its way into the library; goes on by itself after interruptions. */
export interface Upload {
  on<Name extends keyof UploadEvents>(name: Name, listener: (...args: UploadEvents[Name]) => void): () => void;
  /**
   * Resolves when the library has the file, checked and with the same SHA-256. A connection that is gone, or a server that
   * is, is waited for without end. Rejects with an AircheckError: `unauthenticated`, `forbidden`, `payload-too-large`,
   * `media-invalid` when the library rejects it, `upload-gone` after `abort`; the local file stays, and another `upload` goes
   * on where this one was.
   */
  readonly done: Promise<UploadResult>;
  /** Ends it and deletes what the server has of it; nothing once `done` has resolved. */
  abort(): Promise<void>;
}

/** Bytes of a file that is still being written. */
export interface GrowingFile {
  /** How many may be read now; they do not change any more, but for the header's 16 bytes that finishing patches. */
  readonly sizeBytes: number;
  /** @returns fewer bytes than asked for at the end of what is there */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}
