/**
 * Whose fault an error is. It alone decides the log level, whether a retry makes sense and who is told:
 * the caller asked for what can't be, the destination (disk, subscriber, peer) failed, or the service did.
 */
export type ErrorFault = 'caller' | 'destination' | 'service';

interface ErrorKind {
  /** HTTP status the error is answered with. */
  readonly status: number;
  readonly fault: ErrorFault;
  readonly retryable: boolean;
  /** Short, stable, human title (RFC 9457 `title`). */
  readonly title: string;
  /** The number Tencent's ILiveSDK uses for the same condition, where it has one. */
  readonly vendorCode?: number;
}

/**
 * Every error code of Aircheck. The code is the contract; titles and messages may change.
 * `docs/reference/errors.md` lists them.
 */
export const errorKinds = {
  'request-invalid': {
    status: 400,
    fault: 'caller',
    retryable: false,
    title: 'The request is not valid',
    vendorCode: 30000000,
  },
  'request-body-missing': {
    status: 400,
    fault: 'caller',
    retryable: false,
    title: 'The request has no body',
    vendorCode: 30000001,
  },
  'file-name-missing': {
    status: 400,
    fault: 'caller',
    retryable: false,
    title: 'The file name is missing',
    vendorCode: 30000002,
  },
  'source-invalid': {
    status: 400,
    fault: 'caller',
    retryable: false,
    title: 'The source is neither camera nor screen',
    vendorCode: 30000004,
  },
  unauthenticated: { status: 401, fault: 'caller', retryable: false, title: 'Credentials are missing or wrong' },
  'token-expired': { status: 401, fault: 'caller', retryable: false, title: 'The access token has expired' },
  'request-expired': {
    status: 401,
    fault: 'caller',
    retryable: false,
    title: 'The time in the request is too far from now',
  },
  'request-replayed': { status: 401, fault: 'caller', retryable: false, title: 'The request was sent before' },
  'link-invalid': { status: 403, fault: 'caller', retryable: false, title: 'The link is not valid' },
  'link-expired': { status: 403, fault: 'caller', retryable: false, title: 'The link has expired' },
  forbidden: { status: 403, fault: 'caller', retryable: false, title: 'These credentials do not allow that' },
  'recording-forbidden': {
    status: 403,
    fault: 'caller',
    retryable: false,
    title: 'No permission to record',
    vendorCode: 1,
  },
  'not-found': { status: 404, fault: 'caller', retryable: false, title: 'Not found' },
  'room-not-found': {
    status: 404,
    fault: 'caller',
    retryable: false,
    title: 'The room does not exist',
    vendorCode: 30000403,
  },
  'participant-not-found': {
    status: 404,
    fault: 'caller',
    retryable: false,
    title: 'The participant is not in the room',
    vendorCode: 30000411,
  },
  'track-not-found': {
    status: 404,
    fault: 'caller',
    retryable: false,
    title: 'The participant does not publish that source',
  },
  'recording-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The recording does not exist' },
  'asset-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The file does not exist' },
  'class-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The class does not exist' },
  'class-invalid': { status: 409, fault: 'caller', retryable: false, title: 'The class cannot be placed there' },
  'template-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The template does not exist' },
  'template-limit': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'There are 16 templates of that kind already',
  },
  'procedure-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The procedure does not exist' },
  'job-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The job does not exist' },
  'job-state': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'The job is in a state that does not allow that',
  },
  'job-crashed': {
    status: 500,
    fault: 'service',
    retryable: false,
    title: 'The job ended its worker process three times, or ran at five ends of the server',
  },
  'job-cancelled': { status: 409, fault: 'caller', retryable: false, title: 'The job was cancelled' },
  'jobs-unavailable': {
    status: 501,
    fault: 'service',
    retryable: false,
    title: 'The program that decodes and encodes is not installed',
  },
  'asset-state': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'The file is in a state that does not allow that',
  },
  'asset-banned': { status: 403, fault: 'caller', retryable: false, title: 'The file may not be played' },
  'media-invalid': { status: 422, fault: 'caller', retryable: false, title: 'The file is not media that can be used' },
  'media-unlike': { status: 409, fault: 'caller', retryable: false, title: 'The files cannot be joined' },
  'upload-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The upload does not exist' },
  'upload-state': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'The upload does not stand where the request says',
  },
  'upload-gone': { status: 410, fault: 'caller', retryable: false, title: 'The upload was given up' },
  'pull-failed': {
    status: 502,
    fault: 'destination',
    retryable: true,
    title: 'The address does not give the file out',
  },
  'subscriber-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The subscriber does not exist' },
  'event-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The event does not exist' },
  'delivery-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The delivery does not exist' },
  'target-forbidden': {
    status: 400,
    fault: 'caller',
    retryable: false,
    title: 'The address lies in a network that is not allowed',
  },
  'session-not-found': { status: 404, fault: 'caller', retryable: false, title: 'The session does not exist' },
  'recording-exists': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'This source is being recorded already',
    vendorCode: 30000415,
  },
  'recording-stopped': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'The recording has been stopped already',
    vendorCode: 30000412,
  },
  'recording-state': {
    status: 409,
    fault: 'caller',
    retryable: false,
    title: 'The recording is in a state that does not allow that',
  },
  'room-pair': { status: 409, fault: 'caller', retryable: false, title: 'Rooms of two persons are not recorded' },
  'room-full': { status: 409, fault: 'caller', retryable: false, title: 'The room is full' },
  'room-exists': { status: 409, fault: 'caller', retryable: false, title: 'Somebody is in the room already' },
  'live-host-exists': { status: 409, fault: 'caller', retryable: false, title: 'The room has a live host already' },
  'room-type': { status: 409, fault: 'caller', retryable: false, title: 'The room exists with another type' },
  'precondition-required': { status: 428, fault: 'caller', retryable: false, title: 'The request must say If-Match' },
  'revision-mismatch': { status: 412, fault: 'caller', retryable: false, title: 'The session has changed meanwhile' },
  'codec-unsupported': {
    status: 406,
    fault: 'caller',
    retryable: false,
    title: 'None of the offered codecs is supported',
  },
  'sdp-invalid': { status: 400, fault: 'caller', retryable: false, title: 'The session description is not valid' },
  'browser-unsupported': {
    status: 501,
    fault: 'caller',
    retryable: false,
    title: 'This browser cannot do that',
  },
  'method-not-allowed': { status: 405, fault: 'caller', retryable: false, title: 'The method is not allowed here' },
  'media-type-unsupported': {
    status: 415,
    fault: 'caller',
    retryable: false,
    title: 'The content type is not supported',
  },
  'payload-too-large': { status: 413, fault: 'caller', retryable: false, title: 'The request is too large' },
  'range-not-satisfiable': {
    status: 416,
    fault: 'caller',
    retryable: false,
    title: 'The range lies outside of the file',
  },
  'rate-limited': { status: 429, fault: 'caller', retryable: true, title: 'Too many requests' },
  'agent-not-found': {
    status: 404,
    fault: 'destination',
    retryable: true,
    title: 'No PC agent answers on this computer',
  },
  'agent-not-paired': {
    status: 401,
    fault: 'caller',
    retryable: false,
    title: 'This page has not been paired with the PC agent',
  },
  'agent-lost': { status: 503, fault: 'destination', retryable: true, title: 'The PC agent does not answer any more' },
  'origin-forbidden': { status: 403, fault: 'caller', retryable: false, title: 'Pages of that origin are not allowed' },
  'pairing-failed': { status: 403, fault: 'caller', retryable: false, title: 'The code is wrong or has expired' },
  'path-forbidden': {
    status: 403,
    fault: 'caller',
    retryable: false,
    title: 'The path lies outside of the allowed folders, or is no name for a file',
  },
  'file-exists': { status: 409, fault: 'caller', retryable: false, title: 'The file exists already' },
  'storage-full': {
    status: 507,
    fault: 'destination',
    retryable: true,
    title: 'The disk is full',
    vendorCode: 2,
  },
  'storage-failed': { status: 500, fault: 'destination', retryable: true, title: 'The storage failed' },
  'data-locked': { status: 500, fault: 'caller', retryable: false, title: 'Another server uses this data folder' },
  'config-invalid': { status: 500, fault: 'caller', retryable: false, title: 'The configuration is not valid' },
  'worker-lost': {
    status: 503,
    fault: 'service',
    retryable: true,
    title: 'The media worker stopped; it is being started again',
  },
  draining: { status: 503, fault: 'service', retryable: true, title: 'The server is shutting down' },
  timeout: {
    status: 504,
    fault: 'service',
    retryable: true,
    title: 'The service did not answer in time',
    vendorCode: 30000208,
  },
  'answer-unreadable': {
    status: 502,
    fault: 'destination',
    retryable: true,
    title: 'What answered is not this service',
    vendorCode: 30000301,
  },
  internal: { status: 500, fault: 'service', retryable: false, title: 'Internal error' },
} as const satisfies Record<string, ErrorKind>;

