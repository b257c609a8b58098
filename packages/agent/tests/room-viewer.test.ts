import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  CuttingProxy,
  canMount,
  counterBreaks,
  missingCounters,
  mountSmallDisk,
  type RunningServer,
  readRecording,
  startServer,
  syncEvents,
} from '@aircheck/testkit';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import type { AgentRecording } from '../src/room/index.ts';
import { AgentMedia, RoomViewer } from '../src/room/index.ts';
import { endingAt, folderForTest, publish, viewerToken } from './room-fixture.ts';

let server: RunningServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

async function openMedia(stateFolder = folderForTest()): Promise<AgentMedia> {
  const media = await AgentMedia.open({ stateFolder, logger: pino({ level: 'silent' }) });
  onTestFinished(() => media.close());
  return media;
}

/** @param url - where the server is, as the viewer sees it */
async function enter(
  roomId: string,
  media: AgentMedia,
  options: { readonly on?: RunningServer; readonly url?: string } = {},
): Promise<RoomViewer> {
  const { on = server, url: serverUrl = on.url } = options;
  const token = await viewerToken(on, roomId, 'host');
  const viewer = await RoomViewer.join({ serverUrl, token, roomId }, media);
  onTestFinished(() => viewer.leave());
  return viewer;
}

const hasGrown = (recording: AgentRecording, byMs: number) => {
  const { durationMs } = recording.progress();
  return expect.poll(() => recording.progress().durationMs - durationMs, { interval: 20 }).toBeGreaterThan(byMs);
};

it.each([
  ['no JSON', 'hello'],
  ['an answer that is none', '{"id":1,"ok":true,"result":null}'],
  ['a room that is none', '{"id":1,"ok":true,"result":{"sessionId":"1"}}'],
])('a server that says %s is left, and the agent goes on', async (_, says) => {
  const impostor = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => impostor.close());
  impostor.on('connection', (socket) => socket.on('message', () => socket.send(says)));
  await once(impostor, 'listening');
  const { port } = impostor.address() as AddressInfo;
  const joining = RoomViewer.join(
    { serverUrl: `http://127.0.0.1:${port}`, token: 'none', roomId: 'none' },
    await openMedia(),
  );
  await expect(joining).rejects.toThrow();
});

