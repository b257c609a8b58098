export * from './byte-reader.ts';
export * from './concatenate.ts';
export * from './container-writer.ts';
export * from './file-summary.ts';
export * from './random-access.ts';
export * from './window-reader.ts';
