import type { ServerResponse } from 'node:http';
import type { Delivery, Event } from '@aircheck/protocol';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { NotYet } from '../../src/events/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { makeEvents, type TestEvents } from './make-events.ts';
import { type Received, type Receiver, startReceiver } from './receiver.ts';

const appId = 'default';
const hourMs = 3_600_000;

describeOnBothDatabases('delivery of events', (database) => {
  let receivers: Receiver[];
  let service: TestEvents;

  beforeEach(() => {
    receivers = [];
    service = makeEvents(database.db);
  });
  afterEach(async () => {
    await service.close();
    for (const receiver of receivers) await receiver.close();
  });

  async function receiver(answer?: Receiver['answer']): Promise<Receiver> {
    const started = await startReceiver();
    if (answer !== undefined) started.answer = answer;
    receivers.push(started);
    return started;
  }

  function subscribe(url: string, changes: object = {}) {
    return service.events.subscribers.create(appId, { name: 'back end', kind: 'webhook', url, ...changes });
  }

  const eventOf = ({ body }: Received) => JSON.parse(body) as Event;
  const dataOf = (received: readonly Received[]) => received.map((request) => eventOf(request).data);

  async function deliveriesOf(subscriberId: string): Promise<Delivery[]> {
    const { items } = await service.events.deliveries.list(appId, { subscriberId, limit: 200 });
    return Promise.all(items.toReversed().map(({ deliveryId }) => service.events.deliveries.get(appId, deliveryId)));
  }

  /** Until all has been written down as delivered: what is still under way is not told again. */
  const settled = (subscriberId: string) =>
    expect
      .poll(async () => (await service.events.subscribers.get(appId, subscriberId)).pending, { message: 'pending' })
      .toBe(0);

  it('signs what independent code verifies, and tells only what the filter lets through', async () => {
    const { url, received } = await receiver();
    const { secret } = await subscribe(url, { types: ['recording.*', 'asset.ready'] });
    await service.events.start();
    for (const type of ['asset.updated', 'recording.ready', 'job.done', 'asset.ready'] as const) {
      await service.append('r', { name: '课程 🎬' }, type);
    }
    await expect.poll(() => received.length).toBe(2);
    const webhook = new Webhook(secret);
    for (const { body, headers } of received) {
      expect(webhook.verify(body, headers as Record<string, string>)).toMatchObject({ data: { name: '课程 🎬' } });
      expect(headers['webhook-id']).toBe(JSON.parse(body).eventId);
      expect(() => webhook.verify(body.replace('课', '科'), headers as Record<string, string>)).toThrow();
    }
    expect(received.map((request) => eventOf(request).type)).toEqual(['recording.ready', 'asset.ready']);
  });

  it('is without the event when the change is taken back', async () => {
    const { url, received } = await receiver();
    await subscribe(url);
    await service.events.start();
    await expect(
      database.db.transaction().execute(async (transaction) => {
        await service.outbox.append(transaction, { appId, type: 'asset.ready', subject: 'r', data: 1 });
        throw new Error('taken back');
      }),
    ).rejects.toThrow('taken back');
    await service.append('r', 2);
    await expect.poll(() => dataOf(received)).toEqual([2]);
    expect((await service.events.deliveries.listEvents(appId, {})).items).toHaveLength(1);
  });

  // SQLite has one transaction at a time.
  it.runIf(database.kind === 'postgres')('passes over nothing that commits after what comes later', async () => {
    const { url, received } = await receiver();
    await subscribe(url);
    await service.events.start();
    const open = await database.db.startTransaction().execute();
    await service.outbox.append(open, { appId, type: 'asset.ready', subject: 'early', data: 1 });
    await service.append('late', 2);
    await expect.poll(() => dataOf(received)).toEqual([2]);
    await open.commit().execute();
    service.outbox.wake();
    await expect.poll(() => dataOf(received)).toEqual([2, 1]);
    const { items } = await service.events.deliveries.listEvents(appId, {});
    expect(items.map(({ data }) => data)).toEqual([2, 1]);
  });

  it('keeps the order of each subject over failures, and does not have one subject wait for another', async () => {
    let refuse = true;
    const { url, received } = await receiver((request, response) => {
      response.statusCode = refuse && eventOf(request).subject === 'a' ? 500 : 200;
      response.end('no');
    });
    const { subscriberId } = await subscribe(url);
    await service.events.start();
    for (let index = 0; index < 5; index++) {
      await service.append('a', index);
      await service.append('b', index);
    }
    await expect.poll(() => received.filter((request) => eventOf(request).subject === 'b').length).toBe(5);
    // The first one of `a` alone was tried: what follows it must not come before it.
    expect(new Set(dataOf(received.filter((request) => eventOf(request).subject === 'a')))).toEqual(new Set([0]));
    refuse = false;
    service.advance(2000);
    await expect
      .poll(async () => (await deliveriesOf(subscriberId)).map(({ state }) => state))
      .toEqual(Array.from({ length: 10 }, () => 'delivered'));
    for (const subject of ['a', 'b']) {
      const told = dataOf(received.filter((request) => eventOf(request).subject === subject)) as number[];
      expect([...new Set(told)]).toEqual([0, 1, 2, 3, 4]);
    }
    const [first] = await deliveriesOf(subscriberId);
    expect(first?.log[0]).toMatchObject({ attempt: 1, status: 500, answer: 'no', error: null });
    expect(first?.log.at(-1)).toMatchObject({ status: 200 });
  });

  it('is not delayed for one subscriber by others that hang, refuse or are not there', async () => {
    service = makeEvents(database.db, { attemptTimeoutMs: 2000 });
    const healthy = await receiver();
    const hanging = await receiver(() => {});
    const gone = await receiver();
    await gone.close();
    const { subscriberId } = await subscribe(hanging.url);
    await subscribe(gone.url);
    await subscribe(healthy.url);
    await service.events.start();
    for (let index = 0; index < 40; index++) await service.append(`room-${index % 4}`, index);
    await expect.poll(() => new Set(dataOf(healthy.received)).size).toBe(40);
    const told = [...new Set(dataOf(healthy.received) as number[])];
    for (let subject = 0; subject < 4; subject++) {
      const own = told.filter((index) => index % 4 === subject);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
    // Each subject in turn until it is known to hang, then one at a time.
    await expect.poll(async () => (await deliveriesOf(subscriberId))[0]?.attempts).toBeGreaterThan(0);
    expect(hanging.open()).toBeLessThanOrEqual(4);
    const [first] = await deliveriesOf(subscriberId);
    expect(first?.log[0]).toMatchObject({ status: null, error: 'No answer within 2 s' });
  });

  it('waits 5 s for an answer where nothing else is said', async () => {
    const asked: number[] = [];
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
      asked.push(milliseconds);
      return AbortSignal.abort(new DOMException('That long already', 'TimeoutError'));
    });
    onTestFinished(() => timeout.mockRestore());
    const hanging = await receiver(() => {});
    const { subscriberId } = await subscribe(hanging.url);
    await service.events.start();
    await service.append('r');
    await expect.poll(async () => (await deliveriesOf(subscriberId))[0]?.log.length).toBeGreaterThan(0);
    const [first] = await deliveriesOf(subscriberId);
    expect(first?.log[0]).toMatchObject({ status: null, error: 'No answer within 5 s' });
    expect(new Set(asked)).toEqual(new Set([5000]));
  });

  it('copes with every answer there is', async () => {
    service = makeEvents(database.db, { attemptTimeoutMs: 2000 });
    const sent = { bytes: 0 };
    const answers: Record<string, (response: ServerResponse) => void> = {
      close: (response) => response.socket?.destroy(),
      redirect: (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
      'half an answer': (response) => response.writeHead(200).write('x'),
      rubbish: (response) => response.socket?.end('rubbish\r\n\r\n'),
      'not found': (response) => response.writeHead(404).end('a\0b'),
      '100 MB': (response) => {
        const chunk = Buffer.alloc(65_536, 120);
        const more = () => {
          while (sent.bytes < 100_000_000 && !response.destroyed) {
            sent.bytes += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      },
      'no content': (response) => response.writeHead(204).end(),
      'other protocol': (response) => response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end(),
    };
    const { url, received } = await receiver((request, response) => answers[eventOf(request).subject]?.(response));
    const { subscriberId } = await subscribe(url);
    await service.events.start();
    for (const subject of Object.keys(answers)) await service.append(subject, null);
    const outcomes = async () =>
      Object.fromEntries(
        (await deliveriesOf(subscriberId)).map(({ subject, log, state }) => [subject, { state, ...log[0] }]),
      );
    await expect.poll(async () => Object.values(await outcomes()).every(({ attempt }) => attempt === 1)).toBe(true);
    const found = await outcomes();
    expect(found.close).toMatchObject({ state: 'pending', status: null, error: 'socket hang up' });
    expect(found.redirect).toMatchObject({ state: 'pending', status: 302 });
    expect(found['half an answer']).toMatchObject({ state: 'delivered', status: 200, answer: 'x' });
    expect(found['half an answer']?.error).toContain('did not end within 2 s');
    expect(found.rubbish).toMatchObject({ state: 'pending', status: null });
    expect(found['not found']).toMatchObject({ state: 'pending', status: 404, answer: 'a\u{fffd}b' });
    expect(found['100 MB']).toMatchObject({ state: 'delivered', status: 200, answer: 'x'.repeat(1024), error: null });
    expect(found['no content']).toMatchObject({ state: 'delivered', status: 204, answer: '' });
    expect(found['other protocol']).toMatchObject({ status: null, error: 'The connection ended without an answer' });
    // What the system takes into its buffers goes out, the rest does not.
    expect(sent.bytes).toBeLessThan(20_000_000);
    expect(received.some(({ path }) => path === '/elsewhere')).toBe(false);
  });

  it('lets the server end though an attempt never does', async () => {
    const begun = Promise.withResolvers<void>();
    const never = new Promise<never>(() => {});
    const render = () => {
      begun.resolve();
      return never;
    };
    service = makeEvents(database.db, { formats: { yunxin: { render } } });
    await service.events.subscribers.create(appId, { name: 'x', kind: 'yunxin', url: 'http://127.0.0.1:1/' });
    await service.events.start();
    await service.append('r');
    await begun.promise;
    // Would hang here.
    await service.events.close();
  });

  it('tries for 72 hours, ever less often, then goes on with what follows', async () => {
    let refuse = true;
    const { url, received } = await receiver((_request, response) => {
      response.statusCode = refuse ? 503 : 200;
      response.end();
    });
    const { subscriberId } = await subscribe(url);
    await service.events.start();
    await service.append('r', 'first');
    const beganAt = service.clock.now();
    const waits: number[] = [];
    for (let attempts = 1; ; attempts++) {
      const delivery = async () => (await deliveriesOf(subscriberId))[0];
      await expect.poll(async () => (await delivery())?.attempts, { interval: 2 }).toBe(attempts);
      const now = await delivery();
      if (now?.state === 'failed') break;
      const nextAt = Date.parse(now!.nextAttemptAt!);
      const { at, latencyMs } = now!.log.at(-1)!;
      waits.push(nextAt - Date.parse(at) - latencyMs);
      service.advance(nextAt - service.clock.now() + 1);
    }
    expect(service.clock.now() - beganAt).toBeGreaterThanOrEqual(72 * hourMs - 1000);
    expect(service.clock.now() - beganAt).toBeLessThan(73 * hourMs);
    expect(received.length).toBe(waits.length + 1);
    expect(waits.length).toBeGreaterThan(70);
    expect(waits.length).toBeLessThan(100);
    for (const [index, waitMs] of waits.slice(0, 8).entries()) {
      expect(Math.abs(waitMs - 1000 * 2 ** index)).toBeLessThan(2);
    }
    expect(await service.events.subscribers.get(appId, subscriberId)).toMatchObject({ pending: 0, failed: 1 });

    refuse = false;
    await service.append('r', 'second');
    await expect
      .poll(async () => (await deliveriesOf(subscriberId)).map(({ state }) => state))
      .toEqual(['failed', 'delivered']);
    // Asked to, it is told after all.
    const [failed] = await deliveriesOf(subscriberId);
    await service.events.deliveries.retry(appId, failed!.deliveryId);
    await expect.poll(async () => (await deliveriesOf(subscriberId))[0]?.state).toBe('delivered');
    expect(dataOf(received).at(-1)).toBe('first');
  });

  it('goes on at once with all that waited as soon as the subscriber takes something', async () => {
    let refuse = true;
    const { url } = await receiver((_request, response) => {
      response.statusCode = refuse ? 500 : 200;
      response.end();
    });
    const { subscriberId } = await subscribe(url);
    await service.events.start();
    for (let index = 0; index < 20; index++) await service.append(`subject-${index}`);
    for (let round = 0; round < 4; round++) {
      await expect
        .poll(async () => (await deliveriesOf(subscriberId)).every(({ attempts }) => attempts > round))
        .toBe(true);
      service.advance(1000 * 2 ** round + 1);
    }
    refuse = false;
    service.advance(20_000);
    await expect
      .poll(async () => (await deliveriesOf(subscriberId)).every(({ state }) => state === 'delivered'))
      .toBe(true);
  });

  it('waits while a subscriber is paused, and ends when it is deleted', async () => {
    const { url, received } = await receiver();
    const { subscriberId } = await subscribe(url);
    const { subscribers } = service.events;
    await service.events.start();
    await subscribers.update(appId, subscriberId, { enabled: false });
    await service.append('r', 1);
    await service.append('r', 2);
    expect(await subscribers.get(appId, subscriberId)).toMatchObject({ enabled: false, pending: 2 });
    await subscribers.update(appId, subscriberId, { enabled: true });
    await expect.poll(() => dataOf(received)).toEqual([1, 2]);
    await subscribers.delete(appId, subscriberId);
    await service.append('r', 3);
    await expect(subscribers.get(appId, subscriberId)).rejects.toMatchObject({ code: 'subscriber-not-found' });
    expect((await database.db.selectFrom('deliveries').selectAll().execute()).length).toBe(0);
    expect((await database.db.selectFrom('delivery_attempts').selectAll().execute()).length).toBe(0);
  });

  it('tells again what is asked for: named events, or a range of time', async () => {
    const { url, received } = await receiver();
    const { subscriberId } = await subscribe(url, { types: ['asset.*'] });
    await service.events.start();
    await service.append('r', 0);
    await settled(subscriberId);
    service.advance(hourMs);
    await service.append('r', 1);
    await service.append('r', 2, 'job.done');
    await service.append('r', 3);
    await settled(subscriberId);
    expect(dataOf(received)).toEqual([0, 1, 3]);
    const { items } = await service.events.deliveries.listEvents(appId, {});
    expect(items.map(({ data }) => data)).toEqual([3, 2, 1, 0]);

    const { deliveries } = service.events;
    const now = service.clock.now();
    const range = { from: new Date(now - hourMs / 2).toISOString(), to: new Date(now + 1000).toISOString() };
    expect(await deliveries.replay(appId, subscriberId, range)).toBe(2);
    await settled(subscriberId);
    expect(dataOf(received)).toEqual([0, 1, 3, 1, 3]);
    // Named: whatever the filter says, and in their order.
    const eventIds = [items[1]!.eventId, items[3]!.eventId];
    expect(await deliveries.replay(appId, subscriberId, { eventIds })).toBe(2);
    await expect.poll(() => dataOf(received)).toEqual([0, 1, 3, 1, 3, 0, 2]);
    expect(received[5]?.headers['webhook-id']).toBe(items[3]!.eventId);

    const wrong = deliveries.replay(appId, subscriberId, { eventIds: [items[0]!.eventId, 'evt_none'] });
    await expect(wrong).rejects.toMatchObject({ code: 'event-not-found', input: 'body.eventIds' });
    const backwards = deliveries.replay(appId, subscriberId, { from: range.to, to: range.from });
    await expect(backwards).rejects.toMatchObject({ code: 'request-invalid', input: 'body.to' });
  });

  it('tells a test event to one subscriber alone', async () => {
    const one = await receiver();
    const other = await receiver();
    const { subscriberId } = await subscribe(one.url, { types: ['job.*'] });
    await subscribe(other.url);
    await service.events.start();
    await service.events.subscribers.test(appId, subscriberId);
    await expect.poll(() => one.received.length).toBe(1);
    expect(eventOf(one.received[0]!)).toMatchObject({ type: 'subscriber.test', data: { subscriberId } });
    expect(other.received).toEqual([]);
  });

  it('passes over what a format does not tell, and repeats what it fails to write', async () => {
    let broken = true;
    await service.close();
    service = makeEvents(database.db, {
      formats: {
        yunxin: {
          async render(event) {
            if (event.type !== 'recording.ready') return undefined;
            if (broken) throw new Error('broken');
            return { headers: {}, body: '{"eventType":6}' };
          },
          accepts: ({ status, body }) => status === 200 && body === '{"ok":true}',
        },
      },
    });
    const { url, received } = await receiver((_request, response) => response.end('{"ok":true}'));
    const { subscriberId } = await service.events.subscribers.create(appId, { name: 'x', kind: 'yunxin', url });
    await service.events.start();
    await service.append('r', 0, 'asset.updated');
    await service.append('r', 1, 'recording.ready');
    await expect
      .poll(async () => (await deliveriesOf(subscriberId)).map(({ state }) => state))
      .toEqual(['skipped', 'pending']);
    await expect.poll(async () => (await deliveriesOf(subscriberId))[1]?.attempts).toBeGreaterThan(0);
    broken = false;
    service.advance(10_000);
    await expect.poll(async () => (await deliveriesOf(subscriberId))[1]?.state).toBe('delivered');
    expect(received.map(({ body }) => body)).toEqual(['{"eventType":6}']);
  });

  it('asks a format again that cannot write yet, without a failure of the subscriber', async () => {
    let asked = 0;
    let ready = false;
    service = makeEvents(database.db, {
      formats: {
        yunxin: {
          async render({ subject }) {
            if (subject === 'slow' && !ready) {
              asked += 1;
              throw new NotYet('not yet', 10);
            }
            return { headers: {}, body: JSON.stringify(subject) };
          },
        },
      },
    });
    const { url, received } = await receiver();
    const { subscriberId } = await service.events.subscribers.create(appId, { name: 'x', kind: 'yunxin', url });
    await service.events.start();
    await service.append('slow');
    await expect.poll(() => asked).toBeGreaterThan(5);
    expect(await deliveriesOf(subscriberId)).toMatchObject([{ state: 'pending', attempts: 0, log: [] }]);
    await service.append('quick');
    await expect.poll(() => received.map(({ body }) => body)).toEqual(['"quick"']);
    ready = true;
    await settled(subscriberId);
    expect(await deliveriesOf(subscriberId)).toMatchObject([
      { subject: 'slow', state: 'delivered', attempts: 1 },
      { subject: 'quick', state: 'delivered', attempts: 1 },
    ]);
  });

  it('forgets what is older than 30 days, and nothing else', async () => {
    const { url, received } = await receiver();
    const { subscriberId } = await subscribe(url);
    await service.events.start();
    await service.append('r', 'old');
    await settled(subscriberId);
    const again = (await service.events.deliveries.listEvents(appId, {})).items[0]!.eventId;
    service.advance(20 * 24 * hourMs);
    await service.append('r', 'young');
    await service.events.deliveries.replay(appId, subscriberId, { eventIds: [again] });
    await settled(subscriberId);
    expect(received.length).toBe(3);
    await service.close();
    const offset = 11 * 24 * hourMs;
    service = makeEvents(database.db);
    service.advance(20 * 24 * hourMs + offset);
    await service.events.start();
    const left = async () => (await database.db.selectFrom('deliveries').select('delivery_id').execute()).length;
    await expect.poll(left).toBe(2);
    const data = async () => (await service.events.deliveries.listEvents(appId, {})).items.map((event) => event.data);
    // Told again lately, the old one is still shown.
    expect(await data()).toEqual(['young', 'old']);
    expect((await database.db.selectFrom('delivery_attempts').select('attempt').execute()).length).toBe(2);
  });
});
