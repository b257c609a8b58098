import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  buildSdk,
  counterFaults,
  crash,
  launchChromiumWithProfile,
  openRoomPage,
  type ProfiledChromium,
  type RunningServer,
  readRecording,
  seededRandom,
  startInPage,
  startServer,
  startSite,
  takeRecoveredInPage,
} from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { delay } from './load.ts';
import { spreadOf } from './process-usage.ts';
import { type Benchmark, spread } from './table.ts';

const LEAST_MS = 500;
const MOST_MS = 6000;
const PICTURES_PER_SECOND = 30;

interface Loss {
  readonly pictureMs: number;
  readonly soundMs: number;
  readonly faults: readonly string[];
}

interface Surroundings {
  readonly server: RunningServer;
  readonly site: { readonly url: string };
}

/** Number of the last picture that the page's camera gave. */
function counterOf(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const fixture = window as unknown as { aircheckTestStream(): Promise<{ counter(): number }> };
    return (await fixture.aircheckTestStream()).counter();
  });
}

/** Records oneself for a while. @returns the number of the last picture before the end of the page */
async function recordAndKill(
  { context, kill }: ProfiledChromium,
  { server, site }: Surroundings,
  ms: number,
  wholeBrowser: boolean,
): Promise<number> {
  const publish = ['camera', 'microphone'] as const;
  const page = await openRoomPage(context, { server, site, roomId: 'kill', userId: 'ann', publish });
  await startInPage(page, 'own', { source: { userId: 'ann' }, fileName: 'own' });
  await delay(ms);
  const counter = await counterOf(page);
  if (wholeBrowser) await kill();
  else await crash(page);
  return counter;
}

/** What is left of all recordings in a profile, which are removed there. */
async function takeRecovered({ context }: ProfiledChromium, { server, site }: Surroundings): Promise<string[]> {
  const page = await openRoomPage(context, { server, site, roomId: 'later', userId: 'ann' });
  const files = await takeRecoveredInPage(page);
  await page.close();
  return files.map(({ path }) => path);
}

async function lossOf(path: string, lastCounter: number): Promise<Loss> {
  const content = await readRecording(path);
  const last = content.pictures.at(-1);
  if (last === undefined || last.counter === null) return { pictureMs: Infinity, soundMs: Infinity, faults: ['empty'] };
  const [picture, sound] = ['video', 'audio'].map((kind) => content.streams.find((stream) => stream.kind === kind));
  const endOf = (stream: typeof picture) => (stream?.startMs ?? 0) + (stream?.durationMs ?? 0);
  const pictureMs = ((lastCounter - last.counter) * 1000) / PICTURES_PER_SECOND;
  return {
    pictureMs: Math.max(0, pictureMs),
    soundMs: Math.max(0, pictureMs + endOf(picture) - endOf(sound)),
    faults: [...content.errors, ...counterFaults(content).map(({ atMs }) => `a picture out of place at ${atMs} ms`)],
  };
}

/** Recordings in the browser whose page does not end as it should. */
export const tabKillBenchmark: Benchmark = {
  name: 'tab-kill',
  about: 'what a recording in the browser loses when its tab or the browser is killed (tab-kill=50: kills)',
  async run(progress, arg = '50') {
    const kills = Number(arg);
    buildSdk();
    const server = await startServer();
    const site = await startSite();
    const folder = mkdtempSync(join(tmpdir(), 'aircheck-kills-'));
    const surroundings = { server, site };
    const random = seededRandom(kills);
    const losses: Loss[] = [];
    let missing = 0;
    let browser = await launchChromiumWithProfile(join(folder, 'profile'));
    try {
      for (let round = 0; round < kills; round += 1) {
        const wholeBrowser = round % 2 === 0;
        const ms = LEAST_MS + random() * (MOST_MS - LEAST_MS);
        const lastCounter = await recordAndKill(browser, surroundings, ms, wholeBrowser);
        if (wholeBrowser) browser = await launchChromiumWithProfile(join(folder, 'profile'));
        const [path] = await takeRecovered(browser, surroundings);
        if (path === undefined) missing += 1;
        else {
          losses.push(await lossOf(path, lastCounter));
          rmSync(dirname(path), { recursive: true, force: true });
        }
        const {
          pictureMs = Infinity,
          soundMs = Infinity,
          faults = [],
        } = path === undefined ? {} : (losses.at(-1) ?? {});
        const lost = `${Math.round(pictureMs)} ms of picture, ${Math.round(soundMs)} of sound`;
        progress(
          `tab-kill: ${round + 1}: ${wholeBrowser ? 'browser' : 'tab'} after ${Math.round(ms)} ms: ${lost} ${faults}`,
        );
      }
      return {
        title: 'Recording in the browser, killed',
        columns: ['kills', 'not found again', 'lost picture, ms', 'lost sound, ms', 'files with faults'],
        rows: [
          [
            String(kills),
            String(missing),
            spread(spreadOf(losses.map(({ pictureMs }) => pictureMs))),
            spread(spreadOf(losses.map(({ soundMs }) => soundMs))),
            String(losses.filter(({ faults }) => faults.length > 0).length),
          ],
        ],
        notes: [
          'Every other time the whole browser gets SIGKILL, else the tab crashes; at a random moment of a recording of 0.5 to 6 s. The next visit finds the recording, which is decoded to its end: lost is what the camera had given after the last picture of the file.',
        ],
      };
    } finally {
      await browser.context.close();
      site.close();
      await server.stop();
      for (const path of [folder, server.dataFolder]) rmSync(path, { recursive: true, force: true });
    }
  },
};
