export type { ILiveCallBack, ILiveFailure, ILiveSuccess } from './callbacks.ts';
export { AVRecordType, AVRoomMulti, AVSDKType, ILiveConstants, RecordDataType, TIMAvManager } from './constants.ts';
export type { BilingualText, ErrorEntry, ILiveModule } from './error-entry.ts';
export {
  describeError,
  type ErrorDescription,
  errorTable,
  ILiveError,
  type ILiveErrorName,
  type ILiveLanguage,
} from './errors.ts';
export { ILiveLoginManager } from './ilive-login-manager.ts';
export { ILiveRecordOption } from './ilive-record-option.ts';
export { ILiveRoomManager } from './ilive-room-manager.ts';
export { ILiveRoomOption } from './ilive-room-option.ts';
export { defaultRoles, ILiveSDK, type ILiveSDKOptions, type TokenWish } from './ilive-sdk.ts';
export type {
  ILiveEventHandler,
  ILiveExceptionListener,
  ILiveMemberStatusListener,
  ILiveRoomDisconnectListener,
  ILiveUserStatusListener,
} from './room-listeners.ts';
export type { Setting } from './setting.ts';
