import {
  AircheckError,
  type Asset,
  type JobRequest,
  type Procedure,
  type ProcedureSpec,
  type PutProcedureRequest,
  type RecordingProcess,
} from '@aircheck/protocol';
import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Database, JobRow, ProcedureRow } from '../db/index.ts';
import type { JobEnds } from './job-ends.ts';
import type { JobStore } from './job-store.ts';
import { requireReady } from './limits.ts';
import { findAsset, type Orders, type WorkRequest } from './orders.ts';
import { convertProcedure, processSpec } from './recording-process.ts';
import type { Templates } from './templates.ts';

interface ProceduresOptions {
  readonly db: Database;
  readonly store: JobStore;
  readonly ends: JobEnds;
  readonly templates: Templates;
  readonly orders: Orders;
  readonly clock: Clock;
}

type ProcedureRequest = Extract<JobRequest, { type: 'procedure' }>;

/** What nobody waits for goes after what somebody asked for. */
const automaticPriority = -4;

/** Jobs that go together on a file: one job that stands for all, whose state follows theirs. */
export class Procedures {
  readonly #options: ProceduresOptions;

  constructor(options: ProceduresOptions) {
    this.#options = options;
  }

  async list(appId: string): Promise<Procedure[]> {
    const { db } = this.#options;
    const rows = await db.selectFrom('procedures').selectAll().where('app_id', '=', appId).orderBy('name').execute();
    return rows.map(toProcedure);
  }

  /** @throws AircheckError `procedure-not-found` */
  async get(appId: string, name: string, db: Database = this.#options.db): Promise<Procedure> {
    const row = await db
      .selectFrom('procedures')
      .selectAll()
      .where('app_id', '=', appId)
      .where('name', '=', name)
      .executeTakeFirst();
    if (row === undefined) throw notFound(name);
    return toProcedure(row);
  }

  /** Makes a procedure or replaces it. @throws AircheckError `template-not-found`, `request-invalid` for one without steps */
  async put(appId: string, name: string, request: z.output<typeof PutProcedureRequest>): Promise<Procedure> {
    const { db, clock } = this.#options;
    await this.#checkSpec(db, appId, request.spec);
    const now = clock.now();
    const changes = { spec: JSON.stringify(request.spec), automatic: request.automatic ? 1 : 0, updated_at: now };
    await db
      .insertInto('procedures')
      .values({ app_id: appId, name, created_at: now, ...changes })
      .onConflict((conflict) => conflict.columns(['app_id', 'name']).doUpdateSet(changes))
      .execute();
    return this.get(appId, name);
  }

  /** Those that run go on. @throws AircheckError `procedure-not-found` */
  async remove(appId: string, name: string): Promise<void> {
    const result = await this.#options.db
      .deleteFrom('procedures')
      .where('app_id', '=', appId)
      .where('name', '=', name)
      .executeTakeFirst();
    if (result.numDeletedRows === 0n) throw notFound(name);
  }

  /**
   * Puts in the jobs of a procedure and the one that stands for them.
   * @throws AircheckError `asset-not-found`, `asset-state`, `procedure-not-found`, `template-not-found`, `request-invalid`
   */
  async begin(db: Database, appId: string, request: ProcedureRequest, priority: number): Promise<JobRow> {
    const { fileId, name } = request;
    if ((name === undefined) === (request.spec === undefined)) {
      throw new AircheckError('request-invalid', 'A procedure is named by name or given as spec', {
        input: 'body.name',
      });
    }
    const spec = request.spec ?? (await this.get(appId, name!, db)).spec;
    await this.#checkSpec(db, appId, spec);
    const { asset } = await findAsset(db, appId, fileId);
    requireReady(asset);
    const steps = stepsOf(spec, asset);
    if (steps.length === 0) {
      throw new AircheckError('media-invalid', `None of the procedure's steps applies to the file ${fileId}`);
    }
    for (const step of steps) await this.#options.orders.prepare(db, appId, step);
    // Of a transaction that is under way it becomes a part.
    const insert = (transaction: Database) => this.#insert(transaction, appId, request, steps, priority);
    return db.isTransaction ? insert(db) : db.transaction().execute(insert);
  }

  /**
   * Begins what runs by itself on a new recording. What is wrong with it fails its jobs and never the recording.
   * @param transaction - the one in which the file becomes ready
   */
  async beginAutomatic(transaction: Database, appId: string, asset: Asset): Promise<void> {
    const rows = await transaction
      .selectFrom('procedures')
      .selectAll()
      .where('app_id', '=', appId)
      .where('automatic', '=', 1)
      .orderBy('name')
      .execute();
    for (const { name, spec } of rows.map(toProcedure)) {
      const steps = stepsOf(spec, asset);
      const request: ProcedureRequest = { type: 'procedure', fileId: asset.fileId, name };
      if (steps.length > 0) await this.#insertAutomatic(transaction, appId, request, steps);
    }
  }

