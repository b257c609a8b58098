import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Moves a file, or a folder of files, over what is there. Whole or not there under its name, and on the disk for good
 * when this resolves: the database must not know of files that a power cut takes away.
 */
export async function move(from: string, to: string): Promise<void> {
  await sync(from);
  await mkdir(dirname(to), { recursive: true });
  await rm(to, { recursive: true, force: true });
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await copy(from, to);
    await rm(from, { recursive: true });
  }
  await syncOne(dirname(to));
}

/** Across two file systems. */
async function copy(from: string, to: string): Promise<void> {
  const draft = `${to}.new`;
  try {
    await rm(draft, { recursive: true, force: true });
    if ((await stat(from)).isDirectory()) {
      await mkdir(draft);
      for (const name of await readdir(from)) await copyFile(join(from, name), join(draft, name));
    } else await copyFile(from, draft);
    await sync(draft);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function sync(path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) for (const name of await readdir(path)) await syncOne(join(path, name));
  await syncOne(path);
}

async function syncOne(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
