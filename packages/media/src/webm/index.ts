export { recoverWebm } from './recover-webm.ts';
export { WebmWriter, type WebmWriterOptions } from './webm-writer.ts';