  /**
   * Begins what was asked for with a recording, on one of its files. What the app lacks for it (a watermark) fails the job
   * when it begins, and never the recording.
   * @param transaction - the one in which the file becomes ready
   */
  async beginProcess(transaction: Database, appId: string, asset: Asset, process: RecordingProcess): Promise<void> {
    const row = await transaction
      .selectFrom('procedures')
      .selectAll()
      .where('app_id', '=', appId)
      .where('name', '=', convertProcedure)
      .executeTakeFirst();
    const settings = row === undefined ? undefined : toProcedure(row);
    const watermark = process.watermark && asset.video !== null;
    // What runs by itself is not done twice.
    const transcode = process.transcode && (watermark || settings?.automatic !== true);
    const spec = processSpec({ ...process, transcode, watermark }, settings?.spec);
    const steps = stepsOf(spec, asset);
    if (steps.length === 0) return;
    const purpose = spec.transcode.length > 0 ? { purpose: convertProcedure } : {};
    const request: ProcedureRequest = { type: 'procedure', fileId: asset.fileId, spec, ...purpose };
    await this.#insertAutomatic(transaction, appId, request, steps);
  }

  /** Its input tells that nobody asked for it by a call. */
  async #insertAutomatic(
    transaction: Database,
    appId: string,
    request: ProcedureRequest,
    steps: readonly WorkRequest[],
  ): Promise<void> {
    await this.#insert(transaction, appId, { ...request, automatic: true }, steps, automaticPriority);
  }

  async #insert(
    transaction: Database,
    appId: string,
    request: ProcedureRequest & { readonly automatic?: true },
    steps: readonly WorkRequest[],
    priority: number,
  ): Promise<JobRow> {
    const { store, ends } = this.#options;
    const { fileId } = request;
    const procedure = await store.insert(transaction, {
      appId,
      type: 'procedure',
      input: request,
      priority,
      fileId,
      state: 'running',
    });
    for (const step of steps) {
      const parentId = procedure.job_id;
      await store.insert(transaction, { appId, type: step.type, input: step, priority, fileId, parentId });
    }
    await ends.tellProcedure(transaction, procedure);
    return procedure;
  }

  async #checkSpec(db: Database, appId: string, spec: ProcedureSpec): Promise<void> {
    const { templates } = this.#options;
    const { transcode, aac, cover, sprite, snapshotOffsetsMs, snapshotDefinition, samples } = spec;
    const nothing = transcode.length + sprite.length + snapshotOffsetsMs.length === 0 && samples === undefined;
    if (!aac && !cover && nothing) {
      throw new AircheckError('request-invalid', 'A procedure has a step at least', { input: 'body.spec' });
    }
    for (const { definition, watermark } of transcode) {
      await templates.find(db, appId, 'transcode', definition);
      if (watermark !== undefined) await templates.find(db, appId, 'watermark', watermark);
    }
    for (const definition of sprite) await templates.find(db, appId, 'sprite', definition);
    for (const definition of [snapshotDefinition, samples?.definition]) {
      if (definition !== undefined) await templates.find(db, appId, 'snapshot', definition);
    }
  }
}

/** The jobs of a procedure on that file. Snapshots at times are one job, samples another, and without a picture there are none. */
function stepsOf(spec: ProcedureSpec, { fileId, durationMs, video, audio }: Asset): WorkRequest[] {
  const picture = video !== null;
  const offsetsMs = spec.snapshotOffsetsMs.filter((offsetMs) => offsetMs <= durationMs);
  const steps: (WorkRequest | false)[] = [
    picture && spec.cover && { type: 'cover', fileId },
    picture && offsetsMs.length > 0 && { type: 'snapshot', fileId, offsetsMs, definition: spec.snapshotDefinition },
    picture &&
      spec.samples !== undefined && {
        type: 'snapshot',
        fileId,
        samplePercent: spec.samples.percent,
        definition: spec.samples.definition,
      },
    ...spec.sprite.map((definition): WorkRequest | false => picture && { type: 'sprite', fileId, definition }),
    audio !== null && spec.aac && { type: 'aac', fileId },
    ...spec.transcode.map((step): WorkRequest => ({ type: 'transcode', fileId, ...step })),
  ];
  return steps.filter((step) => step !== false);
}

function toProcedure(row: ProcedureRow): Procedure {
  return { name: row.name, spec: JSON.parse(row.spec) as ProcedureSpec, automatic: row.automatic !== 0 };
}

function notFound(name: string): AircheckError {
  return new AircheckError('procedure-not-found', `There is no procedure ${name}`);
}
