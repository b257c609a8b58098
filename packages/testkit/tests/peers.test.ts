import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PeerProcess, type RunningServer, SignalingError, startServer, startWhipPublisher } from '../src/index.ts';

let server: RunningServer;
let peers: PeerProcess;

beforeAll(async () => {
  server = await startServer();
  peers = new PeerProcess();
});

afterAll(async () => {
  await peers.close();
  expect(await server.stop()).toBe(0);
  rmSync(server.dataFolder, { recursive: true });
});

test('every viewer gets every packet of a host that begins after they came', async () => {
  const url = `${server.url}/whip/kit`;
  const publisher = await peers.publish({ url, token: await server.token('host', 'kit'), held: true });
  const endpoint = { url: `${server.url}/whep/kit/host`, token: await server.token('viewer', 'kit', 'audience') };
  const viewers = [await peers.view(endpoint), await peers.view(endpoint), await peers.view(endpoint)];
  expect(await publisher.sent()).toMatchObject({ frames: 0, audioPackets: 0, counters: [], state: 'connected' });
  await publisher.resume();
  await vi.waitFor(async () => expect((await publisher.sent()).frames).toBeGreaterThan(30), { timeout: 5000 });
  await publisher.pause();
  const sent = await publisher.sent();
  expect(sent.lost).toBe(0);
  for (const viewer of viewers) {
    await vi.waitFor(async () => {
      const { frames, audioPackets, missing } = await viewer.received();
      expect({ frames, audioPackets, missing }).toEqual({
        frames: sent.frames,
        audioPackets: sent.audioPackets,
        missing: 0,
      });
    });
    await viewer.stop();
  }
  await publisher.stop();
});

test('a refused publisher learns the status and the code', async () => {
  const refused = startWhipPublisher({ url: `${server.url}/whip/kit`, token: 'forged' });
  await expect(refused).rejects.toBeInstanceOf(SignalingError);
  await expect(refused).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
});

test('a publisher whose process is killed leaves no request hanging', async () => {
  const publisher = await startWhipPublisher({
    url: `${server.url}/whip/kit`,
    token: await server.token('brief', 'kit'),
  });
  await publisher.kill();
  await expect(publisher.sent()).rejects.toThrow('ended');
});
