import { AircheckError, type Job, type JobType, type ProcedureChanged } from '@aircheck/protocol';
import type { Database, JobRow } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { Commit, FinishedHandler, InternalJob, InternalType, Outcome } from './internal-jobs.ts';
import { isFinal, toJob } from './job-rows.ts';
import type { End, JobStore } from './job-store.ts';

/** Types that are the library's own business: people neither cancel them nor hear of their success. */
const silentTypes: ReadonlySet<string> = new Set<JobType>(['hash', 'probe', 'delete']);
const internalTypes: ReadonlySet<string> = new Set<InternalType>(['hash', 'probe', 'pull', 'delete']);

interface JobEndsOptions {
  readonly db: Database;
  readonly store: JobStore;
  readonly outbox: Outbox;
}

/** The one place where jobs end: the state, what came of it, the events and the procedure are one transaction. */
export class JobEnds {
  readonly #db: Database;
  readonly #store: JobStore;
  readonly #outbox: Outbox;
  readonly #handlers = new Map<string, FinishedHandler<never>>();

  constructor({ db, store, outbox }: JobEndsOptions) {
    this.#db = db;
    this.#store = store;
    this.#outbox = outbox;
  }

  onFinished<T extends InternalType>(type: T, handler: FinishedHandler<T>): void {
    this.#handlers.set(type, handler as FinishedHandler<never>);
  }

  /**
   * What follows from the end of an internal job by those who asked for it.
   * @returns undefined where nothing follows
   */
  async follow(row: JobRow, outcome: Outcome<InternalType>): Promise<Commit | undefined> {
    const handler = this.#handlers.get(row.type);
    if (handler === undefined) return undefined;
    const job: InternalJob<InternalType> = {
      jobId: row.job_id,
      appId: row.app_id,
      type: row.type as InternalType,
      input: JSON.parse(row.input),
      attempts: row.attempts,
    };
    return (handler as FinishedHandler<InternalType>)(job, outcome);
  }

