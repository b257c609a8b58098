import { mkdirSync } from 'node:fs';
import { type FileHandle, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recoverFile } from '@aircheck/engine/recorder';
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
   * To be called before the first bytes are written. A crash leaves a whole note or none.
   * @param handle - the file, which the caller has just made
   */
  async note(file: UnfinishedFile, handle: FileHandle): Promise<void> {
    const { id, path, startedAt } = file;
    const note: Note = { id, path, startedAt, identity: identityOf(await handle.stat({ bigint: true })) };
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
   * removed; one that cannot be finished now (its disk is away or full) is left for the next start.
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

/** @returns undefined where there is nothing to be kept */
async function finish({ id, path, startedAt, identity }: Note): Promise<RecoveredFile | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    if (identityOf(found) !== identity) return undefined;
    if (found.size > 0n) return { id, path, startedAt, ...(await recoverFile(path, 'mp4')) };
  } catch (error) {
    const { code } = error as { code?: string };
    // A disk that is away is not told from a file that the user has removed or moved.
    if (code === 'ENOENT') return undefined;
    if (code !== 'container-malformed') throw error;
  }
  await rm(path, { force: true });
  return undefined;
}

function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev}-${ino}`;
}
