import { AircheckError, type ErrorCode } from '@aircheck/protocol/errors';
import type { EndReason } from '../facts.ts';
import { isStorageFull, storageFull } from './recording-store.ts';

/** A recording in the worker, whoever encodes it. */
export interface Session {
  /** Never rejects: the page hears of a failure as the recording's end. */
  start(): Promise<void>;
  /** Ends the recording for a reason. May be called twice. */
  stop(reason: EndReason): Promise<void>;
  /** Ends it with what is written, for something that went wrong. Without effect once it ends. */
  fail(error: unknown): void;
  /** Bytes of the file as far as it is written. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

export function reasonOf(error: unknown): EndReason {
  return isStorageFull(error) ? 'storage-full' : 'failed';
}

/** An error as the page is told of it. */
export function describeError(error: unknown): { code: ErrorCode; detail: string } {
  if (error instanceof AircheckError) return { code: error.code, detail: error.message };
  if (isStorageFull(error)) return describeError(storageFull());
  const unsupported = error instanceof DOMException && error.name === 'NotSupportedError';
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: unsupported ? 'codec-unsupported' : 'internal', detail };
}
