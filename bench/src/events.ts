import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Asset, Event, SubscriberList } from '@aircheck/protocol';
import { type RunningServer, startServer } from '@aircheck/testkit';
import type { z } from 'zod';
import { connectHosts, startRecordings, whipEndpoint } from './load.ts';
import { type Benchmark, number } from './table.ts';

const EVENTS = 1000;
const FILES = 4;
const SLOW_ANSWER_MS = 1000;
const TIMEOUT_MS = 120_000;

/** A subscriber on the loopback, and what it was told: per file the numbers in the order in which they came. */
interface Subscriber {
  readonly url: string;
  readonly told: Map<string, number[]>;
  count(): number;
  close(): void;
}

async function subscriber(answerMs: number): Promise<Subscriber> {
  const told = new Map<string, number[]>();
  let count = 0;
  const server = createServer(async (request, response) => {
    const { data } = JSON.parse((await request.toArray()).join('')) as Event;
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

/** How many of the events never came, and how many came before one that happened earlier. */
function faultsOf({ told }: Subscriber, fileIds: readonly string[]): { lost: number; misplaced: number } {
  let lost = 0;
  let misplaced = 0;
  for (const fileId of fileIds) {
    const first = [...new Set(told.get(fileId) ?? [])];
    lost += EVENTS / FILES - first.length;
    misplaced += first.filter((value, index) => index > 0 && value < (first[index - 1] ?? 0)).length;
  }
  return { lost, misplaced };
}

interface Round {
  readonly changedMs: number;
  readonly toldMs: number;
  readonly told: number;
  readonly lost: number;
  readonly misplaced: number;
  readonly slowTold: number;
  readonly deadPending: number;
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
    for (const [name, { url }] of Object.entries({ healthy, slow, dead })) {
      const body = { name, kind: 'webhook', url, types: ['asset.updated'] };
      await measured.server.api.request('POST', '/v1/subscribers', body);
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
    while (new Set([...healthy.told.values()].flat()).size === 0 || faultsOf(healthy, fileIds).lost > 0) {
      if (performance.now() - startedAt > TIMEOUT_MS) break;
      if (kill && healthy.count() >= EVENTS / 2) restarting ??= killAndStart();
      await delay(2);
    }
    const toldMs = performance.now() - startedAt;
    await changes;
    const { items } = await measured.server.api.request<z.infer<typeof SubscriberList>>('GET', '/v1/subscribers');
    return {
      changedMs,
      toldMs,
      told: healthy.count(),
      ...faultsOf(healthy, fileIds),
      slowTold: slow.count(),
      deadPending: items.find(({ name }) => name === 'dead')?.pending ?? 0,
      restartMs,
    };
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
        String(result.lost),
        String(result.misplaced),
        String(result.told - EVENTS + result.lost),
        `${result.slowTold}`,
        `${result.deadPending}`,
      ]);
    }
    return {
      title: 'Events',
      columns: [
        'run',
        `${EVENTS} changes made, s`,
        'healthy: has all of them, s',
        'of which the restart, s',
        'lost',
        'out of order',
        'told twice',
        'slow: has by then',
        'dead: waiting',
      ],
      rows,
      notes: [
        `Each event is a change of one of ${FILES} files over HTTP, ${FILES} at a time, so that the events have ${FILES} subjects. Times from the first change on.`,
        `The slow subscriber answers after ${SLOW_ANSWER_MS} ms, the dead one refuses connections. SQLite, committed to disk with each change and each delivery.`,
      ],
    };
  },
};
