import { read as readCallback } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { MoviePlan } from '@aircheck/media';

/** What is sent or looked into, open for reading: a file as it lies there, or one that a plan puts together of its parts. */
export interface MediaBytes {
  readonly size: number;
  readonly modifiedAt: Date;
  /** @returns how many bytes came into the buffer, from its beginning on; fewer than `length` only at the end */
  read(buffer: Buffer, length: number, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * @param handle - closed with what is returned, or when this fails
 * @param plan - of a file with this one as its only source
 */
export async function mediaBytesOf(handle: FileHandle, plan?: MoviePlan): Promise<MediaBytes> {
  try {
    const { size, mtime: modifiedAt } = await handle.stat();
    const close = () => handle.close();
    if (plan === undefined) {
      return { size, modifiedAt, close, read: (...wanted) => readFully(handle.fd, ...wanted) };
    }
    const parts = new PlannedParts(plan);
    return { size: plan.byteLength, modifiedAt, close, read: (...wanted) => parts.read(handle.fd, ...wanted) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readFully(fd: number, buffer: Buffer, length: number, position: number, at = 0): Promise<number> {
  let done = 0;
  while (done < length) {
    const bytes = await readOnce(fd, buffer, at + done, length - done, position + done);
    if (bytes === 0) break;
    done += bytes;
  }
  return done;
}

function readOnce(fd: number, buffer: Buffer, at: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readCallback(fd, buffer, at, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)));
  });
}

/** Reads a file that is nowhere as a whole: a header in memory, and stretches of another one behind it. */
class PlannedParts {
  readonly #plan: MoviePlan;
  /** Where each piece begins; and where the last one ends. */
  readonly #starts: readonly number[];

  constructor(plan: MoviePlan) {
    this.#plan = plan;
    const starts = [plan.header.byteLength];
    for (const piece of plan.pieces) {
      starts.push(starts.at(-1)! + ('data' in piece ? piece.data.byteLength : piece.byteLength));
    }
    this.#starts = starts;
  }

  async read(fd: number, buffer: Buffer, length: number, position: number): Promise<number> {
    const { header, pieces } = this.#plan;
    const inHeader = header.subarray(position, position + length);
    buffer.set(inHeader);
    let done = inHeader.byteLength;
    for (let index = this.#pieceAt(position + done); done < length && index < pieces.length; index++) {
      const piece = pieces[index]!;
      const from = position + done - this.#starts[index]!;
      const wanted = Math.min(length - done, this.#starts[index + 1]! - position - done);
      if ('data' in piece) buffer.set(piece.data.subarray(from, from + wanted), done);
      else if ((await readFully(fd, buffer, wanted, piece.offset + from, done)) < wanted) break;
      done += wanted;
    }
    return done;
  }

  /** The piece that holds a position; of one in the header the first. */
  #pieceAt(position: number): number {
    let low = 0;
    let high = this.#plan.pieces.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle + 1]! <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
