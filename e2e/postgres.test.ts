import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Event, Job, PlayUrls, RoomEnded } from '@aircheck/protocol';
import { counterBreaks, readRecording } from '@aircheck/testkit';
import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../packages/server/tests/databases.ts';
import { backEnd, contentOf, publish, record, sentFor, serverForTest } from './support.ts';

it('a recording goes its whole way on PostgreSQL: recorded, found, worked on, told of, played', async () => {
  const server = await serverForTest({
    database: await createPostgresDatabase(),
    env: { AIRCHECK_MEDIA_WORKERS: '1', AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1' },
  });
  const { api } = server;
  const { url, told } = await backEnd();
  await api.request('POST', '/v1/subscribers', { name: 'back end', kind: 'webhook', url });
  const publisher = await publish(server, 'studio', 'ann');
  const { recordingId } = await record(server, 'studio', { userId: 'ann', fileName: '课程 1', tags: ['maths'] });
  await sentFor(publisher, 3);
  const { state, fileIds } = await api.stopRecording(recordingId);
  await publisher.stop();
  expect(state).toBe('ready');

  const fileId = fileIds[0]!;
  const { items, total } = await api.listAssets(`?fileNamePrefix=${encodeURIComponent('课程')}&tag=maths`);
  expect([total, items[0]]).toMatchObject([1, { fileId, recordingId, state: 'ready' }]);
  const content = await contentOf(server, fileId);
  expect(content.errors).toEqual([]);
  expect(counterBreaks(content)).toEqual([]);

  const clip = await api.request<Job>('POST', '/v1/jobs', {
    type: 'clip',
    fileId,
    startMs: 1000,
    endMs: 2000,
    fileName: 'clip',
  });
  const sound = await api.request<Job>('POST', '/v1/jobs', { type: 'transcode', fileId, definition: 50 });
  const events = (type: string) =>
    told.map(({ body }) => JSON.parse(body) as Event).filter((event) => event.type === type);
  const done = () => events('job.done').map(({ data }) => (data as Job).jobId);
  await expect.poll(done, { timeout: 40_000 }).toEqual(expect.arrayContaining([clip.jobId, sound.jobId]));
  const { output } = await api.request<Job>('GET', `/v1/jobs/${clip.jobId}`);
  const clipped = await contentOf(server, output!.fileId!);
  expect(clipped.errors).toEqual([]);
  expect(counterBreaks(clipped)).toEqual([]);
  expect(Math.abs(clipped.pictures.length - 30)).toBeLessThanOrEqual(1);
  const { renditions } = await api.request<PlayUrls>('POST', `/v1/assets/${fileId}/play-urls`, {});
  const heard = await readRecording(renditions[0]!.url);
  expect(heard.streams.map(({ kind, codec }) => [kind, codec])).toEqual([['audio', 'aac']]);

  // Of the file and of what was made of it are told in the same row, each in its place.
  const types = told.map(({ body }) => JSON.parse(body) as Event).filter(({ subject }) => subject === recordingId);
  expect(types.map(({ type }) => type).filter((type) => type.startsWith('recording.'))).toEqual([
    'recording.starting',
    'recording.recording',
    'recording.finalizing',
    'recording.ready',
  ]);
  expect(events('room.ended').map(({ data }) => (data as RoomEnded).roomId)).toEqual(['studio']);
  expect(existsSync(join(server.dataFolder, 'aircheck.db'))).toBe(false);
}, 90_000);
