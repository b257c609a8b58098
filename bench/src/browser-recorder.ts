import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  buildSdk,
  copyFromPage,
  descendantPids,
  launchChromium,
  openRoomPage,
  type RecordingContent,
  type RoomWindow,
  readRecording,
  type Span,
  type SyncEvent,
  startInPage,
  startServer,
  startSite,
  startWhipPublisher,
  stopInPage,
  syncEvents,
} from '@aircheck/testkit';
import type { Browser, Page } from 'playwright-core';
import { delay } from './load.ts';
import { type Spread, spreadOf, usageOf } from './process-usage.ts';
import { type Benchmark, number, spread } from './table.ts';

const ROOM = 'recorder';
const USER = 'host';
const BITRATES = { videoBitsPerSecond: 2_000_000, audioBitsPerSecond: 64_000 };
const MIME_TYPE = 'video/mp4;codecs=avc3.42E01F,opus';
/** Encoders need a moment until they run evenly. */
const SETTLE_MS = 2000;
/** What is asked of sound against picture. */
const MAX_OFFSET_MS = 40;
/** Silence that is so close to an event moved it. */
const NEAR_MS = 20;

/** All processes of the browser. */
async function pidsOf(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
    processInfo: { type: string; id: number }[];
  };
  await session.detach();
  const main = processInfo.find(({ type }) => type === 'browser')?.id ?? 0;
  return [main, ...descendantPids(main)];
}

/** CPU seconds of whole browsers per second, over the same time. */
async function coresOver(browsers: readonly Browser[], ms: number): Promise<number[]> {
  const pids = await Promise.all(browsers.map(pidsOf));
  const before = pids.map(usageOf);
  await delay(ms);
  return pids.map(usageOf).map((after, index) => {
    const { cpuMs, atMs } = before[index]!;
    return (after.cpuMs - cpuMs) / (after.atMs - atMs);
  });
}

/** Records the same tracks with what browsers have built in. Runs in the page. */
function startBuiltIn({ mimeType, ...bitrates }: { mimeType: string } & typeof BITRATES): void {
  const { room } = window as unknown as RoomWindow;
  const stream = new MediaStream(room.remoteTracks.map(({ mediaStreamTrack }) => mediaStreamTrack));
  const recorder = new MediaRecorder(stream, { mimeType, ...bitrates });
  const chunks: Blob[] = [];
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  recorder.start(500);
  Object.assign(window, { builtIn: recorder, builtInChunks: chunks });
}

/** Runs in the page. */
async function stopBuiltIn(): Promise<Blob> {
  const { builtIn, builtInChunks } = window as unknown as { builtIn: MediaRecorder; builtInChunks: Blob[] };
  await new Promise((resolve) => {
    builtIn.onstop = resolve;
    builtIn.stop();
  });
  return new Blob(builtInChunks);
}

/** A browser of its own that shows the participant. */
interface Viewer {
  readonly browser: Browser;
  readonly page: Page;
}

/** One of the two ways to record. */
interface Way {
  start(page: Page): Promise<void>;
  /** @returns the path of the file */
  stop(page: Page): Promise<string>;
}

const OURS: Way = {
  start: (page) =>
    startInPage(page, 'ours', {
      source: { userId: USER },
      fileName: 'ours',
      audioCodec: 'opus',
      videoBitrateBps: BITRATES.videoBitsPerSecond,
      audioBitrateBps: BITRATES.audioBitsPerSecond,
    }),
  stop: (page) => stopInPage(page, 'ours'),
};

const BUILT_IN: Way = {
  start: (page) => page.evaluate(startBuiltIn, { mimeType: MIME_TYPE, ...BITRATES }),
  stop: async (page) => copyFromPage(await page.evaluateHandle(stopBuiltIn)),
};

interface Measured {
  readonly cores: number;
  readonly mbps: number;
  readonly offsetsMs: readonly number[];
  /** Of the events further off than is asked, those at which the browser itself played nothing: it had no processor. */
  readonly stoodStill: number;
  readonly faults: readonly string[];
}

/** Both ways at the same time, each in a browser of its own. */
async function measure(
  viewers: readonly [Viewer, Viewer],
  ways: readonly [Way, Way],
  windowMs: number,
): Promise<[Measured, Measured]> {
  await Promise.all(viewers.map(({ page }, index) => ways[index]!.start(page)));
  await delay(SETTLE_MS);
  const browsers = viewers.map(({ browser }) => browser);
  const cores = await coresOver(browsers, windowMs);
  const paths = await Promise.all(viewers.map(({ page }, index) => ways[index]!.stop(page)));
  const contents: RecordingContent[] = [];
  for (const path of paths) {
    contents.push(await readRecording(path));
    rmSync(dirname(path), { recursive: true });
  }
  const [one, other] = contents.map((content, index) => {
    const events = syncEvents(content);
    const far = events.filter(({ offsetMs }) => Math.abs(offsetMs) > MAX_OFFSET_MS);
    return {
      cores: cores[index]!,
      mbps: (content.sizeBytes * 8) / 1000 / content.durationMs,
      offsetsMs: events.map(({ offsetMs }) => offsetMs),
      stoodStill: far.filter((event) => content.silences.some((silence) => touches(silence, event))).length,
      faults: content.errors,
    };
  });
  return [one!, other!];
}

