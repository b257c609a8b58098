export { HybridMp4Writer, type HybridMp4WriterOptions } from './hybrid-mp4-writer.ts';
export { Mp4FragmentIndex } from './mp4-fragment-index.ts';
export { readMp4Summary } from './mp4-summary.ts';
export { recoverMp4 } from './recover-mp4.ts';
