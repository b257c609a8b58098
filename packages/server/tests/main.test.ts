import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPostgresDatabase } from './databases.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let parent: string;
let running: Process[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'aircheck-main-'));
  running = [];
});
afterEach(async () => {
  for (const { child, exited } of running) {
    child.kill('SIGKILL');
    await exited;
  }
  await rm(parent, { recursive: true, force: true });
});

interface Process {
  readonly child: ChildProcess;
  readonly out: { text: string };
  readonly err: { text: string };
  readonly exited: Promise<number | string>;
}

function run(args: readonly string[], environment: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env.PATH,
      AIRCHECK_DATA: join(parent, 'data'),
      AIRCHECK_PORT: '0',
      AIRCHECK_UDP_PORTS: '0',
      AIRCHECK_MEDIA_WORKERS: '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { text: '' };
  const err = { text: '' };
  child.stdout.on('data', (chunk) => {
    out.text += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err.text += String(chunk);
  });
  const exited = once(child, 'close').then(([code, signal]) => code ?? signal);
  const process_ = { child, out, err, exited };
  running.push(process_);
  return process_;
}

/** Starts the service and waits for its log line `listening`. */
async function serve(environment: Record<string, string> = {}): Promise<Process & { readonly url: string }> {
  const server = run(['serve'], environment);
  for (;;) {
    const line = server.out.text.split('\n').find((text) => text.includes('"msg":"listening"'));
    if (line !== undefined) return { ...server, url: JSON.parse(line).url };
    const ended = await Promise.race([
      once(server.child.stdout!, 'data').then(() => undefined),
      server.exited.then((code) => `The server ended (${code}): ${server.err.text}`),
    ]);
    if (ended !== undefined) throw new Error(ended);
  }
}

