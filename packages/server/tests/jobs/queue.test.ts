import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, gate, jobService } from './job-service.ts';

const done = { path: '/nowhere', sizeBytes: 0 };

describeOnBothDatabases('the queue of jobs', (database) => {
  it('computes the digests of a file in a worker process, and keeps them with the file', async () => {
    const service = await jobService(database.db);
    const content = Buffer.from('one, two, three');
    const fileId = await service.addFile(content);
    await service.jobs.start();
    const job = await service.until(await service.hash(fileId), 'done');
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(job.output).toMatchObject({ sha256 });
    expect((await service.library.get(fileId)).asset.sha256).toBe(sha256);
    expect(job).toMatchObject({ progress: 100, attempts: 1, error: null });
    await expect.poll(() => readdir(join(service.folder, 'work'))).toEqual([]);
  });

  it('starts a worker process when there is work, and ends it when there has been none for a while', async () => {
    const service = await jobService(database.db, { timing: { idleMs: 1500 } });
    await service.jobs.start();
    expect(service.jobs.workerPids).toEqual([]);
    const fileId = await service.addFile(Buffer.from('x'));
    await service.until(await service.hash(fileId), 'done');
    const [pid, ...others] = service.jobs.workerPids;
    expect(others).toEqual([]);
    await service.until(await service.hash(fileId), 'done');
    expect(service.jobs.workerPids).toEqual([pid]);
    await expect.poll(() => service.jobs.workerPids).toEqual([]);
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
  });

  it('does the job of the higher priority first, and of equal ones the older', async () => {
    const service = await jobService(database.db);
    const order: string[] = [];
    const held = gate();
    let running = 0;
    service.jobs.onRun('pull', async ({ input }) => {
      order.push(input.uploadId);
      // As many as run at a time are held, so that those behind them wait for one another.
      if (++running <= 4) await held.promise;
      return done;
    });
    await service.jobs.start();
    for (const name of ['a', 'b', 'c', 'd']) await service.pull(name, 9);
    await expect.poll(() => order.length).toBe(4);
    const low = await service.pull('low', -5);
    await service.pull('first', 0);
    await service.pull('second', 0);
    await service.pull('high', 5);
    held.resolve();
    await service.until(low, 'done');
    expect(order.slice(4)).toEqual(['high', 'first', 'second', 'low']);
  });

  it('removes files while downloads take all the places that they have', async () => {
    const service = await jobService(database.db);
    const held = gate();
    let pulls = 0;
    service.jobs.onRun('pull', async () => {
      pulls++;
      await held.promise;
      return done;
    });
    service.jobs.onRun('delete', async () => ({}));
    await service.jobs.start();
    for (let index = 0; index < 6; index++) await service.pull(String(index), 10);
    await expect.poll(() => pulls).toBe(4);
    const input = { fileId: '12345678901234567', reason: 'request' } as const;
    const removal = await service.jobs.enqueueInternal(database.db, { type: 'delete', appId, input });
    await service.until(removal, 'done');
    expect(pulls).toBe(4);
    held.resolve();
    await expect.poll(() => pulls).toBe(6);
  });

  it('runs no more jobs at a time than it may', async () => {
    const service = await jobService(database.db);
    let running = 0;
    let most = 0;
    service.jobs.onRun('pull', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return done;
    });
    await service.jobs.start();
    const ids: string[] = [];
    for (let index = 0; index < 20; index++) ids.push(await service.pull(String(index)));
    for (const id of ids) await service.until(id, 'done');
    expect(most).toBeLessThanOrEqual(4);
  });

  it('tries again what may pass, ever later, and says what was wrong until then', async () => {
    const service = await jobService(database.db, { random: () => 0.5, timing: { backOffMs: 60 } });
    const at: number[] = [];
    service.jobs.onRun('pull', async () => {
      at.push(performance.now());
      if (at.length < 4) throw new AircheckError('storage-full', 'no room');
      return done;
    });
    await service.jobs.start();
    const jobId = await service.pull('x');
    await expect
      .poll(async () => (await service.jobs.get(appId, jobId)).error, { interval: 5 })
      .toMatchObject({ code: 'storage-full', detail: 'no room' });
    expect(await service.until(jobId, 'done')).toMatchObject({ attempts: 4, error: null });
    const waits = at.slice(1).map((time, index) => time - at[index]!);
    expect(waits[0]).toBeGreaterThan(55);
    expect(waits[1]).toBeGreaterThan(115);
    expect(waits[2]).toBeGreaterThan(235);
  });

  it('fails at once what cannot get better, and tells it', async () => {
    const service = await jobService(database.db);
    service.jobs.onRun('pull', async () => {
      throw new AircheckError('media-invalid', 'that is a text', { hint: 'Send a film' });
    });
    await service.jobs.start();
    const job = await service.until(await service.pull('x'), 'failed');
    expect(job).toMatchObject({ attempts: 1, error: { code: 'media-invalid', detail: 'that is a text. Send a film' } });
    expect(await service.events()).toMatchObject([
      { type: 'job.failed', subject: job.jobId, data: { jobId: job.jobId } },
    ]);
  });

  it('gives a job up when it has failed too often', async () => {
    const service = await jobService(database.db, { timing: { backOffMs: 1 } });
    service.jobs.onRun('pull', async () => {
      throw new AircheckError('timeout', 'too slow');
    });
    await service.jobs.start();
    expect(await service.until(await service.pull('x'), 'failed')).toMatchObject({
      attempts: 8,
      error: { code: 'timeout' },
    });
  });

  it('writes what follows from a job in the transaction that ends it, and nothing where that fails', async () => {
    const service = await jobService(database.db);
    let ends = 0;
    service.jobs.onRun('pull', async () => done);
    service.jobs.onFinished('pull', async (_job, outcome) => async (transaction) => {
      if (outcome.state !== 'done') return undefined;
      await transaction
        .insertInto('rooms')
        .values({ app_id: appId, room_id: `room-${++ends}`, type: 'multi', created_at: 0 })
        .execute();
      if (ends === 1) throw new AircheckError('storage-failed', 'the disk hiccuped');
      return undefined;
    });
    await service.jobs.start();
    await service.until(await service.pull('x'), 'done');
    const rooms = await database.db.selectFrom('rooms').select('room_id').execute();
    expect(rooms).toEqual([{ room_id: 'room-2' }]);
    expect((await service.events()).map(({ type }) => type)).toEqual(['job.done']);
  });

  it('cancels a job that waits', async () => {
    const service = await jobService(database.db);
    const jobId = await service.pull('x');
    expect(await service.jobs.cancel(appId, jobId)).toMatchObject({
      state: 'cancelled',
      error: { code: 'job-cancelled' },
    });
    let begun = 0;
    service.jobs.onRun('pull', async () => {
      begun++;
      return done;
    });
    await service.jobs.start();
    await service.until(await service.pull('y'), 'done');
    expect(begun).toBe(1);
    await expect(service.jobs.cancel(appId, jobId)).rejects.toMatchObject({ code: 'job-state' });
    await expect(service.jobs.cancel(appId, 'nothing')).rejects.toMatchObject({ code: 'job-not-found' });
    await expect(service.jobs.cancel('another', jobId)).rejects.toMatchObject({ code: 'job-not-found' });
  });

  it('cancels a job that runs, stops it, and drops what it brings', async () => {
    const service = await jobService(database.db);
    const begun = gate();
    const stopped = gate();
    const ends: string[] = [];
    service.jobs.onRun('pull', async (_job, { signal }) => {
      begun.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      stopped.resolve();
      return done;
    });
    service.jobs.onFinished('pull', async (_job, { state }) => {
      ends.push(`${state} seen`);
      return async () => {
        ends.push(state);
        return undefined;
      };
    });
    await service.jobs.start();
    const jobId = await service.pull('x');
    await begun.promise;
    await service.jobs.cancel(appId, jobId);
    await stopped.promise;
    await service.jobs.close();
    expect((await service.jobs.get(appId, jobId)).state).toBe('cancelled');
    expect(ends.filter((end) => !end.endsWith('seen'))).toEqual(['cancelled']);
    expect((await service.events()).map(({ type }) => type)).toEqual(['job.cancelled']);
  });

  it('does a job again on demand, as if it were new', async () => {
    const service = await jobService(database.db);
    let broken = true;
    service.jobs.onRun('delete', async () => {
      if (broken) throw new AircheckError('media-invalid', 'broken');
      return {};
    });
    await service.jobs.start();
    const input = { fileId: '12345678901234567', reason: 'request' } as const;
    const jobId = await service.jobs.enqueueInternal(database.db, { type: 'delete', appId, input });
    await service.until(jobId, 'failed');
    broken = false;
    expect(await service.jobs.redo(appId, jobId)).toMatchObject({ jobId, attempts: 0, error: null, finishedAt: null });
    expect(await service.until(jobId, 'done')).toMatchObject({ attempts: 1, error: null });
    await expect(service.jobs.redo(appId, jobId)).rejects.toMatchObject({ code: 'job-state' });
  });

  it('gives what runs back at once when it closes, and does not count that', async () => {
    const service = await jobService(database.db);
    const begun = gate();
    service.jobs.onRun('pull', (_job, { signal }) => {
      begun.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    await service.jobs.start();
    const jobId = await service.pull('x');
    await begun.promise;
    await service.jobs.close();
    expect(await service.jobs.get(appId, jobId)).toMatchObject({ state: 'waiting', attempts: 0 });
  });

  it('takes each job once, whoever asks at the same time', async () => {
    const service = await jobService(database.db);
    for (let index = 0; index < 12; index++) await service.pull(String(index));
    const queues = Array.from({ length: 6 }, () => new JobStore(database.db, systemClock));
    const taken = await Promise.all(
      queues.flatMap((queue) => [queue, queue, queue]).map((queue) => queue.claim('pull')),
    );
    const ids = taken.flatMap((row) => row?.job_id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    // Who was beaten to one gets the next: nothing is left.
    const rest = [await queues[0]!.claim('pull'), await queues[0]!.claim('pull')];
    expect(ids.length + rest.filter((row) => row !== undefined).length).toBe(12);
  });

  it('takes back what is held by one that is not heard of any more, which then can write nothing', async () => {
    const clock = { nowMs: Date.now(), now: () => clock.nowMs };
    const service = await jobService(database.db);
    const jobId = await service.pull('x');
    const [gone, other] = [new JobStore(database.db, clock), new JobStore(database.db, clock)];
    clock.nowMs += 1000;
    await gone.claim('pull');
    clock.nowMs += 20_000;
    expect(await gone.beat(jobId, 50)).toBe(true);
    clock.nowMs += 20_000;
    expect(await other.reclaim(false)).toBe(0);
    clock.nowMs += 11_000;
    expect(await other.reclaim(false)).toBe(1);
    expect(await other.claim('pull')).toMatchObject({ job_id: jobId, attempts: 1 });
    expect(await gone.beat(jobId, 60)).toBe(false);
    expect(await gone.end(database.db, jobId, { state: 'done', output: {} })).toBeUndefined();
    expect(await other.end(database.db, jobId, { state: 'done', output: {} })).toMatchObject({ state: 'done' });
  });

  it('begins again what a killed server held, and removes what it left', async () => {
    const killed = new JobStore(database.db, systemClock);
    const service = await jobService(database.db);
    const jobId = await service.pull('x');
    await killed.claim('pull');
    service.jobs.onRun('pull', async () => done);
    await service.jobs.start();
    expect(await service.until(jobId, 'done')).toMatchObject({ attempts: 1 });
    await service.jobs.close();
    await writeFile(join(service.folder, 'work', 'left'), 'x');
    const next = await jobService(database.db, { config: { ...configOf(service.folder) } });
    await next.jobs.start();
    expect(await readdir(join(service.folder, 'work'))).toEqual([]);
  });

  it('fails a job that ran at five ends of the server, each time it was not closed', async () => {
    const service = await jobService(database.db);
    const jobId = await service.hash(await service.addFile(Buffer.from('x')));
    const download = await service.pull('x');
    for (let time = 1; time <= 4; time++) {
      const killed = new JobStore(database.db, systemClock);
      expect(await killed.claim('short')).toMatchObject({ job_id: jobId });
      expect(await killed.claim('pull')).toMatchObject({ job_id: download });
      const next = new JobStore(database.db, systemClock);
      expect(await next.takeHopeless(true)).toEqual([]);
      expect(await next.reclaim(true)).toBe(2);
    }
    const killed = new JobStore(database.db, systemClock);
    await killed.claim('short');
    await killed.claim('pull');
    service.jobs.onRun('pull', async () => done);
    await service.jobs.start();
    expect(await service.jobs.get(appId, jobId)).toMatchObject({
      state: 'failed',
      error: { code: 'job-crashed', detail: expect.stringContaining('went down 5 times') },
    });
    // It waits for others most of the time, and is never given up for that.
    await service.until(download, 'done');
    expect((await service.events()).filter(({ type }) => type === 'job.failed')).toMatchObject([{ data: { jobId } }]);
    // Somebody who wants it again has as many times again.
    await service.jobs.redo(appId, jobId);
    await service.until(jobId, 'done');
    const row = await database.db.selectFrom('jobs').select('losses').where('job_id', '=', jobId).executeTakeFirst();
    expect(row).toEqual({ losses: 0 });
  });

  it('holds a job that is given up until its end can be written down, and starts all the same', async () => {
    const clock = { aheadMs: 0, now: () => Date.now() + clock.aheadMs };
    const service = await jobService(database.db, { clock });
    const jobIds: string[] = [];
    for (const content of ['x', 'y']) jobIds.push(await service.hash(await service.addFile(Buffer.from(content))));
    const [stuck, other] = jobIds as [string, string];
    const killed = new JobStore(database.db, systemClock);
    for (const _ of jobIds) await killed.claim('short');
    await database.db.updateTable('jobs').set({ losses: 4 }).execute();
    let tries = 0;
    service.jobs.onFinished('hash', async ({ jobId }) => {
      if (jobId === stuck && ++tries === 1) throw new Error('the database refuses');
      return undefined;
    });
    await service.jobs.start();
    expect((await service.jobs.get(appId, other)).state).toBe('failed');
    expect((await service.jobs.get(appId, stuck)).state).toBe('running');
    clock.aheadMs = 31_000;
    expect((await service.until(stuck, 'failed')).error).toMatchObject({ code: 'job-crashed' });
    expect(tries).toBe(2);
  });

  it('does what is put in by a transaction only after it, and not at all when it is taken back', async () => {
    const service = await jobService(database.db);
    const begun: string[] = [];
    service.jobs.onRun('pull', async ({ input }) => {
      begun.push(input.uploadId);
      return done;
    });
    await service.jobs.start();
    const given = database.db.transaction().execute(async (transaction) => {
      const input = { uploadId: 'never', url: 'http://x/' };
      await service.jobs.enqueueInternal(transaction, { type: 'pull', appId, input });
      throw new Error('taken back');
    });
    await expect(given).rejects.toThrow('taken back');
    await service.until(await service.pull('x'), 'done');
    expect(begun).toEqual(['x']);
  });

  it('lists jobs, newest first, in pages and by what they are', async () => {
    const service = await jobService(database.db);
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.push(await service.pull(String(index)));
    const fileId = await service.addFile(Buffer.from('x'));
    const hashed = await service.hash(fileId);
    await service.jobs.cancel(appId, ids[0]!);
    const first = await service.jobs.list(appId, { limit: 4 });
    const second = await service.jobs.list(appId, { limit: 4, cursor: first.nextCursor! });
    expect([...first.items, ...second.items].map(({ jobId }) => jobId).toSorted()).toEqual([...ids, hashed].toSorted());
    expect(second.nextCursor).toBeNull();
    const states = async (filter: object) => (await service.jobs.list(appId, { limit: 50, ...filter })).items.length;
    expect(await states({ type: 'hash' })).toBe(1);
    expect(await states({ fileId })).toBe(1);
    expect(await states({ state: 'cancelled' })).toBe(1);
    expect(await states({ state: 'waiting' })).toBe(5);
    expect((await service.jobs.list('another', { limit: 50 })).items).toEqual([]);
    const counts = await service.jobs.counts();
    expect(counts).toContainEqual({ lane: 'pull', state: 'waiting', count: 4 });
  });
});

function configOf(folder: string) {
  return {
    jobWorkers: 1,
    dataFolder: folder,
    recordingsFolder: join(folder, 'recordings'),
    derivedFolder: join(folder, 'derived'),
    workFolder: join(folder, 'work'),
  };
}
