export * from './container-writer.ts';
export * from './random-access.ts';
