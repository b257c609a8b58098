import type { Delivery } from '@aircheck/protocol';
import type { InjectOptions } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Events,
  Outbox,
  queueFormat,
  registerEventRoutes,
  SafeHttp,
  TargetGuard,
  webhookFormat,
} from '../../src/events/index.ts';
import { startTestServer, type TestServer } from '../http/test-server.ts';
import { type Receiver, startReceiver } from './receiver.ts';

let server: TestServer;
let outbox: Outbox;
let events: Events;
let receiver: Receiver;

beforeEach(async () => {
  server = await startTestServer();
  outbox = new Outbox(server.clock);
  const guard = new TargetGuard(['127.0.0.1']);
  events = new Events({
    db: server.db,
    outbox,
    formats: { webhook: webhookFormat(server.clock), queue: queueFormat },
    guard,
    http: new SafeHttp(guard),
    clock: server.clock,
    logger: pino({ level: 'silent' }),
  });
  registerEventRoutes(server.app, events);
  await events.start();
  receiver = await startReceiver();
});
afterEach(async () => {
  await events.close();
  await server.close();
  await receiver.close();
});

async function request(method: NonNullable<InjectOptions['method']>, url: string, payload?: object) {
  const response = await server.asServer({ method, url, ...(payload !== undefined && { payload }) });
  return { status: response.statusCode, body: response.body === '' ? null : response.json() };
}

async function append(subject: string, data: unknown): Promise<void> {
  await server.db
    .transaction()
    .execute((transaction) => outbox.append(transaction, { appId: 'default', type: 'asset.updated', subject, data }));
  outbox.wake();
}

describe('subscribers over HTTP', () => {
  it('are made, shown without their secret, changed, tested and removed', async () => {
    const made = await request('POST', '/v1/subscribers', { name: '后台', kind: 'webhook', url: receiver.url });
    expect(made).toMatchObject({
      status: 201,
      body: { name: '后台', kind: 'webhook', types: ['*'], enabled: true, pending: 0, failed: 0 },
    });
    expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const url = `/v1/subscribers/${made.body.subscriberId}`;
    const { secret: _, ...shown } = made.body;
    expect(await request('GET', url)).toEqual({ status: 200, body: shown });
    expect(await request('GET', '/v1/subscribers')).toEqual({ status: 200, body: { items: [shown] } });
    expect(await request('PATCH', url, { types: ['job.*'], name: 'b' })).toMatchObject({
      status: 200,
      body: { types: ['job.*'], name: 'b' },
    });

    const test = await request('POST', `${url}/test`);
    expect(test).toMatchObject({ status: 202, body: { type: 'subscriber.test' } });
    const delivery = `/v1/deliveries/${test.body.deliveryId}`;
    await expect.poll(async () => (await request('GET', delivery)).body.state).toBe('delivered');
    expect((await request('GET', delivery)).body.log).toMatchObject([{ attempt: 1, status: 200, answer: '{}' }]);
    expect(await request('POST', `${delivery}/retry`)).toMatchObject({ status: 200, body: { attempts: 1 } });
    await expect.poll(() => receiver.received.length).toBe(2);

    expect(await request('DELETE', url)).toEqual({ status: 204, body: null });
    expect(await request('GET', url)).toMatchObject({ status: 404, body: { code: 'subscriber-not-found' } });
  });

  it.each([
    [{ kind: 'webhook' }, 'request-invalid', 'body.url'],
    [{ kind: 'queue', url: 'http://127.0.0.1/' }, 'request-invalid', 'body.url'],
    [{ kind: 'webhook', url: 'http://10.0.0.1/hook' }, 'target-forbidden', 'body.url'],
    [{ kind: 'webhook', url: 'http://[::1]/hook' }, 'target-forbidden', 'body.url'],
    [{ kind: 'webhook', url: 'http://169.254.169.254/latest/meta-data' }, 'target-forbidden', 'body.url'],
    [{ kind: 'webhook', url: 'ftp://example.com' }, 'request-invalid', 'body.url'],
    [{ kind: 'webhook', url: 'nonsense' }, 'request-invalid', 'body.url'],
    [{ kind: 'webhook', url: 'http://127.0.0.1/', secret: 'whsec_short' }, 'request-invalid', 'body.secret'],
    [{ kind: 'webhook', url: 'http://127.0.0.1/', secret: 'no prefix at all' }, 'request-invalid', 'body.secret'],
    [{ kind: 'queue', types: ['recording.nothing'] }, 'request-invalid', 'body.types.0'],
    [{ kind: 'queue', types: [] }, 'request-invalid', 'body.types'],
    [{ kind: 'pigeon' }, 'request-invalid', 'body.kind'],
    [{ kind: 'queue', name: 'a\0b' }, 'request-invalid', 'body.name'],
  ])('%o is refused with %s for %s', async (changes, code, input) => {
    const answer = await request('POST', '/v1/subscribers', { name: 'x', ...changes });
    expect(answer).toMatchObject({ status: 400, body: { code, input } });
    expect((await request('GET', '/v1/subscribers')).body.items).toEqual([]);
  });

  it('are for the app alone, not for users', async () => {
    const authorization = `Bearer ${await server.token()}`;
    for (const [method, url] of [
      ['GET', '/v1/subscribers'],
      ['POST', '/v1/subscribers'],
      ['GET', '/v1/events'],
      ['GET', '/v1/deliveries'],
    ] as const) {
      const response = await server.app.inject({ method, url, headers: { authorization } });
      expect([url, response.statusCode]).toEqual([url, 403]);
    }
  });
});

