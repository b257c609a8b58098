import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateJobRequest } from '@aircheck/protocol';
import { expect, it, onTestFinished, vi } from 'vitest';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, facts, jobService } from './job-service.ts';
import { newFolder, SMALL, writeRecording } from './works/clips.ts';

/** What a worker finds where the optional dependency was not installed. */
const withoutFfmpeg = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(name, context, next) {
    if (/^node-av/.test(name)) throw Object.assign(new Error('Cannot find ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(name, context);
  },
});`;

describeOnBothDatabases('a machine without FFmpeg', (database) => {
  it('cuts, joins and hashes files, and says of all other jobs what is to be installed', async () => {
    vi.stubEnv('NODE_OPTIONS', `--import=data:text/javascript,${encodeURIComponent(withoutFfmpeg)}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const service = await jobService(database.db);
    await service.jobs.start();
    const path = join(await newFolder(), 'film.mp4');
    await writeRecording(path, SMALL);
    const content = await readFile(path);
    const film = { facts: { ...facts, durationMs: 3000, sizeBytes: content.length } };
    const fileId = await service.addFile(content, film);
    const create = async (request: CreateJobRequest) => (await service.jobs.create(appId, request)).jobId;
    await service.until(await service.hash(fileId), 'done');
    await service.until(await create({ type: 'clip', fileId, startMs: 1000, fileName: 'clip' }), 'done');
    await service.until(await create({ type: 'concat', fileIds: [fileId, fileId], fileName: 'twice' }), 'done');
    for (const request of [
      { type: 'transcode', fileId, definition: 10 },
      { type: 'aac', fileId },
      { type: 'snapshot', fileId, offsetsMs: [0] },
      { type: 'cover', fileId },
      { type: 'sprite', fileId },
    ] satisfies CreateJobRequest[]) {
      const { error } = await service.until(await create(request), 'failed');
      expect(error).toEqual({ code: 'jobs-unavailable', detail: expect.stringContaining('npm install') });
    }
  });
});
