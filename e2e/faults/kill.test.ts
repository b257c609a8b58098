import type { EventList } from '@aircheck/protocol';
import { counterBreaks, startServer } from '@aircheck/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { contentOf, publish, record, sentFor, serverForTest, temporaryFolder, untilRecording } from '../support.ts';

describe('kill -9', () => {
  it('of a media worker costs at most a second of each recording, and the service goes on', async () => {
    const server = await serverForTest();
    const publishers = await Promise.all(['ann', 'bob'].map((userId) => publish(server, 'killed', userId)));
    const recordings = await Promise.all(
      ['ann', 'bob'].map((userId) => record(server, 'killed', { userId, fileName: userId })),
    );
    await sentFor(publishers[0]!, 4);
    const sentAt = await Promise.all(publishers.map((publisher) => publisher.sent()));
    const [worker] = server.workerPids();
    process.kill(worker!, 'SIGKILL');
    for (const [index, { recordingId }] of recordings.entries()) {
      const recovered = await untilRecording(server, recordingId, ({ state }) => state === 'ready');
      expect(recovered.endReason).toBe('interrupted');
      const content = await contentOf(server, recovered.fileIds[0]!);
      expect(content.errors).toEqual([]);
      expect(counterBreaks(content)).toEqual([]);
      const last = content.pictures.at(-1)!.counter!;
      expect(sentAt[index]!.counters.at(-1)!.last - last).toBeLessThanOrEqual(30);
    }
    await expect.poll(() => server.workerPids().filter((pid) => pid !== worker).length).toBeGreaterThan(0);
    const again = await publish(server, 'after', 'ann');
    const { recordingId } = await record(server, 'after', { userId: 'ann', fileName: 'after' });
    await sentFor(again, 1);
    expect((await server.api.stopRecording(recordingId)).state).toBe('ready');
  });

  it('of the control process loses nothing that was sent before, once it is started again', async () => {
    const dataFolder = temporaryFolder();
    const server = await startServer({ dataFolder });
    const publisher = await publish(server, 'control', 'ann');
    const { recordingId } = await record(server, 'control', { userId: 'ann', fileName: 'control' });
    await sentFor(publisher, 4);
    const { counters } = await publisher.sent();
    await server.kill();
    const again = await startServer({
      dataFolder,
      env: { AIRCHECK_API_KEY: server.apiKey, AIRCHECK_API_SECRET: server.apiSecret },
    });
    onTestFinished(async () => {
      await again.stop();
    });
    const recovered = await untilRecording(again, recordingId, ({ state }) => state === 'ready');
    const { items } = await again.api.request<EventList>('GET', '/v1/events?type=room.ended');
    expect(items.map(({ subject }) => subject)).toEqual(['control']);
    const content = await contentOf(again, recovered.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(counters.at(-1)!.last - content.pictures.at(-1)!.counter!).toBeLessThanOrEqual(30);
  });

  it('of everything at once leaves files that are finished at the next start', async () => {
    const dataFolder = temporaryFolder();
    const server = await startServer({ dataFolder });
    const publisher = await publish(server, 'all', 'ann');
    const { recordingId } = await record(server, 'all', { userId: 'ann', fileName: 'all' });
    await sentFor(publisher, 4);
    const { counters } = await publisher.sent();
    for (const pid of [...server.workerPids(), server.pid]) process.kill(pid, 'SIGKILL');
    await server.ended;
    const again = await startServer({
      dataFolder,
      env: { AIRCHECK_API_KEY: server.apiKey, AIRCHECK_API_SECRET: server.apiSecret },
    });
    onTestFinished(async () => {
      await again.stop();
    });
    const recovered = await untilRecording(again, recordingId, ({ state }) => state === 'ready');
    expect(recovered).toMatchObject({ endReason: 'interrupted', fileIds: [expect.any(String)] });
    const content = await contentOf(again, recovered.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(counters.at(-1)!.last - content.pictures.at(-1)!.counter!).toBeLessThanOrEqual(30);
  });

  it('is not needed: SIGTERM finishes recordings and ends with 0', async () => {
    const dataFolder = temporaryFolder();
    const server = await startServer({ dataFolder });
    const publisher = await publish(server, 'drain', 'ann');
    const { recordingId } = await record(server, 'drain', { userId: 'ann', fileName: 'drain' });
    await sentFor(publisher, 2);
    expect(await server.stop()).toBe(0);
    const again = await startServer({
      dataFolder,
      env: { AIRCHECK_API_KEY: server.apiKey, AIRCHECK_API_SECRET: server.apiSecret },
    });
    onTestFinished(async () => {
      await again.stop();
    });
    const recording = await again.api.getRecording(recordingId);
    expect(recording).toMatchObject({ state: 'ready', endReason: 'drained' });
    expect((await contentOf(again, recording.fileIds[0]!)).errors).toEqual([]);
  });
});