describe('events over HTTP', () => {
  it('are listed, page by page, with what came of them', async () => {
    const { body } = await request('POST', '/v1/subscribers', { name: 'x', kind: 'webhook', url: receiver.url });
    for (let index = 0; index < 5; index++) await append(`r-${index % 2}`, index);
    await expect.poll(async () => (await request('GET', '/v1/subscribers')).body.items[0].pending).toBe(0);
    expect(receiver.received.length).toBe(5);
    const listed = await request('GET', '/v1/events?limit=2&subject=r-0');
    expect(listed.body.items.map(({ data }: { data: number }) => data)).toEqual([4, 2]);
    const next = await request('GET', `/v1/events?limit=2&subject=r-0&cursor=${listed.body.nextCursor}`);
    expect(next.body).toMatchObject({ items: [{ data: 0 }], nextCursor: null });
    const [event] = listed.body.items;
    expect((await request('GET', `/v1/events/${event.eventId}`)).body).toEqual(event);
    expect(await request('GET', '/v1/events/evt_0')).toMatchObject({ status: 404, body: { code: 'event-not-found' } });

    const delivered = () => request('GET', `/v1/deliveries?subscriberId=${body.subscriberId}&state=delivered&limit=3`);
    expect((await delivered()).body.items.length).toBe(3);
    const rest = await request('GET', `/v1/deliveries?limit=3&cursor=${(await delivered()).body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ log: [{ attempt: 1 }] }, {}], nextCursor: null });
    const ofEvent = await request('GET', `/v1/deliveries?eventId=${event.eventId}`);
    expect(ofEvent.body.items).toMatchObject([{ eventId: event.eventId, subject: 'r-0' }]);

    const replay = `/v1/subscribers/${body.subscriberId}/replay`;
    expect(await request('POST', replay, { eventIds: [event.eventId] })).toEqual({
      status: 200,
      body: { deliveries: 1 },
    });
    await expect.poll(() => receiver.received.length).toBe(6);
    expect(await request('POST', replay, { from: '2030-01-01T00:00:00Z', to: '2029-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
      body: { code: 'request-invalid' },
    });
    expect(await request('POST', replay, {})).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect(await request('GET', '/v1/deliveries?cursor=x')).toMatchObject({ status: 400 });
  });

  it('are listed while they wait for an earlier one, without a time of their own', async () => {
    receiver.answer = (_request, response) => response.writeHead(500).end();
    await request('POST', '/v1/subscribers', { name: 'x', kind: 'webhook', url: receiver.url });
    for (let index = 0; index < 4; index++) await append('r-0', index);
    const attemptsAndTimes = async () => {
      const { body, status } = await request('GET', '/v1/deliveries?state=pending');
      expect(status).toBe(200);
      return (body.items as Delivery[]).map(({ attempts, nextAttemptAt }) => [attempts > 0, nextAttemptAt !== null]);
    };
    await expect.poll(async () => (await attemptsAndTimes()).filter(([, time]) => time)).toEqual([[true, true]]);
    expect(await attemptsAndTimes()).toHaveLength(4);
  });

  it('are fetched from a queue and confirmed', async () => {
    const { body } = await request('POST', '/v1/subscribers', { name: 'x', kind: 'queue' });
    const url = `/v1/subscribers/${body.subscriberId}`;
    await append('r', { name: '课程' });
    const pulled = await request('POST', `${url}/pull`, { waitSeconds: 5 });
    expect(pulled).toMatchObject({ status: 200, body: { items: [{ event: { data: { name: '课程' } } }] } });
    const handles = pulled.body.items.map(({ handle }: { handle: string }) => handle);
    expect((await request('POST', `${url}/confirm`, { handles: [...handles, 'x'] })).body).toEqual({ confirmed: 1 });
    expect((await request('POST', `${url}/pull`, { waitSeconds: 0 })).body).toEqual({ items: [] });
    const none = await request('POST', '/v1/subscribers/sub_0/pull', {});
    expect(none).toMatchObject({ status: 404, body: { code: 'subscriber-not-found' } });
  });
});
