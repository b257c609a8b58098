import type { FragmentInfo } from '../container/index.ts';
import type { ReadMovie } from './movie-reader.ts';
import { type ReadChunk, readChunks } from './sample-table-reader.ts';

interface TrackChunk extends Pick<ReadChunk, 'offset' | 'byteLength' | 'keyFrame'> {
  readonly video: boolean;
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/**
 * Finds the fragments of a finished hybrid file again by its final `moov` alone. Fragments lie one behind another and
 * the data inside one have no gaps: so a gap in the data is the `moof` and the `mdat` header of the next fragment.
 * Ten thousand fragments cost no reading this way, where going from `moof` to `moof` costs a read for each.
 *
 * @param firstOffset - of the first fragment
 * @throws MediaError `container-malformed` when the tables contradict each other
 */
export function fragmentsOfFinishedMovie(movie: ReadMovie, firstOffset: number): FragmentInfo[] {
  const chunks: TrackChunk[] = [];
  for (const track of movie.tracks) {
    const { timescale, kind } = track.options;
    const delay = track.delay / movie.timescale;
    for (const chunk of readChunks(track)) {
      chunks.push({
        offset: chunk.offset,
        byteLength: chunk.byteLength,
        keyFrame: chunk.keyFrame,
        video: kind === 'video',
        startSeconds: delay + chunk.start / timescale,
        endSeconds: delay + chunk.end / timescale,
      });
    }
  }
  chunks.sort((a, b) => a.offset - b.offset);

  const fragments: FragmentInfo[] = [];
  let fragmentOffset = firstOffset;
  for (let index = 0; index < chunks.length; ) {
    let dataEnd = chunks[index]!.offset;
    let startSeconds = Number.POSITIVE_INFINITY;
    let endSeconds = Number.NEGATIVE_INFINITY;
    let firstVideo: TrackChunk | undefined;
    for (let chunk = chunks[index]; chunk?.offset === dataEnd; chunk = chunks[++index]) {
      dataEnd = chunk.offset + chunk.byteLength;
      startSeconds = Math.min(startSeconds, chunk.startSeconds);
      endSeconds = Math.max(endSeconds, chunk.endSeconds);
      if (chunk.video) firstVideo ??= chunk;
    }
    fragments.push({
      offset: fragmentOffset,
      byteLength: dataEnd - fragmentOffset,
      startSeconds,
      durationSeconds: endSeconds - startSeconds,
      independent: firstVideo?.keyFrame ?? true,
    });
    fragmentOffset = dataEnd;
  }
  return fragments;
}
