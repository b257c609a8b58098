import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { SafeHttp, TargetGuard } from '../../../src/events/index.ts';
import type { ControlRun } from '../../../src/jobs/index.ts';
import { Pulls } from '../../../src/library/uploads/index.ts';
import { describeOnBothDatabases } from '../../databases.ts';
import { startUploadService, type UploadService } from './service.ts';

const silenceMs = 1000;

describeOnBothDatabases('a pull', (database) => {
  let service: UploadService;
  let run: ControlRun<'pull'>;
  let progress: number[];

  beforeEach(async () => {
    service = await startUploadService(database.db);
    const http = new SafeHttp(new TargetGuard(['127.0.0.1']));
    onTestFinished(() => http.close());
    new Pulls({
      db: database.db,
      uploads: service.uploads,
      jobs: {
        onRun: (_type, pull) => {
          run = pull as unknown as ControlRun<'pull'>;
        },
        onFinished: () => {},
      },
      http,
      silenceMs,
    });
    progress = [];
  });
  afterEach(() => service.close());

  async function serve(listener: RequestListener): Promise<string> {
    const source = createServer(listener).listen(0, '127.0.0.1');
    await once(source, 'listening');
    onTestFinished(() => {
      source.closeAllConnections();
      source.close();
    });
    return `http://127.0.0.1:${(source.address() as AddressInfo).port}/film.mp4`;
  }

  async function pull(url: string) {
    const { uploadId } = await service.uploads.pull('default', { url, fileName: 'film' });
    const job = { jobId: 'job', appId: 'default', type: 'pull' as const, input: { uploadId, url }, attempts: 1 };
    const context = {
      signal: new AbortController().signal,
      progress: (percent: number) => void progress.push(percent),
    };
    return run(job, context);
  }

  /** Sends so many bytes, one every 100 ms. */
  function trickle(response: ServerResponse, bytes: number): void {
    let sent = 0;
    const timer = setInterval(() => {
      response.write('x');
      sent += 1;
      if (sent < bytes) return;
      clearInterval(timer);
      response.end();
    }, 100);
    response.once('close', () => clearInterval(timer));
  }

  it('goes on for as long as something comes, however little', async () => {
    const bytes = 15;
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': bytes });
      trickle(response, bytes);
    });
    expect((await pull(url)).sizeBytes).toBe(bytes);
    expect(progress.length).toBeGreaterThan(5);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  it('fails when nothing comes any more', async () => {
    const url = await serve((_request, response) => void response.writeHead(200).write('x'));
    await expect(pull(url)).rejects.toMatchObject({ code: 'pull-failed', message: 'Nothing came for 1 s' });
  });

  it('goes on at once where a connection broke off, as long as each brings something worth it', async () => {
    const content = randomBytes(300_000);
    const asked: (string | undefined)[] = [];
    const cutting = (each: number) =>
      serve((request, response) => {
        asked.push(request.headers.range);
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from === 0 ? 200 : 206, {
          etag: '"v1"',
          'content-length': content.length - from,
          ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
        });
        const to = from + each;
        response.write(content.subarray(from, to));
        if (to >= content.length) return void response.end();
        // Once all of it has arrived: what is on its way is lost with the connection.
        const timer = setInterval(() => {
          if ((progress.at(-1) ?? 0) >= (100 * to) / content.length) response.destroy();
        }, 5);
        response.once('close', () => clearInterval(timer));
      });
    const { path, sizeBytes } = await pull(await cutting(100_000));
    expect([sizeBytes, asked]).toEqual([300_000, [undefined, 'bytes=100000-', 'bytes=200000-']]);
    expect((await readFile(path)).equals(content)).toBe(true);
    asked.length = 0;
    progress.length = 0;
    await expect(pull(await cutting(1000))).rejects.toMatchObject({ code: 'pull-failed' });
    expect(asked).toEqual([undefined]);
  });

  it('fails at once when the address changes to another protocol', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end();
    });
    await expect(pull(url)).rejects.toMatchObject({
      code: 'pull-failed',
      message: expect.stringContaining('ended without an answer'),
    });
  });
});
