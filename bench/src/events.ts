import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Asset, CreatedSubscriber, DeliveryList, Event } from '@aircheck/protocol';
import { type RunningServer, startServer } from '@aircheck/testkit';
import { connectHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Benchmark, number } from './table.ts';

const EVENTS = 1000;
const FILES = 4;
const SLOW_ANSWER_MS = 1000;
const TIMEOUT_MS = 120_000;

/** A subscriber on the loopback, and what it was told. */
interface Subscriber {
  readonly url: string;
  /** Per file the numbers in the order in which they came. */
  readonly told: Map<string, number[]>;
  /** Ids of the events. */
  readonly events: Set<string>;
  count(): number;
  close(): void;
}

async function subscriber(answerMs: number): Promise<Subscriber> {
  const told = new Map<string, number[]>();
  const events = new Set<string>();
  let count = 0;
  const server = createServer(async (request, response) => {
    const { data, eventId } = JSON.parse((await request.toArray()).join('')) as Event;
    events.add(eventId);
    const { fileId, intro } = data as Asset;
    const ofFile = told.get(fileId) ?? [];
    told.set(fileId, ofFile);
    ofFile.push(Number(intro));
    count += 1;
    if (answerMs > 0) await delay(answerMs);
    response.end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    told,
    events,
    count: () => count,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Short recordings: files that can be changed, each change an event. */
async function makeFiles(server: RunningServer): Promise<string[]> {
  const hosts = await connectHosts(FILES, (index) => whipEndpoint(server, index), {
    media: { kind: 'clip', seconds: 10 },
    delayMs: 0,
  });
  try {
    const recordings = await startRecordings(server, FILES);
    await hosts.begin();
    await delay(1500);
    const stopped = await Promise.all(recordings.map((recordingId) => server.api.stopRecording(recordingId)));
    return stopped.map(({ fileIds }) => fileIds[0] ?? '');
  } finally {
    await hosts.close();
  }
}

/** The server that is being measured; another process after a kill. */
interface Measured {
  server: RunningServer;
}

/** Changes the files one after another each, four beside one another; a change that was not answered is made again. */
async function change(measured: Measured, fileIds: readonly string[], restarted: () => Promise<void>): Promise<void> {
  await Promise.all(
    fileIds.map(async (fileId) => {
      for (let number = 1; number <= EVENTS / FILES; ) {
        const { server } = measured;
        try {
          await server.api.request('PATCH', `/v1/assets/${fileId}`, { intro: String(number) });
          number += 1;
        } catch (error) {
          if (measured.server === server && !(error instanceof TypeError)) throw error;
          await restarted();
        }
      }
    }),
  );
}

/** How many of the events came before one of the same file that happened earlier. */
function misplacedOf({ told }: Subscriber): number {
  const files = [...told.values()].map((numbers) => [...new Set(numbers)]);
  return files.flatMap((first) => first.filter((value, index) => index > 0 && value < first[index - 1]!)).length;
}

/** Each event is one of the two, or lost. */
interface Reached {
  readonly told: number;
  /** In the database, to be told yet. */
  readonly waiting: number;
}

async function reachedOf({ server }: Measured, subscriberId: string, { events }: Subscriber): Promise<Reached> {
  const waiting: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query = new URLSearchParams({ subscriberId, state: 'pending', limit: '200', ...(cursor && { cursor }) });
    const page: DeliveryList = await server.api.request('GET', `/v1/deliveries?${query}`);
    waiting.push(...page.items.map(({ eventId }) => eventId));
    cursor = page.nextCursor;
  }
  // Looked at last: what does not wait any more was told before.
  return { told: events.size, waiting: waiting.filter((id) => !events.has(id)).length };
}

const names = ['healthy', 'slow', 'dead'] as const;

interface Round {
  readonly changedMs: number;
  readonly toldMs: number;
  readonly misplaced: number;
  readonly again: number;
  readonly reached: Readonly<Record<(typeof names)[number], Reached>>;
  readonly restartMs: number | undefined;
}

async function round(kill: boolean): Promise<Round> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'aircheck-events-'));
  const start = () =>
    startServer({ dataFolder, env: { AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1', AIRCHECK_JOB_WORKERS: '0' } });
  const measured: Measured = { server: await start() };
  const healthy = await subscriber(0);
  const slow = await subscriber(SLOW_ANSWER_MS);
  const dead = await subscriber(0);
  dead.close();
  try {
    const fileIds = await makeFiles(measured.server);
    const subscribers = { healthy, slow, dead };
    const ids = new Map<string, string>();
    for (const name of names) {
      const body = { name, kind: 'webhook', url: subscribers[name].url, types: ['asset.updated'] };
      const made = await measured.server.api.request<CreatedSubscriber>('POST', '/v1/subscribers', body);
      ids.set(name, made.subscriberId);
    }

    let restartMs: number | undefined;
    let restarting: Promise<void> | undefined;
    const killAndStart = async () => {
      await measured.server.kill();
      const killedAt = performance.now();
      // The key of the app lies in the data folder of the first start.
      measured.server = await start();
      restartMs = performance.now() - killedAt;
    };
    const startedAt = performance.now();
    const changes = change(measured, fileIds, async () => restarting);
    let changedMs = 0;
    void changes.then(() => {
      changedMs = performance.now() - startedAt;
    });
    while (healthy.events.size < EVENTS) {
      if (performance.now() - startedAt > TIMEOUT_MS) break;
      if (kill && healthy.count() >= EVENTS / 2) restarting ??= killAndStart();
      await delay(2);
    }
    const toldMs = performance.now() - startedAt;
    await changes;
    const reached = {} as Record<(typeof names)[number], Reached>;
    for (const name of names) reached[name] = await reachedOf(measured, ids.get(name)!, subscribers[name]);
    const again = healthy.count() - healthy.events.size;
    return { changedMs, toldMs, misplaced: misplacedOf(healthy), again, reached, restartMs };
  } finally {
    healthy.close();
    slow.close();
    await measured.server.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

/** Events to a healthy subscriber beside one that is slow and one that is not there. */
export const eventsBenchmark: Benchmark = {
  name: 'events',
  about: `${EVENTS} events to a healthy, a slow and a dead subscriber; then with a kill -9 in the middle`,
  async run(progress) {
    const rows: string[][] = [];
    for (const kill of [false, true]) {
      progress(`events: ${kill ? 'with a kill -9 of the server in the middle' : 'undisturbed'}`);
      const result = await round(kill);
      rows.push([
        kill ? 'kill -9 in the middle' : 'undisturbed',
        number(result.changedMs / 1000),
        number(result.toldMs / 1000),
        result.restartMs === undefined ? '-' : number(result.restartMs / 1000),
        number(Math.max(0, result.toldMs - result.changedMs) / 1000),
        ...names.map((name) => `${result.reached[name].told} + ${result.reached[name].waiting}`),
        names.map((name) => EVENTS - result.reached[name].told - result.reached[name].waiting).join(', '),
        String(result.misplaced),
        String(result.again),
      ]);
    }
    return {
      title: 'Events',
      columns: [
        'run',
        `${EVENTS} changes made, s`,
        'healthy: has all of them, s',
        'of which the restart, s',
        'after the last change, s',
        ...names.map((name) => `${name}: told + waiting`),
        'lost, of each',
        'healthy: out of order',
        'healthy: told twice',
      ],
      rows,
      notes: [
        `Each event is a change of one of ${FILES} files over HTTP, ${FILES} at a time, so that the events have ${FILES} subjects. Times from the first change on.`,
        'Lost is what was neither told to a subscriber nor waits for it when the healthy one has all.',
        `The slow subscriber answers after ${SLOW_ANSWER_MS} ms, the dead one refuses connections. SQLite, committed to disk with each change and each delivery.`,
      ],
    };
  },
};
