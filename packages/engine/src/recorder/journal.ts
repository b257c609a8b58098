import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SegmentSnapshot, StartRecordingOptions } from './contract.ts';

/** Folder of the journals of unfinished segments, inside of the recordings folder: recovery need not look elsewhere. */
const JOURNAL_FOLDER = '.unfinished';

/**
 * What is known of a segment that is being written: with the segment's file it is enough to rebuild the recording,
 * even where the database knows nothing of it.
 */
export interface Journal {
  readonly version: 1;
  readonly recording: StartRecordingOptions;
  /** Milliseconds since 1970 at which the recording was started. */
  readonly recordingStartedAt: number;
  /** As of the last note; `durationMs` and `sizeBytes` lag behind the file. */
  readonly segment: SegmentSnapshot;
  /** The file has been finished: `segment` is final. */
  readonly closed: boolean;
  /** Process that writes the file. */
  readonly writerPid: number;
}

/** Name of the folder that holds the journals. */
export function journalFolder(recordingsFolder: string): string {
  return join(recordingsFolder, JOURNAL_FOLDER);
}

function journalPath(recordingsFolder: string, fileId: string): string {
  return join(journalFolder(recordingsFolder), `${fileId}.json`);
}

/** Writes a journal anew; a crash leaves the former one or the new one, never a mixture. */
export async function writeJournal(recordingsFolder: string, journal: Journal): Promise<void> {
  const path = journalPath(recordingsFolder, journal.segment.fileId);
  await writeFile(`${path}.new`, JSON.stringify(journal));
  await rename(`${path}.new`, path);
}

/** To be called once the database holds the final state of the segment. */
export async function removeJournal(recordingsFolder: string, fileId: string): Promise<void> {
  await rm(journalPath(recordingsFolder, fileId), { force: true });
}

/** How long a process that lost its server may take to finish its files before it is ended. */
const WRITER_MS = 10_000;

/**
 * Waits until no process writes these segments any more: a server that was killed and is started again at once finds its
 * former workers still finishing their files. One that hangs is killed: two writers would spoil the file.
 */
export async function writersGone(journals: readonly Journal[]): Promise<void> {
  const deadline = Date.now() + WRITER_MS;
  const pids = new Set(journals.filter(({ closed }) => !closed).map(({ writerPid }) => writerPid));
  for (const pid of pids) {
    while (await isWriter(pid)) {
      if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
      await setTimeout(50);
    }
  }
}

/** Whether the process lives and still is a media worker: process ids are used again. */
async function isWriter(pid: number): Promise<boolean> {
  if (pid === process.pid || !isAlive(pid)) return false;
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('media-worker');
  } catch (error) {
    // Systems without /proc: only the process id can tell.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && process.platform !== 'linux';
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Journals of all segments that the database may not know the end of; unreadable ones are told by their file name. */
export async function listJournals(
  recordingsFolder: string,
): Promise<{ readonly journals: readonly Journal[]; readonly unreadable: readonly string[] }> {
  const journals: Journal[] = [];
  const unreadable: string[] = [];
  let names: string[];
  try {
    names = await readdir(journalFolder(recordingsFolder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { journals, unreadable };
    throw error;
  }
  for (const name of names.sort()) {
    if (!name.endsWith('.json')) continue;
    try {
      const journal = JSON.parse(await readFile(join(journalFolder(recordingsFolder), name), 'utf8')) as Journal;
      if (journal.version === 1 && typeof journal.segment?.path === 'string') journals.push(journal);
      else unreadable.push(name);
    } catch {
      unreadable.push(name);
    }
  }
  return { journals, unreadable };
}
