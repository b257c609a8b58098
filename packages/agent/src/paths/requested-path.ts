import { posix, win32 } from 'node:path';
import { AircheckError } from '@aircheck/protocol';

/** What file systems take as one name, in bytes of UTF-8 (ext4, APFS) or UTF-16 units (NTFS). */
const MAX_NAME_LENGTH = 255;
/** Of Windows' devices: they exist in every folder, with any extension (Naming Files, Paths, and Namespaces). */
const DEVICE_NAME = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/i;
/** What Windows does not take in names; the colon would open an alternate data stream. */
const WINDOWS_FORBIDDEN = /[<>:"|?*]/;
const DRIVE = /^[a-z]:[/\\]/i;

export type FileKind = 'mp4' | 'aac';
const EXTENSIONS: Record<FileKind, readonly string[]> = { mp4: ['.mp4'], aac: ['.m4a', '.mp4', '.aac'] };

/** A path as a page wrote it, taken apart: where it begins, and the names that lead from there to the file. */
export interface RequestedPath {
  /** Absolute, or undefined for a path that is to lie under the first allowed folder. */
  readonly root: string | undefined;
  /** At least one; the last one is the file's. */
  readonly names: readonly string[];
}

/**
 * Takes a page's path apart and refuses what is not plainly a file's name on this platform: steps upward, devices,
 * network shares, alternate streams, hidden files, other kinds of files. On Windows `/` and `\` are the same. Elsewhere a
 * drive letter, which is what pages written for the vendor's agent send, means nothing and is left out.
 *
 * @throws AircheckError `path-forbidden`
 */
export function parseRequestedPath(path: string, kind: FileKind, platform: NodeJS.Platform): RequestedPath {
  const refuse = (why: string): never => {
    throw new AircheckError('path-forbidden', `${JSON.stringify(path)}: ${why}`, { input: 'path' });
  };
  const windows = platform === 'win32';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069]/.test(path) || !path.isWellFormed()) {
    refuse('it holds characters that no name should');
  }
  const drive = DRIVE.exec(path)?.[0];
  const rest = drive === undefined ? path : path.slice(drive.length);
  if (/^[/\\]{2}/.test(path)) refuse('network shares and devices are not allowed');
  if (windows && drive === undefined && /^[/\\]/.test(path)) refuse('it begins at a folder, but names no drive');
  if (drive === undefined && /^[a-z]:/i.test(path)) refuse('it names a drive, but no folder on it');
  const root = windows
    ? drive && win32.normalize(drive)
    : drive === undefined && posix.isAbsolute(path)
      ? '/'
      : undefined;
  const separator = windows || drive !== undefined ? /[/\\]+/ : /\/+/;
  const names = rest.split(separator).filter((name) => name !== '' && name !== '.');
  const last = names.pop() ?? refuse('it names no file');
  if (/[/\\]$/.test(path)) refuse('it names a folder, not a file');
  names.push(withExtension(last, kind, refuse));
  for (const name of names) {
    if (name === '..') refuse('steps upward are not allowed');
    if (Buffer.byteLength(name) > MAX_NAME_LENGTH) refuse('a name in it is too long');
    if (name.startsWith('.')) refuse('hidden files and folders are not allowed');
    if (!windows) continue;
    if (WINDOWS_FORBIDDEN.test(name)) refuse('Windows does not take < > : " | ? * in names');
    if (DEVICE_NAME.test(name)) refuse('it is the name of a device');
    if (/[. ]$/.test(name)) refuse('Windows does not take names that end with a dot or a space');
  }
  return { root, names };
}

function withExtension(name: string, kind: FileKind, refuse: (why: string) => never): string {
  const extension = posix.extname(name).toLowerCase();
  const allowed = EXTENSIONS[kind];
  if (extension === '' && name !== '..') return `${name}${allowed[0]}`;
  if (name !== '..' && !allowed.includes(extension)) refuse(`the file's name must end with ${allowed.join(' or ')}`);
  return name;
}
