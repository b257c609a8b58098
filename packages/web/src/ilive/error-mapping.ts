import { AircheckError, type ErrorCode } from '@aircheck/protocol/errors';
import type { ILiveModule } from './error-entry.ts';
import type { ILiveErrorName } from './errors.ts';

/** What kind of call failed: the vendor has other numbers for the same condition in each. */
export type CallKind = 'login' | 'room' | 'media' | 'record';

export interface VendorError {
  readonly name: ILiveErrorName;
  readonly module?: ILiveModule;
}

type Mapping = { readonly [Code in ErrorCode]?: ILiveErrorName };

/** Conditions that mean the same in every call, unless the call's own table says otherwise. */
const common: Mapping = {
  'token-expired': 'ERR_EXPIRE',
  unauthenticated: 'ERR_NOT_LOGIN',
  timeout: 'ERR_NET_UNDEFINE',
  'answer-unreadable': 'ERR_PARSE_FAIL',
  'request-invalid': 'ERR_INVALID_PARAM',
  forbidden: 'AV_ERR_NO_PERMISSION',
};

const byCall: { readonly [Kind in CallKind]: Mapping } = {
  login: { unauthenticated: 'ERR_INVALID_PARAM' },
  room: {
    'room-exists': 'ERR_ALREADY_EXIST',
    'room-not-found': 'AV_ERR_ROOM_NOT_EXIST',
  },
  media: { 'track-not-found': 'AV_ERR_ENDPOINT_NOT_EXIST' },
  record: {
    'request-invalid': 'ERR_RECORD_REQUEST_INVALID',
    'request-body-missing': 'ERR_RECORD_NO_BODY',
    'file-name-missing': 'ERR_RECORD_NO_FILE_NAME',
    'source-invalid': 'ERR_RECORD_SOURCE_TYPE',
    // With the credentials that let into the room it means that one is not there any more; roles are told as the next.
    forbidden: 'ERR_RECORD_USER_GONE',
    'recording-forbidden': 'ERR_RECORD_NO_PERMISSION',
    'storage-full': 'ERR_RECORD_NO_BALANCE',
    timeout: 'ERR_RECORD_TIMEOUT',
    'answer-unreadable': 'ERR_RECORD_REPLY_PARSE_1',
    draining: 'ERR_RECORD_NO_SERVER',
    'worker-lost': 'ERR_ROOM_LOOKUP_TIMEOUT',
    'room-not-found': 'ERR_ROOM_LOOKUP_NOT_FOUND',
    'room-pair': 'ERR_NOT_SUPPORT',
    'participant-not-found': 'ERR_RECORD_USER_GONE',
    'track-not-found': 'ERR_RECORD_USER_GONE',
    'recording-exists': 'ERR_RECORD_STARTED',
    'recording-stopped': 'ERR_RECORD_STOPPED',
    'recording-not-found': 'ERR_RECORD_STOPPED',
  },
};

/** Where none of the tables names a condition. */
const otherwise: { readonly [Kind in CallKind]: ILiveErrorName } = {
  login: 'ERR_SDK_FAILED',
  room: 'ERR_ENTER_AV_ROOM_FAIL',
  media: 'ERR_SDK_FAILED',
  record: 'ERR_RECORD_REPLY_NO_RESULT',
};

/**
 * What browsers refuse a device with (Media Capture and Streams §10.2, Screen Capture §5.1), by name: React Native has no
 * `DOMException`. Its WebRTC calls a device that the user refused a `SecurityError`.
 */
const deviceErrors: { readonly [Name in string]?: ILiveErrorName } = {
  NotAllowedError: 'ERR_USER_CANCEL',
  SecurityError: 'ERR_USER_CANCEL',
  AbortError: 'ERR_USER_CANCEL',
  NotFoundError: 'ERR_NOT_FOUND',
  OverconstrainedError: 'ERR_NOT_FOUND',
};

/** The vendor's error for what went wrong in a call. */
export function toVendorError(error: unknown, kind: CallKind): VendorError {
  if (error instanceof AircheckError) {
    const name = byCall[kind][error.code] ?? common[error.code] ?? otherwise[kind];
    return kind === 'login' && (error.code === 'unauthenticated' || error.code === 'token-expired')
      ? { name, module: 'TLSSDK' }
      : { name };
  }
  const { name } = (error ?? {}) as { readonly name?: unknown };
  const device = typeof name === 'string' && Object.hasOwn(deviceErrors, name) ? deviceErrors[name] : undefined;
  return { name: device ?? (kind === 'media' ? 'ERR_SDK_FAILED' : otherwise[kind]) };
}
