import { AircheckError, type ErrorCode } from '@aircheck/protocol';

/**
 * The vendor's numbers (its documents 213/6982 and those of the actions). 4000 to 6999 are common to all of its
 * services; the others belong to the video library.
 */
const vendorCodes: Partial<Record<ErrorCode, number>> = {
  'request-invalid': 4000,
  'request-body-missing': 4000,
  'file-name-missing': 4000,
  'payload-too-large': 4000,
  unauthenticated: 4100,
  'request-expired': 4200,
  forbidden: 4300,
  'rate-limited': 4400,
  'request-replayed': 4500,
  'method-not-allowed': 4600,
  'media-type-unsupported': 4600,
  'not-found': 5000,
  'subscriber-not-found': 5000,
  'recording-not-found': 5000,
  'storage-full': 5100,
  'jobs-unavailable': 5100,
  'pull-failed': 5100,
  internal: 6000,
  timeout: 6000,
  'storage-failed': 6000,
  draining: 6200,
  'target-forbidden': 1000,
  'media-unlike': 1000,
  'class-invalid': 1906,
  'class-not-found': 1905,
  'asset-not-found': 10008,
  'asset-state': 10009,
  'asset-banned': 10009,
  'media-invalid': 10009,
  'template-not-found': 10704,
  'template-limit': 10706,
  'upload-not-found': 31001,
  'upload-state': 31001,
  'upload-gone': 31001,
  'procedure-not-found': 50007,
  'job-not-found': 70014,
  'job-state': 70034,
};

/** An error that has a number of its own in the action it came up in. */
export class VendorNumberError extends AircheckError {
  readonly vendorNumber: number;

  constructor(vendorNumber: number, error: AircheckError) {
    super(error.code, error.message, {
      cause: error,
      ...(error.input !== undefined && { input: error.input }),
      ...(error.hint !== undefined && { hint: error.hint }),
    });
    this.vendorNumber = vendorNumber;
  }
}

export interface Failure {
  readonly code: number;
  readonly message: string;
  /** Our name of the error, which says more than the number. */
  readonly codeDesc: string;
}

/** @returns what is answered; `mine` when the service is at fault, of which the answer tells nothing */
export function toFailure(error: unknown): { readonly answer: Failure; readonly mine: boolean } {
  const known = error instanceof AircheckError ? error : fromFramework(error);
  const { code, message, hint, fault } = known;
  const number = known instanceof VendorNumberError ? known.vendorNumber : vendorCodes[code];
  return {
    answer: {
      code: number ?? (fault === 'caller' ? 1000 : 2000),
      message: hint === undefined ? message : `${message}. ${hint}`,
      codeDesc: code,
    },
    mine: fault !== 'caller',
  };
}

function fromFramework(error: unknown): AircheckError {
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new AircheckError('media-type-unsupported', 'Parameters come as application/x-www-form-urlencoded');
  }
  if (statusCode === 413) return new AircheckError('payload-too-large', 'The form is too large');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new AircheckError('request-invalid', 'The request cannot be read', { cause: error });
  }
  return new AircheckError('internal', 'Something went wrong inside; the log says what', { cause: error });
}
