/*
 * `npm run demo`: a server, a synthetic host, a recording, and the file that came of it.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Asset, Recording } from '@aircheck/protocol';
import { ApiClient } from './api-client.ts';
import { startWhipPublisher } from './publisher/index.ts';
import { type ServerProcess, spawnServer } from './start-server.ts';

const HELP = `npm run demo -- [options]

Starts Aircheck, lets a synthetic host join the room "demo" and records it. The server then stays up until Ctrl-C.

  --seconds N   how long to record (default 10)
  --once        end when the file is finished
  --json        print one line of JSON on standard output, all else on standard error
  --help        this text

The server takes its configuration from the environment (see "node packages/server/src/main.ts --help").
`;

const ROOM = 'demo';
const HOST = 'synthetic-host';
const DEFAULT_PORT = 8080;
const DEFAULT_SECONDS = 10;
const FIRST_FRAME_TIMEOUT_MS = 15_000;
const PICTURE = { width: 1280, height: 720, framesPerSecond: 30, videoBitrateBps: 1_500_000 } as const;

interface Options {
  readonly seconds: number;
  readonly once: boolean;
  readonly json: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds <= 86_400)) throw new Error('--seconds must be a number from 1 to 86400');
  return { seconds, once: values.once, json: values.json };
}

/** What is said to people; with `--json`, standard output belongs to the program that reads it. */
class Terminal {
  readonly #out: NodeJS.WriteStream;

  constructor(json: boolean) {
    this.#out = json ? process.stderr : process.stdout;
  }

  say(line = ''): void {
    this.#out.write(`${line}\n`);
  }

