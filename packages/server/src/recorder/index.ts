export { type Journal, journalFolder, listJournals, removeJournal } from './journal.ts';
export { Recorder } from './recorder.ts';
export { recoverSegment } from './recovery.ts';
