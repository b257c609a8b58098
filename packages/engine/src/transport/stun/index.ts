export * from './address.ts';
export * from './message.ts';
