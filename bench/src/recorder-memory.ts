import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildSdk,
  descendantPids,
  durationInPage,
  launchChromiumWithProfile,
  openRoomPage,
  type RoomWindow,
  startInPage,
  startServer,
  startSite,
  startWhipPublisher,
} from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { delay } from './load.ts';
import { memoryOf } from './process-usage.ts';
import { type Benchmark, number } from './table.ts';

const ROOM = 'recorder';
const USER = 'host';
const HOURS = 3;
const SAMPLE_MS = 5000;
/** Buffers have found their length, and the encoders run evenly. */
const SETTLE_MS = 15_000;

interface Sample {
  readonly atMs: number;
  /** Of the page's process, its workers included. */
  readonly pssMiB: number;
  /** Of the page's own JavaScript, workers excluded. */
  readonly heapMiB: number;
}

/** Processes that run pages; there is one browser, and one page in it that does anything. */
function rendererPids(): number[] {
  return descendantPids(process.pid).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=renderer');
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

/** Looks at a page's memory, after its garbage was collected. @returns what is called for each look */
async function watchMemory(page: Page): Promise<() => Promise<Sample>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  return async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { metrics } = await session.send('Performance.getMetrics');
    const heapBytes = metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN;
    const { pssMiB } = memoryOf(rendererPids());
    return { atMs: performance.now(), pssMiB, heapMiB: heapBytes / 1024 / 1024 };
  };
}

/** Least squares. @returns MiB an hour */
function slopeOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanAt, meanValue] = [mean(samples.map(({ atMs }) => atMs)), mean(samples.map(of))];
  let covariance = 0;
  let variance = 0;
  for (const sample of samples) {
    covariance += (sample.atMs - meanAt) * (of(sample) - meanValue);
    variance += (sample.atMs - meanAt) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * 3600_000;
}

/** What a page's memory grows by while it records. */
export const recorderMemoryBenchmark: Benchmark = {
  name: 'recorder-memory',
  about: 'memory of a page that records one person, and its growth (recorder-memory=10: minutes)',
  async run(progress, arg = '10') {
    const minutes = Number(arg);
    buildSdk();
    const server = await startServer();
    const site = await startSite();
    // On the disk: what a profile without one keeps is in memory.
    const folder = mkdtempSync(join(tmpdir(), 'aircheck-memory-'));
    const { context } = await launchChromiumWithProfile(folder);
    const publisher = await startWhipPublisher({
      url: `${server.url}/whip/${ROOM}`,
      token: await server.token(USER, ROOM),
      media: { kind: 'clip', seconds: 60, width: 1280, height: 720, framesPerSecond: 30, videoBitrateBps: 1_500_000 },
    });
    try {
      const page = await openRoomPage(context, { server, site, roomId: ROOM, userId: 'viewer' });
      await page.waitForFunction(() => (window as unknown as RoomWindow).room.remoteTracks.length === 2);
      const look = await watchMemory(page);
      await delay(SETTLE_MS);
      const before = await look();
      await startInPage(page, 'own', { source: { userId: USER }, fileName: 'memory' });
      await delay(SETTLE_MS);
      const samples: Sample[] = [];
      const until = performance.now() + minutes * 60_000;
      while (performance.now() < until) {
        const sample = await look();
        samples.push(sample);
        progress(`recorder-memory: ${number(sample.pssMiB)} MiB, ${number(sample.heapMiB)} of them the page's objects`);
        await delay(SAMPLE_MS);
      }
      const recordedMs = await durationInPage(page, 'own');
      const sizeBytes = await page.evaluate(async () => {
        const stored = await (window as unknown as RoomWindow).recordings.get('own')!.stop();
        return stored.sizeBytes;
      });
      const row = (name: string, of: (sample: Sample) => number) => {
        const [first, last] = [samples[0]!, samples.at(-1)!];
        const slope = slopeOf(samples, of);
        return [name, ...[of(before), of(first), of(last), slope, slope * HOURS].map(number)];
      };
      return {
        title: 'Memory of recording in the browser',
        columns: ['MiB', 'before', 'at first', 'at last', 'growth an hour', `growth in ${HOURS} hours`],
        rows: [row("the page's process", ({ pssMiB }) => pssMiB), row("the page's objects", ({ heapMiB }) => heapMiB)],
        notes: [
          `One person's 720p30 over WebRTC, shown in the page and recorded into MP4: ${number(recordedMs / 60_000)} min, ${number(sizeBytes / 1024 / 1024)} MiB; a look every ${SAMPLE_MS / 1000} s, after garbage was collected.`,
          'Growth: the slope of a straight line through all looks (least squares), for three hours drawn on; garbage of workers goes when they think fit, so that short runs tell little. Memory with shared pages counted once (PSS).',
        ],
      };
    } finally {
      await publisher.kill();
      await context.close();
      site.close();
      await server.stop();
      for (const path of [folder, server.dataFolder]) rmSync(path, { recursive: true, force: true });
    }
  },
};
