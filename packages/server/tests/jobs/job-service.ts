import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { newFileId } from '@aircheck/engine/file-id';
import type { Event, Job, JobState } from '@aircheck/protocol';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { Apps, ConsoleSessions, registerAccess } from '../../src/apps/index.ts';
import { systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { Jobs, type JobsOptions, registerJobRoutes } from '../../src/jobs/index.ts';
import { Library, type NewFile } from '../../src/library/index.ts';
import { createTestHttpServer } from '../http/declared-errors.ts';

const credentials = { key: 'ak_test', secret: 'a secret of sixteen letters' };

export const appId = 'default';

/** Facts of a file that a recording made: nobody looks into it. */
export const facts: NewFile['facts'] = {
  mimeType: 'video/mp4',
  durationMs: 10_000,
  sizeBytes: 1000,
  video: { codec: 'h264', width: 640, height: 360, frames: 250, fps: 25, bitrateBps: 500_000 },
  audio: { codec: 'opus', sampleRate: 48_000, channels: 2, packets: 500, bitrateBps: 64_000 },
  extension: 'mp4',
};

export interface JobService {
  readonly jobs: Jobs;
  readonly library: Library;
  readonly folder: string;
  readonly recordingsFolder: string;
  /** Enters a file; a number: an empty file of that many bytes. */
  addFile(content: Buffer | number, changes?: Partial<NewFile>): Promise<string>;
  /** Puts in a job that the control process does itself. */
  pull(uploadId: string, priority?: number): Promise<string>;
  hash(fileId: string): Promise<string>;
  until(jobId: string, state: JobState): Promise<Job>;
  /** The REST interface, as the app itself. */
  api(): Promise<Api>;
  events(): Promise<Pick<Event, 'type' | 'subject' | 'data'>[]>;
}

/** Asks and answers; what is answered is JSON as a rule. */
export type Api = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests.
) => Promise<{ status: number; body: any }>;

/** The queue with its library, without a server around; it is started by the test. */
export async function jobService(db: Database, options: Partial<JobsOptions> = {}): Promise<JobService> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-jobs-'));
  const recordingsFolder = join(folder, 'recordings');
  await mkdir(recordingsFolder);
  const outbox = new Outbox(systemClock);
  const library: Library = new Library({
    db,
    outbox,
    clock: systemClock,
    enqueueRemoval: (transaction, { fileId }) => jobs.cancelOfFile(transaction, fileId),
  });
  const jobs: Jobs = new Jobs({
    db,
    library,
    outbox,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
    ...options,
    config: {
      jobWorkers: 1,
      dataFolder: folder,
      recordingsFolder,
      derivedFolder: join(folder, 'derived'),
      workFolder: join(folder, 'work'),
      ...options.config,
    },
    timing: { backOffMs: 20, idleMs: 500, pollMs: 200, ...options.timing },
  });
  onTestFinished(async () => {
    await jobs.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    jobs,
    library,
    folder,
    recordingsFolder,
    async addFile(content, changes = {}) {
      const fileId = newFileId();
      const path = `${fileId}/0000-${fileId}.mp4`;
      await mkdir(dirname(join(recordingsFolder, path)), { recursive: true });
      await writeFile(join(recordingsFolder, path), typeof content === 'number' ? '' : content);
      if (typeof content === 'number') await truncate(join(recordingsFolder, path), content);
      const file = { appId, fileId, source: 'upload', path, facts, fileName: 'file', ...changes } as const;
      await db.transaction().execute((transaction) => library.addFile(transaction, file));
      return fileId;
    },
    pull: (uploadId, priority) =>
      db
        .transaction()
        .execute((transaction) =>
          jobs.enqueueInternal(transaction, { type: 'pull', appId, input: { uploadId, url: 'http://x/' }, priority }),
        ),
    hash: (fileId) =>
      db
        .transaction()
        .execute((transaction) =>
          jobs.enqueueInternal(transaction, { type: 'hash', appId, fileId, input: { fileId } }),
        ),
    async until(jobId, state) {
      await expect.poll(async () => (await jobs.get(appId, jobId)).state, { interval: 20 }).toBe(state);
      return jobs.get(appId, jobId);
    },
    async api() {
      const apps = await Apps.open({
        db,
        credentials,
        sessions: new ConsoleSessions(credentials.secret, systemClock),
        clock: systemClock,
      });
      const app = await createTestHttpServer({
        logger: pino({ level: 'silent' }),
        version: '1.2.3',
        consoleFolder: join(folder, 'console'),
        sdkFolder: join(folder, 'sdk'),
        agentFolder: join(folder, 'agent'),
        health: {
          draining: () => false,
          readyWorkers: () => 1,
          workerStats: async () => [],
          jobCounts: () => jobs.counts(),
        },
      });
      onTestFinished(() => app.close());
      registerAccess(app, apps);
      registerJobRoutes(app, jobs);
      const authorization = `Basic ${Buffer.from(`${credentials.key}:${credentials.secret}`).toString('base64')}`;
      return async (method, url, payload) => {
        const answer = await app.inject({
          method,
          url,
          headers: { authorization },
          ...(payload !== undefined && { payload }),
        });
        const json = answer.headers['content-type']?.includes('json') === true;
        return { status: answer.statusCode, body: json ? answer.json() : answer.body };
      };
    },
    async events() {
      const rows = await db.selectFrom('events').selectAll().orderBy('seq').execute();
      return rows.map(({ type, subject, data }) => ({ type, subject, data: JSON.parse(data) }) as never);
    },
  };
}

/** A promise that a test resolves. */
export function gate(): PromiseWithResolvers<void> {
  return Promise.withResolvers<void>();
}
