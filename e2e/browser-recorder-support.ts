import {
  counterFaults,
  durationInPage,
  eventsBesideSlips,
  launchChromium,
  openRoomPage,
  type PlayedInPage,
  type RoomPageOptions,
  type RoomWindow,
  type RunningServer,
  type readRecording,
  type SoundClock,
  startServer,
  startSite,
  syncEvents,
} from '@aircheck/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

export type RecordingContent = Awaited<ReturnType<typeof readRecording>>;

/** Of the sound against the picture. */
const IN_SYNC_MS = 40;
/** A busy machine may disturb a page at any one moment: one event, or so many of them, may lie further off. */
const OUTLIER_SHARE = 0.1;

/** A server, an app's site and a browser for all tests of a file. */
export function recorderPagesForFile() {
  let server: RunningServer;
  let site: Awaited<ReturnType<typeof startSite>>;
  let browser: Browser;
  beforeAll(async () => {
    [server, site, browser] = await Promise.all([startServer(), startSite(), launchChromium()]);
  });
  afterAll(async () => {
    await browser.close();
    site.close();
    await server.stop();
  });
  type Options = Pick<RoomPageOptions, 'roomId' | 'userId'> & Partial<RoomPageOptions>;
  return {
    get site() {
      return site;
    },
    /** A page in a room, in a profile of its own or another page's; its faults fail the test. */
    async enter(options: Options, beside?: Page): Promise<Page> {
      const context = beside?.context() ?? (await browser.newContext());
      const faults: Error[] = [];
      onTestFinished(async () => {
        await context.close();
        expect(faults).toEqual([]);
      });
      return openRoomPage(context, {
        server,
        site,
        ...options,
        prepare: async (page) => {
          page.on('pageerror', (error) => faults.push(error));
          await page.addInitScript(keepConnections);
          await options.prepare?.(page);
        },
      });
    },
  };
}

interface ConnectionsWindow {
  readonly peers: RTCPeerConnection[];
}

/** Runs in the page. */
function keepConnections(): void {
  const peers: RTCPeerConnection[] = [];
  Object.assign(window, { peers });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
      super(...options);
      peers.push(this);
    }
  };
}

/** Makes the picture that a page sends smaller by a factor. */
export function sendSmaller(page: Page, factor: number): Promise<void> {
  return page.evaluate(async (factor) => {
    const senders = (window as unknown as ConnectionsWindow).peers.flatMap((peer) => peer.getSenders());
    const sender = senders.find(({ track }) => track?.kind === 'video')!;
    const parameters = sender.getParameters();
    parameters.encodings[0]!.scaleResolutionDownBy = factor;
    await sender.setParameters(parameters);
  }, factor);
}

/** For browsers that lack something: takes it away before the page's scripts run. */
export async function withoutGlobals(page: Page, names: readonly string[]): Promise<void> {
  await page.addInitScript((names) => {
    for (const name of names) Reflect.deleteProperty(globalThis, name);
  }, names);
}

export async function untilTracksOf(page: Page, userId: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([userId, count]) => {
      const { room } = window as unknown as RoomWindow;
      return room.remoteTracks.filter((track) => track.userId === userId).length === count;
    },
    [userId, count] as const,
  );
}

export async function untilRecorded(page: Page, name: string, ms: number): Promise<void> {
  await expect.poll(() => durationInPage(page, name), { timeout: 20_000, interval: 50 }).toBeGreaterThan(ms);
}

/** Leaves out what comes meanwhile. */
export async function pauseInPage(page: Page, name: string, ms: number): Promise<void> {
  await page.evaluate(
    async ({ name, ms }) => {
      const recording = (window as unknown as RoomWindow).recordings.get(name)!;
      recording.pause();
      await new Promise((resolve) => setTimeout(resolve, ms));
      recording.resume();
    },
    { name, ms },
  );
}

/** Resolves when a recording ends by itself, with why, and the errors that it tells of. */
export function endOf(page: Page, name: string): Promise<{ complete: boolean; reason: string; errors: string[] }> {
  return page.evaluate(
    (name) =>
      new Promise((resolve) => {
        const recording = (window as unknown as RoomWindow).recordings.get(name)!;
        const errors: string[] = [];
        recording.on('error', ({ code, message }) => errors.push(`${code}: ${message}`));
        recording.on('ended', ({ complete }, reason) => resolve({ complete, reason, errors }));
      }),
    name,
  );
}

export function soundClock(page: Page): Promise<SoundClock> {
  return page.evaluate(async () => {
    const fixture = window as unknown as { aircheckTestStream(): Promise<{ soundClock(): SoundClock }> };
    return (await fixture.aircheckTestStream()).soundClock();
  });
}

/** Where something was left out of a file, and what of it the pictures' counters show. */
export function pauseIn(content: RecordingContent): {
  readonly atMs: number;
  readonly counters: number;
  readonly ms: number;
} {
  const jumps = content.pictures.slice(1).map((picture, index) => {
    const before = content.pictures[index]!;
    const counters = (picture.counter ?? 0) - (before.counter ?? 0);
    return { atMs: picture.ptsMs, counters, ms: picture.ptsMs - before.ptsMs };
  });
  return jumps.reduce((most, jump) => (jump.counters > most.counters ? jump : most));
}

/** The counters of pictures only ever rise; some may be left out on the way. */
export function expectRisingCounters(content: RecordingContent): void {
  expect(counterFaults(content)).toEqual([]);
}

/**
 * Holds sound against picture, but for the moments at which the page's own sound clock was being moved.
 *
 * @param clock - as it stood when the recording ended
 * @param pause - where something was left out, and how long it was
 * @param medianMs - of what a browser's own parts lay wrongly only the middle is looked at; else all events but one in ten
 * (one at least) lie within 40 ms too
 */
export function expectInSync(
  content: RecordingContent,
  clock: SoundClock,
  { pause, medianMs }: { pause?: { atMs: number; ms: number }; medianMs?: number } = {},
): void {
  const all = syncEvents(content);
  expect(all.length).toBeGreaterThanOrEqual(2);
  const events = eventsBesideSlips(all, content, clock, pause);
  const offsets = events.map(({ offsetMs }) => Math.abs(offsetMs)).sort((a, b) => a - b);
  const told = `of ${JSON.stringify(all)}, slips at ${clock.slipsAt}`;
  expect(offsets[offsets.length >> 1], told).toBeLessThan(medianMs ?? IN_SYNC_MS);
  if (medianMs !== undefined) return;
  const outliers = offsets.filter((offset) => offset > IN_SYNC_MS);
  expect(outliers.length, told).toBeLessThanOrEqual(Math.max(1, offsets.length * OUTLIER_SHARE));
}

/** The browser's own player knows how long a file is, and finds the right pictures in it. */
export function expectSeekable({ durationMs, recordedMs, sought }: PlayedInPage, content: RecordingContent): void {
  expect(Math.abs(durationMs - content.durationMs)).toBeLessThan(30);
  // What came last may lie a little behind the moment of the stop: sound is handed over in blocks, and pictures wait for it.
  expect(Math.abs(durationMs - recordedMs)).toBeLessThan(150);
  for (const { atMs, counter } of sought) {
    const shown = content.pictures.findLastIndex(({ ptsMs }) => ptsMs <= atMs);
    // Players round times.
    const near = content.pictures.slice(Math.max(0, shown - 1), shown + 2).map(({ counter }) => counter);
    expect(counter).not.toBeNull();
    expect(near, `at ${atMs} ms`).toContain(counter);
  }
}
