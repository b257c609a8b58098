import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '@aircheck/protocol';
import { type RunningServer, startServer } from '@aircheck/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type DatabaseLocation, openDatabase } from '../../src/db/index.ts';
import { Outbox } from '../../src/events/index.ts';
import { databaseForServer, locationOf } from '../databases.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const subjects = ['a', 'b', 'c'];
const eventCount = 120;
/** Servers start twice meanwhile, also where the machine is busy. */
const timeout = 60_000;

let dataFolder: string;
let receiver: Receiver;
let server: RunningServer | undefined;

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'aircheck-events-'));
  receiver = await startReceiver();
});
afterEach(async () => {
  await server?.stop();
  await receiver.close();
  await rm(dataFolder, { recursive: true, force: true });
});

/** Writes down what a server would have written had it been killed before it told any of it. */
async function leaveEvents(location: DatabaseLocation): Promise<void> {
  const db = await openDatabase(location);
  const outbox = new Outbox(systemClock);
  await db.transaction().execute(async (transaction) => {
    for (let index = 0; index < eventCount; index++) {
      const subject = subjects[index % subjects.length]!;
      await outbox.append(transaction, { appId: 'default', type: 'asset.updated', subject, data: index });
    }
  });
  await db.destroy();
}

it.each(['sqlite', 'postgres'] as const)(
  'a server killed while it tells loses nothing and keeps the order (%s)',
  async (kind) => {
    const database = await databaseForServer(kind);
    const location = locationOf(database, dataFolder);
    const env = { AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1', AIRCHECK_MEDIA_WORKERS: '1' };
    const start = () => startServer({ dataFolder, database, env });
    server = await start();
    await server.api.request('POST', '/v1/subscribers', { name: 'x', kind: 'webhook', url: receiver.url });
    await server.stop();
    await leaveEvents(location);

    const killed: Promise<void>[] = [];
    receiver.answer = (_request, response) => {
      // In the middle, with deliveries under way.
      if (receiver.received.length === eventCount / 3) killed.push(server!.kill());
      else setTimeout(() => response.end(), 5);
    };
    server = await start();
    await expect.poll(() => killed.length, { timeout }).toBe(1);
    await killed[0];
    expect(receiver.received.length).toBeLessThan(eventCount);
    server = await start();
    const state = (wanted: string) =>
      server!.api.request<{ items: unknown[] }>('GET', `/v1/deliveries?state=${wanted}&limit=200`);
    await expect.poll(async () => (await state('pending')).items.length, { timeout }).toBe(0);

    const told = receiver.received.map(({ body }) => JSON.parse(body) as Event);
    for (const [index, subject] of subjects.entries()) {
      const own = told.filter((event) => event.subject === subject).map(({ data }) => data as number);
      const expected = Array.from(
        { length: eventCount / subjects.length },
        (_, place) => place * subjects.length + index,
      );
      // At least once, and never one before another that happened earlier.
      expect([...new Set(own)]).toEqual(expected);
    }
    // What was under way in the moment of the kill is told twice, and nothing else.
    expect(told.length).toBeGreaterThan(eventCount);
    expect(told.length).toBeLessThanOrEqual(eventCount + 2 * subjects.length);
  },
  3 * timeout,
);