function touches({ fromMs, toMs }: Span, { flashMs, beepMs }: SyncEvent): boolean {
  return fromMs < Math.max(flashMs, beepMs) + NEAR_MS && toMs > Math.min(flashMs, beepMs) - NEAR_MS;
}

interface Round {
  readonly idle: number;
  readonly ours: number;
  readonly builtIn: number;
}

function mean(one: number, other: number): number {
  return (one + other) / 2;
}

/** The recorder of the SDK beside MediaRecorder. */
export const browserRecorderBenchmark: Benchmark = {
  name: 'browser-recorder',
  about: 'CPU of a browser that records one person, beside MediaRecorder (browser-recorder=8x20: rounds x seconds)',
  async run(progress, arg = '8x20') {
    const [rounds = 8, seconds = 20] = arg.split('x').map(Number);
    buildSdk();
    const server = await startServer();
    const site = await startSite();
    const browsers = await Promise.all([launchChromium(), launchChromium()]);
    const token = await server.token(USER, ROOM);
    const publisher = await startWhipPublisher({
      url: `${server.url}/whip/${ROOM}`,
      token,
      media: { kind: 'clip', seconds: 60, width: 1280, height: 720, framesPerSecond: 30, videoBitrateBps: 1_500_000 },
    });
    const openViewer = async (browser: Browser, userId: string): Promise<Viewer> => {
      const page = await openRoomPage(browser, { server, site, roomId: ROOM, userId });
      await page.waitForFunction(() => (window as unknown as RoomWindow).room.remoteTracks.length === 2);
      return { browser, page };
    };
    try {
      const viewers = await Promise.all([openViewer(browsers[0], 'one'), openViewer(browsers[1], 'other')]);
      // Buffers have found their length, and sound and picture one another.
      await delay(15_000);
      const results: Round[] = [];
      const ours: Measured[] = [];
      const builtIn: Measured[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const [idleOne = 0, idleOther = 0] = await coresOver(browsers, (seconds * 1000) / 4);
        // Two browsers are never quite alike: they change places.
        const [ours1, builtIn1] = await measure(viewers, [OURS, BUILT_IN], (seconds * 1000) / 2);
        const [builtIn2, ours2] = await measure(viewers, [BUILT_IN, OURS], (seconds * 1000) / 2);
        const result = {
          idle: mean(idleOne, idleOther),
          ours: mean(ours1.cores, ours2.cores),
          builtIn: mean(builtIn1.cores, builtIn2.cores),
        };
        results.push(result);
        ours.push(ours1, ours2);
        builtIn.push(builtIn1, builtIn2);
        progress(
          `browser-recorder: round ${round + 1}: ${number(result.ours)} beside ${number(result.builtIn)} cores (${number(result.idle)} without), ` +
            `${number(result.ours / result.builtIn)}; sound ${spread(offsetsOf([ours1, ours2]))} beside ${spread(offsetsOf([builtIn1, builtIn2]))} ms`,
        );
      }
      const cores = (name: string, of: (round: Round) => number) => [name, spread(spreadOf(results.map(of)))];
      const offsets = (name: string, files: readonly Measured[]) => {
        const all = files.flatMap(({ offsetsMs }) => offsetsMs);
        const within = all.filter((ms) => Math.abs(ms) <= MAX_OFFSET_MS).length;
        const stoodStill = files.reduce((sum, file) => sum + file.stoodStill, 0);
        return [
          [`sound against picture, ms: ${name}`, spread(spreadOf(all))],
          [`events within ${MAX_OFFSET_MS} ms: ${name}`, `${within} of ${all.length}`],
          [`of the others, at a moment of silence: ${name}`, `${stoodStill} of ${all.length - within}`],
        ];
      };
      const rate = (files: readonly Measured[]) => spread(spreadOf(files.map(({ mbps }) => mbps)));
      return {
        title: 'Recording in the browser',
        columns: ['', 'median (lowest..highest)'],
        rows: [
          cores('cores, neither', ({ idle }) => idle),
          cores('cores, recorder of the SDK', (round) => round.ours),
          cores('cores, MediaRecorder', (round) => round.builtIn),
          cores('ratio of the two', (round) => round.ours / round.builtIn),
          ['Mbit/s written, recorder of the SDK', rate(ours)],
          ['Mbit/s written, MediaRecorder', rate(builtIn)],
          ...offsets('recorder of the SDK', ours),
          ...offsets('MediaRecorder', builtIn),
          ['decoder errors, recorder of the SDK', String(ours.flatMap(({ faults }) => faults).length)],
        ],
        notes: [
          `One person's 720p30 over WebRTC, shown and recorded in two browsers at the same time, in one by the SDK's recorder to the disk, in the other by MediaRecorder (${MIME_TYPE}) in memory, ${rounds} rounds of ${seconds} s; in the middle of each they change places. Both were told 2 Mbit/s of H.264 and 64 kbit/s of Opus.`,
          'Cores: CPU time of all processes of one browser, reception, decoding and display included. Positive offsets: the sound comes late. Silence: the synthetic sound has none, but a browser that is kept from its work plays nothing.',
        ],
      };
    } finally {
      await publisher.kill();
      await Promise.all(browsers.map((browser) => browser.close()));
      site.close();
      await server.stop();
      rmSync(server.dataFolder, { recursive: true, force: true });
    }
  },
};

function offsetsOf(files: readonly Measured[]): Spread {
  return spreadOf(files.flatMap(({ offsetsMs }) => offsetsMs));
}
