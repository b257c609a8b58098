export * from './clock/index.ts';
export * from './container/container-writer.ts';
export * from './errors.ts';
export * from './frame.ts';
