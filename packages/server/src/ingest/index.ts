export type { IngestOptions } from './sdp-sessions.ts';
export { registerWhep } from './whep.ts';
export { registerWhip } from './whip.ts';
