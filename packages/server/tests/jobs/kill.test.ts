import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { CreateJobRequest, Job, Upload } from '@aircheck/protocol';
import { startServer } from '@aircheck/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Database, type DatabaseLocation, openDatabase } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { newFileId } from '../../src/file-id.ts';
import { Library } from '../../src/library/index.ts';
import { createPostgresDatabase } from '../databases.ts';
import { appId } from './job-service.ts';
import { doWork, SMALL, writeRecording } from './works/clips.ts';

/** The same clip again and again: half a minute of picture and sound. */
const parts = Array.from({ length: 10 }, () => SMALL);

interface Site {
  readonly dataFolder: string;
  readonly env: Record<string, string>;
  readonly location: DatabaseLocation;
}

async function siteOf(kind: 'sqlite' | 'postgres'): Promise<Site> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'aircheck-kill-'));
  onTestFinished(() => rm(dataFolder, { recursive: true, force: true }));
  const url = kind === 'postgres' ? await createPostgresDatabase() : undefined;
  return {
    dataFolder,
    location: url === undefined ? { kind: 'sqlite', file: join(dataFolder, 'aircheck.db') } : { kind: 'postgres', url },
    env: {
      AIRCHECK_MEDIA_WORKERS: '1',
      AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1',
      AIRCHECK_API_SECRET: 'a-secret-of-the-kill-tests',
      ...(url !== undefined && { DATABASE_URL: url }),
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

/** Kinds at whose sight the server is killed; on the second database only some, since it is the same queue. */
const kinds = {
  sqlite: ['transcode', 'aac', 'snapshot', 'cover', 'sprite', 'concat', 'clip', 'pull'],
  postgres: ['transcode', 'pull'],
};

describe.each(['sqlite', 'postgres'] as const)('a server that is killed during jobs (%s)', (kind) => {
  it('does every kind of job again, and nothing twice', { timeout: 400_000 }, async () => {
    const { dataFolder, env, location } = await siteOf(kind);
    const start = () => startServer({ dataFolder, env });
    let server = await start();
    onTestFinished(() => server.kill());
    const db = await openDatabase(location);
    onTestFinished(() => db.destroy());
    const [film, other, gone] = [
      await addFilm(db, dataFolder),
      await addFilm(db, dataFolder),
      await addFilm(db, dataFolder),
    ];
    const create = (request: CreateJobRequest) => server.api.request<Job>('POST', '/v1/jobs', request);
    const address = await slowFile(join(dataFolder, 'recordings', film, `0000-${film}.mp4`));
    const before = systemClock.now();
    const { uploadId } = await server.api.request<Upload>('POST', '/v1/pulls', { url: address, fileName: 'pulled' });
    const jobs = [
      await create({ type: 'transcode', fileId: film, definition: 10 }),
      await create({ type: 'aac', fileId: film }),
      await create({ type: 'snapshot', fileId: film, offsetsMs: [0, 10_000, 25_000] }),
      await create({ type: 'cover', fileId: film }),
      await create({ type: 'sprite', fileId: film }),
      await create({ type: 'concat', fileIds: [film, other, film], fileName: 'joined' }),
      await create({ type: 'clip', fileId: film, startMs: 5000, endMs: 25_000, fileName: 'clip' }),
      await create({
        type: 'procedure',
        fileId: other,
        spec: { transcode: [{ definition: 50 }], cover: true, aac: false, sprite: [], snapshotOffsetsMs: [] },
      }),
    ];
    await server.api.request('DELETE', `/v1/assets/${gone}?now=true`);

    const running = () =>
      db
        .selectFrom('jobs')
        .select(['job_id', 'type'])
        .where('state', '=', 'running')
        .where('type', '!=', 'procedure')
        .execute();
    const left = () =>
      db.selectFrom('jobs').select('job_id').where('state', 'in', ['waiting', 'running']).executeTakeFirst();
    const cut = new Set<string>();
    const wanted = new Set<string>(kinds[kind]);
    for (let kills = 0; kills < 20 && (await left()) !== undefined; ) {
      const now = await running();
      if (now.some(({ type }) => wanted.has(type) && !cut.has(type))) {
        // Somewhere in the middle, as power cuts come.
        await setTimeout(Math.random() * 40);
        await server.kill();
        kills++;
        for (const { type } of await running()) cut.add(type);
        server = await start();
      } else await setTimeout(2);
    }
    await expect.poll(left, { timeout: 180_000 }).toBeUndefined();
    // Those that take moments may have been done before they were seen.
    expect(cut).toContain('transcode');
    expect(cut.size).toBeGreaterThanOrEqual(wanted.size / 2);

    for (const { jobId } of jobs) {
      const job = await server.api.request<Job>('GET', `/v1/jobs/${jobId}`);
      expect(job).toMatchObject({ state: 'done', error: null });
    }
    const events = await db.selectFrom('events').selectAll().where('created_at', '>=', before).execute();
    const told = events
      .filter(({ type }) => type.startsWith('job.'))
      .map(({ type, data }) => [type, JSON.parse(data).jobId]);
    for (const { jobId } of jobs) expect(told.filter(([, id]) => id === jobId)).toEqual([['job.done', jobId]]);

    const derivatives = await db.selectFrom('derivatives').selectAll().execute();
    const counts = Object.groupBy(
      derivatives,
      ({ job_id, kind }) => `${kind} ${jobs.find(({ jobId }) => jobId === job_id)?.type}`,
    );
    expect(Object.fromEntries(Object.entries(counts).map(([name, rows]) => [name, rows!.length]))).toEqual({
      'rendition transcode': 1,
      'rendition aac': 1,
      'rendition undefined': 1,
      'snapshot snapshot': 3,
      'cover cover': 10,
      'cover undefined': 10,
      'sprite sprite': 1,
    });
    const assets = await db.selectFrom('assets').selectAll().execute();
    expect(assets.map(({ source }) => source).toSorted()).toEqual(['clip', 'concat', 'pull', 'upload', 'upload']);
    expect(await server.api.request('GET', `/v1/uploads/${uploadId}`)).toMatchObject({ state: 'ready' });
    expect(events.filter(({ type }) => type === 'asset.ready')).toHaveLength(3);
    expect(events.filter(({ type }) => type === 'asset.deleted')).toHaveLength(1);

    // What is on the disk is what the database knows of, no more and no less.
    for (const { path, size_bytes } of assets) {
      expect((await stat(join(dataFolder, 'recordings', path))).size).toBe(size_bytes);
    }
    const folders = (await readdir(join(dataFolder, 'recordings'))).filter((name) => !name.startsWith('.'));
    expect(folders.toSorted()).toEqual(assets.map(({ file_id }) => file_id).toSorted());
    for (const fileId of [film, other]) {
      const kept = derivatives.filter(({ file_id }) => file_id === fileId).map(({ path }) => path.split('/')[1]);
      expect((await readdir(join(dataFolder, 'derived', fileId))).toSorted()).toEqual(kept.toSorted());
    }
    for (const folder of ['work', 'uploads']) {
      await expect.poll(() => readdir(join(dataFolder, folder)), { message: folder }).toEqual([]);
    }
  });
});
