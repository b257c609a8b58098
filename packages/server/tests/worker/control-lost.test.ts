import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMp4Summary } from '@aircheck/media';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WorkerRequests } from '../../src/worker/contract.ts';
import { DatachannelPeer } from '../sfu/datachannel-peer.ts';
import type { ControlCommand, ControlReport } from './control-main.ts';

let folder: string;
let control: ChildProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-control-lost-'));
  control = fork(new URL('./control-main.ts', import.meta.url), { stdio: 'inherit' });
});

afterEach(async () => {
  control.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function report<T extends ControlReport['type']>(
  type: T,
  matches: (found: Extract<ControlReport, { type: T }>) => boolean = () => true,
): Promise<Extract<ControlReport, { type: T }>> {
  return new Promise((resolve) => {
    const listen = (message: ControlReport): void => {
      const found = message as Extract<ControlReport, { type: T }>;
      if (message.type !== type || !matches(found)) return;
      control.off('message', listen);
      resolve(found);
    };
    control.on('message', listen);
  });
}

async function ask<T extends ControlReport['type']>(command: ControlCommand, type: T) {
  const answer = report(type);
  control.send(command);
  return answer;
}

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('a worker whose control process is killed finishes its recordings and ends', async () => {
  using peer = new DatachannelPeer();
  peer.send({ type: 'publish', loseEvery: 0 });
  const { workerPid } = await ask({ type: 'start', recordingsFolder: folder }, 'started');
  const common = { roomKey: 'default/room', userId: 'host' };
  const published = await ask(
    { type: 'request', name: 'publish', body: { ...common, peerId: 'peer', sdp: await peer.description() } },
    'result',
  );
  peer.send({ type: 'answer', sdp: (published.result as WorkerRequests['publish']['out']).sdp });
  const recording = {
    ...common,
    recordingId: 'recording',
    appId: 'default',
    roomId: 'room',
    source: 'camera',
    media: 'av',
    fileName: 'a name',
    segmentMs: 5_400_000,
    idleMs: 60_000,
  } as const;
  await ask({ type: 'request', name: 'startRecording', body: recording }, 'result');
  const { path, durationMs } = await report('progress', (progress) => progress.durationMs > 2000);

  control.kill('SIGKILL');
  await vi.waitFor(() => expect(lives(workerPid)).toBe(false), { timeout: 10_000, interval: 50 });

  const file = await open(join(folder, path));
  const { size } = await stat(join(folder, path));
  const summary = await readMp4Summary(async (offset, length) => {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  }, size);
  await file.close();
  expect(summary.finished).toBe(true);
  // What is told while it grows counts the picture under way, whose end is not known.
  expect(summary.durationSeconds * 1000).toBeGreaterThan(durationMs - 100);
  expect(summary.tracks).toHaveLength(2);
}, 60_000);
