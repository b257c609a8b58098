export { HybridMp4Writer, type HybridMp4WriterOptions } from './hybrid-mp4-writer.ts';
