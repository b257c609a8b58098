import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { AircheckError } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database, JobRow } from '../db/index.ts';
import type { ControlRun, ControlType, InternalJob, InternalResults, InternalType } from './internal-jobs.ts';
import type { JobEnds } from './job-ends.ts';
import { type JobProcesses, JobWorkerCrash } from './job-process.ts';
import { type JobStore, leaseMs } from './job-store.ts';
import type { Orders, Prepared, WorkRequest } from './orders.ts';
import type { Made, Results } from './results.ts';
import { toAircheckError } from './system-errors.ts';

/** All in milliseconds. */
export interface Timing {
  /** Without a sign of life for that long, the worker of a job is ended. */
  readonly hangMs: number;
  /** A worker process without work ends after that long. */
  readonly idleMs: number;
  /** Wait before the second attempt; each further one waits twice as long. */
  readonly backOffMs: number;
  /** Jobs that nobody told of are looked for that often. */
  readonly pollMs: number;
}

export interface JobRunOptions {
  readonly db: Database;
  readonly store: JobStore;
  readonly orders: Orders;
  readonly ends: JobEnds;
  readonly results: Results;
  readonly processes: JobProcesses;
  readonly controlRuns: ReadonlyMap<string, ControlRun<ControlType>>;
  readonly config: {
    readonly recordingsFolder: string;
    readonly derivedFolder: string;
    readonly workFolder: string;
  };
  readonly timing: Timing;
  readonly clock: Clock;
  readonly random: () => number;
  readonly reserveBytes: number;
  readonly logger: Logger;
}

/** With the back-off it is about twenty minutes until a job is given up. A removal never is. */
const maxAttempts = 8;
const maxCrashes = 3;
const maxBackOffMs = 15 * 60_000;
/** How often a job that runs is looked at: whether its progress or its lease is to be written. */
const beatMs = 1000;
/** The job was cancelled or given to another: nothing of it is ours any more. */
class JobTaken extends Error {}

/** One attempt at one job, from its lease to its end. */
export class JobRun {
  /** Resolves when nothing is left of the attempt, with the time of the next one if there will be one; never rejects. */
  readonly done: Promise<number | undefined>;
  readonly #options: JobRunOptions;
  readonly #row: JobRow;
  readonly #folder: string;
  readonly #abort = new AbortController();
  #progress = 0;
  #writtenProgress = 0;
  #writtenAt: number;
  readonly #beginning: number;

  constructor(options: JobRunOptions, row: JobRow) {
    this.#options = options;
    this.#row = row;
    // Another attempt's worker may still be ending.
    this.#folder = join(options.config.workFolder, `${row.job_id}-${row.attempts}-${options.store.owner.slice(0, 8)}`);
    this.#beginning = this.#writtenAt = options.clock.now();
    this.done = this.#run();
  }

  /** Ends the attempt: the job is given back, and none of what was made stays. */
  abort(reason: AircheckError): void {
    this.#abort.abort(reason);
  }

  /** Asks whether the job is still ours, and stops where it is not. */
  async check(): Promise<void> {
    this.#writtenProgress = this.#progress;
    this.#writtenAt = this.#options.clock.now();
    try {
      const held = await this.#options.store.beat(this.#row.job_id, this.#progress);
      if (!held) this.abort(new AircheckError('job-cancelled', 'The job was cancelled or given to another'));
    } catch (error) {
      this.#options.logger.warn({ err: error, jobId: this.#row.job_id }, 'the lease of a job cannot be renewed');
    }
  }

