import { randomUUID } from 'node:crypto';
import { AircheckError, type JobList, type JobOutput, type JobState, type JobType } from '@aircheck/protocol';
import { type ExpressionBuilder, PostgresAdapter } from 'kysely';
import type { Clock } from '../clock.ts';
import { type Database, decodeCursor, encodeCursor, type JobRow, type Schema } from '../db/index.ts';
import { finalStates, toJob } from './job-rows.ts';

export interface NewJob {
  readonly appId: string;
  readonly type: JobType;
  readonly input: unknown;
  readonly priority: number;
  readonly fileId?: string | undefined;
  readonly parentId?: string | undefined;
  /** A procedure runs from its beginning on: its children do the work. */
  readonly state?: 'waiting' | 'running';
}

export interface JobFilter {
  readonly fileId?: string | undefined;
  readonly type?: JobType | readonly JobType[] | undefined;
  readonly state?: JobState | readonly JobState[] | undefined;
  /** Null: those that are no part of a procedure. */
  readonly parentId?: string | null | undefined;
  /** Milliseconds since 1970; that time itself among it. */
  readonly createdAfter?: number | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/**
 * Jobs that run beside those of other lanes. `encode`: minutes and hours of all that a core has. `short`: seconds as a
 * rule. `pull` and `delete`: in the control process, wait for others and for the disk; who has something removed must not
 * wait for downloads. `none`: a procedure, whose jobs do the work.
 */
export type JobLane = 'encode' | 'short' | 'pull' | 'delete' | 'none';

/** How a job ends. */
export type End =
  | { readonly state: 'done'; readonly output: JobOutput }
  | { readonly state: 'failed' | 'cancelled'; readonly error: AircheckError };

/** How long a job belongs to who took it without being heard of, in milliseconds. */
export const leaseMs = 30_000;

/**
 * So often may a server go down while a job runs. Jobs that run beside one another are lost together, and a machine may
 * lose its power: only one that is there each time is likely to be what takes the server down.
 */
const maxLosses = 5;
/** Whose jobs may be at fault. Downloads and removals wait for others and for the disk: they are there most often. */
const heavyLanes: readonly JobLane[] = ['encode', 'short'];

/**
 * The table of jobs. A job is taken by a lease, kept by a heart-beat, and ended by who still holds it: every change of
 * one that runs asks for the lease, so that nothing is done twice whatever was killed when.
 */
export class JobStore {
  readonly #db: Database;
  readonly #clock: Clock;
  /** Of several queues on one database none waits for what another one is just taking; SQLite has one writer anyway. */
  readonly #skipLocked: boolean;
  /** Names this run of the server in its leases. */
  readonly owner = randomUUID();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#skipLocked = db.getExecutor().adapter instanceof PostgresAdapter;
  }

