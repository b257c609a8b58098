import type { FragmentInfo, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type FileBox, readBoxHeader } from './box-reader.ts';
import { type ReadRun, readMovieFragment } from './movie-fragment-reader.ts';
import type { ReadMovie } from './movie-reader.ts';

/** Some thousand samples; our own fragments have a hundred. */
const MAX_FRAGMENT_HEADER_LENGTH = 4 * 1024 * 1024;

/** Boxes that may stand between fragments, and how many of them. */
const MAX_BOXES_BETWEEN = 16;
const SKIPPED = new Set(['free', 'skip', 'styp', 'sidx', 'prft', 'emsg']);

export type TimedRun = ReadRun & { readonly baseTime: number };

/** A `moof` with its `mdat`. */
export interface ReadFragment {
  /** Of the `moof`. */
  readonly offset: number;
  /** Of both. */
  readonly byteLength: number;
  readonly runs: readonly TimedRun[];
}

/** Reads one whole fragment after another, and nothing of their data. */
export class FragmentScanner {
  readonly #reader: WindowReader;
  readonly #movie: ReadMovie;
  readonly #nextTimes = new Map<number, number>();
  #position: number;

  /** @param position - offset of the first fragment */
  constructor(reader: WindowReader, movie: ReadMovie, position: number) {
    this.#reader = reader;
    this.#movie = movie;
    this.#position = position;
  }

  /** Offset of the first byte behind the last fragment that was read. */
  get position(): number {
    return this.#position;
  }

  /**
   * @param end - where to stop: the file's end, or that of the box around the fragments
   * @returns undefined when no whole, sound fragment lies at the position; a later call with a later end may find one
   */
  async next(end: number): Promise<ReadFragment | undefined> {
    try {
      return await this.#next(end);
    } catch (error) {
      if (error instanceof MediaError && error.code === 'container-malformed') return undefined;
      throw error;
    }
  }

  async #next(end: number): Promise<ReadFragment | undefined> {
    let position = this.#position;
    let box = await readBoxHeader(this.#reader, position, end);
    for (let count = 0; count < MAX_BOXES_BETWEEN && box !== undefined && SKIPPED.has(box.type); count++) {
      position = box.end;
      box = await readBoxHeader(this.#reader, position, end);
    }
    if (box?.type !== 'moof' || box.size > MAX_FRAGMENT_HEADER_LENGTH) return undefined;
    const moof = await this.#reader.bytes(box.offset, box.size, end);
    if (moof === undefined) return undefined;
    const runs = readMovieFragment(moof.subarray(box.headerLength), this.#movie);
    const data = await readBoxHeader(this.#reader, box.end, end);
    if (data?.type !== 'mdat' || data.end > end) return undefined;
    checkDataExtents(runs, box, data);
    this.#position = data.end;
    return { offset: box.offset, byteLength: data.end - box.offset, runs: runs.map((run) => this.#time(run)) };
  }

  #time(run: ReadRun): TimedRun {
    const { trackId } = run.track;
    const baseTime = run.baseTime ?? this.#nextTimes.get(trackId) ?? 0;
    let end = baseTime;
    for (const duration of run.durations) end += duration;
    this.#nextTimes.set(trackId, end);
    return { ...run, baseTime };
  }
}

function checkDataExtents(runs: readonly ReadRun[], moof: FileBox, data: FileBox): void {
  for (const run of runs) {
    const start = run.dataOffset === undefined ? undefined : moof.offset + run.dataOffset;
    const fits =
      start === undefined
        ? run.byteLength <= data.size - data.headerLength
        : start >= data.offset + data.headerLength && start + run.byteLength <= data.end;
    if (!fits) throw new MediaError('container-malformed', `samples of the fragment at ${moof.offset} are not in it`);
  }
}

/** @returns undefined for a fragment without samples */
export function describeFragment({ offset, byteLength, runs }: ReadFragment): FragmentInfo | undefined {
  let start = Number.POSITIVE_INFINITY;
  let end = Number.NEGATIVE_INFINITY;
  let independent = true;
  const seen = new Set<number>();
  for (const { track, baseTime, durations, compositionOffsets, keyFrames } of runs) {
    const { timescale, kind } = track.options;
    let time = baseTime;
    for (let index = 0; index < durations.length; index++) {
      const presented = time + compositionOffsets[index]!;
      start = Math.min(start, presented / timescale);
      time += durations[index]!;
      end = Math.max(end, (presented + durations[index]!) / timescale);
    }
    if (kind === 'video' && durations.length > 0 && !seen.has(track.trackId)) {
      seen.add(track.trackId);
      independent &&= keyFrames[0] === 1;
    }
  }
  if (end < start) return undefined;
  return { offset, byteLength, startSeconds: start, durationSeconds: end - start, independent };
}
