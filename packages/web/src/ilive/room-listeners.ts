/** What happens in the room, by name: `ILiveSDK.getInstance().addEventHandler`. Whatever is not there is not told. */
export interface ILiveEventHandler {
  onRoomMemberIn?(roomId: number | string, groupId: string, userId: string): void;
  onRoomMemberOut?(roomId: number | string, groupId: string, userId: string): void;
  /** @param videoType - `ILiveConstants.CAMERA_VIDEO` or `SCREEN_VIDEO` */
  onRoomHasVideo?(roomId: number | string, groupId: string, userId: string, videoType: number): void;
  onRoomNoVideo?(roomId: number | string, groupId: string, userId: string, videoType: number): void;
  onRoomHasAudio?(roomId: number | string, groupId: string, userId: string): void;
  onRoomNoAudio?(roomId: number | string, groupId: string, userId: string): void;
  /** One's own camera was switched. */
  onCameraUpdate?(cameraId: number, enabled: boolean): void;
  /** The room is over for this client without its having left. */
  onRoomDisconnected?(roomId: number | string, groupId: string, errCode: number, errMsg: string): void;
  /** The room was ended for everybody. */
  onGroupDisband?(roomId: number | string, groupId: string): void;
  /** The same user came elsewhere or was sent away (8050), or its credentials have expired (8051). */
  onForceOffline?(userId: string, module: string, errCode: number, errMsg: string): void;
}

/** `ILiveRoomOption.roomDisconnectListener` */
export interface ILiveRoomDisconnectListener {
  onRoomDisconnect(errCode: number, errMsg: string): void;
}

/** `ILiveRoomOption.exceptionListener` */
export interface ILiveExceptionListener {
  /** A device that was to be switched on when the room was entered cannot be had; the room was entered all the same. */
  onException(errCode: number, errMsg: string): void;
}

/** `ILiveRoomOption.roomMemberStatusLisenter` (the vendor's spelling) and `memberStatusListener` (iOS). */
export interface ILiveMemberStatusListener {
  /**
   * @param eventId - `ILiveConstants.TYPE_MEMBER_CHANGE_…`, 1–8
   * @param updateList - users
   */
  onEndpointsUpdateInfo(eventId: number, updateList: string[]): void;
}

/** `ILiveLoginManager.setUserStatusListener` */
export interface ILiveUserStatusListener {
  /** @param errCode - `ERR_KICK_OUT` or `ERR_EXPIRE` */
  onForceOffline(errCode: number, errMsg: string): void;
}
