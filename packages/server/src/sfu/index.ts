export { type Identifiers, randomIdentifiers } from './identifiers.ts';
export type { ParticipantMedia, ReceivedTrack, TrackListener } from './received-track.ts';
export { Sfu } from './sfu.ts';
