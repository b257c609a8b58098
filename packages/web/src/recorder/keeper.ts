import type { RecordingFacts } from './facts.ts';
import type { GrowingFile, StoredRecording, Upload, UploadOptions } from './stored-recording.ts';

/** A recording that is being written, as an upload that runs beside it sees it. */
export interface GrowingRecording {
  readonly facts: RecordingFacts;
  readonly file: GrowingFile;
  /** Calls the listener whenever more may be read. @returns a function that ends it */
  onGrowth(listener: () => void): () => void;
  /** Resolves when the file is whole. Rejects when nothing came of the recording. */
  readonly finished: Promise<StoredRecording>;
}

/** Keeps files after, and sends them while, they are written. `keeping/` and `upload/` hold what does it. */
export interface Keeper {
  /** What closed or crashed tabs left, newest first; not what is being written now, here or in another tab. */
  listRecoverable(): Promise<StoredRecording[]>;
  /** A recording by its id, made whole first if it is not. @throws AircheckError `recording-not-found` */
  open(id: string): Promise<StoredRecording>;
  uploadGrowing(recording: GrowingRecording, options: UploadOptions): Upload;
}
