export * from './errors.ts';
export * from './events.ts';
export * from './jobs.ts';
export * from './library.ts';
export * from './model.ts';
export * from './rest.ts';
export * from './signaling.ts';
export * from './templates.ts';
