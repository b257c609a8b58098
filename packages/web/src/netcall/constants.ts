/**
 * The constants of Yunxin's web SDK, with its names and numbers; `Netcall` carries them as its own properties, as the
 * vendor's class does.
 */
export const netcallConstants = {
  NETCALL_TYPE_AUDIO: 1,
  NETCALL_TYPE_VIDEO: 2,

  /** Takes part: sends and receives. */
  ROLE_PLAYER: 0,
  /** Watches. */
  ROLE_AUDIENCE: 1,

  DEVICE_TYPE_AUDIO_IN: 0,
  DEVICE_TYPE_AUDIO_OUT_LOCAL: 1,
  DEVICE_TYPE_AUDIO_OUT_CHAT: 2,
  DEVICE_TYPE_VIDEO: 3,
  DEVICE_TYPE_DESKTOP_SCREEN: 4,
  DEVICE_TYPE_DESKTOP_WINDOW: 5,
  DEVICE_TYPE_DESKTOP_CHROME_SCREEN: 6,

  CHAT_VIDEO_QUALITY_NORMAL: 0,
  CHAT_VIDEO_QUALITY_LOW: 1,
  CHAT_VIDEO_QUALITY_MEDIUM: 2,
  CHAT_VIDEO_QUALITY_HIGH: 3,
  CHAT_VIDEO_QUALITY_480P: 4,
  CHAT_VIDEO_QUALITY_540P: 5,
  CHAT_VIDEO_QUALITY_720P: 6,
  CHAT_VIDEO_QUALITY_1080P: 7,

  CHAT_VIDEO_FRAME_RATE_NORMAL: 0,
  CHAT_VIDEO_FRAME_RATE_5: 1,
  CHAT_VIDEO_FRAME_RATE_10: 2,
  CHAT_VIDEO_FRAME_RATE_15: 3,
  CHAT_VIDEO_FRAME_RATE_20: 4,
  CHAT_VIDEO_FRAME_RATE_25: 5,

  CHAT_VIDEO_ENCODEMODE_NORMAL: 0,
  CHAT_VIDEO_ENCODEMODE_SCREEN: 1,

  LAYOUT_SPLITBOTTOMHORFLOATING: 0,
  LAYOUT_SPLITTOPHORFLOATING: 1,
  LAYOUT_SPLITLATTICETILE: 2,
  LAYOUT_SPLITLATTICECUTTINGTILE: 3,
  LAYOUT_SPLITCUSTOM: 4,
  LAYOUT_SPLITAUDIO: 5,

  NETCALL_CONTROL_COMMAND_NOTIFY_AUDIO_ON: 1,
  NETCALL_CONTROL_COMMAND_NOTIFY_AUDIO_OFF: 2,
  NETCALL_CONTROL_COMMAND_NOTIFY_VIDEO_ON: 3,
  NETCALL_CONTROL_COMMAND_NOTIFY_VIDEO_OFF: 4,
  NETCALL_CONTROL_COMMAND_SWITCH_AUDIO_TO_VIDEO: 5,
  NETCALL_CONTROL_COMMAND_SWITCH_AUDIO_TO_VIDEO_AGREE: 6,
  NETCALL_CONTROL_COMMAND_SWITCH_AUDIO_TO_VIDEO_REJECT: 7,
  NETCALL_CONTROL_COMMAND_SWITCH_VIDEO_TO_AUDIO: 8,
  NETCALL_CONTROL_COMMAND_BUSY: 9,
  NETCALL_CONTROL_COMMAND_SELF_CAMERA_INVALID: 10,
  NETCALL_CONTROL_COMMAND_SELF_ON_BACKGROUND: 11,
  NETCALL_CONTROL_COMMAND_START_NOTIFY_RECEIVED: 12,
  NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_START: 13,
  NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_STOP: 14,

  HANGUP_TYPE_NORMAL: 0,
  HANGUP_TYPE_TIMEOUT: -1,
} as const;

/** `NETCALL_TYPE_AUDIO` or `NETCALL_TYPE_VIDEO`. */
export type NetcallType = 1 | 2;
/** `ROLE_PLAYER` or `ROLE_AUDIENCE`. */
export type NetcallRole = 0 | 1;
/** `DEVICE_TYPE_…` */
export type NetcallDeviceType = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** Width and height of `CHAT_VIDEO_QUALITY_…`, by number. */
export const videoQualitySizes: readonly (readonly [width: number, height: number])[] = [
  [640, 480],
  [176, 144],
  [352, 288],
  [480, 360],
  [640, 480],
  [960, 540],
  [1280, 720],
  [1920, 1080],
];

/** Pictures per second of `CHAT_VIDEO_FRAME_RATE_…`, by number. */
export const videoFrameRates: readonly number[] = [15, 5, 10, 15, 20, 25];

/** States of a live push (the push itself is the server's matter). */
export const liveStatus: Readonly<Record<number, string>> = {
  500: 'initial',
  501: 'the layout is not valid',
  502: 'connecting',
  503: 'connected',
  504: 'connecting failed',
  505: 'pushing',
  506: 'pushing failed',
  507: 'an inner error',
  508: 'too many people',
};
