import { closeSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startServer } from '@aircheck/testkit';
import { connectHosts, delay, LOAD_MEDIA, startRecording, whipEndpoint } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { type Benchmark, number, spread } from './table.ts';

const ROUNDS = 10;
const TIMEOUT_MS = 10_000;

/** Whether a growing file holds a fragment with media in it: a `moof` box and the whole `mdat` behind it. */
function holdsFragment(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(8);
    let fragment = false;
    for (let at = 0; readSync(file, header, 0, 8, at) === 8; ) {
      const type = header.toString('latin1', 4, 8);
      const end = at + header.readUInt32BE(0);
      if (fragment && type === 'mdat') return readSync(file, header, 0, 1, end - 1) === 1;
      fragment = type === 'moof';
      if (end <= at) return false;
      at = end;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

async function firstFragment(folder: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadline) {
    try {
      const file = readdirSync(folder).find((name) => name.endsWith('.mp4'));
      if (file !== undefined && holdsFragment(join(folder, file))) return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await delay(2);
  }
  throw new Error(`no frame in ${folder} after ${TIMEOUT_MS} ms`);
}

/** From the accepted start of a recording to its first frame on the disk. */
export const startBenchmark: Benchmark = {
  name: 'start',
  about: 'start accepted → first frame on disk',
  async run(progress) {
    progress(`start: ${ROUNDS} recordings`);
    const server = await startServer();
    const hosts = await connectHosts(1, (index) => whipEndpoint(server, index), {
      held: false,
      media: { ...LOAD_MEDIA, kind: 'live', keyFrameSeconds: 3600 },
    });
    const accepted: number[] = [];
    const onDisk: number[] = [];
    try {
      await delay(2000);
      for (let round = 0; round < ROUNDS; round += 1) {
        const asked = performance.now();
        const recordingId = await startRecording(server, 0);
        const answered = performance.now();
        await firstFragment(join(server.dataFolder, 'recordings', recordingId));
        accepted.push(answered - asked);
        onDisk.push(performance.now() - answered);
        await delay(300);
        await server.api.stopRecording(recordingId);
      }
    } finally {
      await hosts.close();
      await server.stop();
      rmSync(server.dataFolder, { recursive: true, force: true });
    }
    return {
      title: 'Start',
      columns: ['what', 'ms: median (min..max)', 'rounds'],
      rows: [
        ['start asked for → accepted', spread(spreadOf(accepted)), String(ROUNDS)],
        ['accepted → first frame on disk', spread(spreadOf(onDisk)), String(ROUNDS)],
      ],
      notes: [
        `The publisher encodes live and sends a key frame only when asked: the next picture then is one, ${number(1000 / LOAD_MEDIA.framesPerSecond)} ms later at most.`,
        'On disk: a whole fragment can be read from the file.',
      ],
    };
  },
};
