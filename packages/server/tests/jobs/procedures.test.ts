import type { CreateJobRequest, ProcedureChanged } from '@aircheck/protocol';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import type { NewFile } from '../../src/library/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, facts, type JobService, jobService } from './job-service.ts';

const everything = {
  transcode: [{ definition: 20 }],
  cover: true,
  sprite: [510],
  snapshotOffsetsMs: [0, 5000, 60_000],
};

const changes = async (service: JobService): Promise<ProcedureChanged[]> =>
  (await service.events())
    .filter(({ type }) => type === 'procedure.changed')
    .map(({ data }) => data as ProcedureChanged);

describeOnBothDatabases('procedures', (database) => {
  it('are kept by name', async () => {
    const api = await (await jobService(database.db)).api();
    const put = await api('PUT', '/v1/procedures/archive', { spec: everything, automatic: true });
    expect(put).toMatchObject({ status: 200, body: { name: 'archive', automatic: true, spec: { aac: false } } });
    await api('PUT', '/v1/procedures/archive', { spec: { cover: true } });
    expect((await api('GET', '/v1/procedures')).body.items).toEqual([
      { name: 'archive', automatic: false, spec: expect.objectContaining({ cover: true, transcode: [] }) },
    ]);
    expect((await api('PUT', '/v1/procedures/x', { spec: {} })).body).toMatchObject({
      code: 'request-invalid',
      input: 'body.spec',
    });
    const unknown = await api('PUT', '/v1/procedures/x', { spec: { transcode: [{ definition: 999 }] } });
    expect(unknown.body.code).toBe('template-not-found');
    expect((await api('DELETE', '/v1/procedures/archive')).status).toBe(204);
    expect((await api('GET', '/v1/procedures/archive')).body.code).toBe('procedure-not-found');
  });

  it('put in a job for each step that fits the file, and one that stands for all', async () => {
    const service = await jobService(database.db);
    const fileId = await service.addFile(Buffer.from('x'), { recordingId: null });
    const api = await service.api();
    const { body, status } = await api('POST', '/v1/jobs', {
      type: 'procedure',
      fileId,
      spec: everything,
      priority: 3,
    });
    expect({ status, ...body }).toMatchObject({ status: 201, type: 'procedure', state: 'running', fileId });
    const { items } = (await api('GET', `/v1/jobs?parentId=${body.jobId}`)).body;
    expect(items.map(({ type }: { type: string }) => type).toSorted()).toEqual([
      'cover',
      'snapshot',
      'sprite',
      'transcode',
    ]);
    expect(items.find(({ type }: { type: string }) => type === 'snapshot').input.offsetsMs).toEqual([0, 5000]);
    expect(items.every(({ priority }: { priority: number }) => priority === 3)).toBe(true);
    const sound = await service.addFile(Buffer.from('x'), { facts: { ...facts, video: null } });
    const second = await service.jobs.create(appId, { type: 'procedure', fileId: sound, spec: everything });
    const steps = await service.jobs.list(appId, { parentId: second.jobId, limit: 50 });
    expect(steps.items.map(({ type }) => type)).toEqual(['transcode']);
    await expect(
      service.jobs.create(appId, { type: 'procedure', fileId: sound, spec: { cover: true } }),
    ).rejects.toMatchObject({ code: 'media-invalid' });
    await expect(service.jobs.create(appId, { type: 'procedure', fileId, name: 'none' })).rejects.toMatchObject({
      code: 'procedure-not-found',
    });
  });

  it('follow their jobs: done when all are, failed when one is, and again when that is done again', async () => {
    const service = await jobService(database.db);
    const fileId = await service.addFile(Buffer.from('no film'));
    const store = new JobStore(database.db, systemClock);
    const { jobId } = await service.jobs.create(appId, {
      type: 'procedure',
      fileId,
      spec: { cover: true, sprite: [510] },
    });
    expect(await changes(service)).toMatchObject([
      { jobId, state: 'running', jobs: [{ state: 'waiting' }, { state: 'waiting' }] },
    ]);
    await service.jobs.start();
    const failed = await service.until(jobId, 'failed');
    expect(failed.error?.detail).toMatch(/^2 of 2 jobs failed: /);
    const told = await changes(service);
    expect(told.at(-1)).toMatchObject({ state: 'failed', jobs: [{ state: 'failed' }, { state: 'failed' }] });
    expect(told.slice(1, -1).every(({ state }) => state === 'running')).toBe(true);
    const types = (await service.events()).filter(({ type }) => type.startsWith('job.')).map(({ type }) => type);
    expect(types).toEqual(['job.failed', 'job.failed', 'job.failed']);
    await service.jobs.close();
    expect(await service.jobs.redo(appId, jobId)).toMatchObject({ state: 'running', error: null, finishedAt: null });
    const children = await store.children(database.db, jobId);
    expect(children.map(({ state }) => state)).toEqual(['waiting', 'waiting']);
  });

  it('are cancelled with all their jobs, and when one of these is', async () => {
    const service = await jobService(database.db);
    const fileId = await service.addFile(Buffer.from('x'));
    const request: CreateJobRequest = { type: 'procedure', fileId, spec: { cover: true, sprite: [510] } };
    const first = await service.jobs.create(appId, request);
    expect(await service.jobs.cancel(appId, first.jobId)).toMatchObject({ state: 'cancelled' });
    const { items } = await service.jobs.list(appId, { parentId: first.jobId, limit: 50 });
    expect(items.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
    const second = await service.jobs.create(appId, request);
    for (const { jobId } of (await service.jobs.list(appId, { parentId: second.jobId, limit: 50 })).items) {
      await service.jobs.cancel(appId, jobId);
    }
    expect(await service.jobs.get(appId, second.jobId)).toMatchObject({ state: 'cancelled' });
  });

  it('run by themselves on what was recorded, and on nothing else', async () => {
    const service = await jobService(database.db);
    service.library.onReady((transaction, stored) => service.jobs.fileReady(transaction, stored));
    await service.jobs.procedures.put(appId, 'archive', {
      automatic: true,
      spec: { ...everything, aac: true, transcode: [] },
    });
    const manual = { automatic: false, spec: { ...everything, aac: true, transcode: [] } };
    await service.jobs.procedures.put(appId, 'by hand', manual);
    const uploaded = await service.addFile(Buffer.from('x'));
    expect((await service.jobs.list(appId, { fileId: uploaded, limit: 50 })).items.map(({ type }) => type)).toEqual([
      'hash',
    ]);
    const recorded = await service.addFile(Buffer.from('x'), { source: 'record' });
    const jobs = (await service.jobs.list(appId, { fileId: recorded, limit: 50 })).items;
    expect(jobs.map(({ type }) => type).toSorted()).toEqual([
      'aac',
      'cover',
      'hash',
      'procedure',
      'snapshot',
      'sprite',
    ]);
    expect(jobs.find(({ type }) => type === 'procedure')?.input).toMatchObject({ name: 'archive' });
  });

  describe('asked for with a recording', () => {
    const nothing = { transcode: false, screenshot: false, watermark: false };
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );

    /** Types and inputs of the jobs of one recorded file, hashing and the procedures themselves left out. */
    async function jobsOf(service: JobService, process: object, changes: Partial<NewFile> = {}) {
      const fileReady = service.jobs.fileReady.bind(service.jobs);
      service.library.onReady((transaction, stored) => fileReady(transaction, stored, { ...nothing, ...process }));
      const fileId = await service.addFile(Buffer.from('x'), { source: 'record', ...changes });
      const { items } = await service.jobs.list(appId, { fileId, limit: 50 });
      return items
        .filter(({ parentId }) => parentId !== null)
        .map(({ type, input: { definition, watermark } }) => ({ type, definition, watermark }));
    }

    it.each([
      [{}, []],
      [{ screenshot: true }, [{ type: 'cover' }]],
      [
        { transcode: true },
        [
          { type: 'transcode', definition: 20 },
          { type: 'transcode', definition: 30 },
        ],
      ],
      [{ watermark: true }, [{ type: 'transcode', definition: 40, watermark: 1 }]],
      [
        { transcode: true, watermark: true },
        [
          { type: 'transcode', definition: 20, watermark: 1 },
          { type: 'transcode', definition: 30, watermark: 1 },
        ],
      ],
    ])('%j are these jobs', async (process, expected) => {
      const jobs = await jobsOf(await jobService(database.db), process);
      expect(jobs).toHaveLength(expected.length);
      expect(jobs).toEqual(expect.arrayContaining(expected));
    });

    it('follow the transcoding settings of the app, and do nothing twice', async () => {
      const service = await jobService(database.db);
      const spec = {
        ...everything,
        aac: false,
        sprite: [],
        cover: false,
        snapshotOffsetsMs: [],
        transcode: [{ definition: 10 }],
      };
      await service.jobs.procedures.put(appId, 'ConvertVodFile', { automatic: false, spec });
      const asked = await jobsOf(service, { transcode: true });
      expect(asked).toEqual([expect.objectContaining({ type: 'transcode', definition: 10 })]);
      await service.jobs.procedures.put(appId, 'ConvertVodFile', { automatic: true, spec });
      const again = await jobService(database.db);
      expect(await jobsOf(again, { transcode: true })).toHaveLength(1);
    });

    it('leave sound alone', async () => {
      const sound = { facts: { ...facts, video: null } };
      expect(await jobsOf(await jobService(database.db), { screenshot: true, watermark: true }, sound)).toEqual([]);
    });

    it('fail the job that lacks a watermark, which says so and can be done again when there is one', async () => {
      const service = await jobService(database.db);
      await jobsOf(service, { watermark: true });
      const [waiting] = (await service.jobs.list(appId, { type: 'transcode', limit: 1 })).items;
      expect((await service.library.get(waiting!.fileId!)).asset.state).toBe('ready');
      await service.jobs.start();
      const { error } = await service.until(waiting!.jobId, 'failed');
      expect(error).toEqual({ code: 'template-not-found', detail: expect.stringContaining('no watermark template') });
      expect((await service.events()).map(({ type }) => type)).toContain('job.failed');

      const image = png.toString('base64');
      const mark = { left: '10%', top: '10%', width: '10%' };
      await service.jobs.templates.create(appId, { kind: 'watermark', name: 'w', spec: mark, image });
      await service.jobs.redo(appId, waiting!.jobId);
      // The file is an x: it comes as far as being decoded.
      expect((await service.until(waiting!.jobId, 'failed')).error?.code).not.toBe('template-not-found');
    });
  });

  it('never keep a recording from being ready, whatever is wrong with them', async () => {
    const service = await jobService(database.db);
    service.library.onReady((transaction, stored) => service.jobs.fileReady(transaction, stored));
    const template = await service.jobs.templates.create(appId, {
      kind: 'sprite',
      name: 'x',
      spec: { tileWidth: 100, columns: 2, rows: 2 },
    });
    const { definition } = template;
    await service.jobs.procedures.put(appId, 'archive', {
      automatic: true,
      spec: { transcode: [], aac: false, cover: false, sprite: [definition], snapshotOffsetsMs: [] },
    });
    await service.jobs.templates.remove(appId, definition);
    const fileId = await service.addFile(Buffer.from('x'), { source: 'record' });
    expect((await service.library.get(fileId)).asset.state).toBe('ready');
    await service.jobs.start();
    const [procedure] = (await service.jobs.list(appId, { fileId, type: 'procedure', limit: 1 })).items;
    expect((await service.until(procedure!.jobId, 'failed')).error?.code).toBe('template-not-found');
  });
});
