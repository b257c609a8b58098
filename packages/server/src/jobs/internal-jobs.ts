import type { AircheckError, JobOutput } from '@aircheck/protocol';
import type { Database } from '../db/index.ts';
import type { WorkResults } from './work-orders.ts';

/** What the library itself puts into the queue, by type: what each needs. Kept as JSON. */
export interface InternalInputs {
  /** Digests of a file of the library. */
  hash: { readonly fileId: string };
  /** Looks into a file that is not in the library yet. `path`: absolute. */
  probe: { readonly uploadId: string; readonly path: string; readonly digests?: boolean | undefined };
  /** Fetches a file from an address. */
  pull: { readonly uploadId: string; readonly url: string };
  /** Removes a file and all that was made of it. */
  delete: { readonly fileId: string; readonly reason: 'request' | 'expiry' | 'retention' };
}
export type InternalType = keyof InternalInputs;

/** A job for {@link Jobs.enqueueInternal}. */
export type InternalRequest = {
  [T in InternalType]: {
    readonly type: T;
    readonly appId: string;
    readonly input: InternalInputs[T];
    /** The asset that it is about, where there is one already. */
    readonly fileId?: string | undefined;
    /** The higher, the sooner; each type has one of its own. */
    readonly priority?: number | undefined;
  };
}[InternalType];

export interface InternalJob<T extends InternalType> {
  readonly jobId: string;
  readonly appId: string;
  readonly type: T;
  readonly input: InternalInputs[T];
  /** Times it was begun, this one among them. */
  readonly attempts: number;
}

/** Jobs that the control process does itself, and what comes of them. */
export interface ControlResults {
  /** What the address said the file is; `path`: absolute, where it lies now. */
  pull: { readonly path: string; readonly sizeBytes: number };
  delete: Record<string, never>;
}
export type ControlType = keyof ControlResults;

export interface ControlContext {
  /** Cancelled, or the server is ending. */
  readonly signal: AbortSignal;
  /** Tells how far it has come, in percent: the sign of life of what takes long. May be called often. */
  progress(percent: number): void;
}

/**
 * Does a job inside of the control process; may be begun again after a kill at any point, thus does nothing twice.
 * @throws AircheckError — retryable ones are tried again with back-off, all others fail the job
 */
export type ControlRun<T extends ControlType> = (
  job: InternalJob<T>,
  context: ControlContext,
) => Promise<ControlResults[T]>;

export type InternalResults = {
  hash: WorkResults['hash'];
  probe: WorkResults['probe'];
} & ControlResults;

/** How an internal job came to its end. */
export type Outcome<T extends InternalType> =
  | { readonly state: 'done'; readonly result: InternalResults[T] }
  | { readonly state: 'failed' | 'cancelled'; readonly error: AircheckError };

/** Written in the transaction that ends the job; not called at all when the job was taken away meanwhile. */
export type Commit = (transaction: Database) => Promise<JobOutput | undefined>;

/**
 * Told when an internal job has come to its end. What it does before it answers (moving a file) may be done again after a
 * kill; what has to be written goes into the {@link Commit}.
 */
export type FinishedHandler<T extends InternalType> = (
  job: InternalJob<T>,
  outcome: Outcome<T>,
) => Promise<Commit | undefined>;
