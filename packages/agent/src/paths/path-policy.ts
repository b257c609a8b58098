import { constants } from 'node:fs';
import { access, lstat, mkdir, realpath, statfs } from 'node:fs/promises';
import { posix, win32 } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { type FileKind, parseRequestedPath } from './requested-path.ts';

/** With less room on the disk nothing is begun: some minutes of one recording. */
const MIN_FREE_BYTES = 64 * 2 ** 20;

/** The part of the file system that deciding about a path needs. */
export interface PathSystem {
  readonly platform: NodeJS.Platform;
  /** @throws ENOENT where the path does not exist */
  realpath(path: string): Promise<string>;
  /** Whether there is anything of that name, a link that leads nowhere included. */
  exists(path: string): Promise<boolean>;
  makeFolder(path: string): Promise<void>;
  /** @throws where this process may not make files in the folder */
  mayWrite(folder: string): Promise<void>;
  /** Undefined where the system does not say. */
  freeBytes(folder: string): Promise<number | undefined>;
}

/** The file system of this computer. */
export function thisFileSystem(): PathSystem {
  return {
    platform: process.platform,
    realpath: (path) => realpath(path),
    exists: (path) =>
      lstat(path).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return false;
          throw error;
        },
      ),
    makeFolder: async (path) => void (await mkdir(path, { recursive: true })),
    mayWrite: (folder) => access(folder, constants.W_OK | constants.X_OK),
    freeBytes: (folder) =>
      statfs(folder).then(
        ({ bavail, bsize }) => bavail * bsize,
        () => undefined,
      ),
  };
}

/**
 * Decides where a file that a page asks for goes: under one of the folders that the user allowed, once all links are
 * followed, and nowhere else; where nothing is yet; with room on the disk. Missing folders on the way are made.
 *
 * @param path - as the page wrote it; a name without a folder goes into the first allowed folder
 * @param folders - absolute, at least one
 * @returns the absolute path, to be created with a flag that fails where something exists
 * @throws AircheckError `path-forbidden`, `file-exists`, `storage-full`, `storage-failed`
 */
export async function decidePath(
  path: string,
  kind: FileKind,
  folders: readonly string[],
  system: PathSystem,
): Promise<string> {
  const { join, dirname } = system.platform === 'win32' ? win32 : posix;
  const requested = parseRequestedPath(path, kind, system.platform);
  const [first] = folders;
  if (first === undefined) throw new AircheckError('path-forbidden', 'no folder is allowed', { input: 'path' });
  const wanted = join(requested.root ?? first, ...requested.names);
  try {
    if (requested.root === undefined) await system.makeFolder(first);
    const parent = await realParent(dirname(wanted), system);
    const allowed = await Promise.all(folders.map((folder) => system.realpath(folder).catch(() => undefined)));
    if (!allowed.some((folder) => folder !== undefined && liesWithin(parent.wanted, folder, system.platform))) {
      throw new AircheckError('path-forbidden', `${wanted} lies under none of the allowed folders`, {
        input: 'path',
        hint: `Allowed: ${folders.join(', ')}. \`aircheck-agent folder <path>\` allows another`,
      });
    }
    const file = join(parent.wanted, requested.names.at(-1)!);
    if (await system.exists(file)) {
      throw new AircheckError('file-exists', `${file} exists; nothing is overwritten`, { input: 'path' });
    }
    await system.mayWrite(parent.existing);
    const free = await system.freeBytes(parent.existing);
    if (free !== undefined && free < MIN_FREE_BYTES) {
      throw new AircheckError('storage-full', `only ${Math.floor(free / 2 ** 20)} MiB are left for ${file}`);
    }
    if (parent.wanted !== parent.existing) await system.makeFolder(parent.wanted);
    return file;
  } catch (error) {
    if (error instanceof AircheckError) throw error;
    throw new AircheckError('storage-failed', `${wanted} cannot be created: ${(error as Error).message}`, {
      input: 'path',
      cause: error,
    });
  }
}

/** Follows the links of a folder as far as it exists; what is missing of it comes behind. */
async function realParent(
  folder: string,
  system: PathSystem,
): Promise<{ readonly existing: string; readonly wanted: string }> {
  const { join, dirname, basename } = system.platform === 'win32' ? win32 : posix;
  const missing: string[] = [];
  for (let path = folder; ; path = dirname(path)) {
    try {
      const existing = await system.realpath(path);
      return { existing, wanted: join(existing, ...missing) };
    } catch (error) {
      // A link that leads nowhere is no missing folder: what is made through it would lie somewhere else.
      const absent = (error as NodeJS.ErrnoException).code === 'ENOENT' && !(await system.exists(path));
      if (!absent || dirname(path) === path) throw error;
      missing.unshift(basename(path));
    }
  }
}

/** Whether a real path is a folder or lies in it. Windows and macOS do not tell upper from lower case. */
function liesWithin(path: string, folder: string, platform: NodeJS.Platform): boolean {
  const { relative, isAbsolute } = platform === 'win32' ? win32 : posix;
  const same = (text: string) => (platform === 'win32' || platform === 'darwin' ? text.toLowerCase() : text);
  const way = relative(same(folder), same(path));
  return way === '' || (!/^\.\.([/\\]|$)/.test(way) && !isAbsolute(way));
}
