import { readdir, readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, facts, type JobService, jobService } from './job-service.ts';
import { SMALL, sharedFolder, writeRecording } from './works/clips.ts';

/** An empty file that takes half a minute and more to read. */
const hugeBytes = 8 * 2 ** 30;

/** Begins a job that takes long in a worker. @returns its id, once a worker has it */
async function longJob(service: JobService): Promise<string> {
  const fileId = await service.addFile(hugeBytes);
  await service.jobs.start();
  const jobId = await service.hash(fileId);
  await workerAt(service, jobId);
  return jobId;
}

/** The process that has the job now, another one than those that had it before. */
async function workerAt(service: JobService, jobId: string, former = new Set<number>()): Promise<number> {
  const pid = async () => {
    const { state } = await service.jobs.get(appId, jobId);
    return state === 'running' ? service.jobs.workerPids.find((pid) => !former.has(pid)) : undefined;
  };
  await expect.poll(pid, { interval: 10 }).toBeDefined();
  return (await pid())!;
}

describeOnBothDatabases('a job worker process', (database) => {
  it('leaves the machine to others, tells how far it has come, and knows no secrets', async () => {
    vi.stubEnv('AIRCHECK_API_SECRET', 'not for workers');
    vi.stubEnv('DATABASE_URL', 'not for workers');
    onTestFinished(() => void vi.unstubAllEnvs());
    const service = await jobService(database.db);
    const jobId = await longJob(service);
    if (process.platform === 'linux') {
      const environment = await readFile(`/proc/${service.jobs.workerPids[0]}/environ`, 'utf8');
      expect(environment).toContain('PATH=');
      expect(environment).not.toContain('not for workers');
    }
    await expect.poll(() => getPriority(service.jobs.workerPids[0])).toBeGreaterThanOrEqual(15);
    const progress = async () => (await service.jobs.get(appId, jobId)).progress;
    await expect.poll(progress, { interval: 20 }).toBeGreaterThan(0);
    expect(await progress()).toBeLessThan(100);
  });

  it('that dies takes nothing with it: the job is begun again, and given up after the third time', async () => {
    const service = await jobService(database.db);
    const jobId = await longJob(service);
    const fileId = await service.addFile(Buffer.from('x'));
    const pids = new Set<number>();
    for (let time = 1; time <= 3; time++) {
      const pid = await workerAt(service, jobId, pids);
      pids.add(pid);
      process.kill(pid, 'SIGKILL');
      if (time < 3) await expect.poll(async () => (await service.jobs.get(appId, jobId)).attempts).toBe(time + 1);
    }
    const job = await service.until(jobId, 'failed');
    expect(job.error).toEqual({ code: 'job-crashed', detail: expect.stringMatching(/SIGKILL.*3\. time/) });
    expect(pids.size).toBe(3);
    await service.until(await service.hash(fileId), 'done');
    await expect.poll(() => readdir(join(service.folder, 'work'))).toEqual([]);
    expect((await service.events()).filter(({ type }) => type.startsWith('job.'))).toMatchObject([
      { type: 'job.failed', data: { jobId } },
    ]);
  });

  it('that hangs is ended, and its job begun again', async () => {
    const service = await jobService(database.db, { timing: { hangMs: 3000 } });
    const jobId = await longJob(service);
    const pid = await workerAt(service, jobId);
    process.kill(pid, 'SIGSTOP');
    await expect.poll(async () => (await service.jobs.get(appId, jobId)).attempts).toBe(2);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect((await service.jobs.get(appId, jobId)).error?.detail).toContain('no progress');
  });

  it('goes on with the next job when one is cancelled', async () => {
    const service = await jobService(database.db);
    const jobId = await longJob(service);
    const pid = await workerAt(service, jobId);
    const next = await service.hash(await service.addFile(Buffer.from('x')));
    await service.jobs.cancelOfFile(database.db, (await service.jobs.get(appId, jobId)).fileId!);
    await service.until(next, 'done');
    expect(service.jobs.workerPids).toEqual([pid]);
    expect(await service.jobs.get(appId, jobId)).toMatchObject({ state: 'cancelled' });
  });

  it('is ended at once when the queue closes, and its job given back', async () => {
    const service = await jobService(database.db);
    const jobId = await longJob(service);
    const pid = await workerAt(service, jobId);
    const before = performance.now();
    await service.jobs.close();
    expect(performance.now() - before).toBeLessThan(2000);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await service.jobs.get(appId, jobId)).toMatchObject({ state: 'waiting', attempts: 0, progress: 0 });
    expect(await readdir(join(service.folder, 'work'))).toEqual([]);
  });

  it('does work that encodes beside work that takes seconds, a job each, and loads FFmpeg where it is needed alone', async () => {
    const service = await jobService(database.db);
    const jobId = await longJob(service);
    const [pid] = service.jobs.workerPids;
    if (process.platform === 'linux') expect(await readFile(`/proc/${pid}/maps`, 'utf8')).not.toContain('node-av');
    const fileId = await service.addFile(Buffer.from('no film'));
    const { jobId: failing } = await service.jobs.create(appId, { type: 'transcode', fileId, definition: 10 });
    expect((await service.until(failing, 'failed')).error).toMatchObject({ code: 'media-invalid' });
    expect((await service.jobs.get(appId, jobId)).state).toBe('running');
  });

  it('says of a clip that it is turned for display as its source is', async () => {
    const service = await jobService(database.db);
    const path = join(await sharedFolder(), 'film.mp4');
    await writeRecording(path, { ...SMALL });
    const video = { ...facts.video!, width: 180, height: 320, rotation: 90 };
    const fileId = await service.addFile(await readFile(path), { facts: { ...facts, durationMs: 3000, video } });
    await service.jobs.start();
    const { jobId } = await service.jobs.create(appId, { type: 'clip', fileId, startMs: 1000, fileName: 'clip' });
    const { output } = await service.until(jobId, 'done');
    const { asset } = await service.library.get(output!.fileId!);
    expect(asset.video).toMatchObject({ width: 180, height: 320, rotation: 90 });
  });

  it('encodes as many files at a time as it may, and all of them', async () => {
    const service = await jobService(database.db);
    const { jobs } = await jobService(database.db, {
      config: {
        jobWorkers: 2,
        dataFolder: service.folder,
        recordingsFolder: service.recordingsFolder,
        derivedFolder: join(service.folder, 'derived'),
        workFolder: join(service.folder, 'work'),
      },
    });
    const path = join(await sharedFolder(), 'film.mp4');
    await writeRecording(path, { ...SMALL });
    const film = await readFile(path);
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      const fileId = await service.addFile(film);
      ids.push((await jobs.create(appId, { type: 'transcode', fileId, definition: 50 })).jobId);
    }
    await jobs.start();
    const spans: { readonly from: number; readonly to: number }[] = [];
    for (const jobId of ids) {
      await expect.poll(async () => (await jobs.get(appId, jobId)).finishedAt, { timeout: 40_000 }).not.toBeNull();
      const { state, startedAt, finishedAt } = await jobs.get(appId, jobId);
      expect(state).toBe('done');
      spans.push({ from: Date.parse(startedAt!), to: Date.parse(finishedAt!) });
    }
    // Where the most run, one of them is beginning.
    const atOnce = spans.map(({ from: at }) => spans.filter(({ from, to }) => from <= at && at < to).length);
    expect(Math.max(...atOnce)).toBe(2);
  });
});
