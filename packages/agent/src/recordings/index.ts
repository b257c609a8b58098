export { Recordings, type Running } from './recordings.ts';
export type { JoinRoom } from './shared-rooms.ts';
