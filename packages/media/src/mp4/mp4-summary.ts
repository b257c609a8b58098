import { type FileSummary, type RandomAccess, type TrackSummary, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { readBoxHeader } from './box-reader.ts';
import { readFileStart, readMovieBox } from './file-start.ts';
import { FragmentScanner, type ReadFragment } from './fragment-scanner.ts';
import type { ReadMovie } from './movie-reader.ts';
import { readSampleTotals } from './sample-table-reader.ts';

/**
 * What an MP4 holds, be it finished, growing or cut off (then: up to its last whole fragment). Reads headers only.
 *
 * @throws MediaError `container-malformed` when it is no MP4 or has no whole `moov`, `container-unsupported` for a codec
 * that this package does not know
 */
export async function readMp4Summary(read: RandomAccess, fileSize: number): Promise<FileSummary> {
  const reader = new WindowReader(read);
  const start = await readFileStart(reader, fileSize);
  if (start === undefined) throw new MediaError('container-malformed', 'the file ends before its moov does');
  const { movie, movieEnd, wrappedEnd } = start;
  if (!movie.fragmented) return summarizeFinishedMovie(movie);
  if (wrappedEnd !== undefined) {
    const box = await readBoxHeader(reader, wrappedEnd, fileSize);
    const final = box?.type === 'moov' ? await readMovieBox(reader, box, fileSize) : undefined;
    if (final !== undefined) return summarizeFinishedMovie(final.movie);
  }
  const scanner = new FragmentScanner(reader, movie, movieEnd);
  const totals = new FragmentTotals(movie);
  const end = Math.min(wrappedEnd ?? fileSize, fileSize);
  for (let found = await scanner.next(end); found !== undefined; found = await scanner.next(end)) totals.add(found);
  return totals.summarize();
}

/** @throws MediaError `container-malformed` */
export function summarizeFinishedMovie(movie: ReadMovie): FileSummary {
  return summarize(
    true,
    movie.tracks.map((track) => {
      const { sampleCount, byteLength, duration } = readSampleTotals(track);
      const durationSeconds = duration / track.options.timescale;
      return {
        ...track.options,
        sampleCount,
        byteLength,
        startSeconds: track.delay / movie.timescale,
        durationSeconds,
      };
    }),
  );
}

interface TrackTotals {
  sampleCount: number;
  byteLength: number;
  start: number | undefined;
  end: number;
}

/** Sums up fragments. */
class FragmentTotals {
  readonly #movie: ReadMovie;
  readonly #totals = new Map<number, TrackTotals>();

  constructor(movie: ReadMovie) {
    this.#movie = movie;
    for (const { trackId } of movie.tracks) {
      this.#totals.set(trackId, { sampleCount: 0, byteLength: 0, start: undefined, end: 0 });
    }
  }

  add({ runs }: ReadFragment): void {
    for (const { track, baseTime, byteLength, durations } of runs) {
      const totals = this.#totals.get(track.trackId)!;
      totals.start ??= baseTime;
      totals.end = baseTime;
      for (const duration of durations) totals.end += duration;
      totals.sampleCount += durations.length;
      totals.byteLength += byteLength;
    }
  }

  summarize(): FileSummary {
    return summarize(
      false,
      this.#movie.tracks.map(({ trackId, options }) => {
        const { sampleCount, byteLength, start = 0, end } = this.#totals.get(trackId)!;
        const { timescale } = options;
        return {
          ...options,
          sampleCount,
          byteLength,
          startSeconds: start / timescale,
          durationSeconds: (end - start) / timescale,
        };
      }),
    );
  }
}

function summarize(finished: boolean, tracks: TrackSummary[]): FileSummary {
  const ends = tracks.map(({ startSeconds, durationSeconds }) => startSeconds + durationSeconds);
  return { durationSeconds: Math.max(0, ...ends), finished, tracks };
}