  /**
   * Ends a job that this queue has run.
   * @param commit - writes what came of it
   * @returns false when it was taken away meanwhile: nothing has been written
   */
  async finish(row: JobRow, end: End, commit: Commit | undefined): Promise<boolean> {
    const ended = await this.#db.transaction().execute(async (transaction) => {
      // First of all: it locks the job, so that a cancellation comes before all of this or after it.
      let ended = await this.#store.end(transaction, row.job_id, end);
      if (ended === undefined) return false;
      const output = await commit?.(transaction);
      if (output !== undefined) ended = await this.#store.setOutput(transaction, row.job_id, output);
      await this.#ended(transaction, ended);
      return true;
    });
    this.#outbox.wake();
    return ended;
  }

  /**
   * @returns the job, and the jobs of a procedure that were cancelled with it
   * @throws AircheckError `job-not-found`, `job-state`
   */
  async cancel(appId: string, jobId: string): Promise<[JobRow, ...JobRow[]]> {
    const row = await this.#store.require(jobId, appId);
    if (silentTypes.has(row.type)) {
      throw new AircheckError('job-state', `A job of type ${row.type} belongs to the library and is not cancelled`);
    }
    const error = new AircheckError('job-cancelled', 'The job was cancelled');
    const follow = internalTypes.has(row.type) && !isFinal(row.state);
    const commit = follow ? await this.follow(row, { state: 'cancelled', error }) : undefined;
    const cancelled = await this.#db.transaction().execute(async (transaction) => {
      const cancelled = await this.#cancel(transaction, row, error);
      if (cancelled !== undefined) await commit?.(transaction);
      return cancelled;
    });
    this.#outbox.wake();
    if (cancelled !== undefined) return cancelled;
    const { state } = await this.#store.require(jobId);
    throw new AircheckError('job-state', `The job is ${state} already`);
  }

  async cancelOfFile(transaction: Database, fileId: string): Promise<void> {
    const error = new AircheckError('job-cancelled', 'The file is being deleted');
    const rows = await this.#store.unfinishedOf(transaction, fileId);
    // Procedures first, which take their jobs with them.
    for (const row of rows.toSorted((a, b) => Number(b.type === 'procedure') - Number(a.type === 'procedure'))) {
      if (row.type !== 'delete') await this.#cancel(transaction, row, error);
    }
  }

  async #cancel(
    transaction: Database,
    { job_id: jobId, type }: JobRow,
    error: AircheckError,
  ): Promise<[JobRow, ...JobRow[]] | undefined> {
    const end: End = { state: 'cancelled', error };
    const parts: JobRow[] = [];
    // Jobs before their procedure, as when they end by themselves: two transactions never wait for one another.
    if (type === 'procedure') {
      for (const child of await this.#store.children(transaction, jobId)) {
        const ended = await this.#store.endAnyhow(transaction, child.job_id, end);
        if (ended !== undefined) parts.push(ended);
      }
    }
    const row = await this.#store.endAnyhow(transaction, jobId, end);
    if (row === undefined) return undefined;
    for (const part of parts) await this.#tell(transaction, part);
    if (type === 'procedure') await this.tellProcedure(transaction, row);
    await this.#ended(transaction, row);
    return [row, ...parts];
  }

  /** @throws AircheckError `job-not-found`, `job-state` */
  async redo(appId: string, jobId: string): Promise<JobRow> {
    const row = await this.#store.require(jobId, appId);
    if (row.type === 'pull' || row.type === 'probe') {
      throw new AircheckError('job-state', 'The upload that the job belongs to has ended; a new one does it again');
    }
    const redone = await this.#db
      .transaction()
      .execute((transaction) =>
        row.type === 'procedure' ? this.#redoProcedure(transaction, row) : this.#redoJob(transaction, row),
      );
    this.#outbox.wake();
    return redone;
  }

  async #redoJob(transaction: Database, row: JobRow): Promise<JobRow> {
    const restarted = await this.#store.restart(transaction, row.job_id);
    if (restarted === undefined) throw notFailed(row);
    if (row.parent_id !== null) {
      const procedure = await this.#store.reopen(transaction, row.parent_id);
      if (procedure !== undefined) await this.tellProcedure(transaction, procedure);
    }
    return restarted;
  }

  async #redoProcedure(transaction: Database, row: JobRow): Promise<JobRow> {
    for (const child of await this.#store.children(transaction, row.job_id)) {
      await this.#store.restart(transaction, child.job_id);
    }
    const procedure = await this.#store.reopen(transaction, row.job_id);
    if (procedure === undefined) throw notFailed(row);
    await this.tellProcedure(transaction, procedure);
    return procedure;
  }

  async #ended(transaction: Database, row: JobRow): Promise<void> {
    await this.#tell(transaction, row);
    if (row.parent_id !== null) await this.#settle(transaction, row.parent_id);
  }

  /** Moves a procedure along after one of its jobs has ended. */
  async #settle(transaction: Database, procedureId: string): Promise<void> {
    // A write comes first: of two jobs that end at once, the second waits here and then sees the end of the first.
    const procedure = await this.#store.touch(transaction, procedureId);
    if (procedure === undefined || isFinal(procedure.state)) return;
    const children = await this.#store.children(transaction, procedureId);
    const ended = children.filter(({ state }) => isFinal(state));
    if (ended.length < children.length) {
      await this.#store.setProgress(transaction, procedureId, (100 * ended.length) / children.length);
      return this.tellProcedure(transaction, procedure);
    }
    const row = await this.#store.endAnyhow(transaction, procedureId, endOf(children));
    if (row === undefined) return;
    await this.tellProcedure(transaction, row);
    await this.#tell(transaction, row);
  }

  /** Tells what a procedure has come to. */
  async tellProcedure(transaction: Database, procedure: JobRow): Promise<void> {
    const children = await this.#store.children(transaction, procedure.job_id);
    const { name } = JSON.parse(procedure.input) as { readonly name?: string };
    const data: ProcedureChanged = {
      jobId: procedure.job_id,
      fileId: procedure.file_id!,
      name: name ?? null,
      state: procedure.state as ProcedureChanged['state'],
      jobs: children.map((child) => ({
        jobId: child.job_id,
        type: child.type,
        state: child.state as ProcedureChanged['state'],
        definition: (JSON.parse(child.input) as { readonly definition?: number }).definition ?? null,
      })),
    };
    const subject = await this.#subject(transaction, procedure);
    await this.#outbox.append(transaction, { appId: procedure.app_id, type: 'procedure.changed', subject, data });
  }

  async #tell(transaction: Database, row: JobRow): Promise<void> {
    if (silentTypes.has(row.type) && row.state !== 'failed') return;
    const data: Job = toJob(row);
    await this.#outbox.append(transaction, {
      appId: row.app_id,
      type: `job.${row.state as 'done' | 'failed' | 'cancelled'}`,
      subject: await this.#subject(transaction, row),
      data,
    });
  }

  async #subject(transaction: Database, row: JobRow): Promise<string> {
    if (row.file_id === null) return row.job_id;
    const asset = await transaction
      .selectFrom('assets')
      .select('recording_id')
      .where('file_id', '=', row.file_id)
      .executeTakeFirst();
    return asset?.recording_id ?? row.file_id;
  }
}

/** A procedure is what its jobs are: failed when one of them is, cancelled when one is and none failed. */
function endOf(children: readonly JobRow[]): End {
  const failed = children.filter(({ state }) => state === 'failed');
  const [first] = failed;
  if (first !== undefined) {
    const detail = `${failed.length} of ${children.length} jobs failed: ${first.error_detail}`;
    const { code } = AircheckError.fromProblem({ code: first.error_code } as never);
    return { state: 'failed', error: new AircheckError(code, detail) };
  }
  const cancelled = children.find(({ state }) => state === 'cancelled');
  if (cancelled === undefined) return { state: 'done', output: {} };
  return { state: 'cancelled', error: new AircheckError('job-cancelled', `The job ${cancelled.job_id} was cancelled`) };
}

function notFailed({ state }: JobRow): AircheckError {
  return new AircheckError('job-state', `The job is ${state}; only those that failed or were cancelled are done again`);
}
