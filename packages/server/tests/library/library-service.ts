import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Event } from '@aircheck/protocol';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Database } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { Jobs } from '../../src/jobs/index.ts';
import { Library, type NewFile, Removals, Sweeper } from '../../src/library/index.ts';

export const appId = 'default';

/** The library with its queue, its removals and its sweeper, over files of a folder, at a time that the test moves. */
export interface LibraryService {
  readonly library: Library;
  readonly jobs: Jobs;
  readonly removals: Removals;
  readonly sweeper: Sweeper;
  readonly outbox: Outbox;
  readonly clock: { nowMs: number; now(): number };
  readonly recordingsFolder: string;
  readonly derivedFolder: string;
  /** Enters a file with a few bytes on the disk. */
  addFile(changes?: Partial<NewFile>): Promise<string>;
  /** Enters a rendition of a file, with bytes on the disk. */
  addRendition(fileId: string, derivativeId: string, kind?: 'rendition' | 'cover' | 'sprite'): Promise<void>;
  events(): Promise<Pick<Event, 'type' | 'subject' | 'data'>[]>;
}

let fileNumber = 0;

export async function libraryService(db: Database): Promise<LibraryService> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-library-'));
  const [recordingsFolder, derivedFolder] = [join(folder, 'recordings'), join(folder, 'derived')];
  const startMs = Date.now();
  const clock = { nowMs: startMs, now: () => clock.nowMs };
  const logger = pino({ level: 'silent' });
  const outbox = new Outbox(clock);
  const library: Library = new Library({
    db,
    outbox,
    clock,
    async enqueueRemoval(transaction, { appId, fileId, reason }) {
      await jobs.cancelOfFile(transaction, fileId);
      await jobs.enqueueInternal(transaction, { type: 'delete', appId, fileId, input: { fileId, reason } });
    },
  });
  const jobs: Jobs = new Jobs({
    db,
    library,
    outbox,
    clock,
    logger,
    config: { jobWorkers: 1, dataFolder: folder, recordingsFolder, derivedFolder, workFolder: join(folder, 'work') },
    timing: { backOffMs: 20, idleMs: 500, pollMs: 50 },
  });
  const removals = new Removals({ db, outbox, config: { recordingsFolder, derivedFolder } });
  removals.attach(jobs);
  const sweeper = new Sweeper({ db, library, clock, logger });
  onTestFinished(async () => {
    await sweeper.close();
    await jobs.close();
    await rm(folder, { recursive: true, force: true });
  });
  const write = async (path: string, content: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  return {
    library,
    jobs,
    removals,
    sweeper,
    outbox,
    clock,
    recordingsFolder,
    derivedFolder,
    async addFile(changes = {}) {
      fileNumber += 1;
      const fileId = `1795258529${String(fileNumber).padStart(9, '0')}`;
      const path = `${fileId}/0000-${fileId}.mp4`;
      await write(join(recordingsFolder, path), 'bytes');
      const file = {
        appId,
        fileId,
        source: 'upload',
        path,
        facts: {
          mimeType: 'video/mp4',
          durationMs: 10_000,
          sizeBytes: 5,
          video: { codec: 'h264', width: 640, height: 360, frames: 250, fps: 25, bitrateBps: 500_000 },
          audio: null,
          extension: 'mp4',
        },
        fileName: 'Lesson',
        startedAt: clock.now(),
        ...changes,
      } as const;
      await db.transaction().execute((transaction) => library.addFile(transaction, file));
      return fileId;
    },
    async addRendition(fileId, derivativeId, kind = 'rendition') {
      const path = kind === 'sprite' ? `${fileId}/${derivativeId}/0.jpg` : `${fileId}/${derivativeId}.mp4`;
      await write(join(derivedFolder, path), 'rendition');
      const mimeType = kind === 'rendition' ? 'video/mp4' : 'image/jpeg';
      const made = { derivativeId, kind, definition: 1, path, mimeType, sizeBytes: 9, info: {}, jobId: 'job' };
      await db.transaction().execute((transaction) => library.addDerivatives(transaction, fileId, [made]));
    },
    async events() {
      const rows = await db.selectFrom('events').selectAll().orderBy('seq').execute();
      return rows.map(({ type, subject, data }) => ({ type: type as Event['type'], subject, data: JSON.parse(data) }));
    },
  };
}
