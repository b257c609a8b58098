import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Room } from '@aircheck/web';
import type { BrowserRecorder, ClientRecording, StartOptions } from '@aircheck/web/recorder';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { browserFixtureScript } from './browser-fixture.ts';
import type { RunningServer } from './start-server.ts';

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
  const base64 = await page.evaluate(async (name) => {
    const stored = await (window as unknown as RoomWindow).recordings.get(name)!.stop();
    return bytesOf(await stored.file());

    async function bytesOf(file: File): Promise<string> {
      const reader = new FileReader();
      const read = new Promise((resolve) => {
        reader.onload = resolve;
      });
      reader.readAsDataURL(file);
      await read;
      // The type in front of it may hold commas too.
      return String(reader.result).replace(/^.*,/, '');
    }
  }, name);
  const path = join(mkdtempSync(join(tmpdir(), 'aircheck-recorded-')), 'media');
  writeFileSync(path, Buffer.from(base64, 'base64'));
  return path;
}
