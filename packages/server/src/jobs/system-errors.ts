import { AircheckError } from '@aircheck/protocol';

/** What the system and both databases call a disk without room. */
const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', '53100']);

/**
 * An error by what it means for a job. The system and the databases give their errors a code: those pass, and the job is
 * tried again. One without is a defect of ours.
 */
export function toAircheckError(error: unknown, during: string): AircheckError {
  if (error instanceof AircheckError) return error;
  const { code, message = String(error), stack } = error as NodeJS.ErrnoException;
  if (typeof code === 'string' && fullCodes.has(code)) {
    return new AircheckError('storage-full', `The disk is full: ${message}`, { cause: error });
  }
  if (code === 'ENOENT') return new AircheckError('asset-not-found', `A file is gone: ${message}`, { cause: error });
  // Node's own complaints about wrong calls have codes, too.
  if (typeof code === 'string' && !code.startsWith('ERR_')) {
    return new AircheckError('storage-failed', message, { cause: error });
  }
  return new AircheckError('internal', `${during} failed: ${stack ?? message}`, { cause: error });
}
