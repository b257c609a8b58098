/** Who tells of an error: the first argument of `onError`. */
export type ILiveModule = 'ILiveSDK' | 'AVSDK' | 'IMSDK' | 'TLSSDK' | 'HTTP';

/** A text for people, in both languages. */
export interface BilingualText {
  readonly zh: string;
  readonly en: string;
}

/** One number of the vendor's, with what it means and what to do about it. */
export interface ErrorEntry {
  readonly code: number;
  /** Who usually tells of it; login and room calls may tell of the same number for another module. */
  readonly module: ILiveModule;
  readonly zh: string;
  readonly en: string;
  /** What the caller can do. */
  readonly advice: BilingualText;
  /** When it comes here; for those that never come, why not. */
  readonly here: string;
  readonly arises: boolean;
}

/** Advices that many numbers share. */
export const advices = {
  none: { zh: '无需处理。', en: 'Nothing to do.' },
  checkRequest: {
    zh: '检查录制参数是否填写完整、正确。',
    en: 'Check that the recording options are complete and right.',
  },
  checkRoom: {
    zh: '检查房间是否已创建、用户是否仍在房间内并且正在上行音视频。',
    en: 'Check that the room is open and that the user is still inside and sends picture or sound.',
  },
  retry: {
    zh: '多为网络问题：稍后重试；仍然失败请查看服务器日志。',
    en: "Most likely the network: try again; if it stays, look at the server's log.",
  },
  serverLog: { zh: '请管理员查看服务器日志。', en: "Have the operator look at the server's log." },
  signIn: { zh: '获取新的 userSig 或令牌后重新登录。', en: 'Get a new userSig or token and log in again.' },
  permission: {
    zh: '让业务后台签发权限更高的令牌，或先调用 changeRole。',
    en: 'Have your server issue a token with more rights, or call changeRole first.',
  },
  fixCall: { zh: '检查调用参数，详见错误信息。', en: 'Check the arguments; the message names what is wrong.' },
} as const satisfies Record<string, BilingualText>;
