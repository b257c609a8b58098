export { FloodGuard } from './flood-guard.ts';
export { IncomingTrack, type PacketOutlet, type TrackFormat, type TrackUpstream } from './incoming-track.ts';
export { ParticipantTracks, type PlannedMedia } from './participant-tracks.ts';
export type { ParticipantMedia, ReceivedTrack, TrackListener } from './received-track.ts';
export { type ReceivedMedia, ReceivingPeer } from './receiving-peer.ts';
export * from './sdp/index.ts';
