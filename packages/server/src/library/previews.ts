import { clipMovie, MediaError, type MoviePlan, readMovieSource } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import { mediaBytesOf } from './media-bytes.ts';
import { openMediaFile } from './media-file.ts';
import { hasHls } from './media-urls.ts';
import type { PlayedFile } from './playlists.ts';

/** Of plans that are remembered: that of ten minutes is some 300 kB. */
const rememberedBytes = 32_000_000;
/** What a piece of a plan takes in memory, about. */
const pieceBytes = 64;

interface RememberedPlan {
  readonly plan: Promise<MoviePlan>;
  byteLength: number;
}

/**
 * Files of which the beginning alone may be played. Such a beginning is a file of its own, with an index of its own, that
 * is put together while it is sent; nothing is written, and what lies behind it is not in it.
 */
export class Previews {
  readonly #plans = new Map<string, RememberedPlan>();

  /**
   * @param seconds - that may be played, above 0
   * @returns the beginning of the file, which ends there exactly
   * @throws AircheckError `asset-state` for a file that still grows; `media-invalid` for what is no MP4 or cannot be taken
   * apart; `asset-not-found` when it is gone
   */
  async of(file: PlayedFile, seconds: number): Promise<PlayedFile> {
    const { fileId } = file;
    if (!file.finished) {
      throw new AircheckError('asset-state', `The file ${fileId} is not finished: there is no preview of it yet`);
    }
    if (!hasHls(file.mimeType)) {
      throw new AircheckError('media-invalid', `${file.id} is ${file.mimeType}: there are previews of MP4 alone`, {
        hint: 'Transcode it to MP4, and give a link to the rendition',
      });
    }
    const id = `${file.id}-first-${seconds}s`;
    const remembered = this.#plans.get(id) ?? { plan: planOf(file, seconds), byteLength: 0 };
    // The one used last is remembered longest.
    this.#plans.delete(id);
    this.#plans.set(id, remembered);
    try {
      const plan = await remembered.plan;
      remembered.byteLength = plan.header.byteLength + plan.pieces.length * pieceBytes;
      this.#forgetSome();
      return { ...file, id, plan };
    } catch (cause) {
      if (this.#plans.get(id) === remembered) this.#plans.delete(id);
      if (!(cause instanceof MediaError)) throw cause;
      throw new AircheckError('media-invalid', `There is no preview of ${file.id}: ${cause.message}`, { cause });
    }
  }

  #forgetSome(): void {
    let byteLength = 0;
    for (const plan of this.#plans.values()) byteLength += plan.byteLength;
    for (const [id, plan] of this.#plans) {
      if (this.#plans.size === 1 || byteLength <= rememberedBytes) return;
      this.#plans.delete(id);
      byteLength -= plan.byteLength;
    }
  }
}

async function planOf(file: PlayedFile, seconds: number): Promise<MoviePlan> {
  const bytes = await mediaBytesOf(await openMediaFile(file));
  try {
    const read = async (offset: number, length: number) => {
      const buffer = Buffer.allocUnsafe(length);
      return buffer.subarray(0, await bytes.read(buffer, length, offset));
    };
    return clipMovie(await readMovieSource(read, bytes.size), 0, seconds);
  } finally {
    await bytes.close();
  }
}
