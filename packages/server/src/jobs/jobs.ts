import { CreateJobRequest, type Job, type JobList, type RecordingProcess } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database, JobRow } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { Library, StoredAsset } from '../library/index.ts';
import type { ControlRun, ControlType, FinishedHandler, InternalRequest, InternalType } from './internal-jobs.ts';
import { JobEnds } from './job-ends.ts';
import { toJob } from './job-rows.ts';
import type { Timing } from './job-run.ts';
import { type JobFilter, JobStore } from './job-store.ts';
import { Orders } from './orders.ts';
import { Procedures } from './procedures.ts';
import { Results } from './results.ts';
import { Runner } from './runner.ts';
import { Templates } from './templates.ts';

export interface JobsOptions {
  readonly db: Database;
  readonly library: Library;
  readonly outbox: Outbox;
  readonly config: {
    readonly jobWorkers: number;
    readonly dataFolder: string;
    readonly recordingsFolder: string;
    readonly derivedFolder: string;
    readonly workFolder: string;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  /** For tests: milliseconds. */
  readonly timing?: Partial<Timing>;
  /** Bytes that jobs leave free on each disk, for the recordings: those must not end for a job. */
  readonly reserveBytes?: number;
  /** Spreads what is tried again; from 0 to 1. */
  readonly random?: () => number;
}

const defaultTiming: Timing = { hangMs: 5 * 60_000, idleMs: 30_000, backOffMs: 10_000, pollMs: 5_000 };

const defaultReserveBytes = 256 * 2 ** 20;

/** How soon each internal job is done where others wait: somebody waits for a probe, nobody for a hash. */
const internalPriority: Readonly<Record<InternalType, number>> = { probe: 8, pull: 0, delete: 0, hash: -8 };

/** The queue of work on files: what is put in is done, once, whatever crashes in between. */
export class Jobs {
  readonly templates: Templates;
  readonly procedures: Procedures;
  readonly #options: JobsOptions;
  readonly #store: JobStore;
  readonly #orders: Orders;
  readonly #ends: JobEnds;
  readonly #results: Results;
  readonly #runner: Runner;

