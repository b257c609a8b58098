import { createHash, randomBytes, randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Upload } from '@aircheck/protocol';
import { CuttingProxy, type RunningServer, startServer } from '@aircheck/testkit';
import { writeRecording } from '../../packages/server/tests/jobs/works/write-recording.ts';
import { uploadFile } from '../../packages/server/tests/library/uploads/tus-client.ts';
import { memoryOf, usageOf } from './process-usage.ts';
import { type Benchmark, number } from './table.ts';

const DEFAULT_MIB = 512;
const CUTS = 10;
const BLOCK_BYTES = 2 ** 24;
const CLIP = { seconds: 3, width: 320, height: 180, framesPerSecond: 25 } as const;

/** A film with random bytes at its end, in a box that players pass over. @returns its SHA-256 */
async function writeFilm(path: string, mib: number): Promise<string> {
  await writeRecording(path, CLIP);
  const hash = createHash('sha256').update(await readFile(path));
  const file = await open(path, 'a');
  const head = Buffer.alloc(8);
  head.writeUInt32BE(mib * 2 ** 20);
  head.write('free', 4, 'latin1');
  let left = mib * 2 ** 20 - head.length;
  await file.write(head);
  hash.update(head);
  while (left > 0) {
    const block = randomBytes(Math.min(left, BLOCK_BYTES));
    hash.update(block);
    await file.write(block);
    left -= block.length;
  }
  await file.close();
  return hash.digest('hex');
}

interface Row {
  readonly seconds: number;
  readonly cpuPerGb: number;
  readonly rssMiB: number;
  readonly cuts: number;
}

async function measure(server: RunningServer, path: string, mib: number, sha256: string, cuts: number): Promise<Row> {
  const proxy = await CuttingProxy.start(() => Number(new URL(server.url).port));
  const stepBytes = 4 * Math.floor((mib * 2 ** 18) / (cuts + 1));
  for (let cut = 0; cut < cuts; cut += 1) proxy.cuts.push(randomInt(stepBytes / 4, stepBytes));
  const authorization = `Basic ${Buffer.from(`${server.apiKey}:${server.apiSecret}`).toString('base64')}`;
  let rssMiB = 0;
  const timer = setInterval(() => {
    rssMiB = Math.max(rssMiB, memoryOf([server.pid]).rssMiB);
  }, 200);
  const before = usageOf([server.pid]);
  const uploadId = await uploadFile(
    proxy.url,
    authorization,
    createReadStream(path),
    { fileName: 'film', sha256 },
    { retryDelays: Array.from({ length: 100 }, () => 20) },
  );
  const after = usageOf([server.pid]);
  clearInterval(timer);
  let upload: Upload;
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    upload = await server.api.request<Upload>('GET', `/v1/uploads/${uploadId}`);
  } while (upload.state === 'checking');
  await proxy.close();
  // The check has compared the digest of what has come.
  if (upload.state !== 'ready') throw new Error(`the upload is ${upload.state}: ${upload.detail}`);
  const seconds = (after.atMs - before.atMs) / 1000;
  return { seconds, cpuPerGb: (after.cpuMs - before.cpuMs) / 1000 / (mib / 1024), rssMiB, cuts: proxy.done };
}

/** A large file by tus-js-client, whole and cut at random places. */
export const uploadBenchmark: Benchmark = {
  name: 'upload',
  about: 'a large upload, whole and cut ten times; `upload=2048` for 2 GB',
  async run(progress, arg) {
    const mib = arg === undefined ? DEFAULT_MIB : Number(arg);
    const folder = await mkdtemp(join(tmpdir(), 'aircheck-bench-upload-'));
    const server = await startServer({ dataFolder: join(folder, 'data'), env: { AIRCHECK_MEDIA_WORKERS: '1' } });
    try {
      const path = join(folder, 'film.mp4');
      progress(`making a film of ${mib} MiB`);
      const sha256 = await writeFilm(path, mib);
      const rows: string[][] = [];
      for (const cuts of [0, CUTS]) {
        progress(`uploading, ${cuts} cuts`);
        const row = await measure(server, path, mib, sha256, cuts);
        const figures = [row.seconds, row.cpuPerGb, row.rssMiB].map(number);
        rows.push([row.cuts === 0 ? 'whole' : `cut ${row.cuts} times`, ...figures]);
      }
      return {
        title: `An upload of ${mib} MiB by the tus protocol`,
        columns: ['', 'seconds', 'CPU seconds per GB, control process', 'MiB resident, at most'],
        rows,
        notes: [
          'Each ended as an asset whose SHA-256 is that of the file. The client and a proxy ran on the same machine.',
        ],
      };
    } finally {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
