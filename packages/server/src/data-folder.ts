import { access, chmod, constants, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import BetterSqlite3 from 'better-sqlite3';

/** Says to people who has the folder; the lock itself is another thing. */
interface ServerNote {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * The folder that holds everything a server keeps: one server at a time.
 *
 * The lock is an exclusive transaction on an empty SQLite file, thus a lock of the kernel: it ends with the process
 * however that ends, holds between containers that share the folder, and needs no judging of process ids.
 */
export class DataFolder {
  readonly path: string;
  readonly #lock: BetterSqlite3.Database;

  private constructor(path: string, lock: BetterSqlite3.Database) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder where it is missing and takes it.
   * @throws AircheckError `storage-failed` when the folder cannot be written, `data-locked` when a server uses it
   */
  static async open(path: string): Promise<DataFolder> {
    try {
      await makeFolder(join(path, 'recordings'));
      await access(path, constants.W_OK | constants.X_OK);
      await access(join(path, 'recordings'), constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
    const lock = takeLock(path, await readNote(path));
    const note: ServerNote = { pid: process.pid, startedAt: new Date().toISOString() };
    try {
      await replaceFile(notePath(path), `${JSON.stringify(note)}\n`, 0o644);
    } catch (cause) {
      lock.close();
      throw cannotWrite(path, cause);
    }
    return new DataFolder(path, lock);
  }

  /** Gives the folder back; all media workers must have ended. May be called twice. */
  async close(): Promise<void> {
    if (!this.#lock.open) return;
    await rm(notePath(this.path), { force: true });
    this.#lock.close();
  }
}

/**
 * Makes a folder and those above it. Not by `mkdir` with `recursive`: below a folder that takes no new ones, such as
 * `/proc`, that of Node 24 never comes back.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
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
  let lock: BetterSqlite3.Database | undefined;
  try {
    lock = new BetterSqlite3(join(path, 'lock.db'), { timeout: 0 });
    lock.exec('begin exclusive');
    return lock;
  } catch (cause) {
    lock?.close();
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

function cannotWrite(path: string, cause: unknown): AircheckError {
  return new AircheckError('storage-failed', `The data folder ${path} cannot be written: ${reason(cause)}`, { cause });
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
