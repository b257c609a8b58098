import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createTransportEngine, type TransportEngine } from '@aircheck/engine/transport';
import { launchChromium } from '@aircheck/testkit';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomIdentifiers, Sfu } from '../../src/sfu/index.ts';
import type { OfferedSource } from '../../src/worker/contract.ts';

const ROOM = 'default/room';

/** What the page under test keeps between two calls. */
interface PageState {
  publisher: RTCPeerConnection;
  subscriber: RTCPeerConnection;
}

let browser: Browser;
let engine: TransportEngine;
let sfu: Sfu;
let pageUrl: string;
const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  pageUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 2 });
  sfu = new Sfu({
    engine,
    identifiers: randomIdentifiers,
    now: () => performance.now(),
    emit: () => {},
    logger: pino({ level: 'silent' }),
  });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  sfu?.close();
  await engine?.close();
  server.close();
});

async function openPage(): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(pageUrl);
  return page;
}

/** Offers microphone and camera from the page; `camera` false takes the camera off the air. */
function offer(page: Page, camera: boolean): Promise<string> {
  return page.evaluate(async (withCamera) => {
    const state = globalThis as unknown as PageState;
    if (state.publisher === undefined) {
      state.publisher = new RTCPeerConnection();
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
      for (const track of stream.getTracks()) state.publisher.addTransceiver(track, { direction: 'sendonly' });
    }
    state.publisher.getTransceivers()[1]!.direction = withCamera ? 'sendonly' : 'inactive';
    await state.publisher.setLocalDescription();
    return state.publisher.localDescription!.sdp;
  }, camera);
}

async function publish(page: Page, userId: string, camera: boolean) {
  const microphone: OfferedSource = { mid: '0', source: 'microphone', muted: false };
  const { sdp, tracks } = sfu.publish({
    roomKey: ROOM,
    userId,
    peerId: `publisher of ${userId}`,
    sdp: await offer(page, camera),
    tracks: camera ? [microphone, { mid: '1', source: 'camera', muted: false }] : [microphone],
  });
  await page.evaluate(
    (answer) => (globalThis as unknown as PageState).publisher.setRemoteDescription({ type: 'answer', sdp: answer }),
    sdp,
  );
  return tracks.map(({ trackId }) => trackId);
}

async function subscribe(page: Page, trackIds: readonly string[], restart = false): Promise<void> {
  const { sdp, revision } = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds, restart });
  const answer = await page.evaluate(async (offered) => {
    const state = globalThis as unknown as PageState;
    state.subscriber ??= new RTCPeerConnection();
    await state.subscriber.setRemoteDescription({ type: 'offer', sdp: offered });
    await state.subscriber.setLocalDescription();
    return state.subscriber.localDescription!.sdp;
  }, sdp);
  sfu.subscribeAnswer({ peerId: 'subscriber', revision, sdp: answer });
}

/** Waits until each m-line that is on has given out this many more frames or sound, and none has lost a packet. */
async function waitForMedia(page: Page, expected: { video: number; audio: number }): Promise<void> {
  await page.waitForFunction(
    async (wanted) => {
      const state = globalThis as unknown as PageState & { before?: Map<string, number> };
      const before = state.before ?? new Map<string, number>();
      state.before = before;
      const going = { video: 0, audio: 0 };
      const stats = await state.subscriber.getStats();
      for (const transceiver of state.subscriber.getTransceivers()) {
        if (transceiver.currentDirection !== 'recvonly') continue;
        for (const report of stats.values()) {
          if (report.type !== 'inbound-rtp' || report.mid !== transceiver.mid) continue;
          const count = report.kind === 'video' ? report.framesDecoded : report.packetsReceived;
          const key = String(report.ssrc);
          if (!before.has(key)) before.set(key, count);
          else if (count - before.get(key)! > 20) going[report.kind as 'video' | 'audio'] += 1;
        }
      }
      const done = going.video === wanted.video && going.audio === wanted.audio;
      if (done) state.before = new Map();
      return done;
    },
    expected,
    { timeout: 20_000, polling: 100 },
  );
}

describe('a real Chromium', () => {
  it('publishes, watches another, and follows as tracks come, go, and come again', async () => {
    const host = await openPage();
    const guest = await openPage();
    const hostTracks = await publish(host, 'host', true);
    await subscribe(guest, hostTracks);
    await waitForMedia(guest, { video: 1, audio: 1 });

    // The camera goes: its m-line is inactive, the sound goes on.
    const soundAlone = await publish(host, 'host', false);
    expect(soundAlone).toEqual(hostTracks.slice(0, 1));
    await subscribe(guest, soundAlone);
    await waitForMedia(guest, { video: 0, audio: 1 });

    // It comes again, as another track on the same m-line; and with it somebody else.
    const again = await publish(host, 'host', true);
    expect(again[0]).toBe(hostTracks[0]);
    expect(again[1]).not.toBe(hostTracks[1]);
    const third = await openPage();
    const others = await publish(third, 'third', true);
    await subscribe(guest, [...again, ...others]);
    await waitForMedia(guest, { video: 2, audio: 2 });

    // New ICE credentials, the same media.
    await subscribe(guest, [...again, ...others], true);
    await waitForMedia(guest, { video: 2, audio: 2 });
  }, 90_000);
});
