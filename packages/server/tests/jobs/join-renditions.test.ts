import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CreateJobRequest } from '@aircheck/protocol';
import { readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { expect, it, onTestFinished } from 'vitest';
import { openTestDatabase } from '../databases.ts';
import { appId, facts, jobService } from './job-service.ts';
import { ffmpeg, newFolder, SMALL, writeRecording } from './works/clips.ts';

const PICTURES = 75;

it('recordings in VP8 and H.264, which cannot be joined, are when both were transcoded with one template', async () => {
  const { db, close } = await openTestDatabase();
  onTestFinished(close);
  const service = await jobService(db);
  const api = await service.api();
  await service.jobs.start();
  const create = async (request: CreateJobRequest) => (await service.jobs.create(appId, request)).jobId;

  const folder = await newFolder();
  const [mp4, webm] = [join(folder, 'film.mp4'), join(folder, 'film.webm')];
  await writeRecording(mp4, SMALL);
  await ffmpeg(mp4, webm, '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '1M', '-c:a', 'copy');
  const fileIds: string[] = [];
  for (const [path, mimeType] of [
    [mp4, 'video/mp4'],
    [webm, 'video/webm'],
  ] as const) {
    const content = await readFile(path);
    const film = { facts: { ...facts, mimeType, durationMs: 3000, sizeBytes: content.length } };
    fileIds.push(await service.addFile(content, film));
  }
  const whole = { type: 'concat', fileIds, fileName: 'whole' } as const;
  const { error } = await service.until(await create(whole), 'failed');
  expect(error).toMatchObject({ code: 'media-invalid', detail: expect.stringContaining('WebM') });

  await service.until(await create({ type: 'transcode', fileId: fileIds[0]!, definition: 10 }), 'done');
  const missing = await api('POST', '/v1/jobs', { ...whole, definition: 10 });
  expect(missing).toMatchObject({
    status: 404,
    body: { code: 'not-found', input: 'body.definition', detail: expect.stringContaining(fileIds[1]!) },
  });
  await service.until(await create({ type: 'transcode', fileId: fileIds[1]!, definition: 10 }), 'done');

  const contentOf = async (jobId: string) => {
    const { output } = await service.until(jobId, 'done');
    const { path } = await service.library.get(output!.fileId!);
    const content = await readRecording(join(service.recordingsFolder, path));
    expect(content.errors).toEqual([]);
    expect(content.audioHoles).toEqual([]);
    return content;
  };
  const numbers = (first: number, end: number) => Array.from({ length: end - first }, (_, index) => first + index);
  const joined = await contentOf(await create({ ...whole, definition: 10 }));
  expect(joined.pictures.map(({ counter }) => counter)).toEqual([...numbers(0, PICTURES), ...numbers(0, PICTURES)]);
  expect(Math.abs(joined.durationMs - 6000)).toBeLessThan(60);
  expect(syncSummary(syncEvents(joined)).worstMs).toBeLessThan(40);

  const clip = { type: 'clip', fileId: fileIds[1]!, startMs: 1000, endMs: 2000, fileName: 'clip' } as const;
  expect((await service.until(await create(clip), 'failed')).error).toMatchObject({ code: 'media-invalid' });
  const clipped = await contentOf(await create({ ...clip, definition: 10 }));
  expect(clipped.pictures.map(({ counter }) => counter)).toEqual(numbers(25, 50));

  // What counts is the rendition, upright and longer than the file is said to be.
  await db
    .updateTable('assets')
    .set({ duration_ms: 1500, video: JSON.stringify({ ...facts.video, rotation: 90 }) })
    .where('file_id', '=', fileIds[1]!)
    .execute();
  const { output } = await service.until(
    await create({ ...clip, startMs: -2000, endMs: -1000, definition: 10 }),
    'done',
  );
  const { asset } = await service.library.get(output!.fileId!);
  expect(asset.video).not.toHaveProperty('rotation');
  const source = await service.library.get(fileIds[1]!);
  expect(Math.abs(Date.parse(asset.startedAt) - Date.parse(source.asset.startedAt) - 1000)).toBeLessThan(60);
});
