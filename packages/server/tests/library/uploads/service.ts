import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AircheckError, type Role, type Upload } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Apps, ConsoleSessions, registerAccess } from '../../../src/apps/index.ts';
import type { Database } from '../../../src/db/index.ts';
import { Outbox } from '../../../src/events/index.ts';
import type { FinishedHandler, InternalRequest, Jobs } from '../../../src/jobs/index.ts';
import type { WorkResults } from '../../../src/jobs/work-orders.ts';
import { Library } from '../../../src/library/index.ts';
import { registerUploadRoutes, TusServer, Uploads } from '../../../src/library/uploads/index.ts';
import { createTestHttpServer } from '../../http/declared-errors.ts';

const secret = 'a secret of sixteen letters';

export const facts = {
  mimeType: 'video/mp4',
  durationMs: 10_000,
  sizeBytes: 64,
  video: null,
  audio: null,
  extension: 'mp4',
};

/** The place of the queue: keeps what is put in, and ends a probe when the test says how. */
class HeldJobs implements Pick<Jobs, 'enqueueInternal' | 'onFinished'> {
  readonly waiting: InternalRequest[] = [];
  readonly #db: Database;
  #onProbe: FinishedHandler<'probe'> | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  async enqueueInternal(_transaction: Database, request: InternalRequest): Promise<string> {
    this.waiting.push(request);
    return `job-${this.waiting.length}`;
  }

  onFinished: Jobs['onFinished'] = (type, handler) => {
    if (type === 'probe') this.#onProbe = handler as unknown as FinishedHandler<'probe'>;
  };

  /** Ends the probe that waits longest. @param commit - false: the server is killed just before */
  async endProbe(result: WorkResults['probe'] | AircheckError, commit = true): Promise<void> {
    const request = this.waiting[0];
    if (request?.type !== 'probe') throw new Error('no probe waits');
    if (commit) this.waiting.shift();
    const job = { jobId: 'job', appId: request.appId, type: 'probe' as const, input: request.input, attempts: 1 };
    const write = await this.#onProbe!(
      job,
      result instanceof AircheckError ? { state: 'failed', error: result } : { state: 'done', result },
    );
    if (commit) await this.#db.transaction().execute(async (transaction) => write?.(transaction));
  }
}

export interface UploadService {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly uploads: Uploads;
  readonly jobs: HeldJobs;
  readonly library: Library;
  readonly folder: string;
  readonly clock: { nowMs: number; now(): number };
  readonly authorization: string;
  /** What the disk can take. */
  free: number;
  /** Where anna is now, and as what. */
  presence: ReadonlyMap<string, Role>;
  bearer(userId: string, role: Role, roomId?: string): Promise<string>;
  status(uploadId: string, authorization?: string): Promise<Upload>;
  close(): Promise<void>;
}

/** The service as far as uploads go, on a free port, with uploads of up to 100 MB. */
export async function startUploadService(
  db: Database,
  recordings: Record<string, { roomId: string; userId: string }> = {},
): Promise<UploadService> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-uploads-'));
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const logger = pino({ level: 'silent' });
  const credentials = { key: 'ak_test', secret };
  const sessions = new ConsoleSessions(secret, clock);
  const apps = await Apps.open({ db, credentials, sessions, clock });
  const outbox = new Outbox(clock);
  const library = new Library({ db, outbox, clock, enqueueRemoval: async () => {} });
  const jobs = new HeldJobs(db);
  const config = {
    uploadsFolder: join(folder, 'uploads'),
    recordingsFolder: join(folder, 'recordings'),
    uploadMaxBytes: 100 * 2 ** 20,
  };
  const uploads = new Uploads({
    db,
    library,
    jobs,
    outbox,
    recordingOwner: async (_appId, recordingId) => {
      const recording = recordings[recordingId];
      if (recording === undefined) throw new AircheckError('recording-not-found', `There is no ${recordingId}`);
      return recording;
    },
    config,
    clock,
    logger,
    freeBytes: async () => service.free,
  });
  await uploads.start();
  const app = await createTestHttpServer({
    logger,
    version: '1.2.3',
    consoleFolder: join(folder, 'console'),
    sdkFolder: join(folder, 'sdk'),
    agentFolder: join(folder, 'agent'),
    health: { draining: () => false, readyWorkers: () => 1, workerStats: async () => [] },
  });
  registerAccess(app, apps);
  apps.usePresence((_appId, userId) => (userId === 'anna' ? service.presence : new Map()));
  const tus = new TusServer({ uploads, uploadsFolder: config.uploadsFolder, publicUrl: undefined, logger });
  registerUploadRoutes(app, uploads, tus);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const service: UploadService = {
    app,
    url,
    uploads,
    jobs,
    library,
    folder,
    clock,
    authorization: `Basic ${Buffer.from(`ak_test:${secret}`).toString('base64')}`,
    free: Number.POSITIVE_INFINITY,
    presence: new Map(),
    bearer: async (userId, role, roomId = 'studio') =>
      `Bearer ${(await apps.signToken('default', { userId, role, roomId, ttlSeconds: 3600 })).token}`,
    async status(uploadId, authorization = service.authorization) {
      const answer = await fetch(`${url}/v1/uploads/${uploadId}`, { headers: { authorization } });
      return (await answer.json()) as Upload;
    },
    async close() {
      uploads.close();
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return service;
}
