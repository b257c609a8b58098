import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Room } from '@aircheck/web';
import type {
  BrowserRecorder,
  ClientRecording,
  Container,
  StartOptions,
  StoredRecording,
} from '@aircheck/web/recorder';
import type { Browser, BrowserContext, JSHandle, Page } from 'playwright-core';
import { browserFixtureScript } from './browser-fixture.ts';
import type { RunningServer } from './start-server.ts';
import { READ_HEIGHT, READ_WIDTH, readMarker } from './synthetic-media/index.ts';

interface Sdk {
  readonly Room: typeof Room;
  readonly BrowserRecorder: typeof BrowserRecorder;
}

/** What {@link openRoomPage} puts on a page's window. */
export interface RoomWindow {
  readonly room: Room;
  readonly recorder: BrowserRecorder;
  /** By the name under which a test started them. */
  readonly recordings: Map<string, ClientRecording>;
}

/** A page of another origin than the server's, as apps have them. */
export async function startSite(): Promise<{ readonly url: string; close(): void }> {
  const site = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>site</title>');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  return {
    url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
    close: () => {
      site.closeAllConnections();
      site.close();
    },
  };
}

export interface RoomPageOptions {
  readonly server: RunningServer;
  readonly site: { readonly url: string };
  readonly roomId: string;
  readonly userId: string;
  readonly publish?: readonly ('camera' | 'microphone')[];
  /** Of the synthetic camera. */
  readonly fixture?: Parameters<typeof browserFixtureScript>[0];
  /** Pitch of a voice that is published instead of the fixture's sound. */
  readonly voiceHz?: number;
  readonly prepare?: (page: Page) => Promise<void>;
}

/** Opens a page that has joined a room by the built SDK, and has a recorder. */
export async function openRoomPage(context: Browser | BrowserContext, options: RoomPageOptions): Promise<Page> {
  const { server, site, roomId, userId, publish = [], voiceHz } = options;
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.addInitScript({ content: browserFixtureScript({ ...options.fixture, replaceUserMedia: true }) });
  await options.prepare?.(page);
  await page.goto(site.url);
  // As text: what runs tests puts functions of its own in the place of `import()`.
  const content = `import { Room } from '${server.url}/sdk/web.js';
    import { BrowserRecorder } from '${server.url}/sdk/recorder.js';
    window.sdk = { Room, BrowserRecorder };`;
  await page.addScriptTag({ type: 'module', content });
  await page.waitForFunction(() => 'sdk' in window);
  const token = await server.token(userId, roomId);
  await page.evaluate(
    async ({ url, token, publish, voiceHz }) => {
      const { Room, BrowserRecorder } = (window as unknown as { sdk: Sdk }).sdk;
      const room = await Room.connect(url, token);
      // As apps do: what is heard is decoded in time, where else it would wait and be played faster once it is wanted.
      room.on('track-added', (track) => {
        const element = document.createElement(track.kind);
        track.attach(element);
        document.body.append(element);
        void element.play();
      });
      if (publish.includes('camera')) await room.publishCamera();
      if (voiceHz !== undefined) {
        const sound = new AudioContext();
        const out = sound.createMediaStreamDestination();
        const gain = new GainNode(sound, { gain: 0.2 });
        const voice = new OscillatorNode(sound, { frequency: voiceHz });
        voice.connect(gain).connect(out);
        voice.start();
        await room.publish(out.stream.getAudioTracks()[0]!, 'microphone');
      } else if (publish.includes('microphone')) await room.publishMicrophone();
      Object.assign(window, { room, recorder: new BrowserRecorder(room), recordings: new Map() });
    },
    { url: server.url, token, publish, voiceHz },
  );
  return page;
}

/** Starts a recording under a name, and waits until it runs. */
export async function startInPage(page: Page, name: string, options: StartOptions): Promise<void> {
  await page.evaluate(
    async ({ name, options }) => {
      const { recorder, recordings } = window as unknown as RoomWindow;
      recordings.set(name, await recorder.start(options));
    },
    { name, options },
  );
}

/** How long the recording is by now, in ms of its file. */
export function durationInPage(page: Page, name: string): Promise<number> {
  return page.evaluate(
    (name) => (window as unknown as RoomWindow).recordings.get(name)?.progress.durationMs ?? 0,
    name,
  );
}

