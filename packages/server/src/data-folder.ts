import { access, chmod, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import BetterSqlite3 from 'better-sqlite3';

/** What a server leaves in its data folder for the one after it. */
interface ServerNote {
  readonly pid: number;
  readonly startedAt: string;
  readonly workerPids: readonly number[];
}

/** How long media workers of a killed server get to finish their files before they are ended, in milliseconds. */
const orphanGraceMs = 15_000;

/**
 * The folder that holds everything a server keeps: one server at a time.
 *
 * The lock is an exclusive transaction on an empty SQLite file, thus a lock of the kernel: it ends with the process
 * however that ends, holds between containers that share the folder, and needs no judging of process ids.
 */
export class DataFolder {
  readonly path: string;
  readonly #lock: BetterSqlite3.Database;
  #notes: Promise<void> = Promise.resolve();
  #noteTimer: NodeJS.Timeout | undefined;

  private constructor(path: string, lock: BetterSqlite3.Database) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder where it is missing and takes it. Media workers that a killed server left behind may still be
   * finishing their files: waits for them, since recovery must not touch a file that is being written.
   * @throws AircheckError `storage-failed` when the folder cannot be written, `data-locked` when a server uses it
   */
  static async open(path: string): Promise<DataFolder> {
    try {
      await mkdir(join(path, 'recordings'), { recursive: true });
      await access(path, constants.W_OK | constants.X_OK);
      await access(join(path, 'recordings'), constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw new AircheckError('storage-failed', `The data folder ${path} cannot be written: ${reason(cause)}`, {
        cause,
      });
    }
    const note = await readNote(path);
    const folder = new DataFolder(path, takeLock(path, note));
    await endOfOrphans(note?.workerPids ?? []);
    return folder;
  }

  /**
   * Keeps written down which processes write into the folder, for the server after this one.
   * @param workerPids - asked now and every second: a worker that dies is replaced
   */
  async noteWorkers(workerPids: () => readonly number[]): Promise<void> {
    let noted: readonly number[] = workerPids();
    this.#noteTimer = setInterval(() => {
      const pids = workerPids();
      if (pids.join() === noted.join()) return;
      noted = pids;
      // Fails only where the disk does, of which the recordings tell.
      this.#writeNote(pids).catch(() => {});
    }, 1000);
    await this.#writeNote(noted);
  }

  /** Gives the folder back; all workers must have ended. */
  async close(): Promise<void> {
    clearInterval(this.#noteTimer);
    await this.#notes.catch(() => {});
    if (!this.#lock.open) return;
    await rm(notePath(this.path), { force: true });
    this.#lock.close();
  }

  #writeNote(workerPids: readonly number[]): Promise<void> {
    const note: ServerNote = { pid: process.pid, startedAt: new Date().toISOString(), workerPids };
    const write = () => replaceFile(notePath(this.path), `${JSON.stringify(note)}\n`, 0o644);
    this.#notes = this.#notes.then(write, write);
    return this.#notes;
  }
}

/** Writes a whole file or leaves the former one: a crash in between never leaves half of it. */
export async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, content, { mode, flush: true });
  await chmod(draft, mode);
  await rename(draft, path);
}

function notePath(folder: string): string {
  return join(folder, 'server.json');
}

function takeLock(path: string, note: ServerNote | undefined): BetterSqlite3.Database {
  const lock = new BetterSqlite3(join(path, 'lock.db'), { timeout: 0 });
  try {
    lock.exec('begin exclusive');
    return lock;
  } catch (cause) {
    lock.close();
    if ((cause as { code?: string }).code !== 'SQLITE_BUSY') {
      throw new AircheckError('storage-failed', `The data folder ${path} cannot be locked: ${reason(cause)}`, {
        cause,
      });
    }
    const holder = note === undefined ? '' : ` (process ${note.pid}, since ${note.startedAt})`;
    throw new AircheckError('data-locked', `Another server${holder} uses the data folder ${path}`, {
      hint: 'Stop that server, or set AIRCHECK_DATA to another folder',
    });
  }
}

async function readNote(folder: string): Promise<ServerNote | undefined> {
  try {
    return JSON.parse(await readFile(notePath(folder), 'utf8')) as ServerNote;
  } catch {
    // Absent after an orderly end; a note that cannot be read says nothing.
    return undefined;
  }
}

async function endOfOrphans(pids: readonly number[]): Promise<void> {
  const deadline = performance.now() + orphanGraceMs;
  for (const pid of pids) {
    while (await isMediaWorker(pid)) {
      if (performance.now() > deadline) {
        // It hangs: its file is left as a crash would leave it, which recovery can mend.
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          break;
        }
      }
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }
}

/** Whether that process still is a media worker, and not another program that was given its number since. */
async function isMediaWorker(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('media-worker');
  } catch {
    if (process.platform === 'linux') return false;
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
