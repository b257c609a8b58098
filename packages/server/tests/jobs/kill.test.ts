import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { newFileId } from '@aircheck/engine/file-id';
import type { CreateJobRequest, Job, Upload } from '@aircheck/protocol';
import { startServer } from '@aircheck/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { Library } from '../../src/library/index.ts';
import { databaseForServer, locationOf } from '../databases.ts';
import { appId } from './job-service.ts';
import { doWork, SMALL, writeRecording } from './works/clips.ts';

/** The same clip again and again: twelve seconds of picture and sound. */
const parts = Array.from({ length: 4 }, () => SMALL);
/** Nothing, but for those who read a file from end to end: bytes of a box behind the film. */
const paddingBytes = 64 * 2 ** 20;

interface Site {
  readonly dataFolder: string;
  readonly env: Record<string, string>;
  readonly database: string | undefined;
  readonly location: DatabaseLocation;
}

async function siteOf(kind: 'sqlite' | 'postgres'): Promise<Site> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'aircheck-kill-'));
  onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
  const database = await databaseForServer(kind);
  return {
    dataFolder,
    database,
    location: locationOf(database, dataFolder),
    env: {
      AIRCHECK_MEDIA_WORKERS: '1',
      // All that encodes at once: one kill cuts it all.
      AIRCHECK_JOB_WORKERS: '5',
      AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1',
      AIRCHECK_API_SECRET: 'a-secret-of-the-kill-tests',
    },
  };
}

/** Puts a film into the library of a server that runs, beside it. */
async function addFilm(db: Database, dataFolder: string): Promise<string> {
  const fileId = newFileId();
  const path = `${fileId}/0000-${fileId}.mp4`;
  const absolute = join(dataFolder, 'recordings', path);
  await mkdir(dirname(absolute), { recursive: true });
  await writeRecording(absolute, ...parts);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(paddingBytes);
  header.write('free', 4, 'latin1');
  await appendFile(absolute, header);
  await truncate(absolute, (await stat(absolute)).size + paddingBytes - header.length);
  const { facts } = (await doWork('probe', { path: absolute })).result;
  const library = new Library({
    db,
    outbox: new Outbox(systemClock),
    clock: systemClock,
    enqueueRemoval: async () => {},
  });
  const file = { appId, fileId, source: 'upload', path, facts, fileName: 'film' } as const;
  await db.transaction().execute((transaction) => library.addFile(transaction, file));
  return fileId;
}

