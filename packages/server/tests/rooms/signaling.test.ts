import { once } from 'node:events';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { RecordingWorkers } from './recording-workers.ts';
import { credentials, publishRequest, type Service, startService } from './service.ts';

let service: Service<RecordingWorkers>;

beforeEach(async () => {
  service = await startService(new RecordingWorkers());
});

afterEach(() => service.close());

describe('the connection', () => {
  test('needs the subprotocol', async () => {
    const socket = new WebSocket(service.url);
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(400);
  });

  test('is offered at one path only', async () => {
    const socket = new WebSocket(service.url.replace('/v1/signal', '/v1/other'), 'aircheck.v1');
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(404);
  });

  test('agrees on the subprotocol', async () => {
    const client = await service.client();
    expect(client.socket.protocol).toBe('aircheck.v1');
  });

  test('is closed when nobody joins within ten seconds', async () => {
    const client = await service.client();
    await client.request({ type: 'ping' });
    service.timers.advance(9_999);
    expect((await client.request({ type: 'ping' })).ok).toBe(true);
    service.timers.advance(1);
    expect((await client.answerTo(null)).error.code).toBe('unauthenticated');
    expect(await client.closed).toEqual({ code: 1008, reason: 'unauthenticated' });
  });

  test('is dropped after thirty seconds of silence, and kept by pings', async () => {
    const client = await service.joined('anna', 'host');
    service.timers.advance(29_000);
    expect((await client.request({ type: 'ping' })).ok).toBe(true);
    service.timers.advance(29_000);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    service.timers.advance(1_000);
    expect((await client.closed).code).toBe(1006);
  });

  test('ends with code 1009 on a message of more than 512 KiB', async () => {
    const client = await service.joined('anna', 'host');
    client.send('x'.repeat(512 * 1024 + 1));
    expect((await client.closed).code).toBe(1009);
  });

  test('ends on more than 100 messages in a second', async () => {
    const client = await service.joined('anna', 'host');
    service.timers.advance(1_000);
    for (let id = 1000; id < 1101; id += 1) client.send(JSON.stringify({ id, type: 'ping' }));
    expect((await client.closed).reason).toBe('rate-limited');
    expect(client.answers.filter((answer) => answer.ok && Number(answer.id) >= 1000)).toHaveLength(100);
  });

  test('takes 100 messages every second', async () => {
    const client = await service.joined('anna', 'host');
    for (let second = 0; second < 3; second += 1) {
      service.timers.advance(1_000);
      for (let id = 0; id < 99; id += 1) client.send(JSON.stringify({ id: second * 1000 + id, type: 'ping' }));
      expect((await client.request({ type: 'ping' })).ok).toBe(true);
    }
  });
});

describe('a message', () => {
  test.each([
    ['that is not JSON', 'hello', null],
    ['that is an array', '[1,2]', null],
    ['that is null', 'null', null],
    ['without an id', '{"type":"ping"}', null],
    ['of an unknown type', '{"id":7,"type":"dance"}', 7],
    ['that lacks a field', '{"id":8,"type":"join"}', 8],
    ['with a field of the wrong type', '{"id":9,"type":"answer","revision":"1","sdp":""}', 9],
    [
      'with a description that is too long',
      JSON.stringify({ id: 5, type: 'answer', revision: 1, sdp: 'x'.repeat(200_001) }),
      5,
    ],
  ])('%s is answered with request-invalid', async (_name, text, id) => {
    const client = await service.client();
    client.send(text);
    const answer = await client.answerTo(id);
    expect(answer).toMatchObject({ ok: false, error: { code: 'request-invalid', status: 400 } });
    expect((await client.request({ type: 'ping' })).ok).toBe(true);
  });

  test('of binary data is answered with request-invalid', async () => {
    const client = await service.client();
    client.send(new TextEncoder().encode('{"id":1,"type":"ping"}'));
    expect((await client.answerTo(null)).error.code).toBe('request-invalid');
  });

  test('before the join is refused', async () => {
    const client = await service.client();
    expect((await client.request(publishRequest)).error.code).toBe('unauthenticated');
    expect(service.workers.calls).toEqual([]);
  });

  test('that joins a second time is refused', async () => {
    const client = await service.joined('anna', 'host');
    const answer = await client.request({ type: 'join', token: await service.token('anna', 'host') });
    expect(answer.error.code).toBe('request-invalid');
  });
});

describe('a token', () => {
  const claims = { room: 'studio', role: 'host' };
  const sign = (secret: string, kid: string, expiresAt: number) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid })
      .setSubject('anna')
      .setExpirationTime(expiresAt)
      .sign(new TextEncoder().encode(secret));
  const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

  test('signed with another secret does not open a room', async () => {
    const client = await service.client();
    const token = await sign('another secret of sixteen letters', credentials.key, inAnHour());
    expect((await client.request({ type: 'join', token })).error.code).toBe('unauthenticated');
  });

  test('of an unknown key does not open a room', async () => {
    const client = await service.client();
    const token = await sign(credentials.secret, 'ak_other', inAnHour());
    expect((await client.request({ type: 'join', token })).error.code).toBe('unauthenticated');
  });

  test('without a signature does not open a room', async () => {
    const client = await service.client();
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'none', kid: credentials.key })}.${part({ ...claims, sub: 'anna', exp: inAnHour() })}.`;
    expect((await client.request({ type: 'join', token })).error.code).toBe('unauthenticated');
  });

  test('that has expired is told apart, and another one may follow on the same connection', async () => {
    const client = await service.client();
    const token = await sign(credentials.secret, credentials.key, Math.floor(Date.now() / 1000) - 1);
    expect((await client.request({ type: 'join', token })).error.code).toBe('token-expired');
    const fresh = await service.token('anna', 'host');
    expect((await client.request({ type: 'join', token: fresh })).ok).toBe(true);
  });
});