  async insert(db: Database, job: NewJob): Promise<JobRow> {
    const now = this.#clock.now();
    const running = job.state === 'running';
    return db
      .insertInto('jobs')
      .values({
        job_id: randomUUID(),
        app_id: job.appId,
        type: job.type,
        state: job.state ?? 'waiting',
        priority: job.priority,
        file_id: job.fileId ?? null,
        parent_id: job.parentId ?? null,
        input: JSON.stringify(job.input),
        output: null,
        error_code: null,
        error_detail: null,
        progress: 0,
        attempts: running ? 1 : 0,
        crashes: 0,
        run_at: now,
        lease_owner: null,
        lease_until: null,
        created_at: now,
        started_at: running ? now : null,
        finished_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** Takes the job of the lane that is due first; of several who ask at once each gets another one. */
  async claim(lane: JobLane): Promise<JobRow | undefined> {
    const now = this.#clock.now();
    return this.#db
      .updateTable('jobs')
      .set((set) => ({
        state: 'running',
        lease_owner: this.owner,
        lease_until: now + leaseMs,
        attempts: set('attempts', '+', 1),
        started_at: now,
        progress: 0,
      }))
      .where('job_id', '=', (where) =>
        where
          .selectFrom('jobs')
          .select('job_id')
          .where('state', '=', 'waiting')
          .where('lane', '=', lane)
          .where('run_at', '<=', now)
          .orderBy('priority', 'desc')
          .orderBy('run_at')
          .orderBy('job_id')
          .limit(1)
          .$if(this.#skipLocked, (query) => query.forUpdate().skipLocked()),
      )
      .where('state', '=', 'waiting')
      .returningAll()
      .executeTakeFirst();
  }

  /**
   * The heart-beat of a job that runs.
   * @returns whether it is still held
   */
  async beat(jobId: string, progress: number): Promise<boolean> {
    const result = await this.#db
      .updateTable('jobs')
      .set({ lease_until: this.#clock.now() + leaseMs, progress })
      .where('job_id', '=', jobId)
      .where('state', '=', 'running')
      .where('lease_owner', '=', this.owner)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  /**
   * Ends a job that this queue holds.
   * @returns the ended job; undefined when it is not held any more, and nothing of it may be kept
   */
  async end(transaction: Database, jobId: string, end: End): Promise<JobRow | undefined> {
    return transaction
      .updateTable('jobs')
      .set(this.#endColumns(end))
      .where('job_id', '=', jobId)
      .where('state', '=', 'running')
      .where('lease_owner', '=', this.owner)
      .returningAll()
      .executeTakeFirst();
  }

  /** Ends a job whoever holds it, if it has not ended: cancels it, or moves a procedure along. */
  async endAnyhow(transaction: Database, jobId: string, end: End): Promise<JobRow | undefined> {
    return transaction
      .updateTable('jobs')
      .set(this.#endColumns(end))
      .where('job_id', '=', jobId)
      .where('state', 'in', ['waiting', 'running'])
      .returningAll()
      .executeTakeFirst();
  }

  #endColumns(end: End) {
    return {
      state: end.state,
      lease_owner: null,
      lease_until: null,
      finished_at: this.#clock.now(),
      ...(end.state === 'done'
        ? { progress: 100, output: JSON.stringify(end.output), error_code: null, error_detail: null }
        : { error_code: end.error.code, error_detail: explain(end.error) }),
    };
  }

  /** Writes down what a done job brought, which its own transaction has made. */
  async setOutput(transaction: Database, jobId: string, output: JobOutput): Promise<JobRow> {
    return transaction
      .updateTable('jobs')
      .set({ output: JSON.stringify(output) })
      .where('job_id', '=', jobId)
      .returningAll()
      .executeTakeFirstOrThrow();
  }

  /** Gives a job that this queue holds back to those that wait, not to be begun before the time. */
  async giveBack(
    jobId: string,
    runAt: number,
    why: { readonly error?: AircheckError; readonly crashed?: boolean; readonly uncounted?: boolean },
  ): Promise<void> {
    await this.#db
      .updateTable('jobs')
      .set((set) => ({
        state: 'waiting',
        lease_owner: null,
        lease_until: null,
        run_at: runAt,
        progress: 0,
        ...(why.error !== undefined && { error_code: why.error.code, error_detail: explain(why.error) }),
        ...(why.crashed === true && { crashes: set('crashes', '+', 1) }),
        ...(why.uncounted === true && { attempts: set('attempts', '-', 1) }),
      }))
      .where('job_id', '=', jobId)
      .where('state', '=', 'running')
      .where('lease_owner', '=', this.owner)
      .execute();
  }

  /**
   * Gives back all that is held by queues that are gone, which counts as a loss and not as an attempt.
   * @param all - also what a queue held until just now
   */
  async reclaim(all: boolean): Promise<number> {
    const result = await this.#db
      .updateTable('jobs')
      .set((set) => ({
        state: 'waiting',
        lease_owner: null,
        lease_until: null,
        progress: 0,
        attempts: set('attempts', '-', 1),
        losses: set('losses', '+', 1),
      }))
      .where(this.#isLost(all))
      .executeTakeFirst();
    return Number(result.numUpdatedRows);
  }

  /**
   * Takes over, to be ended, what queues that are gone held when they were lost for the last time that a job is given.
   * @param all - as of {@link reclaim}, which is to come after it
   */
  async takeHopeless(all: boolean): Promise<JobRow[]> {
    return this.#db
      .updateTable('jobs')
      .set((set) => ({
        lease_owner: this.owner,
        lease_until: this.#clock.now() + leaseMs,
        losses: set('losses', '+', 1),
      }))
      .where(this.#isLost(all))
      .where('losses', '>=', maxLosses - 1)
      .where('lane', 'in', heavyLanes)
      .returningAll()
      .execute();
  }

  #isLost(all: boolean) {
    return (where: ExpressionBuilder<Schema, 'jobs'>) =>
      where.and([
        where('state', '=', 'running'),
        where('lease_owner', 'is not', null),
        where('lease_owner', '!=', this.owner),
        ...(all ? [] : [where('lease_until', '<', this.#clock.now())]),
      ]);
  }

  /** Forgets jobs that ended before the time, in milliseconds since 1970. */
  async prune(before: number): Promise<void> {
    await this.#db.deleteFrom('jobs').where('finished_at', '<', before).execute();
  }

  /** Puts an ended job among those that wait, as if it had never begun. */
  async restart(transaction: Database, jobId: string): Promise<JobRow | undefined> {
    return transaction
      .updateTable('jobs')
      .set({
        state: 'waiting',
        attempts: 0,
        crashes: 0,
        losses: 0,
        progress: 0,
        run_at: this.#clock.now(),
        output: null,
        error_code: null,
        error_detail: null,
        started_at: null,
        finished_at: null,
      })
      .where('job_id', '=', jobId)
      .where('state', 'in', ['failed', 'cancelled'])
      .returningAll()
      .executeTakeFirst();
  }

  /** Lets an ended procedure run again. */
  async reopen(transaction: Database, jobId: string): Promise<JobRow | undefined> {
    return transaction
      .updateTable('jobs')
      .set({ state: 'running', output: null, error_code: null, error_detail: null, finished_at: null })
      .where('job_id', '=', jobId)
      .where('state', 'in', ['failed', 'cancelled'])
      .returningAll()
      .executeTakeFirst();
  }

  /** Locks a job until the end of the transaction. */
  async touch(transaction: Database, jobId: string): Promise<JobRow | undefined> {
    return transaction
      .updateTable('jobs')
      .set((set) => ({ progress: set.ref('progress') }))
      .where('job_id', '=', jobId)
      .returningAll()
      .executeTakeFirst();
  }

  async setProgress(transaction: Database, jobId: string, progress: number): Promise<void> {
    await transaction.updateTable('jobs').set({ progress }).where('job_id', '=', jobId).execute();
  }

  /** @throws AircheckError `job-not-found`, also for one of another app when `appId` is given */
  async require(jobId: string, appId?: string, db: Database = this.#db): Promise<JobRow> {
    const row = await db.selectFrom('jobs').selectAll().where('job_id', '=', jobId).executeTakeFirst();
    if (row === undefined || (appId !== undefined && row.app_id !== appId)) {
      throw new AircheckError('job-not-found', `There is no job ${jobId}`);
    }
    return row;
  }

  /** The jobs of a procedure, as they were put in. */
  async children(db: Database, parentId: string): Promise<JobRow[]> {
    return db
      .selectFrom('jobs')
      .selectAll()
      .where('parent_id', '=', parentId)
      .orderBy('created_at')
      .orderBy('job_id')
      .execute();
  }

  /** Jobs on a file that have not ended. */
  async unfinishedOf(db: Database, fileId: string): Promise<JobRow[]> {
    return db
      .selectFrom('jobs')
      .selectAll()
      .where('file_id', '=', fileId)
      .where('state', 'not in', finalStates)
      .execute();
  }

  /** Jobs of a file that came to nothing. */
  async unsuccessfulOf(fileId: string): Promise<JobRow[]> {
    return this.#db
      .selectFrom('jobs')
      .selectAll()
      .where('file_id', '=', fileId)
      .where('state', 'in', ['failed', 'cancelled'])
      .execute();
  }

  /** One page, newest first. */
  async list(appId: string, filter: JobFilter): Promise<JobList> {
    let page = this.#db.selectFrom('jobs').selectAll().where('app_id', '=', appId);
    if (filter.fileId !== undefined) page = page.where('file_id', '=', filter.fileId);
    if (filter.type !== undefined) page = page.where('type', 'in', [filter.type].flat());
    if (filter.state !== undefined) page = page.where('state', 'in', [filter.state].flat());
    if (filter.parentId === null) page = page.where('parent_id', 'is', null);
    else if (filter.parentId !== undefined) page = page.where('parent_id', '=', filter.parentId);
    if (filter.createdAfter !== undefined) page = page.where('created_at', '>=', filter.createdAfter);
    if (filter.cursor !== undefined) {
      const { at, id } = decodeCursor(filter.cursor);
      page = page.where((where) =>
        where.or([where('created_at', '<', at), where.and([where('created_at', '=', at), where('job_id', '<', id)])]),
      );
    }
    const rows = await page
      .orderBy('created_at', 'desc')
      .orderBy('job_id', 'desc')
      // One more than asked for tells whether there is another page.
      .limit(filter.limit + 1)
      .execute();
    const last = rows.length > filter.limit ? rows[filter.limit - 1] : undefined;
    return {
      items: rows.slice(0, filter.limit).map(toJob),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.created_at, id: last.job_id }),
    };
  }

  /** How many jobs of each lane wait and run; procedures are not counted beside their jobs. */
  async counts(): Promise<{ lane: string; state: string; count: number }[]> {
    const rows = await this.#db
      .selectFrom('jobs')
      .select(['lane', 'state', (select) => select.fn.countAll<number>().as('count')])
      .where('state', 'in', ['waiting', 'running'])
      .where('lane', '!=', 'none')
      .groupBy(['lane', 'state'])
      .execute();
    return rows.map((row) => ({ ...row, count: Number(row.count) }));
  }
}

/** What was wrong, and what can be done about it. */
function explain({ message, hint }: AircheckError): string {
  return hint === undefined ? message : `${message}. ${hint}`;
}
