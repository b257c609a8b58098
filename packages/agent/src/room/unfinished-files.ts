import { mkdirSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { recoverFile, storageError } from '@aircheck/engine/recorder';
import { beginsAsHybridMp4, HYBRID_START_LENGTH } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { Logger } from 'pino';

/** A file that is being written. */
export interface UnfinishedFile {
  /** Names the note of it; the recording's id. */
  readonly id: string;
  /** Absolute path of an MP4 or M4A file of our own writer. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** A file that a crash left, finished now. */
export interface RecoveredFile extends UnfinishedFile {
  readonly durationMs: number;
  readonly sizeBytes: number;
}

interface Note extends UnfinishedFile {
  /** What tells the file from another one that has come to its path since. */
  readonly identity: string;
  /** The same of its folder: a disk that is away may leave an empty folder in its place. */
  readonly folderIdentity: string;
}

/**
 * Notes of the files that are being written, in the agent's own folder: after a crash the next start finishes them. One
 * agent at a time may use the folder.
 */
export class UnfinishedFiles {
  readonly #folder: string;
  readonly #logger: Logger;

  /** @param folder - is made if need be */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
    mkdirSync(folder, { recursive: true });
  }

  /**
   * Makes a new file for a recording, noted before anything is in it.
   * @throws AircheckError `file-exists`, `path-forbidden` (no such folder, or no right to write there), `storage-full`,
   *   `storage-failed`
   */
  async create(file: UnfinishedFile): Promise<FileHandle> {
    const { path } = file;
    const handle = await openNew(path);
    try {
      await this.#note(file, handle);
      return handle;
    } catch (error) {
      await handle.close();
      await rm(path, { force: true });
      throw storageError(error, path);
    }
  }

  /** A crash leaves a whole note or none. */
  async #note({ id, path, startedAt }: UnfinishedFile, handle: FileHandle): Promise<void> {
    const note: Note = {
      id,
      path,
      startedAt,
      identity: identityOf(await handle.stat({ bigint: true })),
      folderIdentity: identityOf(await stat(dirname(path), { bigint: true })),
    };
    const notePath = this.#notePath(id);
    await writeFile(`${notePath}.new`, JSON.stringify(note));
    await rename(`${notePath}.new`, notePath);
  }

  /** To be called when the file is finished, or is not wanted any more. */
  async done(id: string): Promise<void> {
    await rm(this.#notePath(id), { force: true });
  }

  #notePath(id: string): string {
    return join(this.#folder, `${id}.json`);
  }

  /**
   * Finishes what a crash left: cuts off what is not whole, and writes the index. A file without a single fragment is
   * removed; one that cannot be finished now (its disk is away or full) is left for the next start. What has come to its
   * place since, or has been written into it by others, is not touched.
   */
  async finishAll(): Promise<readonly RecoveredFile[]> {
    const recovered: RecoveredFile[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (!name.endsWith('.json')) {
        await rm(path, { force: true });
        continue;
      }
      try {
        const finished = await finish(JSON.parse(await readFile(path, 'utf8')) as Note);
        if (finished !== undefined) recovered.push(finished);
        await rm(path, { force: true });
      } catch (error) {
        this.#logger.warn({ err: error, note: name }, 'a file that was cut off could not be finished');
      }
    }
    return recovered;
  }
}

/** @throws AircheckError as {@link UnfinishedFiles.create} does */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const input = { input: 'path', cause: error };
    switch (code) {
      case 'EEXIST':
        throw new AircheckError('file-exists', `${path} exists already`, input);
      case 'ENOENT':
      case 'ENOTDIR':
      case 'EISDIR':
      case 'EACCES':
      case 'EPERM':
      case 'EROFS':
      case 'EINVAL':
      case 'ENAMETOOLONG':
        throw new AircheckError('path-forbidden', `${path} cannot be created (${code})`, input);
      default:
        throw storageError(error, path);
    }
  }
}

/** @returns undefined where there is nothing to be kept */
async function finish({ id, path, startedAt, identity, folderIdentity }: Note): Promise<RecoveredFile | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    if (identityOf(found) !== identity || !(await isOurs(path))) return undefined;
    if (found.size > 0n) return { id, path, startedAt, ...(await recoverFile(path, 'mp4')) };
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT') {
      // In its own folder the file is missing since the user has removed or moved it; without that folder its disk is away.
      if (identityOf(await stat(dirname(path), { bigint: true })) === folderIdentity) return undefined;
      throw error;
    }
    if (code !== 'container-malformed') throw error;
  }
  await rm(path, { force: true });
  return undefined;
}

/** Whether the file is empty or begins as our writer begins one. */
async function isOurs(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HYBRID_START_LENGTH), 0, HYBRID_START_LENGTH, 0);
    return beginsAsHybridMp4(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** Without the number of the device, which another start of the machine changes; a number of a file is used again. */
function identityOf({ ino, birthtimeNs }: { readonly ino: bigint; readonly birthtimeNs: bigint }): string {
  return `${ino}-${birthtimeNs}`;
}
