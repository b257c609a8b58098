export type { RecorderEventName, RecorderEvents, SegmentSnapshot, StartRecordingOptions } from './contract.ts';
export { type Journal, journalFolder, listJournals, removeJournal, writersGone } from './journal.ts';
export { Recorder } from './recorder.ts';
export { RecordingSession } from './recording-session.ts';
export { recoverFile, recoverSegment } from './recovery.ts';
export type { OnlyFile, RecorderContext } from './segment-files.ts';
export { SpoolFile, storageError } from './spool-file.ts';