/** Stops a recording and gives back a copy of its file on this machine's disk. */
export async function stopInPage(page: Page, name: string): Promise<string> {
  const file = await page.evaluateHandle(async (name) => {
    const stored = await (window as unknown as RoomWindow).recordings.get(name)!.stop();
    return stored.file();
  }, name);
  return copyFromPage(file);
}

/** A recording that a crashed tab left, as the next visit finds it. */
export interface RecoveredFile {
  /** Of a copy on this machine's disk. */
  readonly path: string;
  readonly container: Container;
  readonly durationMs: number;
  readonly complete: boolean;
}

/** What is left of all recordings in a page's profile, newest first; they are removed there. */
export async function takeRecoveredInPage(page: Page): Promise<RecoveredFile[]> {
  const found = await page.evaluateHandle(() => (window as unknown as RoomWindow).recorder.listRecoverable());
  const files: RecoveredFile[] = [];
  for (const one of (await found.getProperties()).values()) {
    const recording = one as JSHandle<StoredRecording>;
    const path = await copyFromPage(await recording.evaluateHandle((stored) => stored.file()));
    const facts = await recording.evaluate(({ container, durationMs, complete }) => ({
      container,
      durationMs,
      complete,
    }));
    await recording.evaluate((stored) => stored.remove());
    files.push({ path, ...facts });
  }
  return files;
}

/** Brings a file of a page to this machine's disk. @returns its path, in a folder of its own */
export async function copyFromPage(file: JSHandle<Blob>): Promise<string> {
  const base64 = await file.evaluate(async (file) => {
    const reader = new FileReader();
    const read = new Promise((resolve) => {
      reader.onload = resolve;
    });
    reader.readAsDataURL(file);
    await read;
    // The type in front of it may hold commas too.
    return String(reader.result).replace(/^.*,/, '');
  });
  const path = join(mkdtempSync(join(tmpdir(), 'aircheck-recorded-')), 'media');
  writeFileSync(path, Buffer.from(base64, 'base64'));
  return path;
}

/** Ends a page's process as a crash does. */
export async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  // It is never answered.
  session.send('Page.crash').catch(() => {});
  await crashed;
  await page.close();
}

/** What the browser's own player makes of a recording's file. */
export interface PlayedInPage {
  /** As the player tells it. */
  readonly durationMs: number;
  /** As the recorder tells it. */
  readonly recordedMs: number;
  /** The picture's number at each moment that was sought; null without a picture that can be read. */
  readonly sought: readonly { readonly atMs: number; readonly counter: number | null }[];
}

/**
 * Opens a recording that has been stopped in a `<video>`, and seeks in it.
 * @param shares - where to, as shares of its duration
 * @throws Error when the browser does not play it
 */
export async function seekInPage(page: Page, name: string, shares: readonly number[]): Promise<PlayedInPage> {
  const { pictures, ...played } = await page.evaluate(
    async ({ name, shares, width, height }) => {
      const stored = await (window as unknown as RoomWindow).recordings.get(name)!.stop();
      const player = document.createElement('video');
      const happens = (event: string) =>
        new Promise((resolve, reject) => {
          player.addEventListener(event, resolve, { once: true });
          player.onerror = () => reject(new Error(`the browser does not play it: ${player.error?.message}`));
        });
      const url = await stored.url();
      const opened = happens('loadedmetadata');
      player.src = url;
      await opened;
      const { duration } = player;
      const paper = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
      paper.imageSmoothingQuality = 'high';
      const pictures: { atMs: number; gray: number[] }[] = [];
      for (const share of shares) {
        const sought = happens('seeked');
        player.currentTime = duration * share;
        await sought;
        paper.drawImage(player, 0, 0, width, height);
        const { data } = paper.getImageData(0, 0, width, height);
        const gray = Array.from({ length: width * height }, (_, pixel) => data[pixel * 4 + 1]!);
        pictures.push({ atMs: player.currentTime * 1000, gray });
      }
      player.removeAttribute('src');
      player.load();
      URL.revokeObjectURL(url);
      return { durationMs: duration * 1000, recordedMs: stored.durationMs, pictures };
    },
    { name, shares, width: READ_WIDTH, height: READ_HEIGHT },
  );
  const sought = pictures.map(({ atMs, gray }) => ({ atMs, counter: readMarker(Uint8Array.from(gray)).counter }));
  return { ...played, sought };
}
