export { type NewEvent, Outbox } from './outbox.ts';
