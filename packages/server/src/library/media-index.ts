import { MediaError, MoviePackager, Mp4FragmentIndex, readMovieSource } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { MediaBytes } from './media-bytes.ts';
import { type MediaFile, openMediaBytes } from './media-file.ts';
import { hasHls } from './media-urls.ts';

/** What may be remembered of all files together. */
const rememberedBytes = 96_000_000;
/** What is remembered of a file takes in memory: its header and what else there is one of … */
const fileBytes = 4000;
/** … a fragment, of which a recording of 90 minutes has some ten thousand … */
const fragmentBytes = 100;
/** … and a sample of a file without fragments, of which one of 90 minutes has some 400,000. */
const sampleBytes = 34;

/** Length that HLS segments are aimed at, in seconds: short enough to follow a recording closely, long enough to be few. */
export const targetSeconds = 4;

/** What is known of a file: where its fragments are, or how to make some. */
export type MediaIndex = Mp4FragmentIndex | MoviePackager;

class RememberedFile {
  /** Finishing rewrites the file's front: what was learnt while it grew is learnt anew. */
  readonly finished: boolean;
  readonly #fragments: Mp4FragmentIndex;
  #packager: Promise<MoviePackager> | undefined;
  /** Of the update asked for last, which ends last; none is held in between. */
  #bytes: MediaBytes | undefined;
  #samples = 0;

  constructor(finished: boolean) {
    this.finished = finished;
    this.#fragments = new Mp4FragmentIndex((offset, length) => this.#read(offset, length));
  }

  /** What it takes in memory, about. */
  get byteLength(): number {
    return fileBytes + this.#fragments.fragments.length * fragmentBytes + this.#samples * sampleBytes;
  }

  /** Reads what is new in the file. */
  async update(bytes: MediaBytes): Promise<MediaIndex> {
    const { size } = bytes;
    this.#bytes = bytes;
    if (this.#packager !== undefined) return this.#packager;
    try {
      await this.#fragments.update(size);
      return this.#fragments;
    } catch (error) {
      // No fragments by design, or a codec that recordings never have.
      if (!(this.finished && error instanceof MediaError)) throw error;
      this.#packager ??= this.#package(size);
      return await this.#packager;
    }
  }

  async #package(size: number): Promise<MoviePackager> {
    const source = await readMovieSource((offset, length) => this.#read(offset, length), size);
    const packager = new MoviePackager(source, targetSeconds);
    this.#samples = packager.sampleCount;
    return packager;
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafe(length);
    return buffer.subarray(0, await this.#bytes!.read(buffer, length, offset));
  }
}

/** Remembers where the files that are played have what, as many as fit. */
export class MediaIndexes {
  readonly #files = new Map<string, RememberedFile>();

  /**
   * @throws AircheckError `asset-not-found` when the file is gone or of a kind that has no HLS, `media-invalid` when it
   * cannot be taken apart
   */
  async of(file: MediaFile): Promise<MediaIndex> {
    if (!hasHls(file.mimeType))
      throw new AircheckError('asset-not-found', `${file.id} is ${file.mimeType}, which has no HLS`);
    const bytes = await openMediaBytes(file);
    // Those who ask at the same time share one.
    const known = this.#files.get(file.id);
    const remembered = known?.finished === file.finished ? known : new RememberedFile(file.finished);
    try {
      this.#remember(file.id, remembered);
      const index = await remembered.update(bytes);
      this.#forgetSome();
      return index;
    } catch (cause) {
      this.#files.delete(file.id);
      if (!(cause instanceof MediaError)) throw cause;
      throw new AircheckError('media-invalid', `${file.id} cannot be played as HLS: ${cause.message}`, { cause });
    } finally {
      await bytes.close();
    }
  }

  /** The one used last is remembered longest. */
  #remember(id: string, file: RememberedFile): void {
    this.#files.delete(id);
    this.#files.set(id, file);
    this.#forgetSome();
  }

  #forgetSome(): void {
    let byteLength = 0;
    for (const file of this.#files.values()) byteLength += file.byteLength;
    for (const [id, file] of this.#files) {
      if (this.#files.size === 1 || byteLength <= rememberedBytes) return;
      this.#files.delete(id);
      byteLength -= file.byteLength;
    }
  }
}
