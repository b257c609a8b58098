import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canMount, mountSmallDisk } from '@aircheck/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, facts, type JobService, jobService } from './job-service.ts';
import { newFolder, SMALL, writeRecording } from './works/clips.ts';

/** Gives the folder of a service's work a disk of its own. */
function mountDisk(service: JobService, bytes: number): string {
  const folder = join(service.folder, 'work');
  onTestFinished(mountSmallDisk(folder, bytes));
  return folder;
}

async function film(): Promise<Buffer> {
  const path = join(await newFolder(), 'film.mp4');
  await writeRecording(path, ...Array.from({ length: 4 }, () => SMALL));
  return readFile(path);
}

describe.runIf(canMount())('a disk that is full', () => {
  describeOnBothDatabases('in a job', (database) => {
    it('keeps a job from beginning; it says so, and is done once there is room', async () => {
      const service = await jobService(database.db, { reserveBytes: 2 ** 20, timing: { backOffMs: 100 } });
      const disk = mountDisk(service, 8 * 2 ** 20);
      await service.jobs.start();
      await writeFile(join(disk, 'filler'), Buffer.alloc(7 * 2 ** 20));
      const content = await film();
      const fileId = await service.addFile(content, { facts: { ...facts, sizeBytes: content.length } });
      const { jobId } = await service.jobs.create(appId, { type: 'clip', fileId, startMs: 1000, fileName: 'end' });
      const error = async () => (await service.jobs.get(appId, jobId)).error;
      await expect.poll(error).toMatchObject({ code: 'storage-full', detail: expect.stringContaining('MiB are free') });
      expect((await service.jobs.get(appId, jobId)).state).not.toBe('failed');
      await rm(join(disk, 'filler'));
      const { output } = await service.until(jobId, 'done');
      expect((await service.library.get(output!.fileId!)).asset).toMatchObject({ source: 'clip', state: 'ready' });
    });

    it('in the middle of a job leaves nothing behind, and the job is done once there is room', async () => {
      const service = await jobService(database.db, { reserveBytes: 0, timing: { backOffMs: 1200 } });
      const disk = mountDisk(service, 2 ** 20);
      await service.jobs.start();
      const content = await film();
      // Larger than it was said to be: the look at the disk before lets it through.
      const fileId = await service.addFile(content, { facts: { ...facts, sizeBytes: 1 } });
      const fileIds = Array.from({ length: Math.ceil((1.5 * 2 ** 20) / content.length) + 1 }, () => fileId);
      const { jobId } = await service.jobs.create(appId, { type: 'concat', fileIds, fileName: 'joined' });
      const job = () => service.jobs.get(appId, jobId);
      await expect.poll(job).toMatchObject({ state: 'waiting', error: { code: 'storage-full' } });
      expect(await readdir(disk)).toEqual([]);
      expect(await readdir(service.recordingsFolder)).toEqual([fileId]);
      execFileSync('mount', ['-o', 'remount,size=64m', disk]);
      const { output } = await service.until(jobId, 'done');
      expect((await service.library.get(output!.fileId!)).asset.durationMs).toBeGreaterThan(20_000);
    });
  });
});
