import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AircheckError } from '@aircheck/protocol';
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
  /** When that process began, as far as the system tells: another one may have its id by now. */
  readonly writerBegan?: string;
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

/** How long a process that lost its server may take to finish its files before it is ended, and how long to be gone then. */
const WRITER_MS = 10_000;
const KILLED_MS = 5000;

/**
 * Waits until no process writes these segments any more: a server that was killed and is started again at once finds its
 * former workers still finishing their files. One that hangs is killed: two writers would spoil the file.
 * @throws AircheckError `storage-failed` when one does not go even then, as where a disk hangs
 */
export async function writersGone(journals: readonly Journal[]): Promise<void> {
  const writers = new Map<string, Journal>();
  for (const journal of journals) {
    if (!journal.closed) writers.set(`${journal.writerPid} ${journal.writerBegan}`, journal);
  }
  const deadline = Date.now() + WRITER_MS;
  for (const writer of writers.values()) {
    while (await isWriting(writer)) {
      if (Date.now() > deadline + KILLED_MS) {
        throw new AircheckError('storage-failed', `process ${writer.writerPid} does not end and still has files open`, {
          hint: 'It waits for its disk: see to that, end the process, and start again',
        });
      }
      if (Date.now() > deadline) end(writer.writerPid);
      await setTimeout(50);
    }
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just gone by itself.
  }
}

/** Whether the process lives and still is the one that wrote the journal: process ids are used again. */
async function isWriting({ writerPid, writerBegan }: Journal): Promise<boolean> {
  if (writerPid === process.pid || !isAlive(writerPid)) return false;
  // Systems without /proc: only the process id can tell.
  return writerBegan === (await beginningOf(writerPid));
}

/**
 * When a process began, in the system's ticks since its own start; undefined where the system does not tell, and for one that
 * has ended and only waits for its parent to notice.
 */
async function beginningOf(pid: number): Promise<string | undefined> {
  try {
    // Fields 3 and 22 of proc_pid_stat(5); the name in parentheses before them may hold spaces.
    const [state, ...others] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
    return state === 'Z' || state === 'X' ? undefined : others[18];
  } catch {
    return undefined;
  }
}

type Writer = Pick<Journal, 'writerPid' | 'writerBegan'>;

let writer: Promise<Writer> | undefined;

/** What a journal says of the process that keeps it. */
export function thisWriter(): Promise<Writer> {
  writer ??= beginningOf(process.pid).then((writerBegan) => ({
    writerPid: process.pid,
    ...(writerBegan !== undefined && { writerBegan }),
  }));
  return writer;
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
