import { type FragmentInfo, type RandomAccess, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { readBoxHeader } from './box-reader.ts';
import { type FileStart, readFileStart, readMovieBox } from './file-start.ts';
import { fragmentsOfFinishedMovie } from './finished-fragments.ts';
import { describeFragment, FragmentScanner } from './fragment-scanner.ts';

/**
 * Knows where a hybrid (or plainly fragmented) MP4 has its fragments, while it grows, after a kill, and when it is
 * finished. It reads headers only, and what it knows already never again.
 */
export class Mp4FragmentIndex {
  readonly #reader: WindowReader;
  readonly #fragments: FragmentInfo[] = [];
  #start: FileStart | undefined;
  #scanner: FragmentScanner | undefined;
  #complete = false;
  #updates: Promise<void> = Promise.resolve();

  constructor(read: RandomAccess) {
    this.#reader = new WindowReader(read);
  }

  /** `ftyp` and the `moov` of the fragments, for `EXT-X-MAP`; undefined until the file has them. */
  get init(): Uint8Array | undefined {
    return this.#start?.init;
  }

  get fragments(): readonly FragmentInfo[] {
    return this.#fragments;
  }

  /**
   * Reads what was added since the last time. Calls run one after another.
   *
   * @param fileSize - the file's present length in bytes
   * @throws MediaError `container-malformed` when it is no MP4, `container-unsupported` when it has no fragments by design
   */
  update(fileSize: number): Promise<void> {
    // What was read is forgotten after each: it may be an index of megabytes, and be rewritten until the next time.
    const update = this.#updates.then(() => this.#update(fileSize)).finally(() => this.#reader.clear());
    // One that failed is its caller's affair; the next one tries again.
    this.#updates = update.catch(() => {});
    return update;
  }

  async #update(fileSize: number): Promise<void> {
    if (this.#complete) return;
    if (this.#start === undefined) {
      const start = await readFileStart(this.#reader, fileSize);
      if (start === undefined) return;
      if (!start.movie.fragmented) throw new MediaError('container-unsupported', 'the file has no fragments');
      this.#start = start;
      if (await this.#readFinished(start, fileSize)) return;
    }
    const { movie, movieEnd, wrappedEnd } = this.#start;
    this.#scanner ??= new FragmentScanner(this.#reader, movie, movieEnd);
    const end = Math.min(wrappedEnd ?? fileSize, fileSize);
    for (let found = await this.#scanner.next(end); found !== undefined; found = await this.#scanner.next(end)) {
      const info = describeFragment(found);
      if (info !== undefined) this.#fragments.push(info);
    }
  }

  /** Takes the fragments from the final `moov`, if there is one and it tells the truth. */
  async #readFinished({ movieEnd, wrappedEnd }: FileStart, fileSize: number): Promise<boolean> {
    if (wrappedEnd === undefined) return false;
    try {
      const box = await readBoxHeader(this.#reader, wrappedEnd, fileSize);
      if (box?.type !== 'moov') return false;
      const found = await readMovieBox(this.#reader, box, fileSize);
      if (found === undefined) return false;
      const fragments = fragmentsOfFinishedMovie(found.movie, movieEnd);
      const last = fragments.at(-1);
      if (last === undefined || last.offset + last.byteLength !== wrappedEnd) return false;
      for (const { offset } of [fragments[0]!, last]) {
        if ((await readBoxHeader(this.#reader, offset, wrappedEnd))?.type !== 'moof') return false;
      }
      for (const fragment of fragments) this.#fragments.push(fragment);
      this.#complete = true;
      return true;
    } catch (error) {
      if (error instanceof MediaError) return false;
      throw error;
    }
  }
}
