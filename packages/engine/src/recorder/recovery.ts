import { type FileHandle, open } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  type FileSummary,
  MediaError,
  type RandomAccess,
  type Recovery,
  recoverMp4,
  recoverWebm,
} from '@aircheck/media';
import type { AudioInfo, VideoInfo } from '@aircheck/protocol';
import type { SegmentSnapshot } from './contract.ts';
import { storageError } from './spool-file.ts';

/**
 * Finishes a segment that a crash or a failing disk left: what is behind the last whole fragment is cut off, the index is
 * rebuilt from the fragments and the header patched. A file that is finished already stays as it is.
 *
 * @param segment - what is known of it; length, size and counts are taken from the file
 * @throws MediaError `container-malformed` when there is no whole fragment; AircheckError when the disk refuses
 */
export async function recoverSegment(recordingsFolder: string, segment: SegmentSnapshot): Promise<SegmentSnapshot> {
  const { sizeBytes, summary } = await recover(resolve(recordingsFolder, segment.path), containerOf(segment));
  return describe(segment, sizeBytes, summary);
}

type Container = 'mp4' | 'webm';

function containerOf({ mimeType }: SegmentSnapshot): Container {
  return mimeType.includes('webm') ? 'webm' : 'mp4';
}

/**
 * As {@link recoverSegment} does, for a file of which nothing is known but its kind.
 * @throws MediaError `container-malformed` when there is no whole fragment; AircheckError when the disk refuses
 */
export async function recoverFile(
  path: string,
  container: Container,
): Promise<{ readonly durationMs: number; readonly sizeBytes: number }> {
  const { sizeBytes, summary } = await recover(path, container);
  return { durationMs: Math.round(summary.durationSeconds * 1000), sizeBytes };
}

interface Finished {
  readonly sizeBytes: number;
  readonly summary: FileSummary;
}

async function recover(path: string, container: Container): Promise<Finished> {
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    throw storageError(error, path);
  }
  try {
    return await finishFile(file, path, container);
  } finally {
    await file.close();
  }
}

/** Cuts further back each time the disk has no room for the index: fragments of at least so many bytes are given up. */
const GIVE_UP_BYTES = [0, 32 * 1024, 256 * 1024, 2 ** 20, 8 * 2 ** 20];

/**
 * Finishes a segment whose disk refused to take more, with what it has. Where there is no room even for the index, the
 * last fragments are given up for it; where nothing helps the file stays a fragmented one, which plays as well.
 */
export async function salvageSegment(recordingsFolder: string, segment: SegmentSnapshot): Promise<SegmentSnapshot> {
  const path = resolve(recordingsFolder, segment.path);
  let problem: unknown;
  for (const giveUpBytes of GIVE_UP_BYTES) {
    const file = await open(path, 'r+');
    try {
      const { size } = await file.stat();
      if (giveUpBytes > 0 && size > 2 * giveUpBytes) await file.truncate(size - giveUpBytes);
      const { sizeBytes, summary } = await finishFile(file, path, containerOf(segment));
      return describe(segment, sizeBytes, summary);
    } catch (error) {
      problem = error;
    } finally {
      await file.close();
    }
  }
  throw problem;
}

async function finishFile(file: FileHandle, path: string, container: Container): Promise<Finished> {
  const { size } = await file.stat();
  const read: RandomAccess = async (offset, length) => {
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  const recovery = await (container === 'webm' ? recoverWebm : recoverMp4)(read, size);
  if (recovery.summary.tracks.every(({ sampleCount }) => sampleCount === 0)) {
    throw new MediaError('container-malformed', 'the file was cut off before its first fragment was whole');
  }
  try {
    return { sizeBytes: await apply(file, size, recovery), summary: recovery.summary };
  } catch (error) {
    throw storageError(error, path);
  }
}

/** @returns the file's new size */
async function apply(file: FileHandle, size: number, { truncateTo, finalization }: Recovery): Promise<number> {
  let end = truncateTo;
  if (truncateTo < size) await file.truncate(truncateTo);
  try {
    for (const chunk of finalization.append) {
      await writeAll(file, chunk, end);
      end += chunk.byteLength;
    }
    await file.datasync();
  } catch (error) {
    // Half an index helps nobody.
    await file.truncate(truncateTo);
    throw error;
  }
  for (const { offset, data } of finalization.patches) await writeAll(file, data, offset);
  await file.datasync();
  return end;
}

async function writeAll(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let offset = 0; offset < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, offset, data.byteLength - offset, position + offset);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    offset += bytesWritten;
  }
}

/** What the file itself says takes the place of what was noted of it. */
function describe(segment: SegmentSnapshot, sizeBytes: number, summary: FileSummary): SegmentSnapshot {
  const seconds = summary.durationSeconds;
  const bitrate = (bytes: number): number => (seconds > 0 ? Math.round((bytes * 8) / seconds) : 0);
  let video: VideoInfo | null = null;
  let audio: AudioInfo | null = null;
  for (const track of summary.tracks) {
    if (track.kind === 'video') {
      const fps = seconds > 0 ? Math.round((track.sampleCount / seconds) * 100) / 100 : 0;
      const { codec, width, height, sampleCount: frames } = track;
      video = { codec, width, height, frames, fps, bitrateBps: bitrate(track.byteLength) };
    } else {
      const { codec, sampleRate, channels, sampleCount: packets } = track;
      audio = { codec, sampleRate, channels, packets, bitrateBps: bitrate(track.byteLength) };
    }
  }
  return { ...segment, durationMs: Math.round(seconds * 1000), sizeBytes, video, audio };
}
