import { createHash, randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { PlayUrls } from '@aircheck/protocol';
import {
  buildSdk,
  CuttingProxy,
  launchChromium,
  openRoomPage,
  type RoomWindow,
  type RunningServer,
  startInPage,
  startServer,
  startSite,
} from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { type Benchmark, number } from './table.ts';

const DEFAULT_CUTS = 20;
const ROOM = 'cuts';
const USER = 'host';
/** A connection lives that long at most while the recording grows, in bytes that the browser sends: some seconds of it. */
const LONGEST_LIFE_BYTES = 900_000;
const SHORTEST_LIFE_BYTES = 20_000;
/** Of the recording that is sent afterwards, in milliseconds. */
const RECORDED_MS = 15_000;

interface Sent {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly fileId: string;
  readonly localSha256: string;
  readonly secondsToReady: number;
}

/** Ends a recording, and waits until the library has it. Runs in the page. */
async function stopAndSend({ name, url, proxyUrl, token }: Record<'name' | 'url' | 'proxyUrl' | 'token', string>) {
  const { recordings } = window as unknown as RoomWindow;
  const { RestClient } = await import(`${url}/sdk/web.js`);
  const recording = recordings.get(name)!;
  const stored = await recording.stop();
  const stoppedAt = performance.now();
  const upload = recording.upload ?? stored.upload({ api: new RestClient({ baseUrl: proxyUrl, token }) });
  const { fileId, sha256 } = await upload.done;
  const secondsToReady = (performance.now() - stoppedAt) / 1000;
  const file = await stored.file();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  const localSha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return { sizeBytes: file.size, sha256, fileId, localSha256, secondsToReady };
}

/** Starts a recording that is sent through the proxy while it grows. Runs in the page. */
async function startGrowing({ name, url, proxyUrl, token }: Record<'name' | 'url' | 'proxyUrl' | 'token', string>) {
  const { recordings, recorder, room } = window as unknown as RoomWindow;
  const { RestClient } = await import(`${url}/sdk/web.js`);
  const api = new RestClient({ baseUrl: proxyUrl, token });
  const source = { userId: room.self.userId };
  recordings.set(name, await recorder.start({ source, fileName: name, upload: { api } }));
}

/** @throws Error when what the library gives out is not what the browser has */
async function compare(server: RunningServer, { fileId, sha256, localSha256, sizeBytes }: Sent): Promise<void> {
  const { mp4 } = await server.api.request<PlayUrls>('POST', `/v1/assets/${fileId}/play-urls`, {});
  const bytes = Buffer.from(await (await fetch(mp4)).arrayBuffer());
  const served = createHash('sha256').update(bytes).digest('hex');
  if (served === sha256 && served === localSha256 && bytes.byteLength === sizeBytes) return;
  throw new Error(
    `the library has ${bytes.byteLength} bytes with ${served}, the browser ${sizeBytes} with ${localSha256}`,
  );
}

async function until(page: Page, condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await page.waitForTimeout(200);
}

/** A recording of the browser's on its way into the library, over connections that are cut. */
export const uploadCutsBenchmark: Benchmark = {
  name: 'upload-cuts',
  about: 'uploads of a browser recording, cut while it grows and after; `upload-cuts=20` for as many cuts',
  async run(progress, arg) {
    const cuts = arg === undefined ? DEFAULT_CUTS : Number(arg);
    const whileGrowing = Math.ceil(cuts / 2);
    buildSdk();
    const server = await startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
    const site = await startSite();
    const browser = await launchChromium();
    const proxy = await CuttingProxy.start(() => Number(new URL(server.url).port));
    try {
      const page = await openRoomPage(browser, {
        server,
        site,
        roomId: ROOM,
        userId: USER,
        publish: ['camera', 'microphone'],
        fixture: { width: 1280, height: 720 },
      });
      const token = await server.token(USER, ROOM);
      const where = { url: server.url, proxyUrl: proxy.url, token };
      const rows: string[][] = [];
      const row = (label: string, sent: Sent) => {
        rows.push([label, String(proxy.done), number(sent.sizeBytes / 1e6), number(sent.secondsToReady), 'yes']);
      };

      progress(`recording and sending, ${whileGrowing} cuts`);
      for (let cut = 0; cut < whileGrowing; cut += 1) {
        proxy.cuts.push(randomInt(SHORTEST_LIFE_BYTES, LONGEST_LIFE_BYTES));
      }
      await page.evaluate(startGrowing, { ...where, name: 'growing' });
      await until(page, () => proxy.done === whileGrowing);
      const grown = await page.evaluate(stopAndSend, { ...where, name: 'growing' });
      await compare(server, grown);
      row('while it grew', grown);

      progress(`recording, then sending, ${cuts - whileGrowing} cuts`);
      proxy.done = 0;
      await startInPage(page, 'whole', { source: { userId: USER }, fileName: 'whole' });
      const recorded = () => page.evaluate(() => (window as unknown as RoomWindow).recordings.get('whole')!.progress);
      await until(page, async () => (await recorded()).durationMs > RECORDED_MS);
      const step = Math.floor((await recorded()).sizeBytes / (cuts - whileGrowing + 1));
      for (let cut = whileGrowing; cut < cuts; cut += 1) proxy.cuts.push(randomInt(Math.ceil(step / 10), step));
      const whole = await page.evaluate(stopAndSend, { ...where, name: 'whole' });
      await compare(server, whole);
      row('after it ended', whole);

      return {
        title: `Browser recordings into the library, cut ${cuts} times`,
        columns: ['sent', 'cuts', 'MB', 'seconds from its end until the library had it', 'SHA-256 equal'],
        rows,
        notes: [
          'Each connection was cut after a random number of bytes, on both sides, in the middle of a request.',
          'Compared: the digest that the browser sent, that of its file, and that of the file as the library serves it.',
        ],
      };
    } finally {
      await browser.close();
      await proxy.close();
      site.close();
      await server.stop();
      await rm(server.dataFolder, { recursive: true, force: true });
    }
  },
};
