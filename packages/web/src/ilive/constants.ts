import { errorTable, type ILiveErrorName } from './errors.ts';

type ErrorNumbers = { readonly [Name in ILiveErrorName]: (typeof errorTable)[Name]['code'] };

const errorNumbers = Object.fromEntries(
  Object.entries(errorTable).map(([name, { code }]) => [name, code]),
) as unknown as ErrorNumbers;

/** The constants of the Android SDK, with those of recording and of the audio and video part beside them. */
export const ILiveConstants = {
  ...errorNumbers,

  Module_ILIVESDK: 'ILiveSDK',
  Module_AVSDK: 'AVSDK',
  Module_IMSDK: 'IMSDK',
  Module_TLSSDK: 'TLSSDK',
  Module_HTTP: 'HTTP',

  /** In the vendor's spelling: there is no number to give. */
  INVALID_INTETER_VALUE: -1,

  NONE_CAMERA: -1,
  FRONT_CAMERA: 0,
  BACK_CAMERA: 1,

  /** Kinds of pictures in room events: `videoType`. */
  NONE_VIDEO: 0,
  CAMERA_VIDEO: 1,
  SCREEN_VIDEO: 2,

  /** What happened to members: `eventId` of `onEndpointsUpdateInfo`. */
  TYPE_MEMBER_CHANGE_IN: 1,
  TYPE_MEMBER_CHANGE_OUT: 2,
  TYPE_MEMBER_CHANGE_HAS_CAMERA_VIDEO: 3,
  TYPE_MEMBER_CHANGE_NO_CAMERA_VIDEO: 4,
  TYPE_MEMBER_CHANGE_HAS_AUDIO: 5,
  TYPE_MEMBER_CHANGE_NO_AUDIO: 6,
  TYPE_MEMBER_CHANGE_HAS_SCREEN_VIDEO: 7,
  TYPE_MEMBER_CHANGE_NO_SCREEN_VIDEO: 8,
  TYPE_MEMBER_CHANGE_HAS_FILE_VIDEO: 9,
  TYPE_MEMBER_CHANGE_NO_FILE_VIDEO: 10,
} as const;

/** What to record: picture and sound, or the sound alone (iOS names). */
export const AVRecordType = { AV_RECORD_TYPE_VIDEO: 0, AV_RECORD_TYPE_AUDIO: 1 } as const;
export type AVRecordType = (typeof AVRecordType)[keyof typeof AVRecordType];

/** Which of the vendor's SDKs the application is made with (iOS names). All three record alike here. */
export const AVSDKType = { AVSDK_TYPE_NORMAL: 1, AVSDK_TYPE_IOTCamera: 2, AVSDK_TYPE_COASTCamera: 3 } as const;
export type AVSDKType = (typeof AVSDKType)[keyof typeof AVSDKType];

/** Android's names of {@link AVRecordType} and {@link AVSDKType}. */
export const TIMAvManager = {
  RecordType: { VIDEO: AVRecordType.AV_RECORD_TYPE_VIDEO, AUDIO: AVRecordType.AV_RECORD_TYPE_AUDIO },
  SDKType: {
    Normal: AVSDKType.AVSDK_TYPE_NORMAL,
    IOTCamera: AVSDKType.AVSDK_TYPE_IOTCamera,
    COASTCamera: AVSDKType.AVSDK_TYPE_COASTCamera,
  },
} as const;

/** What is recorded: the camera, or the shared screen (`recordDataType` of the PC SDK, `videotype` of the web plugin). */
export const RecordDataType = { CAMERA: 0, SCREEN: 1 } as const;
export type RecordDataType = (typeof RecordDataType)[keyof typeof RecordDataType];

/** Rights inside a room, bits of `authBits`. */
export const AVRoomMulti = {
  AUTH_BITS_DEFAULT: -1,
  AUTH_BITS_OPEN: 0xff,
  AUTH_BITS_CLOSE: 0,
  AUTH_BITS_CREATE_ROOM: 0x01,
  AUTH_BITS_JOIN_ROOM: 0x02,
  AUTH_BITS_SEND_AUDIO: 0x04,
  AUTH_BITS_RECV_AUDIO: 0x08,
  AUTH_BITS_SEND_CAMERA_VIDEO: 0x10,
  AUTH_BITS_RECV_CAMERA_VIDEO: 0x20,
  AUTH_BITS_SEND_SCREEN_VIDEO: 0x40,
  AUTH_BITS_RECV_SCREEN_VIDEO: 0x80,
} as const;
