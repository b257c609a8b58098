import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PulledEvent } from '../../src/events/index.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { makeEvents, type TestEvents } from './make-events.ts';

const appId = 'default';

describeOnBothDatabases('the pull queue', (database) => {
  let service: TestEvents;
  let subscriberId: string;

  beforeEach(async () => {
    service = makeEvents(database.db);
    const queue = await service.events.subscribers.create(appId, { name: 'queue', kind: 'queue', types: ['asset.*'] });
    subscriberId = queue.subscriberId;
  });
  afterEach(() => service.close());

  const pull = (limit = 16, waitMs = 0) =>
    service.events.queue.pull(appId, { limit, waitMs, kind: 'queue', subscriberId });
  const confirm = (pulled: readonly PulledEvent[]) =>
    service.events.queue.confirm(
      appId,
      pulled.map(({ handle }) => handle),
      { subscriberId },
    );
  const dataOf = (pulled: readonly PulledEvent[]) => pulled.map(({ event }) => event.data);

  it('gives events out in order, and again after 30 s unless they are confirmed', async () => {
    for (let index = 0; index < 5; index++) await service.append('r', index);
    await service.append('r', 'not wanted', 'job.done');
    const first = await pull();
    expect(dataOf(first)).toEqual([0, 1, 2, 3, 4]);
    expect(JSON.parse(first[0]!.body)).toMatchObject({ type: 'asset.updated', subject: 'r', data: 0 });
    expect(await pull()).toEqual([]);
    expect(await confirm(first.slice(0, 2))).toBe(2);
    expect(await confirm(first.slice(0, 2))).toBe(0);

    service.advance(29_000);
    expect(await pull()).toEqual([]);
    service.advance(1001);
    expect(await confirm(first)).toBe(0);
    const again = await pull();
    expect(dataOf(again)).toEqual([2, 3, 4]);
    expect(await confirm([...first, ...again])).toBe(3);
    service.advance(60_000);
    expect(await pull()).toEqual([]);
  });

  it('keeps the order of a subject among several that pull, and lets other subjects go by', async () => {
    for (const subject of ['a', 'b']) for (let index = 0; index < 3; index++) await service.append(subject, index);
    const [a0] = await pull(1);
    expect([a0!.event.subject, a0!.event.data]).toEqual(['a', 0]);
    // While the first of `a` is out, none of `a` may be given to another.
    const [one, other] = await Promise.all([pull(2), pull(2)]);
    const rest = [...one, ...other];
    expect(rest.map(({ event }) => event.subject)).toEqual(['b', 'b']);
    expect(dataOf(rest).toSorted()).toEqual([0, 1]);
    expect(await confirm([a0!])).toBe(1);
    expect((await pull()).map(({ event }) => [event.subject, event.data])).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
  });

  it('answers who waits as soon as something happens, and else when the time is over', async () => {
    const startedAt = performance.now();
    expect(await pull(1, 100)).toEqual([]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(95);
    const waiting = pull(1, 20_000);
    await service.append('r', 'now');
    expect(dataOf(await waiting)).toEqual(['now']);
    expect(performance.now() - startedAt).toBeLessThan(5000);
    const closed = pull(1, 20_000);
    const gone = new AbortController();
    const { signal } = gone;
    const left = service.events.queue.pull(appId, { limit: 1, waitMs: 20_000, kind: 'queue', subscriberId, signal });
    gone.abort();
    expect(await left).toEqual([]);
    service.events.queue.close();
    expect(await closed).toEqual([]);
  });

  it('gives each event to one of many that pull at once', async () => {
    for (let index = 0; index < 40; index++) await service.append(`subject-${index}`, index);
    const pulled = (await Promise.all(Array.from({ length: 10 }, () => pull(4)))).flat();
    expect(new Set(dataOf(pulled)).size).toBe(40);
    expect(await confirm(pulled)).toBe(40);
    expect(await service.events.subscribers.get(appId, subscriberId)).toMatchObject({ pending: 0 });
  });

  it('is one per kind for the legacy interface, and of one app alone', async () => {
    await service.append('r', 'ours');
    const { queue } = service.events;
    expect(await queue.pull(appId, { limit: 5, waitMs: 0, kind: 'tencent-queue' })).toEqual([]);
    expect(await queue.pull('another', { limit: 5, waitMs: 0, kind: 'queue' })).toEqual([]);
    await expect(queue.pull('another', { limit: 5, waitMs: 0, kind: 'queue', subscriberId })).rejects.toMatchObject({
      code: 'subscriber-not-found',
    });
    const pulled = await queue.pull(appId, { limit: 5, waitMs: 0, kind: 'queue' });
    expect(dataOf(pulled)).toEqual(['ours']);
    expect(await queue.confirm('another', [pulled[0]!.handle])).toBe(0);
    expect(await queue.confirm(appId, [pulled[0]!.handle], { kind: 'tencent-queue' })).toBe(0);
    expect(await queue.confirm(appId, [pulled[0]!.handle], { kind: 'queue' })).toBe(1);
  });

  it('goes on over a restart: handles stay good', async () => {
    await service.append('r', 1);
    await service.append('r', 2);
    const pulled = await pull(1);
    await service.close();
    service = makeEvents(database.db);
    await service.events.start();
    expect(await pull()).toEqual([]);
    expect(await confirm(pulled)).toBe(1);
    expect(dataOf(await pull())).toEqual([2]);
  });
});
