export type {
  Asset,
  AssetList,
  Codec,
  EndReason,
  Gap,
  Health,
  LiveOptions,
  Participant,
  PlayUrls,
  Recording,
  RecordingList,
  RecordingMedia,
  RecordingPlayUrls,
  RecordingProcess,
  RecordingSource,
  RecordingState,
  Role,
  Room as RoomFacts,
  RoomList,
  RoomType,
  Track,
  TrackKind,
  TrackSource,
} from '@aircheck/protocol';
export { AircheckError, type ErrorCode } from '@aircheck/protocol/errors';
export {
  type CameraChoice,
  captureCamera,
  captureMicrophone,
  captureScreen,
  type Device,
  type Devices,
  listDevices,
  watchDevices,
} from './devices.ts';
export type { LocalTrack } from './local-track.ts';
export { browserPlatform, type Platform } from './platform.ts';
export { isFinal } from './recording-states.ts';
export type { RemoteTrack } from './remote-track.ts';
export {
  type AssetFilter,
  type RecordingFilter,
  RestClient,
  type RestClientOptions,
} from './rest-client.ts';
export { type RecordOptions, Room, type RoomEvents, type RoomOptions, type RoomState } from './room.ts';
export type { SignalingEnd } from './signaling.ts';
export type { ConnectionQuality, RoomStatistics, TrackStatistics } from './statistics.ts';
