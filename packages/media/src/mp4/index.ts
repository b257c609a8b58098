export { clipMovie } from './clip-movie.ts';
export { type ConcatPart, concatMovies } from './concat-movies.ts';
export { HybridMp4Writer, type HybridMp4WriterOptions } from './hybrid-mp4-writer.ts';
export { MoviePackager, type SegmentBytes } from './movie-packager.ts';
export type { MoviePiece, MoviePlan } from './movie-plan.ts';
export { type MovieSource, readMovieSource, type SourceTrack } from './movie-source.ts';
export { Mp4FragmentIndex } from './mp4-fragment-index.ts';
export { readMp4Summary } from './mp4-summary.ts';
export { recoverMp4 } from './recover-mp4.ts';
