export type { RecorderEventName, RecorderEvents, SegmentSnapshot, StartRecordingOptions } from './contract.ts';
export { type Journal, journalFolder, listJournals, removeJournal, writersGone } from './journal.ts';
export { Recorder } from './recorder.ts';
export { recoverSegment } from './recovery.ts';
