export { AircheckError } from '../core/index.ts';
export type { AgentProgress, AgentRecordingClosed, AgentRecordingStarted } from './agent-recordings.ts';
export { liveStatus, netcallConstants } from './constants.ts';
export type * from './events.ts';
export type { GetToken, NimLike, TokenWanted } from './identity.ts';
export type { MediaMixConfig } from './media-mix-config.ts';
export type {
  MediaFormat,
  MediaRecordingInfo,
  MediaRecordingState,
  MediaType,
  StartMediaRecordingOptions,
} from './media-recording.ts';
export {
  Netcall,
  Netcall as WebRTC,
  type NetcallOptions,
  type StartRecordAacOptions,
  type StartRecordMp4Options,
  type StoppedRecording,
} from './netcall.ts';
export type { ControlOptions, CreateChannelOptions, JoinChannelOptions } from './netcall-channel.ts';
export { NetcallError, netcallErrorTexts } from './netcall-error.ts';
export type { StartDeviceOptions, Target } from './netcall-media.ts';
export type { SessionConfig } from './session-config.ts';
export type { ViewSize } from './video-views.ts';