describe('aircheck', () => {
  it('explains itself', async () => {
    const [help, asked] = [run(['--help']), run(['serve', '--help'])];
    const [version, unknown] = [run(['--version']), run(['srve'])];
    expect(await help.exited).toBe(0);
    expect(help.out.text).toContain('aircheck serve');
    expect(help.out.text).toContain('AIRCHECK_SYNC_MS');
    for (const line of help.out.text.split('\n')) expect(line.length).toBeLessThanOrEqual(90);
    expect([await asked.exited, asked.out.text, asked.err.text]).toEqual([0, help.out.text, '']);
    expect(await version.exited).toBe(0);
    expect(version.out.text).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await unknown.exited).toBe(2);
    expect(unknown.err.text).toContain('unknown command "srve"');
  });

  it('makes a key and secret at first start, prints them once, and works with them', async () => {
    const first = await serve();
    const folder = join(parent, 'data');
    const { key, secret } = JSON.parse(await readFile(join(folder, 'credentials.json'), 'utf8'));
    // What comes over another pipe may come later.
    await expect.poll(() => first.err.text).toMatch(/#code=/);
    expect(first.err.text).toContain(key);
    expect(first.err.text).toContain(secret);
    expect(first.out.text).not.toContain(secret);
    expect((await stat(join(folder, 'aircheck.db'))).mode & 0o077).toBe(0);

    const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const made = await fetch(`${first.url}/v1/rooms/studio`, { method: 'PUT', headers, body: '{"type":"pair"}' });
    expect(made.status).toBe(200);
    const started = await fetch(`${first.url}/v1/rooms/studio/recordings`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ userId: 'anna', fileName: 'x' }),
    });
    expect([started.status, (await started.json()).code]).toEqual([409, 'room-pair']);

    const code = /#code=([\w-]+)/.exec(first.err.text)?.[1];
    const session = await fetch(`${first.url}/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    });
    expect(session.status).toBe(200);

    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    const second = await serve();
    expect(second.err.text).not.toContain(secret);
    const rooms = await (await fetch(`${second.url}/v1/rooms`, { headers })).json();
    expect(rooms.items).toMatchObject([{ roomId: 'studio', type: 'pair' }]);
    second.child.kill('SIGTERM');
    expect(await second.exited).toBe(0);
  });

  it('describes every route that people are told of', async () => {
    const { url } = await serve();
    const { paths } = await (await fetch(`${url}/v1/openapi.json`)).json();
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/v1/tokens',
        '/v1/session',
        '/v1/rooms',
        '/v1/rooms/{roomId}',
        '/v1/rooms/{roomId}/recordings',
        '/v1/recordings',
        '/v1/recordings/{recordingId}',
        '/v1/recordings/{recordingId}/stop',
        '/v1/recordings/{recordingId}/pause',
        '/v1/recordings/{recordingId}/resume',
        '/v1/assets',
        '/v1/assets/{fileId}',
        '/v1/assets/{fileId}/play-urls',
      ]),
    );
    type Operation = { summary?: string; tags?: string[]; responses: Record<string, { content?: object }> };
    for (const [path, methods] of Object.entries<Record<string, Operation>>(paths)) {
      for (const [method, { summary, tags, responses }] of Object.entries(methods)) {
        const route = `${method} ${path}`;
        expect([route, summary], 'has a summary of one line').toEqual([
          route,
          expect.stringMatching(/^[A-Z].*[^.\n]$/),
        ]);
        expect([route, tags?.length]).toEqual([route, 1]);
        const [done, ...others] = Object.keys(responses);
        expect([route, done]).toEqual([route, expect.stringMatching(/^20\d$/)]);
        // Which errors are told of is a matter of tests/http/openapi.test.ts.
        for (const status of others.filter((name) => name === 'default' || Number(name) >= 400)) {
          expect(responses[status]).toMatchObject({
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          });
        }
      }
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'aircheck_resident_memory_bytes{process="worker-0"}',
    );
  });

  it('keeps its state in PostgreSQL when it is told to', async () => {
    const { url, child, exited } = await serve({ DATABASE_URL: await createPostgresDatabase() });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
    await expect(stat(join(parent, 'data', 'aircheck.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('says in one line which keys are wrong', async () => {
    const { exited, err, out } = run(['serve'], { AIRCHECK_PORT: 'eighty', AIRCHECK_IDLE_SECONDS: '0' });
    expect(await exited).toBe(1);
    expect(err.text.trim().split('\n')).toHaveLength(1);
    expect(err.text).toContain('AIRCHECK_PORT is "eighty", but must be');
    expect(err.text).toContain('AIRCHECK_IDLE_SECONDS is "0", but must be');
    expect(out.text).toBe('');
  });

  it('says in one line that the data folder cannot be written', async () => {
    const file = join(parent, 'file');
    await writeFile(file, '');
    const { exited, err } = run(['serve'], { AIRCHECK_DATA: join(file, 'data') });
    expect(await exited).toBe(1);
    expect(err.text.trim().split('\n')).toHaveLength(1);
    expect(err.text).toMatch(/^aircheck: The data folder .* cannot be written: /);
  });

  it('says in one line that the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const { exited, err } = run(['serve'], { AIRCHECK_PORT: port });
    expect(await exited).toBe(1);
    expect(err.text).toMatch(/^aircheck: The address is in use by another program: .*\n$/);
    other.close();
  });

  it('refuses a second server on the same data folder, until the first one has ended, even by kill -9', async () => {
    const first = await serve();
    const second = run(['serve']);
    expect(await second.exited).toBe(1);
    expect(second.err.text.trim().split('\n')).toHaveLength(1);
    expect(second.err.text).toContain(`Another server (process ${first.child.pid}`);
    expect((await fetch(`${first.url}/healthz`)).status).toBe(200);
    first.child.kill('SIGKILL');
    await first.exited;
    const third = await serve();
    expect((await fetch(`${third.url}/readyz`)).status).toBe(200);
  });

  it('goes on when its terminal is closed, and ends orderly on SIGINT', async () => {
    const { child, url, exited } = await serve();
    child.kill('SIGHUP');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    child.kill('SIGINT');
    expect(await exited).toBe(0);
  });
});
