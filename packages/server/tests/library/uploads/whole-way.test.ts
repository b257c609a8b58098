import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Asset, PlayUrls, Upload, UploadState } from '@aircheck/protocol';
import { CuttingProxy, type RunningServer, startServer } from '@aircheck/testkit';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { databaseForServer } from '../../databases.ts';
import { SMALL, sharedFolder, writeRecording } from '../../jobs/works/clips.ts';

import { uploadFile } from './tus-client.ts';

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

/** Makes a film larger without a change of what is in it: a `free` box at its end (ISO/IEC 14496-12 §8.1.2). */
function padded(film: Buffer, bytes: number): Buffer {
  const box = randomBytes(bytes);
  box.writeUInt32BE(bytes, 0);
  box.write('free', 4, 'latin1');
  return Buffer.concat([film, box]);
}

describe('a file on its whole way into the library', { timeout: 60_000 }, () => {
  let server: RunningServer;
  let film: Buffer;
  const authorization = () => `Basic ${Buffer.from(`${server.apiKey}:${server.apiSecret}`).toString('base64')}`;
  let database: string | undefined;
  const env = {
    AIRCHECK_MEDIA_WORKERS: '1',
    AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1',
    AIRCHECK_UPLOAD_MAX_BYTES: '50000000',
  };

  beforeAll(async () => {
    const path = join(await sharedFolder(), 'film.mp4');
    await writeRecording(path, { ...SMALL });
    film = await readFile(path);
    database = await databaseForServer();
    server = await startServer({ env, database });
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await rm(server.dataFolder, { recursive: true, force: true });
  });

  const upload = (uploadId: string) => server.api.request<Upload>('GET', `/v1/uploads/${uploadId}`);
  async function until(uploadId: string, state: UploadState): Promise<Upload> {
    await expect.poll(async () => (await upload(uploadId)).state, { timeout: 30_000 }).toBe(state);
    return upload(uploadId);
  }

  it('ends with an asset that plays what was sent', async () => {
    const uploadId = await uploadFile(server.url, authorization(), film, { fileName: 'film', sha256: sha256(film) });
    const { fileId } = await until(uploadId, 'ready');
    const asset = await server.api.request<Asset>('GET', `/v1/assets/${fileId}`);
    expect(asset).toMatchObject({ source: 'upload', state: 'ready', fileName: 'film', mimeType: 'video/mp4' });
    expect(asset.video).toMatchObject({ codec: 'h264', width: 320, height: 180, frames: 75 });
    expect(asset.durationMs).toBeCloseTo(3000, -2);
    const { mp4 } = await server.api.request<PlayUrls>('POST', `/v1/assets/${fileId}/play-urls`, {});
    const played = Buffer.from(await (await fetch(mp4)).arrayBuffer());
    expect(sha256(played)).toBe(sha256(film));
    await expect.poll(() => readdirSync(join(server.dataFolder, 'uploads'))).toEqual([]);
  });

  it('ends with the reason for a text that is called a film, and for a wrong digest', async () => {
    const text = Buffer.from('this is no film, whatever its name says. '.repeat(100));
    const first = await until(
      await uploadFile(server.url, authorization(), text, { fileName: 'film.mp4' }),
      'rejected',
    );
    expect(first.detail).toMatch(/text/);
    const wrong = await uploadFile(server.url, authorization(), film, { fileName: 'b', sha256: 'ab'.repeat(32) });
    expect((await until(wrong, 'rejected')).detail).toContain(sha256(film));
    await expect.poll(() => readdirSync(join(server.dataFolder, 'uploads'))).toEqual([]);
    const { total } = await server.api.listAssets('?source=upload');
    expect(total).toBe(1);
  });

  it('goes on where it was when the server is killed in the middle', async () => {
    const large = padded(film, 24 * 2 ** 20);
    let port = Number(new URL(server.url).port);
    const proxy = await CuttingProxy.start(() => port);
    onTestFinished(() => proxy.close());
    proxy.cuts.push(3 * 2 ** 20, 5 * 2 ** 20);
    let killed = false;
    const { apiSecret, dataFolder } = server;
    const uploading = uploadFile(
      proxy.url,
      authorization(),
      large,
      { fileName: 'large', sha256: sha256(large) },
      {
        retryDelays: Array.from({ length: 200 }, () => 100),
        onProgress: (sent) => {
          if (killed || sent < 12 * 2 ** 20) return;
          killed = true;
          void server.kill().then(async () => {
            server = await startServer({ dataFolder, database, env: { ...env, AIRCHECK_API_SECRET: apiSecret } });
            port = Number(new URL(server.url).port);
          });
        },
      },
    );
    const uploadId = await uploading;
    expect([killed, proxy.done]).toEqual([true, 2]);
    const { fileId } = await until(uploadId, 'ready');
    const { items } = await server.api.listAssets('?fileNamePrefix=large');
    expect(items.map((item) => [item.fileId, item.sizeBytes])).toEqual([[fileId, large.byteLength]]);
    await expect
      .poll(async () => (await server.api.request<Asset>('GET', `/v1/assets/${fileId}`)).sha256, { timeout: 20_000 })
      .toBe(sha256(large));
  });

  it('is looked at once more when the server is killed before anybody has', async () => {
    const { apiSecret, dataFolder } = server;
    const restarted = (more: object) =>
      startServer({ dataFolder, database, env: { ...env, AIRCHECK_API_SECRET: apiSecret, ...more } });
    await server.kill();
    server = await restarted({ AIRCHECK_JOB_WORKERS: '0' });
    const uploadId = await uploadFile(server.url, authorization(), film, { fileName: 'waits' });
    expect((await upload(uploadId)).state).toBe('checking');
    await server.kill();
    server = await restarted({});
    const { fileId } = await until(uploadId, 'ready');
    const { items } = await server.api.listAssets('?fileNamePrefix=waits');
    expect(items.map((item) => item.fileId)).toEqual([fileId]);
  });

  async function serve(listener: RequestListener): Promise<string> {
    const source = createServer(listener).listen(0, '127.0.0.1');
    await once(source, 'listening');
    onTestFinished(() => {
      source.closeAllConnections();
      source.close();
    });
    return `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
  }
  const pull = (url: string, more: object = {}) =>
    server.api.request<Upload>('POST', '/v1/pulls', { url, fileName: 'pulled', ...more });

  it('can be pulled from an address, going on where a connection broke off', async () => {
    const content = padded(film, 2 ** 20);
    const requests: IncomingMessage[] = [];
    const url = await serve((request, response) => {
      requests.push(request);
      const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(first === 0 ? 200 : 206, {
        etag: '"v1"',
        'content-length': content.byteLength - first,
        ...(first > 0 && { 'content-range': `bytes ${first}-${content.byteLength - 1}/${content.byteLength}` }),
      });
      if (requests.length > 1) response.end(content.subarray(first));
      else response.write(content.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 50));
    });
    const { uploadId, jobId } = await pull(`${url}/a/film.mp4`, { sha256: sha256(content), tags: ['x'] });
    const { fileId, sizeBytes } = await until(uploadId, 'ready');
    expect(sizeBytes).toBe(content.byteLength);
    expect(requests[1]!.headers).toMatchObject({ range: 'bytes=500000-', 'if-range': '"v1"' });
    expect(await server.api.request('GET', `/v1/assets/${fileId}`)).toMatchObject({ source: 'pull', tags: ['x'] });
    expect(await server.api.request('GET', `/v1/jobs/${jobId}`)).toMatchObject({ type: 'pull', state: 'done' });
  });

  it('is not pulled from where nobody may look, nor when it is too large or missing', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/inside') response.writeHead(302, { location: 'http://127.0.0.2:1/secret' }).end();
      else if (request.url === '/large') response.writeHead(200, { 'content-length': '50000001' }).flushHeaders();
      else if (request.url === '/bomb') {
        response.writeHead(200);
        const chunk = Buffer.alloc(2 ** 20);
        const more = () => {
          while (!response.destroyed && response.write(chunk));
          response.once('drain', more);
        };
        more();
      } else response.writeHead(404).end();
    });
    const details: Record<string, RegExp> = {
      '/inside': /127\.0\.0\.2 lies in a network/,
      '/large': /larger than 50000000/,
      '/bomb': /larger than 50000000/,
      '/missing': /answers 404/,
    };
    for (const [path, detail] of Object.entries(details)) {
      const { uploadId } = await pull(url + path);
      expect((await until(uploadId, 'rejected')).detail).toMatch(detail);
    }
    const { uploadId } = await pull('http://[::1]:1/');
    expect((await until(uploadId, 'rejected')).detail).toMatch(/::1 lies in a network/);
    await expect(pull('file:///etc/passwd')).rejects.toMatchObject({ status: 400 });
    await expect.poll(() => readdirSync(join(server.dataFolder, 'uploads'))).toEqual([]);
  });
});
