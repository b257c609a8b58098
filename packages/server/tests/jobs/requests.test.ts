import { expect, it } from 'vitest';
import { addRecording, describeOnBothDatabases } from '../databases.ts';
import { appId, facts, jobService } from './job-service.ts';

describeOnBothDatabases('requests for jobs', (database) => {
  it('are answered with the job, which is found again, cancelled and done again', async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const fileId = await service.addFile(Buffer.from('x'));
    const created = await api('POST', '/v1/jobs', {
      type: 'clip',
      fileId,
      startMs: -5000,
      fileName: 'end',
      priority: 2,
    });
    expect(created).toMatchObject({
      status: 201,
      body: { type: 'clip', state: 'waiting', fileId, priority: 2, progress: 0, output: null, error: null },
    });
    const { jobId } = created.body;
    expect((await api('GET', `/v1/jobs/${jobId}`)).body).toEqual(created.body);
    expect((await api('GET', `/v1/jobs?fileId=${fileId}&type=clip&state=waiting`)).body).toEqual({
      items: [created.body],
      nextCursor: null,
    });
    expect((await api('POST', `/v1/jobs/${jobId}/redo`)).body.code).toBe('job-state');
    expect((await api('POST', `/v1/jobs/${jobId}/cancel`)).body.state).toBe('cancelled');
    expect((await api('POST', `/v1/jobs/${jobId}/cancel`)).body.code).toBe('job-state');
    expect((await api('POST', `/v1/jobs/${jobId}/redo`)).body).toMatchObject({ jobId, state: 'waiting' });
    expect((await api('GET', '/v1/jobs/unknown')).body.code).toBe('job-not-found');
    expect((await api('GET', '/metrics')).body).toContain('aircheck_jobs{lane="short",state="waiting"} 1');
  });

  it('are refused when the file does not fit, before any work starts', async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const file = await service.addFile(Buffer.from('x'));
    const sound = await service.addFile(Buffer.from('x'), { facts: { ...facts, video: null } });
    const empty = await service.addFile(Buffer.from('x'), { facts: { ...facts, video: null, audio: null } });
    const silent = await service.addFile(Buffer.from('x'), { facts: { ...facts, audio: null } });
    const long = await service.addFile(Buffer.from('x'), { facts: { ...facts, durationMs: 25 * 3_600_000 } });
    const wide = await service.addFile(Buffer.from('x'), {
      facts: { ...facts, video: { ...facts.video!, width: 30_000 } },
    });
    const large = await service.addFile(Buffer.from('x'), { facts: { ...facts, sizeBytes: 6 * 2 ** 30 } });
    const recycled = await service.addFile(Buffer.from('x'));
    await service.library.remove(appId, recycled);
    const transcode = (fileId: string, definition = 10) => ({ type: 'transcode', fileId, definition });
    const clip = (startMs: number, endMs?: number) => ({ type: 'clip', fileId: file, startMs, endMs, fileName: 'c' });
    const concat = (...fileIds: string[]) => ({ type: 'concat', fileIds, fileName: 'c' });
    const refused: [object, string, (string | RegExp)?][] = [
      [transcode('12345678901234567'), 'asset-not-found'],
      [transcode(recycled), 'asset-state', /recycled/],
      [transcode(empty), 'media-invalid'],
      [transcode(long), 'media-invalid', /longer than 24 hours/],
      [transcode(wide), 'media-invalid', /30000 × 360/],
      [transcode(file, 999), 'template-not-found'],
      [transcode(file, 510), 'template-not-found', /kind sprite/],
      [{ ...transcode(file), watermark: 10 }, 'template-not-found', /kind transcode/],
      [{ type: 'aac', fileId: silent }, 'media-invalid', /no sound/],
      [{ type: 'cover', fileId: sound }, 'media-invalid', /no picture/],
      [{ type: 'sprite', fileId: sound }, 'media-invalid', /no picture/],
      [{ type: 'snapshot', fileId: file }, 'request-invalid', 'body.offsetsMs'],
      [{ type: 'snapshot', fileId: file, offsetsMs: [0], samplePercent: 10 }, 'request-invalid', 'body.offsetsMs'],
      [{ type: 'snapshot', fileId: file, offsetsMs: [0, 10_001] }, 'request-invalid', 'body.offsetsMs.1'],
      [clip(10_000), 'request-invalid', 'body.startMs'],
      [clip(-10_001), 'request-invalid', 'body.startMs'],
      [clip(0, 10_001), 'request-invalid', 'body.endMs'],
      [clip(5000, 5000), 'request-invalid', 'body.endMs'],
      [clip(5000, -6000), 'request-invalid', 'body.endMs'],
      [concat(file), 'request-invalid', 'body.fileIds'],
      [concat(...Array.from({ length: 501 }, () => file)), 'request-invalid', 'body.fileIds'],
      [concat(large, large), 'request-invalid', /at most 500/],
      [concat(file, recycled), 'asset-state'],
      [{ ...concat(file, file), definition: 10 }, 'not-found', 'body.definition'],
      [{ ...clip(0), definition: 10 }, 'not-found', 'body.definition'],
      [{ ...concat(file, file), recordingId: 'r' }, 'request-invalid', 'body.fileIds'],
      [{ type: 'concat', fileName: 'c', recordingId: 'none' }, 'request-invalid', 'body.recordingId'],
      [{ type: 'hash', fileId: file }, 'request-invalid', 'body.type'],
      [{ type: 'clip', fileId: "1' or 1=1 --", startMs: 0, fileName: 'c' }, 'request-invalid', 'body.fileId'],
      [{ type: 'procedure', fileId: file }, 'request-invalid', 'body.name'],
      [{ type: 'procedure', fileId: file, name: "../../x'; drop table jobs" }, 'procedure-not-found'],
    ];
    for (const [request, code, where] of refused) {
      const { body } = await api('POST', '/v1/jobs', request);
      const said = `${JSON.stringify(request).slice(0, 100)}: ${body.detail} (${body.input})`;
      expect(body.code, said).toBe(code);
      if (where instanceof RegExp) expect(body.detail).toMatch(where);
      else if (where !== undefined) expect(body.input, said).toBe(where);
    }
    expect((await service.jobs.list(appId, { limit: 10 })).items).toEqual([]);
  });

  it('are checked again when they are begun: a file may have gone', async () => {
    const service = await jobService(database.db);
    const fileId = await service.addFile(Buffer.from('x'));
    const { jobId } = await service.jobs.create(appId, { type: 'clip', fileId, startMs: 0, fileName: 'c' });
    await service.library.remove(appId, fileId);
    await service.jobs.start();
    expect((await service.until(jobId, 'failed')).error).toMatchObject({ code: 'asset-state' });
  });

  it('join all files of a recording, in their order, by its id', async () => {
    const service = await jobService(database.db);
    await addRecording(database.db, 'rec');
    const segment = (segmentIndex: number) =>
      service.addFile(Buffer.from('x'), { source: 'record', recordingId: 'rec', segmentIndex });
    await segment(1);
    const first = await segment(0);
    const job = await service.jobs.create(appId, { type: 'concat', recordingId: 'rec', fileName: 'whole' });
    expect(job).toMatchObject({ fileId: first });
    await service.jobs.cancel(appId, job.jobId);
    // What order is kept for is the recording.
    expect((await service.events()).at(-1)).toMatchObject({ type: 'job.cancelled', subject: 'rec' });
  });
});