/** Stable name of an error condition: what callers switch on. */
export type ErrorCode = keyof typeof errorKinds;

/** Body of every error answer: RFC 9457 `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly vendorCode?: number;
  /** Which input was wrong, e.g. `body.fileName`. */
  readonly input?: string;
  /** What the caller can do, e.g. the list of supported codecs. */
  readonly hint?: string;
}

interface AircheckErrorOptions {
  readonly cause?: unknown;
  /** Which input was wrong, e.g. `body.fileName`. */
  readonly input?: string;
  /** What the caller can do about it. */
  readonly hint?: string;
}

/** The one error type that crosses a boundary of Aircheck. */
export class AircheckError extends Error {
  override readonly name = 'AircheckError';
  readonly code: ErrorCode;
  readonly input: string | undefined;
  readonly hint: string | undefined;

  /**
   * @param code - stable name of the condition
   * @param detail - one sentence: what was wrong with this very request
   */
  constructor(code: ErrorCode, detail: string, options: AircheckErrorOptions = {}) {
    super(detail, { cause: options.cause });
    this.code = code;
    this.input = options.input;
    this.hint = options.hint;
  }

  get status(): number {
    return errorKinds[this.code].status;
  }

  get fault(): ErrorFault {
    return errorKinds[this.code].fault;
  }

  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }

  get vendorCode(): number | undefined {
    return (errorKinds[this.code] as ErrorKind).vendorCode;
  }

  /** The RFC 9457 body of this error. */
  toProblem(): Problem {
    return {
      type: `urn:aircheck:error:${this.code}`,
      title: errorKinds[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.vendorCode !== undefined && { vendorCode: this.vendorCode }),
      ...(this.input !== undefined && { input: this.input }),
      ...(this.hint !== undefined && { hint: this.hint }),
    };
  }

  /** Rebuilds an error from its RFC 9457 body, e.g. after it crossed a process or network boundary. */
  static fromProblem(problem: Problem): AircheckError {
    const code: ErrorCode = problem.code in errorKinds ? problem.code : 'internal';
    return new AircheckError(code, problem.detail, {
      ...(problem.input !== undefined && { input: problem.input }),
      ...(problem.hint !== undefined && { hint: problem.hint }),
    });
  }
}