  /** A bar that grows on a terminal, a line every other second elsewhere. */
  async progress(totalMs: number, label: string, failed: Promise<never>): Promise<void> {
    const startedAt = performance.now();
    const stepMs = this.#out.isTTY ? 100 : 2000;
    for (;;) {
      const elapsedMs = Math.min(totalMs, performance.now() - startedAt);
      const text = `${(elapsedMs / 1000).toFixed(1)} of ${(totalMs / 1000).toFixed(1)} s`;
      if (this.#out.isTTY) {
        const full = Math.round((elapsedMs / totalMs) * 30);
        this.#out.write(`\r${label}  ${'█'.repeat(full)}${'░'.repeat(30 - full)}  ${text} `);
      } else this.say(`${label}  ${text}`);
      if (elapsedMs >= totalMs) break;
      // A timer may come a fraction of a millisecond early.
      await Promise.race([delay(Math.min(stepMs, Math.ceil(totalMs - elapsedMs) + 1)), failed]);
    }
    if (this.#out.isTTY) this.say();
  }

  table(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    for (const [name, value] of rows) this.say(`  ${name.padEnd(width)}  ${value}`);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

async function isFree(port: number, host: string): Promise<boolean> {
  const probe = createServer();
  probe.listen(port, host);
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}

async function choosePort(options: Options, terminal: Terminal): Promise<string> {
  const configured = process.env.AIRCHECK_PORT;
  if (configured !== undefined && configured !== '') return configured;
  if (options.once) return '0';
  const host = process.env.AIRCHECK_HOST || '127.0.0.1';
  let port = DEFAULT_PORT;
  while (port < DEFAULT_PORT + 100 && !(await isFree(port, host))) port += 1;
  if (port !== DEFAULT_PORT) terminal.say(`Port ${DEFAULT_PORT} is taken; using ${port}.`);
  return String(port);
}

/** The key of the environment, or the one that the server made for itself at its first start. */
function readCredentials(dataFolder: string): { key: string; secret: string } {
  const { AIRCHECK_API_KEY: key, AIRCHECK_API_SECRET: secret } = process.env;
  if (key && secret) return { key, secret };
  return JSON.parse(readFileSync(join(dataFolder, 'credentials.json'), 'utf8')) as { key: string; secret: string };
}

async function waitForFirstFrame(api: ApiClient, recordingId: string): Promise<void> {
  const deadline = performance.now() + FIRST_FRAME_TIMEOUT_MS;
  for (;;) {
    const { state, detail } = await api.getRecording(recordingId);
    if (state === 'recording') return;
    if (state !== 'starting') throw new Error(`the recording is ${state}${detail === null ? '' : `: ${detail}`}`);
    if (performance.now() > deadline) throw new Error('no media reached the recording');
    await delay(50);
  }
}

function pathOf(dataFolder: string, asset: Asset): string {
  const folder = join(dataFolder, 'recordings', asset.recordingId ?? asset.fileId);
  const name = readdirSync(folder).find((entry) => entry.includes(asset.fileId) && !entry.endsWith('.journal'));
  if (name === undefined) throw new Error(`no file of ${asset.fileId} in ${folder}`);
  return join(folder, name);
}

function describe(asset: Asset): (readonly [string, string])[] {
  const { video, audio } = asset;
  const codecs = [
    video && `${video.codec} ${video.width}×${video.height}, ${video.fps.toFixed(1)} pictures/s (${video.frames})`,
    audio && `${audio.codec} ${audio.sampleRate / 1000} kHz, ${audio.channels} channels`,
  ].filter((text) => text !== null);
  return [
    ['file', asset.fileId],
    ['name', asset.fileName],
    ['length', `${(asset.durationMs / 1000).toFixed(2)} s`],
    ['size', `${(asset.sizeBytes / 1024).toFixed(0)} KiB`],
    ['codecs', codecs.join(' + ')],
  ];
}

/** Lets the host join, records it, and lets it leave. */
async function record(
  api: ApiClient,
  url: string,
  options: Options,
  terminal: Terminal,
  serverEnded: Promise<never>,
): Promise<Recording> {
  const fileName = `demo ${new Date().toISOString().slice(0, 19).replace('T', ' ')}`;
  const token = await api.token(HOST, ROOM, 'host');
  const publisher = await startWhipPublisher({
    url: `${url}/whip/${ROOM}`,
    token,
    media: { kind: 'live', ...PICTURE },
  });
  try {
    terminal.say(`A synthetic host has joined the room "${ROOM}" by WHIP: 1280×720, H.264 and Opus.`);
    const { recordingId } = await api.startRecording(ROOM, { userId: HOST, fileName });
    await Promise.race([waitForFirstFrame(api, recordingId), serverEnded]);
    await terminal.progress(options.seconds * 1000, 'Recording', serverEnded);
    return await api.stopRecording(recordingId);
  } finally {
    await publisher.stop().catch(() => publisher.kill());
  }
}

async function demo(options: Options): Promise<void> {
  const terminal = new Terminal(options.json);
  const dataFolder = resolve(process.env.AIRCHECK_DATA || 'data');
  const port = await choosePort(options, terminal);
  const server: ServerProcess = await spawnServer({
    ...process.env,
    AIRCHECK_PORT: port,
    // A second server may run beside this one; its UDP ports are then taken.
    ...(options.once && !process.env.AIRCHECK_UDP_PORTS && { AIRCHECK_UDP_PORTS: '0' }),
  });
  const interrupted = new Promise<'interrupted'>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => done('interrupted'));
  });
  let stopping = false;
  const serverEnded = server.ended.then((code): never => {
    const lastLines = server.logs.slice(-5).map((line) => line.msg);
    throw new Error(`the server ended (${code})${stopping ? '' : `:\n${lastLines.join('\n')}`}`);
  });
  serverEnded.catch(() => {});
  try {
    terminal.say(`Aircheck listens on ${server.url}, data in ${dataFolder}`);
    const { key, secret } = readCredentials(dataFolder);
    const api = new ApiClient(server.url, key, secret);
    const recorded = await Promise.race([record(api, server.url, options, terminal, serverEnded), interrupted]);
    if (recorded === 'interrupted') return;
    const fileId = recorded.fileIds[0];
    if (fileId === undefined) throw new Error(`the recording is ${recorded.state} and has no file`);
    const asset = await api.getAsset(fileId);
    const { mp4 } = await api.playUrls(fileId);
    const path = pathOf(dataFolder, asset);
    const signIn = await Promise.race([server.logged((line) => line.msg.startsWith('Open http')), serverEnded]);
    terminal.say();
    terminal.table([...describe(asset), ['path', path], ['play', mp4], ['page', signIn.msg.replace('Open ', '')]]);
    if (options.json) {
      const { fileName, durationMs, sizeBytes, video, audio } = asset;
      const line = { fileId, fileName, path, durationMs, sizeBytes, video, audio, playUrl: mp4 };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
    if (options.once) return;
    terminal.say('\nThe server stays up until Ctrl-C.');
    await Promise.race([interrupted, serverEnded]);
  } finally {
    stopping = true;
    await server.stop();
  }
}

// Whoever read the output may go away, as `head` does; the server is ended all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1));
try {
  await demo(readOptions());
  process.exit(0);
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
