export type { Uploader } from './kept-recording.ts';
export { RecordingKeeper } from './recording-keeper.ts';
export { canPickFile } from './save-file.ts';
export { type StorageSpace, storageSpace } from './storage.ts';
