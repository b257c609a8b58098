import type { AgentProgress, AgentRecordingClosed, AgentRecordingStarted } from './agent-recordings.ts';
import type { NetcallDeviceType } from './constants.ts';
import type { MediaRecordingInfo } from './media-recording.ts';
import type { NetcallError } from './netcall-error.ts';

/** Somebody in a channel. `uid` is the account: there are no other numbers of users here. */
export interface ChannelMember {
  readonly account: string;
  readonly uid: string;
  readonly channelId: string;
  readonly cid: string;
  readonly channelName: string;
}

/** What `createChannel` and `joinChannel` resolve with. */
export interface ChannelInfo extends ChannelMember {
  readonly type: number;
  readonly custom: string;
  readonly role: number;
}

/** What another one did; `type` and `command` are both the number of the command. */
export interface ControlEvent extends ChannelMember {
  readonly type: number;
  readonly command: number;
}

export interface RemoteTrackEvent extends ChannelMember {
  readonly track: MediaStreamTrack;
  readonly type: 'audio' | 'video';
}

export interface DeviceEvent {
  readonly type: NetcallDeviceType;
  readonly status: 'start' | 'stop';
}

/** A device as the vendor's pages know it. */
export interface NetcallDevice {
  readonly deviceId: string;
  readonly label: string;
}

/** Loudness by account, that of oneself under `self`: 0 to 65535. */
export type AudioVolumes = Readonly<Record<string, { readonly status: number }>>;

/** An MP4 on this PC (`path` was given) or in the browser (it was not) began or ended. */
export type RecordMp4Event = RecordEvent;
export type RecordAacEvent = RecordEvent;
export type RecordEvent =
  | ({ readonly type: 'start' } & (AgentRecordingStarted | MediaRecordingInfo))
  | ({ readonly type: 'close' } & (AgentRecordingClosed | MediaRecordingInfo));

export interface NetcallEvents {
  /** Another one came; told of those who were there before, too. */
  joinChannel: [member: ChannelMember];
  userJoined: [member: ChannelMember];
  /** Another one left. */
  leaveChannel: [member: ChannelMember];
  userLeft: [member: ChannelMember];
  remoteTrack: [track: RemoteTrackEvent];
  /** Another one switched sound or picture on or off, or the server began or ended to record it. */
  control: [command: ControlEvent];
  deviceStatus: [device: DeviceEvent];
  devices: [devices: readonly MediaDeviceInfo[]];
  deviceAdd: [devices: readonly MediaDeviceInfo[]];
  deviceRemove: [devices: readonly MediaDeviceInfo[]];
  /** A device of one's own ended by itself: unplugged, or the sharing was ended in the browser's bar. */
  streamEnded: [device: { readonly type: NetcallDeviceType }];
  audioVolume: [volumes: AudioVolumes];
  /** The vendor's other spelling of `audioVolume`. */
  audioVolumn: [volumes: AudioVolumes];
  /** How long one was in the channel, in milliseconds; told when leaving. */
  sessionDuration: [session: { readonly channelId: string; readonly duration: number }];
  recordMp4: [event: RecordMp4Event];
  recordAac: [event: RecordAacEvent];
  /** A recording in the browser ended; `reason` is `stopped`, `left`, `tracks-ended`, `storage-full` or `failed`. */
  recordStopped: [recording: MediaRecordingInfo & { readonly reason: string }];
  /** The library has a recording of the browser, under its `fileId`. What kept it out is told by `error`. */
  recordUploaded: [recording: MediaRecordingInfo];
  /** About once a second for each recording of the PC agent. */
  recordProgress: [progress: AgentProgress];
  /** Nothing was heard of the PC agent for 35 seconds. */
  heartBeatError: [error: NetcallError];
  /** The connection to the PC agent is over. */
  signalClosed: [];
  /** The connection to the channel is over, and was not ended by `leaveChannel`. */
  gatewayClosed: [error: NetcallError];
  rtcConnectFailed: [error: NetcallError];
  /** What went wrong beside any call. Where another event tells the same, `type` is its name. */
  error: [error: NetcallError];
}
