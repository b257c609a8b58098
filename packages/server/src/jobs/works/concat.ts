import { concatMovies, MediaError } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';
import { copyMovie } from './movie-copy.ts';
import { type OpenMovie, openMovie } from './movie-sources.ts';

/**
 * Joins files without encoding anything.
 *
 * @throws AircheckError `media-unlike` when their tracks differ in more than sizes, with what differs; `media-invalid`,
 * `asset-not-found`, `storage-full`; the signal's reason
 */
export const concat: Work<'concat'> = async ({ sources }, context) => {
  const opened: OpenMovie[] = [];
  // A file that comes twice is read once.
  const known = new Map<string, OpenMovie>();
  try {
    for (const [index, source] of sources.entries()) {
      context.signal.throwIfAborted();
      const movie = known.get(source.path) ?? (await openMovie(source, `fileIds.${index}`));
      known.set(source.path, movie);
      opened.push(movie);
    }
    const plan = joined(opened);
    return await copyMovie(plan, opened, context);
  } finally {
    for (const { handle } of known.values()) await handle.close();
  }
};

function joined(opened: readonly OpenMovie[]) {
  try {
    return concatMovies(opened.map(({ source, movie }) => ({ name: source.fileId, movie })));
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    if (error.code !== 'tracks-unlike') throw new AircheckError('media-invalid', error.message, { cause: error });
    throw new AircheckError('media-unlike', error.message, {
      input: 'fileIds',
      hint: 'Transcode all of them with one template, and join the renditions: `definition` of the job names the template',
      cause: error,
    });
  }
}
