import { AircheckError, type CreateJobRequest } from '@aircheck/protocol';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Outbox } from '../../src/events/index.ts';
import { JobEnds } from '../../src/jobs/job-ends.ts';
import { JobStore } from '../../src/jobs/job-store.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, jobService } from './job-service.ts';

describeOnBothDatabases('jobs that end in several ways at once', (database) => {
  it('end in one of them, with one event, and their procedure with them', async () => {
    const { db } = database;
    const service = await jobService(db);
    const store = new JobStore(db, systemClock);
    const ends = new JobEnds({ db, store, outbox: new Outbox(systemClock) });
    for (let round = 0; round < 25; round++) {
      const fileId = await service.addFile(Buffer.from('x'));
      const request: CreateJobRequest = { type: 'procedure', fileId, spec: { cover: true, sprite: [510] } };
      const { jobId } = await service.jobs.create(appId, request);
      const running = [(await store.claim('short'))!, (await store.claim('short'))!];
      const failed = { state: 'failed', error: new AircheckError('media-invalid', 'no film') } as const;
      const derivative = {
        derivativeId: `${running[0]!.job_id}-0`,
        kind: 'cover',
        definition: 0,
        path: 'x',
        mimeType: 'image/jpeg',
        sizeBytes: 1,
        info: {},
        jobId: running[0]!.job_id,
      } as const;
      const ways = [
        ends.finish(running[0]!, { state: 'done', output: {} }, async (transaction) => {
          await service.library.addDerivatives(transaction, fileId, [derivative]);
          return { derivativeIds: [derivative.derivativeId] };
        }),
        ends.finish(running[1]!, failed, undefined),
        ...(round % 2 === 0 ? [service.jobs.cancel(appId, jobId)] : []),
        ...(round % 3 === 0 ? [service.jobs.cancel(appId, running[1]!.job_id)] : []),
        ...(round % 5 < 2 ? [service.library.remove(appId, fileId, { now: true })] : []),
      ];
      for (const way of await Promise.allSettled(ways)) {
        // Somebody was faster; nobody waited for the other for ever.
        if (way.status === 'rejected')
          expect(way.reason).toMatchObject({ code: expect.stringMatching(/^(job|asset)-state$/) });
      }
      const jobs = [
        await service.jobs.get(appId, jobId),
        ...(await service.jobs.list(appId, { parentId: jobId, limit: 9 })).items,
      ];
      const told = (await service.events())
        .filter(({ type }) => type.startsWith('job.'))
        .map(({ type, data }) => ({ type, data }));
      const kept = await db.selectFrom('derivatives').select('job_id').where('file_id', '=', fileId).execute();
      for (const job of jobs) {
        const own = told.filter(({ data }) => (data as { jobId: string }).jobId === job.jobId);
        expect(own.map(({ type }) => type)).toEqual([`job.${job.state}`]);
        expect(kept.some(({ job_id }) => job_id === job.jobId)).toBe(
          job.jobId === running[0]!.job_id && job.state === 'done',
        );
      }
    }
  });
});
