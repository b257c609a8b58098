import {
  type FileSummary,
  MediaError,
  Mp4FragmentIndex,
  type RandomAccess,
  type Recovery,
  readMp4Summary,
  recoverMp4,
  recoverWebm,
} from '@aircheck/media';
import type { Container } from '../start-options.ts';
import { type SyncAccessHandle, writeWhole } from '../worker/private-file.ts';

/** What a file is after it was finished. */
export interface FinishedFile {
  readonly sizeBytes: number;
  /** 0 when nothing was recorded yet when the tab went, and where the file does not tell. */
  readonly durationMs: number;
}

/**
 * Makes a whole file of what a crashed tab left: the part after the last whole fragment is cut off, the index appended,
 * the header patched. Everything up to the end of that fragment stays as it is but for that header, so that what an upload has sent of
 * it stays right. May be done again at any point.
 *
 * @throws DOMException `QuotaExceededError` when there is no room for the index
 */
export async function finishFile(file: SyncAccessHandle, container: Container): Promise<FinishedFile> {
  const size = file.getSize();
  const read: RandomAccess = async (offset, length) => {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, file.read(bytes, { at: offset }));
  };
  try {
    const recovery = await (container === 'webm' ? recoverWebm(read, size) : recoverMp4(read, size));
    apply(file, size, recovery);
    return { sizeBytes: file.getSize(), durationMs: durationOf(recovery.summary) };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    // Cut off before the header was whole: nothing was recorded yet.
    if (error.code === 'container-malformed') return { sizeBytes: size, durationMs: 0 };
    return container === 'webm' ? { sizeBytes: size, durationMs: 0 } : finishForeign(file, read, size);
  }
}

function durationOf({ durationSeconds }: FileSummary): number {
  return Math.round(durationSeconds * 1000);
}

function apply(file: SyncAccessHandle, size: number, { truncateTo, finalization }: Recovery): void {
  if (truncateTo < size) file.truncate(truncateTo);
  let position = truncateTo;
  for (const bytes of finalization.append) {
    writeWhole(file, bytes, position);
    position += bytes.byteLength;
  }
  file.flush();
  for (const { offset, data } of finalization.patches) writeWhole(file, data, offset);
  file.flush();
}

/** A fragmented file of the browser's MediaRecorder: it has no place for an index, and plays up to its last whole fragment. */
async function finishForeign(file: SyncAccessHandle, read: RandomAccess, size: number): Promise<FinishedFile> {
  const index = new Mp4FragmentIndex(read);
  await index.update(size);
  const last = index.fragments.at(-1);
  const end = last === undefined ? size : last.offset + last.byteLength;
  if (end < size) file.truncate(end);
  file.flush();
  return { sizeBytes: end, durationMs: durationOf(await readMp4Summary(read, end)) };
}
