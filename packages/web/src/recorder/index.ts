export { BrowserRecorder, type BrowserRecorderOptions } from './browser-recorder.ts';
export type { RecorderCapabilities } from './capabilities.ts';
export {
  ClientRecording,
  type ClientRecordingEvents,
  type ClientRecordingState,
  type RecordingProgress,
} from './client-recording.ts';
export type { CaptureHealth, EndReason, RecordingFacts } from './facts.ts';
export { RecordingKeeper, type StorageSpace, storageSpace, type Uploader } from './keeping/index.ts';
export type { Container, RecordedSource, StartOptions } from './start-options.ts';
export type {
  StoredRecording,
  Upload,
  UploadEvents,
  UploadOptions,
  UploadProgress,
  UploadResult,
} from './stored-recording.ts';
