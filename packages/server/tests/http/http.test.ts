import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError, PlayUrlsRequest, StartRecordingRequest } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ZodTypeProvider } from '../../src/http/index.ts';
import { startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

describe('errors', () => {
  beforeEach(() => {
    const app = server.app.withTypeProvider<ZodTypeProvider>();
    app.post('/v1/test/start', { schema: { body: StartRecordingRequest } }, async (request) => request.body);
    app.post('/v1/test/defaults', { schema: { body: PlayUrlsRequest } }, async (request) => request.body);
    app.get('/v1/test/fails', async () => {
      throw new Error('password=hunter2');
    });
    app.get('/v1/test/disk', async () => {
      throw new AircheckError('storage-full', 'No space left');
    });
    app.get('/v1/test/untrue', { schema: { response: { 200: z.object({ count: z.int() }) } } }, async () => {
      return { count: 'many' } as never;
    });
    app.put('/v1/test/items/:id', async () => ({}));
  });

  const start = (payload: unknown) =>
    server.app.inject({ method: 'POST', url: '/v1/test/start', payload: payload as object });

  it.each([
    ['no body', undefined, 'request-body-missing', undefined, 30000001],
    ['no file name', { userId: 'a' }, 'file-name-missing', 'body.fileName', 30000002],
    ['an empty file name', { userId: 'a', fileName: '' }, 'file-name-missing', 'body.fileName', 30000002],
    ['a wrong source', { userId: 'a', fileName: 'f', source: 'window' }, 'source-invalid', 'body.source', 30000004],
    ['a file name too long', { userId: 'a', fileName: 'x'.repeat(1001) }, 'request-invalid', 'body.fileName', 30000000],
    ['a NUL in the name', { userId: 'a', fileName: 'a\0b' }, 'request-invalid', 'body.fileName', 30000000],
    ['half a character', { userId: 'a', fileName: '\ud83d' }, 'request-invalid', 'body.fileName', 30000000],
    ['a wrong tag', { userId: 'a', fileName: 'f', tags: ['ok', ''] }, 'request-invalid', 'body.tags.1', 30000000],
    ['a list', [], 'request-invalid', 'body', 30000000],
  ])('name the input and the vendor code: %s', async (_name, payload, code, input, vendorCode) => {
    const response = await start(payload);
    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    const problem = response.json();
    expect(problem).toMatchObject({ status: 400, code, vendorCode, type: `urn:aircheck:error:${code}` });
    expect(problem.input).toBe(input);
  });

  it.each([
    '../../etc/passwd',
    '/etc/passwd',
    'C:\\con',
    '🎬 课程 ①',
    'x'.repeat(1000),
    ' %00<script>"\'',
    'a\r\nb\u0007\u001b[31m\u007f',
  ])('do not meet file names that are only names: %s', async (fileName) => {
    const response = await start({ userId: 'a', fileName });
    expect(response.statusCode).toBe(200);
    expect(response.json().fileName).toBe(fileName);
  });

  it('do not meet a body that may be left out', async () => {
    const response = await server.app.inject({ method: 'POST', url: '/v1/test/defaults' });
    expect(response.json()).toEqual({ ttlSeconds: 3600 });
  });

  it('tell malformed JSON, wrong types and bodies too large apart', async () => {
    const post = (payload: string, type: string) =>
      server.app.inject({ method: 'POST', url: '/v1/test/start', payload, headers: { 'content-type': type } });
    const malformed = await post('{"userId": ', 'application/json');
    expect([malformed.statusCode, malformed.json().code]).toEqual([400, 'request-invalid']);
    const wrong = await post('<a/>', 'application/xml');
    expect([wrong.statusCode, wrong.json().code]).toEqual([415, 'media-type-unsupported']);
    const large = await post(`"${'x'.repeat(1024 * 1024)}"`, 'application/json');
    expect([large.statusCode, large.json().code]).toEqual([413, 'payload-too-large']);
  });

  it('say what is not there and what is not allowed', async () => {
    const missing = await server.app.inject({ url: '/v1/nothing?exp=1&sig=secret' });
    expect([missing.statusCode, missing.json().code]).toEqual([404, 'not-found']);
    expect(missing.body).not.toContain('secret');
    const wrong = await server.app.inject({ method: 'DELETE', url: '/v1/test/items/7' });
    expect([wrong.statusCode, wrong.json().code, wrong.headers.allow]).toEqual([405, 'method-not-allowed', 'PUT']);
    const read = await server.app.inject({ method: 'GET', url: '/v1/test/items/7' });
    expect([read.statusCode, read.headers.allow]).toEqual([405, 'PUT']);
  });

  it('say that a URL is malformed', async () => {
    for (const url of ['/v1/test/items/%zz', '/%zz']) {
      const response = await server.app.inject({ method: 'PUT', url });
      expect([response.statusCode, response.json().code]).toEqual([400, 'request-invalid']);
      expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('do not meet long ids of letters that take much room in a URL', async () => {
    const url = `/v1/test/items/${encodeURIComponent('𠀀'.repeat(64) + '课'.repeat(64))}`;
    expect((await server.app.inject({ method: 'PUT', url })).statusCode).toBe(200);
  });

  it('from inside are logged and not told', async () => {
    const response = await server.app.inject({ url: '/v1/test/fails' });
    expect([response.statusCode, response.json().code]).toEqual([500, 'internal']);
    expect(response.body).not.toContain('hunter2');
    expect(server.log.join('')).toContain('hunter2');
    const untrue = await server.app.inject({ url: '/v1/test/untrue' });
    expect([untrue.statusCode, untrue.json().code]).toEqual([500, 'internal']);
  });

  it('of the destination keep their status', async () => {
    const response = await server.app.inject({ url: '/v1/test/disk' });
    expect([response.statusCode, response.json().code]).toEqual([507, 'storage-full']);
  });
});

describe('probes and metrics', () => {
  it('say that the process lives and whether it can take work', async () => {
    expect((await server.app.inject({ url: '/healthz' })).statusCode).toBe(200);
    expect((await server.app.inject({ url: '/readyz' })).statusCode).toBe(200);
    server.state.readyWorkers = 0;
    expect((await server.app.inject({ url: '/readyz' })).statusCode).toBe(503);
    server.state.readyWorkers = 1;
    server.state.draining = true;
    expect((await server.app.inject({ url: '/readyz' })).json()).toMatchObject({ status: 'draining' });
    expect((await server.app.inject({ url: '/healthz' })).statusCode).toBe(200);
  });

  it('refuse changes while the server shuts down, and still answer reads', async () => {
    server.state.draining = true;
    const response = await server.asServer({ method: 'POST', url: '/v1/tokens', payload: {} });
    expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([
      503,
      'draining',
      '1',
    ]);
    expect((await server.app.inject({ url: '/v1/openapi.json' })).statusCode).toBe(200);
  });

  it('are in the form of Prometheus, summed over the workers', async () => {
    const stats = { peers: 2, recordings: 1, packetsIn: 10, packetsOut: 5, eventLoopDelayMs: 4, rssBytes: 1000 };
    server.state.stats = [stats, { ...stats, peers: 3 }];
    const { body, headers } = await server.app.inject({ url: '/metrics' });
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toContain('aircheck_peers 5');
    expect(body).toContain('aircheck_recordings 2');
    expect(body).toContain('aircheck_rtp_packets{direction="in"} 20');
    expect(body).toContain('aircheck_resident_memory_bytes{process="worker-1"} 1000');
    expect(body).toMatch(/aircheck_resident_memory_bytes\{process="control"\} \d{7,}/);
  });
});

describe('the log', () => {
  it('leaves it to the command to say where the server listens', async () => {
    await server.app.listen({ host: '127.0.0.1', port: 0 });
    expect((await fetch(server.app.listeningOrigin)).status).toBe(200);
    const messages = server.log.map((line) => JSON.parse(line).msg);
    expect(messages).toContain('request');
    expect(messages.filter((message) => /listening/i.test(message))).toEqual([]);
  });

  it('has paths and request ids, and neither signatures nor credentials', async () => {
    const response = await server.app.inject({
      method: 'PUT',
      url: '/v1/media/1/x.mp4?exp=1&sig=TheSignature',
      headers: { authorization: 'Bearer TheToken', cookie: 'aircheck_session=TheCookie' },
    });
    const log = server.log.join('');
    expect(log).toContain('"path":"/v1/media/1/x.mp4"');
    expect(log).toContain(String(response.headers['x-request-id']));
    expect(log).not.toMatch(/TheSignature|TheToken|TheCookie/);
  });
});

describe('the description of the API', () => {
  it('is OpenAPI 3.1 made from the schemas', async () => {
    const document = (await server.app.inject({ url: '/v1/openapi.json' })).json();
    expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Aircheck', version: '1.2.3' } });
    const { post } = document.paths['/v1/tokens'];
    expect(post.requestBody.content['application/json'].schema).toMatchObject({
      type: 'object',
      required: ['userId', 'roomId', 'role'],
      properties: { role: { enum: ['host', 'guest', 'audience'] }, ttlSeconds: { default: 3600 } },
    });
    expect(document.paths['/v1/session'].get.responses['200'].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/Session',
    });
    expect(document.components.schemas.Session.properties.key).toEqual({ type: 'string' });
    const references = JSON.stringify(document).match(/#\/[^"]+/g) ?? [];
    expect(references.length).toBeGreaterThan(0);
    for (const reference of references) {
      const [, , kind = '', name = ''] = reference.split('/');
      expect(document.components[kind]).toHaveProperty([name]);
    }
  });

  it('is a page for people', async () => {
    const { body, headers } = await server.app.inject({ url: '/docs' });
    expect(headers['content-type']).toContain('text/html');
    expect(body).toContain('/v1/tokens');
    expect(body).not.toContain('<script');
  });
});

describe('the console', () => {
  it('says how to build it when it has not been built', async () => {
    const response = await server.app.inject({ url: '/' });
    expect(response.statusCode).toBe(200);
    expect(response.body).toContain('npm run build');
  });

  it('is one page for all its paths, with files that browsers keep for good', async () => {
    const folder = join(server.folder, 'console');
    await mkdir(join(folder, 'assets'), { recursive: true });
    await writeFile(join(folder, 'index.html'), '<title>console</title>');
    await writeFile(join(folder, 'assets', 'app-1a2b.js'), 'run()');
    await writeFile(join(server.folder, 'secret.txt'), 'not for the world');
    for (const url of ['/', '/rooms/demo', '/library?x=1']) {
      const page = await server.app.inject({ url });
      expect(page.body).toBe('<title>console</title>');
      expect(page.headers['cache-control']).toBe('no-cache');
      expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    }
    const script = await server.app.inject({ url: '/assets/app-1a2b.js' });
    expect(script.body).toBe('run()');
    expect(script.headers['cache-control']).toContain('immutable');
    expect(script.headers['content-type']).toContain('javascript');
    expect((await server.app.inject({ url: '/assets/gone.js' })).json().code).toBe('not-found');
    for (const url of [
      '/../secret.txt',
      '/..%2fsecret.txt',
      '/%2e%2e/secret.txt',
      '/assets/..%2f..%2fsecret.txt',
      '/%zz.txt',
    ]) {
      const response = await server.app.inject({ url });
      expect([url, response.body.includes('not for the world'), response.statusCode < 500]).toEqual([url, false, true]);
    }
  });
});

describe('the SDK for pages', () => {
  const get = (url: string, headers = {}) => server.app.inject({ url, headers });

  it('says how to build it when it has not been built', async () => {
    const response = await get('/sdk/web.js');
    expect([response.statusCode, response.json().code]).toEqual([404, 'not-found']);
    expect(response.json().hint).toContain('npm run build');
    // Otherwise the page's own script cannot read why.
    expect(response.headers['access-control-allow-origin']).toBe('*');
    const agent = await get('/sdk/aircheck-agent.tgz');
    expect([agent.statusCode, agent.json().hint]).toEqual([404, expect.stringContaining('npm run build')]);
  });

  it('has the PC agent beside it, which is asked for again each time', async () => {
    const folder = join(server.folder, 'agent');
    await mkdir(folder);
    await writeFile(join(folder, 'aircheck-agent.tgz'), 'packed');
    await writeFile(join(folder, 'web.js'), 'of another folder');
    const { statusCode, body, headers } = await get('/sdk/aircheck-agent.tgz', { 'accept-encoding': 'gzip' });
    expect([statusCode, body]).toEqual([200, 'packed']);
    expect(headers['cache-control']).toBe('no-cache');
    expect(headers['content-encoding']).toBeUndefined();
    expect((await get('/sdk/web.js')).statusCode).toBe(404);
  });

  it('is given to any page: entry points that are asked for again, chunks that are kept for good', async () => {
    const folder = join(server.folder, 'sdk');
    await mkdir(join(folder, 'chunks'), { recursive: true });
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'web.js'), 'export {}');
    await writeFile(join(folder, 'chunks', 'room-1a_2b.js'), 'export {}');
    await writeFile(join(folder, 'assets', 'aac-1a2b.wasm'), 'wasm');
    await writeFile(join(server.folder, 'secret.js'), 'not for the world');

    const entry = await get('/sdk/web.js', { origin: 'https://other.example' });
    expect(entry.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    });
    expect(entry.headers['content-type']).toContain('javascript');
    const again = await get('/sdk/web.js?v=2', { 'if-none-match': entry.headers.etag });
    expect([again.statusCode, again.body]).toEqual([304, '']);

    const chunk = await get('/sdk/chunks/room-1a_2b.js');
    expect(chunk.headers['cache-control']).toContain('immutable');
    // A worker obeys the policy that its own script comes with.
    expect(chunk.headers['content-security-policy']).toContain('wasm-unsafe-eval');
    expect((await get('/sdk/assets/aac-1a2b.wasm')).headers['content-type']).toBe('application/wasm');

    await writeFile(join(folder, 'chunks', 'room-1a_2b.js.gz'), 'compressed');
    const compressed = await get('/sdk/chunks/room-1a_2b.js', { 'accept-encoding': 'gzip, deflate, br' });
    expect([compressed.body, compressed.headers['content-encoding']]).toEqual(['compressed', 'gzip']);
    expect(compressed.headers).toMatchObject({ vary: expect.stringMatching(/accept-encoding/i) });
    expect(compressed.headers['content-type']).toContain('javascript');
    expect((await get('/sdk/web.js', { 'accept-encoding': 'gzip' })).body).toBe('export {}');

    const missing = await get('/sdk/gone.js');
    expect(missing.json()).toMatchObject({ code: 'not-found', hint: expect.stringContaining('netcall.js') });
    for (const url of [
      '/sdk/../secret.js',
      '/sdk/..%2fsecret.js',
      '/sdk/%2e%2e/secret.js',
      '/sdk/chunks/..%2f..%2fsecret.js',
      '/sdk/',
    ]) {
      const response = await get(url);
      expect([url, response.body.includes('not for the world'), response.statusCode]).toEqual([url, false, 404]);
    }
  });
});

describe('pages of other sites', () => {
  it('may call the API with a token, but not with the cookie', async () => {
    const preflight = await server.app.inject({
      method: 'OPTIONS',
      url: '/v1/tokens',
      headers: { origin: 'https://other.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization');
    expect(preflight.headers).not.toHaveProperty('access-control-allow-credentials');
    const page = await server.app.inject({ url: '/', headers: { origin: 'https://other.example' } });
    expect(page.headers).not.toHaveProperty('access-control-allow-origin');
  });
});
