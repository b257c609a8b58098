export { type RecordedRooms, Recordings, type RecordingsOptions } from './recordings.ts';
export type { RecoverSegment } from './recovery.ts';
export { registerRecordingRoutes } from './routes.ts';
