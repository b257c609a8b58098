import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { JobRow } from '../db/index.ts';
import type { ControlRun, ControlType } from './internal-jobs.ts';
import { JobProcesses } from './job-process.ts';
import { giveUp, JobRun, type JobRunOptions } from './job-run.ts';
import { type JobLane, leaseMs } from './job-store.ts';

export type RunnerOptions = Omit<JobRunOptions, 'processes' | 'controlRuns'> & {
  readonly config: { readonly jobWorkers: number };
};

/** So many jobs at a time. */
interface Lane {
  readonly name: JobLane;
  readonly limit: number;
  running: number;
}

/** Downloads and removals at a time, of each: they wait for others and for the disk, not for this machine's cores. */
const controlLimit = 4;
/** A job that was put in by a transaction cannot be seen before its end: milliseconds until a second look. */
const secondLookMs = 100;
/** Ended jobs are kept for 30 days. */
const keepMs = 30 * 86_400_000;
/** What closing waits for those that ran, in milliseconds; their jobs are given back by the next start otherwise. */
const closeMs = 5000;

/** Takes what is due from the queue, and sees to it that no more runs at a time than is allowed. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #controlRuns = new Map<string, ControlRun<ControlType>>();
  readonly #processes: JobProcesses;
  readonly #lanes: readonly Lane[];
  readonly #runs = new Map<string, JobRun>();
  #state: 'new' | 'running' | 'closed' = 'new';
  #timer: NodeJS.Timeout | undefined;
  #second: NodeJS.Timeout | undefined;
  readonly #later = new Set<NodeJS.Timeout>();
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #tidiedAt = 0;
  /** Held to be ended, and never to be begun; those whose end could not be written down are tried again by the next tidying. */
  readonly #hopeless: JobRow[] = [];

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#processes = new JobProcesses(options.timing.idleMs);
    const { jobWorkers } = options.config;
    this.#lanes = [
      { name: 'encode', limit: jobWorkers, running: 0 },
      // Who waits for a clip or for the check of an upload must not wait for hours of encoding.
      { name: 'short', limit: Math.min(1, jobWorkers), running: 0 },
      { name: 'pull', limit: controlLimit, running: 0 },
      { name: 'delete', limit: controlLimit, running: 0 },
    ];
  }

  get pids(): readonly number[] {
    return this.#processes.pids;
  }

  onRun<T extends ControlType>(type: T, run: ControlRun<T>): void {
    this.#controlRuns.set(type, run as never);
  }

  async start(): Promise<void> {
    const { store, config, logger } = this.#options;
    // The data folder's lock says that no other server has it: whoever held a job is gone.
    await this.#failHopeless(true);
    const reclaimed = await store.reclaim(true);
    if (reclaimed > 0) logger.info({ jobs: reclaimed }, 'jobs that were cut short are begun again');
    this.#tidiedAt = this.#options.clock.now();
    await mkdir(config.workFolder, { recursive: true });
    for (const name of await readdir(config.workFolder)) {
      await rm(join(config.workFolder, name), { recursive: true, force: true, maxRetries: 3 });
    }
    this.#state = 'running';
    this.#look();
  }

  /** Looks for what is due. */
  wake(): void {
    if (this.#state !== 'running') return;
    this.#look();
    this.#second ??= setTimeout(() => {
      this.#second = undefined;
      this.#look();
    }, secondLookMs);
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
      () => this.#looked(),
      (error: unknown) => {
        this.#options.logger.error({ err: error }, 'the queue of jobs cannot be read');
        this.#looked();
      },
    );
  }

  #looked(): void {
    this.#looking = undefined;
    if (this.#lookAgain) {
      this.#lookAgain = false;
      this.#look();
    } else this.#lookIn(this.#options.timing.pollMs);
  }

  #lookIn(ms: number): void {
    if (this.#state !== 'running') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  /** Begins what is due and has room. */
  async #take(): Promise<void> {
    const { store, clock } = this.#options;
    if (clock.now() - this.#tidiedAt > leaseMs) {
      this.#tidiedAt = clock.now();
      await this.#failHopeless(false);
      await store.reclaim(false);
      await store.prune(clock.now() - keepMs);
    }
    for (const lane of this.#lanes) {
      while (lane.running < lane.limit && this.#state === 'running') {
        const row = await store.claim(lane.name);
        if (row === undefined) break;
        this.#begin(lane, row);
      }
    }
  }

  /** What takes the whole server down, as for want of memory, would else come back at each start. */
  async #failHopeless(all: boolean): Promise<void> {
    const { store, logger } = this.#options;
    this.#hopeless.push(...(await store.takeHopeless(all)));
    for (const row of this.#hopeless.splice(0)) {
      const { job_id: jobId, type, losses } = row;
      const error = new AircheckError('job-crashed', `The server went down ${losses} times while the job ran`, {
        hint: 'If other jobs end well, give the server more memory and do it again',
      });
      logger.error({ jobId, type, losses }, 'job is given up: the server went down each time that it ran');
      try {
        // At a second try it may have been cancelled or be another queue's.
        if (await store.beat(jobId, row.progress)) await giveUp(this.#options, row, error);
      } catch (cause) {
        logger.error({ err: cause, jobId }, 'the end of a job that is given up cannot be written down yet');
        this.#hopeless.push(row);
      }
    }
  }

  #begin(lane: Lane, row: JobRow): void {
    const run = new JobRun({ ...this.#options, processes: this.#processes, controlRuns: this.#controlRuns }, row);
    lane.running++;
    this.#runs.set(row.job_id, run);
    void run.done.then((againAt) => {
      lane.running--;
      if (againAt !== undefined) this.#lookAt(againAt);
      this.#runs.delete(row.job_id);
      this.#look();
    });
  }

  /** For a job that is begun again then; the poll finds it anyway, only later. */
  #lookAt(at: number): void {
    if (this.#state !== 'running') return;
    const timer = setTimeout(
      () => {
        this.#later.delete(timer);
        this.#look();
      },
      Math.max(0, at - this.#options.clock.now()),
    );
    this.#later.add(timer);
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const timer of [this.#timer, this.#second, ...this.#later]) clearTimeout(timer);
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