describe('an account recorded on the PC', () => {
  it('is one file with every picture and its sound, made where it was asked for', async () => {
    const folder = folderForTest();
    const media = await openMedia();
    const publisher = await publish(server, 'one', 'host');
    const viewer = await enter('one', media);
    const path = join(folder, 'lesson 1 课.mp4');
    const recording = await viewer.recordMp4({ userId: 'host', path });
    expect(existsSync(path)).toBe(true);

    await expect(viewer.recordMp4({ userId: 'host', path: join(folder, 'twice.mp4') })).rejects.toMatchObject({
      code: 'recording-exists',
    });
    await expect(viewer.recordMp4({ userId: 'nobody', path: join(folder, 'nobody.mp4') })).rejects.toMatchObject({
      code: 'participant-not-found',
    });
    const sound = { userId: 'host', source: 'screen' } as const;
    await expect(viewer.recordMp4({ ...sound, path })).rejects.toMatchObject({ code: 'file-exists' });
    await expect(viewer.recordMp4({ ...sound, path: join(folder, 'none', 'x.mp4') })).rejects.toMatchObject({
      code: 'path-forbidden',
    });
    expect(readdirSync(folder)).toEqual(['lesson 1 课.mp4']);

    await hasGrown(recording, 2000);
    const file = await recording.stop();
    expect(file).toMatchObject({ reason: 'stopped', path, sizeBytes: statSync(path).size });
    const content = await readRecording(path);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(Math.abs(content.durationMs - file.durationMs)).toBeLessThan(100);
    const events = syncEvents(content);
    expect(events.length).toBeGreaterThan(1);
    for (const { offsetMs } of events) expect(Math.abs(offsetMs)).toBeLessThan(40);
    await publisher.kill();
  });

  it.runIf(canMount())('ends with what it has when its disk is full, and alone', async () => {
    const disk = folderForTest();
    onTestFinished(mountSmallDisk(disk, 256 * 1024));
    const media = await openMedia();
    await publish(server, 'full', 'host');
    const [viewer, another] = [await enter('full', media), await enter('full', media)];
    const onLargeDisk = await another.recordMp4({ userId: 'host', path: join(folderForTest(), 'large.mp4') });
    const recording = await viewer.recordMp4({ userId: 'host', path: join(disk, 'full.mp4') });
    const full = await recording.ended;
    expect(full.reason).toBe('storage-full');
    const remains = await readRecording(full.path);
    expect(remains.errors).toEqual([]);
    expect(counterBreaks(remains)).toEqual([]);
    expect(remains.pictures.length).toBeGreaterThan(15);
    expect(Math.abs(remains.durationMs - full.durationMs)).toBeLessThan(100);

    await hasGrown(onLargeDisk, 500);
    const whole = await readRecording((await onLargeDisk.stop()).path);
    expect(whole.errors).toEqual([]);
    expect(counterBreaks(whole)).toEqual([]);
  });

  it('stays whole when the connection to the server breaks, and ends when the account leaves', async () => {
    const media = await openMedia();
    const publisher = await publish(server, 'broken', 'host');
    const proxy = await CuttingProxy.start(() => Number(new URL(server.url).port));
    onTestFinished(() => proxy.close());
    const viewer = await enter('broken', media, { url: proxy.url });
    const states: string[] = [];
    viewer.on('state', (state) => states.push(state));
    const recording = await viewer.recordMp4({ userId: 'host', path: join(folderForTest(), 'broken.mp4') });
    await hasGrown(recording, 500);
    proxy.cut();
    await expect.poll(() => states).toEqual(['reconnecting', 'connected']);
    await hasGrown(recording, 500);
    await publisher.stop();
    const file = await recording.ended;
    expect(file.reason).toBe('left');
    // The media went their own way all the time.
    const content = await readRecording(file.path);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
  });

  it('outlives its token where it was handed a newer one, and else ends when the connection breaks', async () => {
    const media = await openMedia();
    await publish(server, 'tokens', 'host');
    const proxy = await CuttingProxy.start(() => Number(new URL(server.url).port));
    onTestFinished(() => proxy.close());
    const newToken = () => viewerToken(server, 'tokens', 'host');
    const [first, second, newer] = await Promise.all([newToken(), newToken(), newToken()]);
    const endsAt = Math.ceil(Date.now() / 1000) + 3;
    const folder = folderForTest();
    const record = async (token: string, name: string) => {
      const options = { serverUrl: proxy.url, token: endingAt(endsAt, token, server), roomId: 'tokens' };
      const viewer = await RoomViewer.join(options, media);
      onTestFinished(() => viewer.leave());
      return { viewer, recording: await viewer.recordMp4({ userId: 'host', path: join(folder, name) }) };
    };
    const [renewed, forgotten] = await Promise.all([record(first, 'renewed.mp4'), record(second, 'forgotten.mp4')]);
    renewed.viewer.renew(newer);
    const states: string[] = [];
    renewed.viewer.on('state', (state) => states.push(state));
    const closed = once(forgotten.viewer, 'closed');
    await expect.poll(() => Date.now() / 1000).toBeGreaterThan(endsAt);
    await hasGrown(forgotten.recording, 500);
    proxy.cut();
    expect(await closed).toMatchObject(['idle', { code: 'token-expired' }]);
    expect((await forgotten.recording.ended).reason).toBe('idle');
    await expect.poll(() => states).toEqual(['reconnecting', 'connected']);
    await hasGrown(renewed.recording, 1500);
    const file = await renewed.recording.stop();
    expect(file.reason).toBe('stopped');
    const content = await readRecording(file.path);
    expect(content.errors).toEqual([]);
    expect(Math.abs(content.durationMs - file.durationMs)).toBeLessThan(100);
  });

  it('is finished at the next start after the agent was killed, and loses no more than a second', async () => {
    const folder = folderForTest();
    const stateFolder = folderForTest();
    const path = join(folder, 'killed.mp4');
    const publisher = await publish(server, 'killed', 'host');
    const token = await viewerToken(server, 'killed', 'host');
    const agent = spawn(
      process.execPath,
      [
        new URL('recording-process.ts', import.meta.url).pathname,
        server.url,
        token,
        'killed',
        'host',
        path,
        stateFolder,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void agent.kill('SIGKILL'));
    let durationMs = 0;
    for await (const line of createInterface({ input: agent.stdout })) {
      durationMs = Number(line);
      if (durationMs > 2500) break;
    }
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    await publisher.kill();
    // What else there is at the path by then is left alone.
    const media = await openMedia(stateFolder);
    expect(media.recovered).toMatchObject([{ path }]);
    const [recovered] = media.recovered;
    expect(recovered!.durationMs).toBeGreaterThan(durationMs - 1000);
    const content = await readRecording(path);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect(Math.abs(content.durationMs - recovered!.durationMs)).toBeLessThan(100);
    expect(readdirSync(join(stateFolder, 'unfinished'))).toEqual([]);
  });

  it('goes on in its file after a restart of the server', async () => {
    const first = await startServer();
    onTestFinished(() => first.kill());
    const { port } = new URL(first.url);
    const media = await openMedia();
    const before = await publish(first, 'restarted', 'host');
    const viewer = await enter('restarted', media, { on: first });
    const recording = await viewer.recordMp4({ userId: 'host', path: join(folderForTest(), 'restarted.mp4') });
    await hasGrown(recording, 1000);
    await first.kill();
    await before.kill();
    const second = await startServer({
      dataFolder: first.dataFolder,
      env: { AIRCHECK_PORT: port, AIRCHECK_API_SECRET: first.apiSecret },
    });
    onTestFinished(async () => {
      await second.stop();
    });
    const after = await publish(second, 'restarted', 'host');
    await expect.poll(() => viewer.state, { timeout: 20_000 }).toBe('connected');
    // The file grows by the time that nothing came, too.
    await expect
      .poll(async () => (await after.sent()).counters.at(-1)?.last ?? 0, { timeout: 20_000 })
      .toBeGreaterThan(60);
    await hasGrown(recording, 1000);
    const sent = (await after.sent()).counters;
    const file = await recording.stop();
    expect(file.reason).toBe('stopped');
    const content = await readRecording(file.path);
    expect(content.errors).toEqual([]);
    expect(content.streams).toHaveLength(2);
    expect(missingCounters(content, ...sent).length).toBeLessThan(sent.at(-1)!.last);
  });
});
