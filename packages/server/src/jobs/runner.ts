import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError, type JobType } from '@aircheck/protocol';
import type { JobRow } from '../db/index.ts';
import type { ControlRun, ControlType } from './internal-jobs.ts';
import { JobProcesses } from './job-process.ts';
import { JobRun, type JobRunOptions } from './job-run.ts';
import { leaseMs } from './job-store.ts';

export type RunnerOptions = Omit<JobRunOptions, 'processes' | 'controlRuns'> & {
  readonly config: { readonly jobWorkers: number };
};

/** Jobs of some types, so many of them at a time. */
interface Lane {
  readonly types: readonly JobType[];
  readonly limit: number;
  running: number;
}

/** Removals and downloads at a time: they wait for the disk and for others, not for this machine's cores. */
const controlLimit = 4;
/** A job that was put in by a transaction cannot be seen before its end: milliseconds until a second look. */
const secondLookMs = 100;
/** What closing waits for those that ran, in milliseconds; their jobs are given back by the next start otherwise. */
const closeMs = 5000;

/** Takes what is due from the queue, and sees to it that no more runs at a time than is allowed. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #controlRuns = new Map<string, ControlRun<ControlType>>();
  readonly #controlTypes: JobType[] = [];
  readonly #processes: JobProcesses;
  readonly #lanes: readonly Lane[];
  readonly #runs = new Map<string, JobRun>();
  #state: 'new' | 'running' | 'closed' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #reclaimedAt = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#processes = new JobProcesses(options.timing.idleMs);
    const { jobWorkers } = options.config;
    this.#lanes = [
      { types: ['transcode', 'aac'], limit: jobWorkers, running: 0 },
      // Seconds as a rule: who waits for a clip or for the check of an upload must not wait for hours of encoding.
      {
        types: ['snapshot', 'cover', 'sprite', 'clip', 'concat', 'hash', 'probe'],
        limit: Math.min(1, jobWorkers),
        running: 0,
      },
      { types: this.#controlTypes, limit: controlLimit, running: 0 },
    ];
  }

  get pids(): readonly number[] {
    return this.#processes.pids;
  }

  onRun<T extends ControlType>(type: T, run: ControlRun<T>): void {
    this.#controlRuns.set(type, run as never);
    this.#controlTypes.push(type);
  }

  async start(): Promise<void> {
    const { store, config, logger } = this.#options;
    // The data folder's lock says that no other server has it: whoever held a job is gone.
    const reclaimed = await store.reclaim(true);
    if (reclaimed > 0) logger.info({ jobs: reclaimed }, 'jobs that were cut short are begun again');
    this.#reclaimedAt = this.#options.clock.now();
    await mkdir(config.workFolder, { recursive: true });
    for (const name of await readdir(config.workFolder)) {
      await rm(join(config.workFolder, name), { recursive: true, force: true, maxRetries: 3 });
    }
    this.#state = 'running';
    this.#look();
  }

  /** Looks for what is due. */
  wake(): void {
    this.#look();
    this.#lookIn(secondLookMs);
  }

  /** Asks of all jobs that run whether they are still wanted. */
  check(): void {
    for (const run of this.#runs.values()) void run.check();
  }

  has(jobId: string): boolean {
    return this.#runs.has(jobId);
  }

  #look(): void {
    if (this.#state !== 'running') return;
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = this.#take().then(
      (inMs) => this.#looked(inMs),
      (error: unknown) => {
        this.#options.logger.error({ err: error }, 'the queue of jobs cannot be read');
        this.#looked(this.#options.timing.pollMs);
      },
    );
  }

  #looked(nextInMs: number): void {
    this.#looking = undefined;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      this.#look();
    } else this.#lookIn(nextInMs);
  }

  #lookIn(ms: number): void {
    if (this.#state !== 'running') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  /** Begins what is due and has room. @returns milliseconds after which to look again */
  async #take(): Promise<number> {
    const { store, clock, timing } = this.#options;
    if (clock.now() - this.#reclaimedAt > leaseMs) {
      this.#reclaimedAt = clock.now();
      await store.reclaim(false);
    }
    for (const lane of this.#lanes) {
      if (lane.types.length === 0) continue;
      while (lane.running < lane.limit && this.#state === 'running') {
        const due = await store.nextDue(lane.types);
        if (due === undefined || due > clock.now()) break;
        const row = await store.claim(lane.types);
        if (row === undefined) break;
        this.#begin(lane, row);
      }
    }
    const free = this.#lanes.filter(({ running, limit }) => running < limit).flatMap(({ types }) => types);
    const due = free.length === 0 ? undefined : await store.nextDue(free);
    return due === undefined ? timing.pollMs : Math.min(timing.pollMs, Math.max(0, due - clock.now()));
  }

  #begin(lane: Lane, row: JobRow): void {
    const run = new JobRun({ ...this.#options, processes: this.#processes, controlRuns: this.#controlRuns }, row);
    lane.running++;
    this.#runs.set(row.job_id, run);
    void run.done.then(() => {
      lane.running--;
      this.#runs.delete(row.job_id);
      this.#look();
    });
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    await this.#looking;
    const reason = new AircheckError('draining', 'The server is shutting down');
    const done = [...this.#runs.values()].map((run) => {
      run.abort(reason);
      return run.done;
    });
    await this.#processes.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeMs);
    });
    await Promise.race([Promise.all(done), late]);
    clearTimeout(timer);
    // One that was about to begin may have started another.
    await this.#processes.close();
  }
}
