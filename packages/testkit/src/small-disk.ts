import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let mounts: boolean | undefined;

/** Whether this process may mount a disk, found out by mounting one: not every root may, in a container. For `runIf`. */
export function canMount(): boolean {
  mounts ??= triesToMount();
  return mounts;
}

function triesToMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-mount-'));
  try {
    mountSmallDisk(folder, 64 * 1024)();
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(folder);
  }
}

/**
 * Mounts a disk of its own on a folder.
 * @param folder - made if need be
 * @param bytes - its size
 * @returns takes the disk away, with what is on it; to be called once
 * @throws Error where {@link canMount} says no
 */
export function mountSmallDisk(folder: string, bytes: number): () => void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], { stdio: 'pipe' });
  // Whoever still has a file open on it keeps it until then.
  return () => void execFileSync('umount', ['--lazy', folder]);
}
