import { type AddressInfo, connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerBodyDeadline } from '../../src/http/body-deadline.ts';

const deadlineMs = 200;

describe('a request whose body', () => {
  let app: FastifyInstance;
  let port: number;

  beforeEach(async () => {
    app = Fastify({ forceCloseConnections: true });
    registerBodyDeadline(app, deadlineMs);
    app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
    app.post('/json', async (request) => request.body);
    app.post('/stream', { config: { body: 'stream' } }, async (request) => {
      let bytes = 0;
      for await (const chunk of request.body as AsyncIterable<Buffer>) bytes += chunk.byteLength;
      return { bytes };
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    port = (app.server.address() as AddressInfo).port;
  });
  afterEach(() => app.close());

  /** Sends a head that promises ten bytes, then the bytes, one each `everyMs`. @returns all that was answered */
  async function drip(path: string, type: string, bytes: string, everyMs: number): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => {});
    // Not events.once, which a reset connection makes throw.
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${type}\r\n`);
    socket.write('Content-Length: 10\r\n\r\n');
    for (const byte of bytes) {
      await setTimeout(everyMs);
      if (!socket.destroyed) socket.write(byte);
    }
    await closed;
    return answer;
  }

  it('comes in pieces forever is ended with 408', async () => {
    expect(await drip('/json', 'application/json', '"12345678', 50)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('streams takes as long as it needs, but not longer without a byte', async () => {
    expect(await drip('/stream', 'application/octet-stream', '0123456789', 60)).toContain('{"bytes":10}');
    expect(await drip('/stream', 'application/octet-stream', '0123', 20)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('comes at once is left alone', async () => {
    expect(await drip('/json', 'application/json', '"12345678"', 1)).toContain('12345678');
  });
});
