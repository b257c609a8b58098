import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startServer } from '@aircheck/testkit';
import { systemClock } from '../../packages/server/src/clock.ts';
import { openDatabase } from '../../packages/server/src/db/index.ts';
import { Outbox } from '../../packages/server/src/events/index.ts';
import { Library } from '../../packages/server/src/library/index.ts';
import { memoryOf, usageOf } from './process-usage.ts';
import { type Benchmark, number } from './table.ts';

const FILE_BYTES = 1024 * 1024 * 1024;
const CLIENTS = 50;
const FILE_ID = '100000000000000001';
const NGINX = '/usr/sbin/nginx';

interface Measured {
  readonly gigabytesPerCpuSecond: number;
  readonly gigabytesPerSecond: number;
  /** Resident memory in MiB, before and while it serves. */
  readonly before: number;
  readonly highest: number;
}

/** Lets many players load while a process is watched. */
async function measure(url: string, pid: number, seconds: number): Promise<Measured> {
  const script = join(import.meta.dirname, 'serve-clients.ts');
  const args = (clients: number, time: number) => [script, url, String(FILE_BYTES), String(clients), String(time)];
  // The compiler and the page cache are warm before it counts.
  await promisify(execFile)(process.execPath, args(4, 2));
  const before = memoryOf([pid]).rssMiB;
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, memoryOf([pid]).rssMiB);
  }, 200);
  const from = usageOf([pid]);
  const { stdout } = await promisify(execFile)(process.execPath, args(CLIENTS, seconds));
  const to = usageOf([pid]);
  clearInterval(watch);
  const gigabytes = Number(stdout) / 1e9;
  return {
    gigabytesPerCpuSecond: gigabytes / ((to.cpuMs - from.cpuMs) / 1000),
    gigabytesPerSecond: gigabytes / ((to.atMs - from.atMs) / 1000),
    before,
    highest,
  };
}

/** A file that no file system keeps as a hole. */
async function writeFileOf(path: string): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(4 * 1024 * 1024);
  for (let offset = 0, seed = Buffer.from('aircheck'); offset < block.length; offset += 32) {
    seed = createHash('sha256').update(seed).digest();
    block.set(seed, offset);
  }
  for (let offset = 0; offset < FILE_BYTES; offset += block.length) await file.write(block, 0, block.length, offset);
  await file.close();
}

const PATH = join(FILE_ID, `0000-${FILE_ID}.mp4`);

async function dataFolderWithFile(): Promise<string> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'aircheck-serve-'));
  await mkdir(join(dataFolder, 'recordings', FILE_ID), { recursive: true });
  await writeFileOf(join(dataFolder, 'recordings', PATH));
  return dataFolder;
}

/** Enters the file into the database of the server that runs. */
async function enterFile(dataFolder: string): Promise<void> {
  const db = await openDatabase({ kind: 'sqlite', file: join(dataFolder, 'aircheck.db') });
  const outbox = new Outbox(systemClock);
  const library = new Library({ db, outbox, clock: systemClock, enqueueRemoval: async () => {} });
  const facts = { mimeType: 'video/mp4', durationMs: 1, sizeBytes: FILE_BYTES, video: null, audio: null };
  await db.transaction().execute((transaction) =>
    library.addFile(transaction, {
      ...{ appId: 'default', fileId: FILE_ID, source: 'upload', path: PATH, fileName: 'large' },
      ...{ intro: '', classId: 0, tags: [], facts: { ...facts, extension: 'mp4' } },
    }),
  );
  await db.destroy();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** One worker of nginx with `sendfile`, for the same file. */
async function startNginx(root: string): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-nginx-'));
  const port = await freePort();
  const configuration = `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port}; root ${root}; } }`;
  await writeFile(join(folder, 'nginx.conf'), configuration);
  const child: ChildProcess = spawn(NGINX, ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}/${FILE_ID}/0000-${FILE_ID}.mp4`;
  for (let tries = 0; ; tries += 1) {
    try {
      await fetch(url, { method: 'HEAD' });
      break;
    } catch (error) {
      if (tries === 50)
        throw new Error(`nginx did not start: ${await readFile(`${folder}/error.log`, 'utf8')}`, { cause: error });
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  return {
    url,
    pid: child.pid!,
    async stop() {
      child.kill('SIGTERM');
      await new Promise((done) => child.once('exit', done));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A large file to many players by ranges, beside nginx. */
export const serveBenchmark: Benchmark = {
  name: 'serve',
  about: 'a file of 1 GB to 50 players by ranges, beside nginx (=seconds each)',
  async run(progress, arg) {
    const seconds = Number(arg ?? 10);
    const dataFolder = await dataFolderWithFile();
    try {
      progress(`serve: ${CLIENTS} players for ${seconds} s`);
      const server = await startServer({ dataFolder });
      let ours: Measured;
      try {
        await enterFile(dataFolder);
        const { mp4 } = await server.api.request<{ mp4: string }>('POST', `/v1/assets/${FILE_ID}/play-urls`, {});
        ours = await measure(mp4, server.pid, seconds);
      } finally {
        await server.stop();
      }
      const rows = [row('aircheck', ours, '')];
      const notes = [
        'CPU time of the serving process alone (of aircheck the control process, with all its threads); the players are a process of their own on the same machine. The file is in the page cache. nginx: one worker, sendfile, no access log.',
      ];
      if (existsSync(NGINX)) {
        progress('serve: the same from nginx');
        const nginx = await startNginx(join(dataFolder, 'recordings'));
        try {
          const theirs = await measure(nginx.url, nginx.pid, seconds);
          const share = ours.gigabytesPerCpuSecond / theirs.gigabytesPerCpuSecond;
          rows[0] = row('aircheck', ours, `${(share * 100).toFixed(0)} %`);
          rows.push(row(`nginx ${nginxVersion()}`, theirs, '100 %'));
        } finally {
          await nginx.stop();
        }
      } else {
        notes.push(
          'nginx is not installed here (Debian: `apt-get install nginx-light`), so there is nothing to compare with.',
        );
      }
      return {
        title: 'Serving',
        columns: ['server', 'GB per CPU second', 'of nginx', 'GB/s', 'memory before → highest, MiB'],
        rows,
        notes,
      };
    } finally {
      await rm(dataFolder, { recursive: true, force: true });
    }
  },
};

function row(name: string, measured: Measured, share: string): string[] {
  const { gigabytesPerCpuSecond, gigabytesPerSecond, before, highest } = measured;
  const memory = `${before.toFixed(0)} → ${highest.toFixed(0)}`;
  return [name, number(gigabytesPerCpuSecond), share, number(gigabytesPerSecond), memory];
}

function nginxVersion(): string {
  return /nginx\/([\d.]+)/.exec(spawnSync(NGINX, ['-v'], { encoding: 'utf8' }).stderr)?.[1] ?? '';
}
