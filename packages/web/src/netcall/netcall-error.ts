import { AircheckError, type ErrorCode } from '../core/index.ts';

interface CodeText {
  readonly en: string;
  readonly zh: string;
}

/**
 * What the numbers mean: joining (101–106, 208, 400–509, 1001, of which 103, 106 and 1001 do not come; 500–508 as states of
 * the live push are in `liveStatus`), the PC agent's statuses (2, 3, 400, 403, 404) and recording in the
 * browser (67001–67008). The same number may mean something else elsewhere at the vendor, too: 404 is a channel that
 * was not created when joining, and a call that does not exist for the agent.
 */
export const netcallErrorTexts: Readonly<Record<number, CodeText>> = {
  1: { en: 'The PC agent does not answer', zh: 'PC Agent 无响应' },
  2: { en: 'The disk is full', zh: '磁盘空间不足' },
  3: { en: 'The recorder is busy', zh: '录制线程忙' },
  101: { en: 'The server did not answer in time', zh: '超时' },
  102: { en: 'The channel is of another kind', zh: '会议模式不匹配' },
  103: { en: 'The channel takes no live push', zh: '推流用户加入了非推流房间' },
  104: { en: 'The channel is full', zh: '互动人数超限' },
  105: { en: 'There is a host already', zh: '已经有主播' },
  106: { en: 'The creator of the channel is not its host', zh: '需要旁路推流，但创建者非主播' },
  208: { en: 'The custom layout is not valid', zh: '自定义布局错误' },
  400: { en: 'The request is not valid', zh: '参数错误' },
  401: { en: 'The credentials do not allow that', zh: '没有权限' },
  403: { en: 'The file cannot be created', zh: '文件无法创建' },
  404: { en: 'It does not exist', zh: '不存在' },
  417: { en: 'That was done already', zh: '重复操作' },
  500: { en: 'The server failed', zh: '服务器内部错误' },
  509: { en: 'Sent out of the channel', zh: '被踢出房间' },
  1001: { en: 'The channel could not be joined', zh: '加入房间失败' },
  67001: { en: 'There is no such recording', zh: '录制任务不存在' },
  67002: { en: 'The account is missing', zh: '缺少 account' },
  67003: { en: 'There is nothing to record', zh: '没有可录制的音视频流' },
  67004: { en: 'This browser cannot record', zh: '浏览器不支持录制' },
  67005: { en: 'This browser does not write that format', zh: '不支持的录制格式' },
  67006: { en: 'It is being recorded', zh: '正在录制中' },
  67007: { en: 'There is no such format', zh: '录制格式错误' },
  67008: { en: 'What was to be recorded has ended', zh: '音视频流已失效' },
};

/** Codes of ours that the vendor has a number for; all others become 500. */
const codesOfOurs: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 400,
  unauthenticated: 401,
  'token-expired': 401,
  forbidden: 401,
  'recording-forbidden': 401,
  'room-not-found': 404,
  'participant-not-found': 404,
  'room-exists': 417,
  'recording-exists': 417,
  'room-pair': 102,
  'room-full': 104,
  'live-host-exists': 105,
  timeout: 101,
};

export interface NetcallErrorOptions {
  /** What went wrong in our own terms. */
  readonly cause?: unknown;
  /** Which input it is about, e.g. `sessionConfig.splitMode`. */
  readonly input?: string;
  /** What an `error` event tells of, e.g. `heartBeatError`. */
  readonly type?: string;
}

/**
 * What every call of {@link Netcall} rejects with. It has the vendor's shape (`code` is a number; pages also read
 * `err.event.event.code`), and `cause` holds the {@link AircheckError} with code, hint and fault where there is one.
 */
export class NetcallError extends Error {
  readonly code: number;
  readonly input: string | undefined;
  /** Of `error` events: which other event tells the same. */
  readonly type: string | undefined;
  /** The vendor's Chinese text of the code. */
  readonly messageZh: string;

  constructor(code: number, detail?: string, { cause, input, type }: NetcallErrorOptions = {}) {
    super(detail ?? netcallErrorTexts[code]?.en ?? `Error ${code}`, cause === undefined ? undefined : { cause });
    this.name = 'NetcallError';
    this.code = code;
    this.input = input;
    this.type = type;
    this.messageZh = netcallErrorTexts[code]?.zh ?? '';
  }

  /** The vendor wraps errors of the server into events; code written for it looks for the number there. */
  get event(): { readonly code: number; readonly event: { readonly code: number; readonly message: string } } {
    return { code: this.code, event: { code: this.code, message: this.message } };
  }

  /** Any error as one of the vendor's shape. */
  static from(cause: unknown): NetcallError {
    if (cause instanceof NetcallError) return cause;
    if (cause instanceof AircheckError) {
      return new NetcallError(codesOfOurs[cause.code] ?? 500, cause.message, { cause });
    }
    // `getUserMedia` and the file picker reject with these.
    const refused =
      cause instanceof DOMException && (cause.name === 'NotAllowedError' || cause.name === 'SecurityError');
    return new NetcallError(refused ? 401 : 500, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}
