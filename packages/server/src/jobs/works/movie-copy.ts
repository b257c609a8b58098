import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { MoviePiece, MoviePlan } from '@aircheck/media';
import type { MediaFacts, ProducedFile, WorkContext } from '../work-orders.ts';
import { factsOfPlan } from './movie-facts.ts';
import { writeError } from './movie-file.ts';
import type { OpenMovie } from './movie-sources.ts';

/** Bytes read at a time: large enough that calls cost nothing, small enough to stay in the processor's cache. */
const WINDOW_BYTES = 1024 * 1024;
/** Bytes between two pieces that are read along: other tracks, and the headers of fragments. */
const READ_ALONG_BYTES = 64 * 1024;
/** Pieces that one call writes: the system takes 1024 at most (IOV_MAX). */
const MAX_PIECES = 512;

/** Pieces of one source that are read with one call. */
interface Window {
  readonly source: number;
  readonly offset: number;
  end: number;
  readonly pieces: { readonly offset: number; readonly byteLength: number }[];
}

/**
 * Puts a planned file together in the order's folder and brings it to the disk.
 *
 * @throws AircheckError `storage-full`, `storage-failed`; the signal's reason
 */
export async function copyMovie(
  plan: MoviePlan,
  sources: readonly OpenMovie[],
  { folder, signal, progress }: WorkContext,
): Promise<{ readonly file: ProducedFile; readonly facts: MediaFacts }> {
  const facts = factsOfPlan(plan);
  const name = `movie.${facts.extension}`;
  const path = join(folder, name);
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'wx').catch(failed);
    let position = await writeAll(file, [plan.header], 0);
    const buffer = Buffer.allocUnsafe(WINDOW_BYTES);
    for (const part of windows(plan.pieces)) {
      signal.throwIfAborted();
      if ('data' in part) {
        position = await writeAll(file, [part.data], position);
      } else {
        await readWhole(sources[part.source]!, buffer, part.offset, part.end - part.offset);
        const parts = part.pieces.map(({ offset, byteLength }) =>
          buffer.subarray(offset - part.offset, offset - part.offset + byteLength),
        );
        position = await writeAll(file, parts, position);
      }
      progress((99 * position) / plan.byteLength);
    }
    await file.sync().catch(failed);
    await file.close();
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(path, { force: true });
    throw error;
  }
  const { mimeType, sizeBytes, durationMs, video, audio } = facts;
  const info = { durationMs, ...(video !== null && { video }), ...(audio !== null && { audio }) };
  return { file: { name, mimeType, sizeBytes, info }, facts };
}

function failed(error: unknown): never {
  throw writeError(error);
}

/** Gathers pieces that lie near one another. */
function* windows(pieces: readonly MoviePiece[]): Generator<Window | { readonly data: Uint8Array }> {
  let window: Window | undefined;
  for (const piece of pieces) {
    if ('data' in piece) {
      if (window !== undefined) yield window;
      window = undefined;
      yield piece;
      continue;
    }
    // A piece may be longer than a window: a file that is all of one piece is copied in many.
    for (let offset = piece.offset, left = piece.byteLength; left > 0; ) {
      const near =
        window !== undefined &&
        window.source === piece.source &&
        offset >= window.end &&
        offset - window.end <= READ_ALONG_BYTES &&
        window.pieces.length < MAX_PIECES;
      const room = near ? window!.offset + WINDOW_BYTES - offset : 0;
      if (room <= 0) {
        if (window !== undefined) yield window;
        window = { source: piece.source, offset, end: offset, pieces: [] };
      }
      const byteLength = Math.min(left, window!.offset + WINDOW_BYTES - offset);
      window!.pieces.push({ offset, byteLength });
      window!.end = offset + byteLength;
      offset += byteLength;
      left -= byteLength;
    }
  }
  if (window !== undefined) yield window;
}

async function readWhole(source: OpenMovie, buffer: Buffer, offset: number, length: number): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await source.handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw new Error(`${source.source.path} has become shorter than its index says`);
    done += bytesRead;
  }
}

/** @returns the position behind what was written */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<number> {
  let left = parts;
  let at = position;
  while (left.length > 0) {
    const { bytesWritten } = await file.writev(left as Uint8Array[], at).catch(failed);
    if (bytesWritten === 0) failed(Object.assign(new Error('nothing was written'), { code: 'ENOSPC' }));
    at += bytesWritten;
    left = withoutFirst(left, bytesWritten);
  }
  return at;
}

function withoutFirst(parts: readonly Uint8Array[], byteLength: number): readonly Uint8Array[] {
  let left = byteLength;
  for (const [index, part] of parts.entries()) {
    if (left < part.byteLength) return [part.subarray(left), ...parts.slice(index + 1)];
    left -= part.byteLength;
  }
  return [];
}
