import {
  type ForeignRecovery,
  finishFragmentedMp4,
  finishLiveWebm,
  MediaError,
  type RandomAccess,
  recoverMp4,
  recoverWebm,
} from '@aircheck/media';
import type { Container } from '../start-options.ts';
import { type SyncAccessHandle, writeWhole } from './private-file.ts';

/** What a file is after it was finished. */
export interface FinishedFile {
  readonly sizeBytes: number;
  /** 0 when nothing was recorded yet when the tab went, and where what the browser made is not known here. */
  readonly durationMs: number;
}

/**
 * Makes a whole file of what a crashed tab left, or MediaRecorder made: the part after the last whole fragment is cut off,
 * the index appended, the header patched. Everything up to the end of that fragment stays as it is but for that header, so
 * that what an upload has sent of it stays right. May be done again at any point.
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
    const { summary, ...recovery } = await (container === 'webm' ? recoverWebm(read, size) : recoverMp4(read, size));
    return apply(file, size, { ...recovery, durationSeconds: summary.durationSeconds });
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    // Cut off before the header was whole: nothing was recorded yet.
    if (error.code === 'container-malformed') return { sizeBytes: size, durationMs: 0 };
    return finishForeign(file, read, size, container);
  }
}

/** A file of the browser's MediaRecorder. */
async function finishForeign(
  file: SyncAccessHandle,
  read: RandomAccess,
  size: number,
  container: Container,
): Promise<FinishedFile> {
  try {
    return apply(
      file,
      size,
      await (container === 'webm' ? finishLiveWebm(read, size) : finishFragmentedMp4(read, size)),
    );
  } catch (error) {
    // Nothing was recorded yet, or in a way that is not known here: it stays as the browser made it.
    if (error instanceof MediaError) return { sizeBytes: size, durationMs: 0 };
    throw error;
  }
}

function apply(
  file: SyncAccessHandle,
  size: number,
  { truncateTo, finalization, durationSeconds }: ForeignRecovery,
): FinishedFile {
  if (truncateTo < size) file.truncate(truncateTo);
  let position = truncateTo;
  try {
    for (const bytes of finalization.append) {
      writeWhole(file, bytes, position);
      position += bytes.byteLength;
    }
  } catch (error) {
    // A part of an index is of no use, and what it took is.
    file.truncate(truncateTo);
    throw error;
  }
  file.flush();
  for (const { offset, data } of finalization.patches) writeWhole(file, data, offset);
  file.flush();
  return { sizeBytes: file.getSize(), durationMs: Math.round(durationSeconds * 1000) };
}