/** Serves a file so slowly that it takes about a second. @returns its address */
async function slowFile(path: string): Promise<string> {
  const content = await readFile(path);
  const server = createServer(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': content.length });
    for (let part = 0; part < 10; part++) {
      response.write(content.subarray((content.length * part) / 10, (content.length * (part + 1)) / 10));
      await setTimeout(100);
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/film.mp4`;
}

/** Kinds that are cut. */
const kinds = [
  ...['transcode', 'aac', 'snapshot', 'cover', 'sprite', 'concat', 'clip'],
  ...['hash', 'probe', 'pull', 'delete'],
] as const;
type Kind = (typeof kinds)[number];

/** What a job of each kind leaves behind, where that is counted. */
const leaves: Partial<Record<Kind, Record<string, number>>> = {
  transcode: { rendition: 1 },
  aac: { rendition: 1 },
  snapshot: { snapshot: 3 },
  cover: { cover: 10 },
  sprite: { sprite: 1 },
};

describe.each(['sqlite', 'postgres'] as const)('a server that is killed during jobs (%s)', (kind) => {
  it('does every kind of job again, and nothing twice', { timeout: 240_000 }, async () => {
    const { dataFolder, env, database, location } = await siteOf(kind);
    const start = () => startServer({ dataFolder, database, env });
    let server = await start();
    onTestFinished(() => server.kill());
    const db = await openDatabase(location);
    onTestFinished(() => db.destroy());
    const store = new JobStore(db, systemClock);
    const [film, other] = [await addFilm(db, dataFolder), await addFilm(db, dataFolder)];
    const address = await slowFile(join(dataFolder, 'recordings', film, `0000-${film}.mp4`));
    const before = systemClock.now();

    const jobs = new Map<string, Kind | 'procedure'>();
    const uploads: string[] = [];
    let deletions = 0;
    const create = async (request: CreateJobRequest) => {
      const { jobId } = await server.api.request<Job>('POST', '/v1/jobs', request);
      jobs.set(jobId, request.type);
    };
    const pull = async () => {
      const request = { url: address, fileName: 'pulled' };
      uploads.push((await server.api.request<Upload>('POST', '/v1/pulls', request)).uploadId);
    };
    const make: Record<Kind, () => Promise<unknown>> = {
      transcode: () => create({ type: 'transcode', fileId: film, definition: 10 }),
      aac: () => create({ type: 'aac', fileId: film }),
      snapshot: () => create({ type: 'snapshot', fileId: film, offsetsMs: [0, 4000, 11_000] }),
      cover: () => create({ type: 'cover', fileId: film }),
      sprite: () => create({ type: 'sprite', fileId: film }),
      concat: () => create({ type: 'concat', fileIds: [film, other, film], fileName: 'joined' }),
      clip: () => create({ type: 'clip', fileId: film, startMs: 3000, endMs: 11_000, fileName: 'clip' }),
      hash: () => store.insert(db, { appId, type: 'hash', fileId: film, input: { fileId: film }, priority: 0 }),
      pull,
      probe: pull,
      delete: async () => {
        const gone = await addFilm(db, dataFolder);
        // As many as the segments of a long film: their removal takes its time.
        const folder = join(dataFolder, 'derived', gone, 'segments');
        await mkdir(folder, { recursive: true });
        for (let index = 0; index < 3000; index++) writeFileSync(join(folder, `${index}.m4s`), '');
        await server.api.request('DELETE', `/v1/assets/${gone}?now=true`);
        deletions++;
      },
    };

    const unfinished = () =>
      db.selectFrom('jobs').select(['type', 'state']).where('state', 'in', ['waiting', 'running']).execute();
    const running = async () => (await unfinished()).filter(({ state }) => state === 'running');
    const uncut = new Set<string>(kinds);
    /** Somewhere in the middle, as power cuts come. What is cut is done again when all are, so that the others run soon. */
    const cut = async () => {
      await server.kill();
      for (const { type } of await running()) uncut.delete(type);
      const later = systemClock.now() + 3_600_000;
      await db
        .updateTable('jobs')
        .set({ run_at: uncut.size === 0 ? 0 : later })
        .where('state', 'in', ['waiting', 'running'])
        // Of a pull comes a probe.
        .$if(uncut.size > 0, (update) => update.where('type', 'not in', [...uncut, 'pull']))
        .execute();
      server = await start();
    };
    for (const kind of kinds) if (kind !== 'probe') await make[kind]();
    const spec = { transcode: [{ definition: 50 }], cover: true, aac: false, sprite: [], snapshotOffsetsMs: [] };
    await create({ type: 'procedure', fileId: other, spec });
    for (let kills = 0; uncut.size > 0; ) {
      const now = await unfinished();
      if (now.some(({ type, state }) => state === 'running' && uncut.has(type))) {
        expect(++kills, `not cut yet: ${[...uncut]}`).toBeLessThan(30);
        await setTimeout(Math.random() * 100);
        await cut();
      } else {
        // One that was done before it was seen is asked for once more; a pull brings its probe.
        for (const kind of kinds) {
          const comes = now.some(({ type }) => type === kind || (kind === 'probe' && type === 'pull'));
          if (uncut.has(kind) && !comes) await make[kind]();
        }
        await setTimeout(2);
      }
    }
    await expect.poll(unfinished, { timeout: 60_000 }).toEqual([]);

    for (const jobId of jobs.keys()) {
      const job = await server.api.request<Job>('GET', `/v1/jobs/${jobId}`);
      expect(job).toMatchObject({ state: 'done', error: null });
    }
    const failed = await db.selectFrom('jobs').selectAll().where('state', '!=', 'done').execute();
    expect(failed).toEqual([]);
    const events = await db.selectFrom('events').selectAll().where('created_at', '>=', before).execute();
    const told = events
      .filter(({ type }) => type.startsWith('job.'))
      .map(({ type, data }) => [type, JSON.parse(data).jobId]);
    for (const jobId of jobs.keys()) expect(told.filter(([, id]) => id === jobId)).toEqual([['job.done', jobId]]);

    const derivatives = await db.selectFrom('derivatives').selectAll().execute();
    for (const [jobId, kind] of jobs) {
      const made = Object.groupBy(
        derivatives.filter(({ job_id }) => job_id === jobId),
        (row) => row.kind,
      );
      const counts = Object.fromEntries(Object.entries(made).map(([name, rows]) => [name, rows!.length]));
      expect(counts, kind).toEqual(kind === 'procedure' ? {} : (leaves[kind] ?? {}));
    }
    const ofProcedure = derivatives.filter(({ job_id }) => !jobs.has(job_id)).map((row) => row.kind);
    expect(ofProcedure.toSorted()).toEqual([...Array.from({ length: 10 }, () => 'cover'), 'rendition']);
    const assets = await db.selectFrom('assets').selectAll().execute();
    const edited = [...jobs.values()].filter((kind) => kind === 'clip' || kind === 'concat');
    const sources = [...edited, ...uploads.map(() => 'pull'), 'upload', 'upload'];
    expect(assets.map(({ source }) => source).toSorted()).toEqual(sources.toSorted());
    for (const uploadId of uploads) {
      expect(await server.api.request('GET', `/v1/uploads/${uploadId}`)).toMatchObject({ state: 'ready' });
    }
    expect(events.filter(({ type }) => type === 'asset.ready')).toHaveLength(
      edited.length + uploads.length + deletions,
    );
    expect(events.filter(({ type }) => type === 'asset.deleted')).toHaveLength(deletions);
    const content = await readFile(join(dataFolder, 'recordings', film, `0000-${film}.mp4`));
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(assets.find(({ file_id }) => file_id === film)).toMatchObject({ sha256 });

    // What is on the disk is what the database knows of, no more and no less.
    for (const { path, size_bytes } of assets) {
      expect((await stat(join(dataFolder, 'recordings', path))).size).toBe(size_bytes);
    }
    const folders = (await readdir(join(dataFolder, 'recordings'))).filter((name) => !name.startsWith('.'));
    expect(folders.toSorted()).toEqual(assets.map(({ file_id }) => file_id).toSorted());
    const derived = new Set(derivatives.map(({ path }) => path.split('/').slice(0, 2).join('/')));
    const onDisk: string[] = [];
    for (const fileId of await readdir(join(dataFolder, 'derived'))) {
      for (const name of await readdir(join(dataFolder, 'derived', fileId))) onDisk.push(`${fileId}/${name}`);
    }
    expect(onDisk.toSorted()).toEqual([...derived].toSorted());
    for (const folder of ['work', 'uploads']) {
      await expect.poll(() => readdir(join(dataFolder, folder)), { message: folder }).toEqual([]);
    }
  });
});
