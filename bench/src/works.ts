import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FromJobWorker } from '../../packages/server/src/jobs/contract.ts';
import type { WorkName, WorkOrders } from '../../packages/server/src/jobs/work-orders.ts';
import { writeRecording } from '../../packages/server/tests/jobs/works/write-recording.ts';
import { memoryOf, usageOf } from './process-usage.ts';
import { type Benchmark, number } from './table.ts';

const WORKER = fileURLToPath(new URL('../../packages/server/src/jobs/job-worker.ts', import.meta.url));
const CLIP = { seconds: 10, width: 1280, height: 720, framesPerSecond: 30, videoBitrateBps: 1_500_000 } as const;
const REPEATS = 6;
const SECONDS = CLIP.seconds * REPEATS;
/** Clock ticks of `/proc/<pid>/stat` (USER_HZ). */
const TICK_MS = 10;
const AUDIO = { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 } as const;

interface Ordered {
  readonly about: string;
  readonly name: WorkName;
  readonly order: object;
}

const ORDERS: readonly Ordered[] = [
  {
    about: 'transcode to 854×480, 800 kbps',
    name: 'transcode',
    order: { spec: { container: 'mp4', video: { codec: 'h264', height: 480, bitrateBps: 800_000 }, audio: AUDIO } },
  },
  {
    about: 'transcode to 1280×720, 1.5 Mbps',
    name: 'transcode',
    order: { spec: { container: 'mp4', video: { codec: 'h264', bitrateBps: 1_500_000 }, audio: AUDIO } },
  },
  { about: 'AAC sound, pictures as they are', name: 'aac', order: {} },
  { about: 'sprite, a tile a second', name: 'sprite', order: { spec: { tileWidth: 160, columns: 10, rows: 10 } } },
  { about: 'ten covers', name: 'cover', order: {} },
  { about: 'one snapshot in the middle', name: 'snapshot', order: { offsetsMs: [SECONDS * 500], format: 'jpeg' } },
  { about: 'SHA-256 and MD5', name: 'hash', order: {} },
];

/** Does one work in a worker process of its own, as the server does. */
async function measure({ name, order }: Ordered, path: string, folder: string) {
  await mkdir(folder);
  const worker = fork(WORKER, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    const next = () =>
      new Promise<FromJobWorker>((resolve) => worker.once('message', resolve as (message: unknown) => void));
    await next();
    const pids = [worker.pid!];
    const before = usageOf(pids);
    const source = { fileId: '12345678901234567', path, mimeType: 'video/mp4' };
    worker.send({ kind: 'order', id: 1, name, folder, order: { source, ...order } as WorkOrders[WorkName] });
    let rssMiB = 0;
    for (;;) {
      const message = await next();
      rssMiB = Math.max(rssMiB, memoryOf(pids).rssMiB);
      if (message.kind === 'error') throw new Error(message.problem.detail);
      if (message.kind === 'result') break;
    }
    const after = usageOf(pids);
    // Encoders end their threads before they can be asked: what counts is what the process is charged with.
    return { cpuMs: (after.ticks - before.ticks) * TICK_MS, wallMs: after.atMs - before.atMs, rssMiB };
  } finally {
    worker.disconnect();
  }
}

/** CPU time and memory of the works that decode and encode. */
export const worksBenchmark: Benchmark = {
  name: 'works',
  about: 'transcoding, AAC, sprites, covers, snapshots and digests of a recording',
  async run(progress) {
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-works-'));
    try {
      progress(`works: a recording of ${SECONDS} s`);
      const path = join(folder, 'recording.mp4');
      await writeRecording(path, ...Array.from({ length: REPEATS }, () => CLIP));
      const rows: string[][] = [];
      for (const [index, ordered] of ORDERS.entries()) {
        progress(`works: ${ordered.about}`);
        const { cpuMs, wallMs, rssMiB } = await measure(ordered, path, join(folder, String(index)));
        rows.push([
          ordered.about,
          number(cpuMs / SECONDS),
          number(cpuMs / 1000),
          number(wallMs / 1000),
          number(rssMiB),
        ]);
      }
      return {
        title: `Works on a recording of ${SECONDS} s`,
        columns: ['work', 'CPU ms per second of media', 'CPU s', 'wall s', 'RSS MiB'],
        rows,
        notes: [
          '1280×720, 30 pictures a second, 1.5 Mbps of H.264 with noise in it, Opus at 64 kbps.',
          'Each in a worker process of its own, its loading of FFmpeg included; RSS is the highest that was seen.',
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