  readonly #onProgress = (percent: number): void => {
    // 100 is for what is in the library.
    this.#progress = Math.min(99, Math.max(this.#progress, Math.round(percent * 10) / 10 || 0));
  };

  async #run(): Promise<number | undefined> {
    const { logger, clock } = this.#options;
    const { job_id: jobId, type } = this.#row;
    const beat = setInterval(() => {
      const due = clock.now() - this.#writtenAt > leaseMs / 3;
      if (due || this.#progress - this.#writtenProgress >= 1) void this.check();
    }, beatMs);
    try {
      await this.#attempt();
      logger.info({ jobId, type, durationMs: clock.now() - this.#beginning }, 'job is done');
      return undefined;
    } catch (error) {
      // Before anybody is told: what is tried again for want of room finds it.
      await this.#removeFolder();
      return await this.#insist(() => this.#failed(error));
    } finally {
      clearInterval(beat);
      await this.#removeFolder();
    }
  }

  async #removeFolder(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) =>
      this.#options.logger.warn({ err: error, folder: this.#folder }, 'the work folder of a job cannot be removed'),
    );
  }

  async #attempt(): Promise<void> {
    const { ends, orders, db, results } = this.#options;
    const row = this.#row;
    const run = this.#options.controlRuns.get(row.type);
    if (run !== undefined) {
      const result = await run(controlJob(row), { signal: this.#abort.signal, progress: this.#onProgress });
      return this.#finishInternal(result as InternalResults[InternalType]);
    }
    const prepared = await orders.prepareRow(db, row);
    await this.#requireSpace(prepared.bytes);
    const result = await this.#work(prepared);
    if (row.type === 'hash' || row.type === 'probe') {
      return this.#finishInternal(result as InternalResults[InternalType]);
    }
    const request = JSON.parse(row.input) as WorkRequest;
    const kept = await results.keep(row, request, result as Made, this.#folder, prepared.startMs);
    let ended = false;
    try {
      ended = await ends.finish(row, { state: 'done', output: {} }, kept.commit);
    } catch (error) {
      // One of ours took the transaction back. After one of the database nobody knows: the files stay, since the job may
      // be done; if it is not, it is begun again and makes the same files.
      if (error instanceof AircheckError) await kept.discard();
      throw error;
    }
    if (!ended) {
      await kept.discard();
      throw new JobTaken();
    }
  }

  async #finishInternal(result: InternalResults[InternalType]): Promise<void> {
    const { ends } = this.#options;
    await this.#requireHeld();
    const commit = await ends.follow(this.#row, { state: 'done', result });
    if (!(await ends.finish(this.#row, { state: 'done', output: {} }, commit))) throw new JobTaken();
  }

  async #work({ name, order }: Prepared): Promise<unknown> {
    const { processes, timing } = this.#options;
    await mkdir(this.#folder, { recursive: true });
    this.#abort.signal.throwIfAborted();
    const process = processes.take();
    try {
      return await process.work(name, order, {
        folder: this.#folder,
        hangMs: timing.hangMs,
        signal: this.#abort.signal,
        onProgress: this.#onProgress,
      });
    } finally {
      processes.release(process);
    }
  }

  /** @throws AircheckError `storage-full` when one of the disks has no room for what will be made */
  async #requireSpace(bytes: number): Promise<void> {
    if (bytes === 0) return;
    const { config, reserveBytes } = this.#options;
    for (const folder of [config.workFolder, config.recordingsFolder]) {
      const { bavail, bsize } = await statfs(folder);
      if (bavail * bsize >= bytes + reserveBytes) continue;
      const needed = Math.ceil((bytes + reserveBytes) / 2 ** 20);
      throw new AircheckError(
        'storage-full',
        `${Math.floor((bavail * bsize) / 2 ** 20)} MiB are free in ${folder}, the job needs ${needed} MiB`,
      );
    }
  }

  /** @returns when it is tried again, in milliseconds since 1970 */
  async #failed(error: unknown): Promise<number | undefined> {
    const { store, clock, logger, timing, random } = this.#options;
    const { job_id: jobId, type, attempts, crashes } = this.#row;
    const { signal } = this.#abort;
    if (error instanceof JobTaken) return undefined;
    if (signal.aborted) {
      const reason = signal.reason as AircheckError;
      if (reason.code === 'draining') await store.giveBack(jobId, clock.now(), { uncounted: true });
      logger.info({ jobId, type, reason: reason.message }, 'job is left');
      return undefined;
    }
    const crashed = error instanceof JobWorkerCrash;
    const problem = crashed
      ? new AircheckError('job-crashed', `${error.message}; that was the ${crashes + 1}. time`)
      : toAircheckError(error, type);
    const again = crashed
      ? crashes + 1 < maxCrashes
      : problem.retryable && (attempts < maxAttempts || type === 'delete');
    logger[problem.fault === 'caller' ? 'info' : 'error']({ err: error, jobId, type, attempts, again }, 'job failed');
    if (!again) {
      await this.#requireHeld();
      await giveUp(this.#options, this.#row, problem);
      return undefined;
    }
    const backOffMs = Math.min(maxBackOffMs, timing.backOffMs * 2 ** (attempts - 1));
    // So that those which failed together do not all come back together.
    const runAt = Math.round(clock.now() + backOffMs * (0.75 + random() / 2));
    await store.giveBack(jobId, runAt, { error: problem, crashed });
    return runAt;
  }

  /** What follows outside of the database must not follow twice. @throws JobTaken */
  async #requireHeld(): Promise<void> {
    if (!(await this.#options.store.beat(this.#row.job_id, this.#progress))) throw new JobTaken();
  }

  /** A database that refuses does so for a while: the job is held until it is told, or until the server ends. */
  async #insist<T>(step: () => Promise<T>): Promise<T | undefined> {
    const { logger, timing } = this.#options;
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (error instanceof JobTaken) return undefined;
        logger.error({ err: error, jobId: this.#row.job_id }, 'the end of a job cannot be written down');
        if (this.#abort.signal.aborted) return undefined;
        await wait(timing.pollMs, undefined, { signal: this.#abort.signal }).catch(() => {});
      }
    }
  }
}

/** Fails a job that is held, with all that follows from that. */
export async function giveUp(
  { ends, results }: Pick<JobRunOptions, 'ends' | 'results'>,
  row: JobRow,
  error: AircheckError,
): Promise<void> {
  const end = { state: 'failed', error } as const;
  const commit = await ends.follow(row, end);
  if (await ends.finish(row, end, commit)) await results.removeRemains(row);
}

function controlJob(row: JobRow): InternalJob<ControlType> {
  return {
    jobId: row.job_id,
    appId: row.app_id,
    type: row.type as ControlType,
    input: JSON.parse(row.input),
    attempts: row.attempts,
  };
}
