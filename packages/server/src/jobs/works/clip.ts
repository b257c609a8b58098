import { clipMovie, MediaError } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';
import { copyMovie } from './movie-copy.ts';
import { openMovie } from './movie-sources.ts';

/** Lengths are shown rounded: an end that far beyond a file's is its end. */
const TOLERANCE_MS = 1000;

/**
 * Cuts a stretch out of a file without encoding anything: its first and last picture are exact.
 *
 * @throws AircheckError `request-invalid` when the stretch does not lie in the file; `media-invalid`, `asset-not-found`,
 * `storage-full`; the signal's reason
 */
export const clip: Work<'clip'> = async ({ source, startMs, endMs }, context) => {
  const opened = await openMovie(source, 'fileId');
  try {
    const lengthMs = opened.movie.durationSeconds * 1000;
    const start = startMs < 0 ? Math.max(0, lengthMs + startMs) : startMs;
    const end = endMs === undefined ? lengthMs : endMs < 0 ? lengthMs + endMs : endMs;
    const length = `the file lasts ${Math.round(lengthMs)} ms`;
    if (start >= lengthMs) throw outside('startMs', `${startMs} ms is not before the end: ${length}`);
    if (end > lengthMs + TOLERANCE_MS) throw outside('endMs', `${endMs} ms is beyond the end: ${length}`);
    if (end <= start) throw outside('endMs', `the clip ends (${end} ms) before it begins (${start} ms): ${length}`);
    const plan = planned(() => clipMovie(opened.movie, start / 1000, end / 1000));
    return await copyMovie(plan, [opened], context);
  } finally {
    await opened.handle.close();
  }
};

function planned<T>(plan: () => T): T {
  try {
    return plan();
  } catch (cause) {
    if (cause instanceof MediaError) throw outside('startMs', cause.message, cause);
    throw cause;
  }
}

function outside(input: string, detail: string, cause?: unknown): AircheckError {
  return new AircheckError('request-invalid', detail, { input, cause });
}
