import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MediaWorkers } from '../../src/worker/index.ts';
import { fixture } from '../sfu/fixtures/index.ts';

let folder: string;
const running: MediaWorkers[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-workers-'));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((workers) => workers.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(count: number, changes: { readonly host?: string; readonly portRange?: [number, number] } = {}) {
  const workers = new MediaWorkers({
    count,
    portRange: changes.portRange ?? [0, 0],
    options: { host: changes.host ?? '127.0.0.1', recordingsFolder: folder, syncMs: 2000, logLevel: 'silent' },
    logger: pino({ level: 'silent' }),
  });
  running.push(workers);
  await workers.start();
  return workers;
}

async function refusal(promise: Promise<unknown>): Promise<AircheckError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AircheckError)) throw new Error(`expected an AircheckError, got ${String(error)}`);
  return error;
}

const lost = (workers: MediaWorkers): Promise<string[]> =>
  new Promise((resolve) => {
    const stop = workers.onWorkerLost((roomKeys) => {
      stop();
      resolve(roomKeys);
    });
  });

const publish = (workers: MediaWorkers, roomKey: string, peerId = 'peer') =>
  workers.request(roomKey, 'publish', { roomKey, userId: 'host', peerId, sdp: fixture('chromium-publish') });

const kill = (pid: number | undefined): void => {
  process.kill(pid!, 'SIGKILL');
};

describe('media workers', () => {
  it('answer requests, and hand their errors back as they are', async () => {
    const workers = await start(1);
    expect(workers.pids).toHaveLength(1);
    const { sdp, tracks } = await publish(workers, 'default/room');
    expect(sdp).toMatch(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 \d+ typ host/m);
    expect(tracks).toMatchObject([
      { mid: '0', kind: 'audio', source: 'microphone', codec: 'opus', muted: false },
      { mid: '1', kind: 'video', source: 'camera', codec: 'h264', muted: false },
    ]);
    const error = await refusal(
      workers.request('default/room', 'publish', { roomKey: 'default/room', userId: 'u', peerId: 'p', sdp: 'no' }),
    );
    expect([error.code, error.input]).toEqual(['sdp-invalid', 'sdp']);
    expect(await workers.stats()).toMatchObject([{ peers: 1, recordings: 0 }]);
  });

  it('hold a room in one worker, and spread rooms over all', async () => {
    const workers = await start(2);
    for (const room of ['a', 'b', 'c', 'd']) await publish(workers, `default/${room}`, `peer-${room}`);
    expect((await workers.stats()).map(({ peers }) => peers)).toEqual([2, 2]);
    // A room that is released leaves its place to the next.
    await workers.request('default/a', 'closeRoom', { roomKey: 'default/a' });
    workers.releaseRoom('default/a');
    await publish(workers, 'default/e', 'peer-e');
    expect((await workers.stats()).map(({ peers }) => peers)).toEqual([2, 2]);
  });

  it('are not given a room for what only ends something in it', async () => {
    const workers = await start(2);
    const roomKey = 'default/gone';
    expect(await workers.request(roomKey, 'leave', { roomKey, userId: 'host' })).toEqual({});
    expect(await workers.request(roomKey, 'closePeer', { peerId: 'peer' })).toEqual({});
    expect(await workers.request(roomKey, 'closeRoom', { roomKey })).toEqual({});
    // The first worker still has no room.
    await publish(workers, 'default/a');
    expect((await workers.stats()).map(({ peers }) => peers)).toEqual([1, 0]);
  });

  it('are started again when they are killed: rooms are told, requests under way rejected, later ones wait', async () => {
    const workers = await start(1);
    const [pid] = workers.pids;
    await publish(workers, 'default/room');
    const roomKeys = lost(workers);
    process.kill(pid!, 'SIGSTOP');
    const pending = refusal(publish(workers, 'default/room', 'second'));
    kill(pid);
    expect(await roomKeys).toEqual(['default/room']);
    expect(workers.pids).toEqual([]);
    expect((await pending).code).toBe('worker-lost');
    // Sent while no worker is up.
    const { tracks } = await publish(workers, 'default/room', 'third');
    expect(tracks).toHaveLength(2);
    expect(workers.pids).toHaveLength(1);
    expect(workers.pids[0]).not.toBe(pid);
  });

  it('go on where another one is killed', async () => {
    const workers = await start(2);
    await publish(workers, 'default/a', 'peer-a');
    await publish(workers, 'default/b', 'peer-b');
    const roomKeys = lost(workers);
    kill(workers.pids[0]);
    const [gone] = await roomKeys;
    const alive = gone === 'default/a' ? 'default/b' : 'default/a';
    const { tracks } = await publish(workers, alive, `peer-${alive.at(-1)}`);
    expect(tracks).toHaveLength(2);
    expect((await workers.stats()).some(({ peers }) => peers === 1)).toBe(true);
  });

  it('say why they cannot start', async () => {
    const error = await refusal(start(1, { host: '192.0.2.1' }));
    expect(error.message).toMatch(/EADDRNOTAVAIL|192\.0\.2\.1/);
  });

  it('need a port each', async () => {
    expect((await refusal(start(3, { portRange: [40_000, 40_001] }))).code).toBe('config-invalid');
  });

  it('take no requests any more once they drain, and end when they are closed', async () => {
    const workers = await start(1);
    const [pid] = workers.pids;
    await publish(workers, 'default/room');
    await workers.drain();
    expect((await refusal(publish(workers, 'default/room'))).code).toBe('draining');
    await workers.close();
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
    await workers.close();
  });
});
