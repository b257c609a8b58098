import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canMount, counterBreaks, mountSmallDisk } from '@aircheck/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { contentOf, publish, record, sentFor, serverForTest, temporaryFolder, untilRecording } from '../support.ts';

describe.runIf(canMount())('a disk that fills up', () => {
  it('ends recordings with what they have, says why, and the service goes on', async () => {
    const dataFolder = temporaryFolder();
    const recordings = join(dataFolder, 'recordings');
    onTestFinished(mountSmallDisk(recordings, 2 ** 20));
    const server = await serverForTest({ dataFolder });
    await publish(server, 'full', 'ann');
    const { recordingId } = await record(server, 'full', { userId: 'ann', fileName: 'full' });
    const ended = await untilRecording(server, recordingId, ({ state }) => state === 'ready', 40_000);
    expect(ended).toMatchObject({ endReason: 'storage-full', detail: expect.stringContaining('no space') });
    const content = await contentOf(server, ended.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures.length).toBeGreaterThan(60);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('lets no recording begin without room for its first seconds, and any once there is room again', async () => {
    const dataFolder = temporaryFolder();
    const recordings = join(dataFolder, 'recordings');
    onTestFinished(mountSmallDisk(recordings, 4 * 2 ** 20));
    const [filler, lastRoom] = [join(recordings, 'filler'), join(recordings, 'last-room')];
    writeFileSync(filler, Buffer.alloc(4 * 2 ** 20 - 384 * 1024));
    writeFileSync(lastRoom, Buffer.alloc(320 * 1024));
    const server = await serverForTest({ dataFolder });
    const publisher = await publish(server, 'room', 'ann');
    const refused = server.api.startRecording('room', { userId: 'ann', fileName: 'no room' });
    await expect(refused).rejects.toMatchObject({ problem: { code: 'storage-full', vendorCode: 2 } });
    rmSync(lastRoom);
    const first = await server.api.startRecording('room', { userId: 'ann', fileName: 'little room' });
    const ended = await untilRecording(server, first.recordingId, ({ endedAt }) => endedAt !== null, 40_000);
    expect(ended.endReason).toBe('storage-full');
    rmSync(filler);
    const second = await record(server, 'room', { userId: 'ann', fileName: 'room' });
    await sentFor(publisher, 2);
    const { fileIds, state } = await server.api.stopRecording(second.recordingId);
    expect(state).toBe('ready');
    expect((await contentOf(server, fileIds[0]!)).errors).toEqual([]);
  });
});
