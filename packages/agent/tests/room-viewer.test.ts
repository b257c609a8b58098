import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { counterBreaks, type RunningServer, readRecording, startServer, syncEvents } from '@aircheck/testkit';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AgentMedia } from '../src/agent-media.ts';
import { RoomViewer } from '../src/room-viewer.ts';
import { folderForTest, publish, viewerToken } from './room-fixture.ts';

let server: RunningServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

async function openMedia(stateFolder = folderForTest()): Promise<AgentMedia> {
  const media = await AgentMedia.open({ stateFolder, logger: pino({ level: process.env.LOG ?? 'silent' }) });
  onTestFinished(() => media.close());
  return media;
}

async function join_(roomId: string, userId: string, media: AgentMedia): Promise<RoomViewer> {
  const token = await viewerToken(server, roomId, userId);
  const viewer = await RoomViewer.join({ serverUrl: server.url, token, roomId }, media);
  onTestFinished(() => viewer.leave());
  return viewer;
}

describe('an account recorded on the PC', () => {
  it('is one file with every picture and its sound', async () => {
    const folder = folderForTest();
    const media = await openMedia();
    await publish(server, 'one', 'host');
    const viewer = await join_('one', 'host', media);
    const recording = await viewer.recordMp4({ userId: 'host', path: join(folder, 'one.mp4') });
    await expect.poll(() => recording.progress().durationMs).toBeGreaterThan(3500);
    const file = await recording.stop();
    expect(file).toMatchObject({ reason: 'stopped', path: join(folder, 'one.mp4') });
    const content = await readRecording(file.path);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.durationMs).toBeGreaterThan(3000);
    for (const { offsetMs } of syncEvents(content)) expect(Math.abs(offsetMs)).toBeLessThan(40);
    expect(syncEvents(content).length).toBeGreaterThan(1);
  });
});