  constructor(options: JobsOptions) {
    const { db, clock, config, outbox, library, logger } = options;
    this.#options = options;
    this.#store = new JobStore(db, clock);
    this.templates = new Templates(options);
    this.#orders = new Orders({ templates: this.templates, config });
    this.#ends = new JobEnds({ db, store: this.#store, outbox });
    this.procedures = new Procedures({
      db,
      store: this.#store,
      ends: this.#ends,
      templates: this.templates,
      orders: this.#orders,
      clock,
    });
    // Digests are kept with the file.
    this.onFinished('hash', async ({ input }, outcome) => async (transaction) => {
      if (outcome.state !== 'done') return undefined;
      await library.setDigests(transaction, input.fileId, outcome.result);
      return outcome.result;
    });
    this.#results = new Results({ library, config });
    this.#runner = new Runner({
      db,
      store: this.#store,
      orders: this.#orders,
      ends: this.#ends,
      results: this.#results,
      config,
      timing: { ...defaultTiming, ...options.timing },
      clock,
      random: options.random ?? Math.random,
      reserveBytes: options.reserveBytes ?? defaultReserveBytes,
      logger,
    });
  }

  /** Gives back what a killed server held, removes what it left in the work folder, and begins. */
  async start(): Promise<void> {
    await this.#runner.start();
  }

  /** Begins no more jobs, ends the worker processes, and gives back at once what ran. May be called twice. */
  async close(): Promise<void> {
    await this.#runner.close();
  }

  /**
   * Puts a job in, after its input was checked.
   * @param transaction - to write it in; the job begins after it
   * @throws AircheckError `asset-not-found`, `asset-state`, `template-not-found`, `procedure-not-found`,
   *   `media-invalid`, `request-invalid`; `not-found` for a rendition that is not there
   */
  async create(appId: string, input: CreateJobRequest, transaction?: Database): Promise<Job> {
    const request = CreateJobRequest.parse(input);
    const db = transaction ?? this.#options.db;
    const { priority, ...work } = request;
    if (work.type === 'procedure') {
      const row = await this.procedures.begin(db, appId, work, priority);
      this.#runner.wake();
      return toJob(row);
    }
    const { fileId } = await this.#orders.prepare(db, appId, work);
    const row = await this.#store.insert(db, { appId, type: work.type, input: work, priority, fileId });
    this.#runner.wake();
    return toJob(row);
  }

  /** Puts in work of the library itself, in the transaction that makes it necessary. @returns the job's id */
  async enqueueInternal(transaction: Database, request: InternalRequest): Promise<string> {
    const { appId, type, input, fileId, priority = internalPriority[type] } = request;
    const row = await this.#store.insert(transaction, { appId, type, input, priority, fileId });
    this.#runner.wake();
    return row.job_id;
  }

  /** Says how a job is done that the control process does itself. To be called before {@link start}. */
  onRun<T extends ControlType>(type: T, run: ControlRun<T>): void {
    this.#runner.onRun(type, run);
  }

  /** Says what follows from the end of an internal job. To be called before {@link start}. */
  onFinished<T extends InternalType>(type: T, handler: FinishedHandler<T>): void {
    this.#ends.onFinished(type, handler);
  }

  /**
   * What is to be done with each new file: its digests, and with a recording's the automatic procedures.
   * @param transaction - the one in which the file becomes ready
   * @param process - what was asked for with the recording that the file is of
   */
  async fileReady(
    transaction: Database,
    { appId, asset }: StoredAsset,
    process?: RecordingProcess | undefined,
  ): Promise<void> {
    const { fileId } = asset;
    await this.enqueueInternal(transaction, { type: 'hash', appId, fileId, input: { fileId } });
    if (asset.source !== 'record') return;
    await this.procedures.beginAutomatic(transaction, appId, asset);
    if (process !== undefined) await this.procedures.beginProcess(transaction, appId, asset, process);
  }

  /** Cancels all that is to be done with a file, which is being deleted. To be called in the transaction of that. */
  async cancelOfFile(transaction: Database, fileId: string): Promise<void> {
    await this.#ends.cancelOfFile(transaction, fileId);
    this.#runner.check();
  }

  /** @throws AircheckError `job-not-found` */
  async get(appId: string, jobId: string): Promise<Job> {
    return toJob(await this.#store.require(jobId, appId));
  }

  /** One page, newest first. @throws AircheckError `request-invalid` for a cursor of something else */
  list(appId: string, filter: JobFilter): Promise<JobList> {
    return this.#store.list(appId, filter);
  }

  /**
   * Cancels a job that waits or runs, a procedure with all of its jobs.
   * @throws AircheckError `job-not-found`, `job-state` when it has ended
   */
  async cancel(appId: string, jobId: string): Promise<Job> {
    const [row, ...parts] = await this.#ends.cancel(appId, jobId);
    this.#runner.check();
    await this.#removeRemains([row, ...parts]);
    return toJob(row);
  }

  /**
   * Removes from the disk what jobs left there that {@link cancelOfFile} cancelled. To be called after its transaction;
   * may be called again.
   */
  async removeRemainsOf(fileId: string): Promise<void> {
    await this.#removeRemains(await this.#store.unsuccessfulOf(fileId));
  }

  async #removeRemains(rows: readonly JobRow[]): Promise<void> {
    for (const row of rows) {
      // One that runs here sees to that itself.
      if (!this.#runner.has(row.job_id)) await this.#results.removeRemains(row);
    }
  }

  /**
   * Does a job again that failed or was cancelled; of a procedure, those of its jobs that did.
   * @throws AircheckError `job-not-found`, `job-state`
   */
  async redo(appId: string, jobId: string): Promise<Job> {
    const row = await this.#ends.redo(appId, jobId);
    this.#runner.wake();
    return toJob(row);
  }

  /** Begins at once what is due; to be called after a transaction that put jobs in, if at all: they are found anyway. */
  wake(): void {
    this.#runner.wake();
  }

  /** How many jobs of each lane wait and run. */
  counts(): Promise<readonly { readonly lane: string; readonly state: string; readonly count: number }[]> {
    return this.#store.counts();
  }

  /** Process ids of the job workers. */
  get workerPids(): readonly number[] {
    return this.#runner.pids;
  }
}
