import { rmSync } from 'node:fs';
import {
  buildSdk,
  descendantPids,
  launchChromium,
  openRoomPage,
  type RoomWindow,
  readRecording,
  startInPage,
  startServer,
  startSite,
  startWhipPublisher,
  stopInPage,
  syncEvents,
  syncSummary,
} from '@aircheck/testkit';
import type { Browser, Page } from 'playwright-core';
import { delay } from './load.ts';
import { spreadOf, usageOf } from './process-usage.ts';
import { type Benchmark, number, spread } from './table.ts';

const ROOM = 'recorder';
const USER = 'host';
const BITRATES = { videoBitsPerSecond: 2_000_000, audioBitsPerSecond: 64_000 };
const MIME_TYPE = 'video/mp4;codecs=avc3.42E01F,opus';
/** Encoders need a moment until they run evenly. */
const SETTLE_MS = 2000;

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

/** CPU seconds of the whole browser per second. */
async function coresOver(browser: Browser, ms: number): Promise<number> {
  const pids = await pidsOf(browser);
  const before = usageOf(pids);
  await delay(ms);
  const after = usageOf(pids);
  return (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs);
}

/** Records the same tracks with what browsers have built in. Runs in the page. */
function startBuiltIn({ mimeType, ...bitrates }: { mimeType: string } & typeof BITRATES): void {
  const { room } = window as unknown as RoomWindow;
  const stream = new MediaStream(room.remoteTracks.map(({ mediaStreamTrack }) => mediaStreamTrack));
  const recorder = new MediaRecorder(stream, { mimeType, ...bitrates });
  const chunks: Blob[] = [];
  recorder.ondataavailable = ({ data }) => chunks.push(data);
  recorder.start(500);
  Object.assign(window, { builtIn: recorder });
}

/** Runs in the page. */
function stopBuiltIn(): Promise<unknown> {
  const { builtIn } = window as unknown as { builtIn: MediaRecorder };
  return new Promise((resolve) => {
    builtIn.onstop = resolve;
    builtIn.stop();
  });
}

interface Round {
  readonly idle: number;
  readonly ours: number;
  readonly builtIn: number;
  readonly offsetsMs: readonly number[];
  readonly driftMsPerMinute: number;
  readonly faults: readonly string[];
}

async function measure(browser: Browser, page: Page, windowMs: number, ourTurnFirst: boolean): Promise<Round> {
  const idle = await coresOver(browser, windowMs / 2);
  let ours = 0;
  let builtIn = 0;
  let path = '';
  const turns = [
    async () => {
      await startInPage(page, 'ours', {
        source: { userId: USER },
        fileName: 'ours',
        audioCodec: 'opus',
        videoBitrateBps: BITRATES.videoBitsPerSecond,
        audioBitrateBps: BITRATES.audioBitsPerSecond,
      });
      await delay(SETTLE_MS);
      ours = await coresOver(browser, windowMs);
      path = await stopInPage(page, 'ours');
    },
    async () => {
      await page.evaluate(startBuiltIn, { mimeType: MIME_TYPE, ...BITRATES });
      await delay(SETTLE_MS);
      builtIn = await coresOver(browser, windowMs);
      await page.evaluate(stopBuiltIn);
    },
  ];
  for (const turn of ourTurnFirst ? turns : turns.reverse()) await turn();
  const content = await readRecording(path);
  const events = syncEvents(content);
  return {
    idle,
    ours,
    builtIn,
    offsetsMs: events.map(({ offsetMs }) => offsetMs),
    driftMsPerMinute: syncSummary(events).driftMsPerMinute,
    faults: content.errors,
  };
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
    const browser = await launchChromium();
    const token = await server.token(USER, ROOM);
    const publisher = await startWhipPublisher({
      url: `${server.url}/whip/${ROOM}`,
      token,
      media: { kind: 'clip', seconds: 60, width: 1280, height: 720, framesPerSecond: 30, videoBitrateBps: 1_500_000 },
    });
    try {
      const page = await openRoomPage(browser, { server, site, roomId: ROOM, userId: 'viewer' });
      await page.waitForFunction(() => (window as unknown as RoomWindow).room.remoteTracks.length === 2);
      // Buffers have found their length, and sound and picture one another.
      await delay(15_000);
      const results: Round[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const result = await measure(browser, page, seconds * 1000, round % 2 === 0);
        const { idle, ours, builtIn, offsetsMs } = result;
        progress(
          `browser-recorder: round ${round + 1}: ${number(ours)} beside ${number(builtIn)} cores (${number(idle)} without), ` +
            `${number(ours / builtIn)}; sound ${number(Math.min(...offsetsMs))}..${number(Math.max(...offsetsMs))} ms`,
        );
        results.push(result);
      }
      const offsets = results.flatMap(({ offsetsMs }) => offsetsMs);
      const row = (name: string, of: (round: Round) => number) => [name, spread(spreadOf(results.map(of)))];
      return {
        title: 'Recording in the browser',
        columns: ['', 'median (lowest..highest)'],
        rows: [
          row('cores, neither', ({ idle }) => idle),
          row('cores, recorder of the SDK', ({ ours }) => ours),
          row('cores, MediaRecorder', ({ builtIn }) => builtIn),
          row('ratio of the two', ({ ours, builtIn }) => ours / builtIn),
          ['sound against picture, ms', spread(spreadOf(offsets))],
          ['worst offset, ms', number(Math.max(...offsets.map(Math.abs)))],
          ['decoder errors', String(results.flatMap(({ faults }) => faults).length)],
        ],
        notes: [
          `One person's 720p30 over WebRTC, shown in the page, ${rounds} rounds of ${seconds} s each way, one after the other and taking turns in who begins. Both write H.264 at 2 Mbit/s and Opus at 64 kbit/s (${MIME_TYPE}); the SDK's recorder to the disk.`,
          'Cores: CPU time of all processes of the browser, reception, decoding and display included. Positive offsets: the sound comes late.',
        ],
      };
    } finally {
      await publisher.kill();
      await browser.close();
      site.close();
      await server.stop();
      rmSync(server.dataFolder, { recursive: true, force: true });
    }
  },
};
