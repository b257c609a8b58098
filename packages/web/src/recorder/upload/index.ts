export { RecordingUpload } from './recording-upload.ts';
export { GrowingSource, StoredSource, type UploadSource } from './upload-source.ts';
