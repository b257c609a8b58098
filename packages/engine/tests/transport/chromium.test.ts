import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTransportEngine, type TransportEngine, type TransportState } from '../../src/transport/index.ts';
import { readDescription, writeAnswer } from './description.ts';
import { UdpProxy } from './udp-proxy.ts';

const flags = [
  '--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking',
  '--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required --allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
].flatMap((line) => line.split(' '));

/** What the page under test keeps between two calls. */
interface PageState {
  connection: RTCPeerConnection;
}

describe('a real Chromium', () => {
  let browser: Browser;
  let engine: TransportEngine;
  let pageUrl: string;
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'));

  beforeAll(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    pageUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 2 });
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  });

  afterAll(async () => {
    await browser?.close();
    await engine?.close();
    server.close();
  });

  async function openPage(): Promise<Page> {
    const page = await browser.newPage();
    await page.goto(pageUrl);
    return page;
  }

  function offer(page: Page): Promise<string> {
    return page.evaluate(async () => {
      const connection = new RTCPeerConnection();
      (globalThis as unknown as PageState).connection = connection;
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
      for (const track of stream.getTracks()) connection.addTrack(track, stream);
      await connection.setLocalDescription();
      return connection.localDescription!.sdp;
    });
  }

  function setAnswer(page: Page, sdp: string): Promise<void> {
    return page.evaluate(
      (answer) => (globalThis as unknown as PageState).connection.setRemoteDescription({ type: 'answer', sdp: answer }),
      sdp,
    );
  }

  // As a server Chromium prefers the older profile.
  test.each([
    ['passive', 'SRTP_AEAD_AES_128_GCM'],
    ['active', 'SRTP_AES128_CM_HMAC_SHA1_80'],
  ] as const)('connects, and each side decrypts the other, we %s with %s', async (setup, srtpCipher) => {
    const page = await openPage();
    const sdp = await offer(page);
    const states: TransportState[] = [];
    const media = new Map<number, number>();
    const reports = new Set<number>();
    const done = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const started = performance.now();
    let connectedMs = 0;
    const peer = engine.createPeer({
      onRtp(packet, arrivalMs) {
        expect(Math.abs(performance.now() - arrivalMs)).toBeLessThan(1000);
        const payloadType = packet[1]! & 0x7f;
        media.set(payloadType, (media.get(payloadType) ?? 0) + 1);
        const counts = [...media.values()].filter((count) => count > 20);
        if (counts.length >= 2 && reports.has(200)) done.resolve();
      },
      onRtcp: (packet) => reports.add(packet[1]!),
      onState(state) {
        states.push(state);
        if (state === 'connected') connectedMs = performance.now() - started;
        if (state === 'failed') ended.resolve();
      },
    });
    peer.setRemote(readDescription(sdp, setup === 'passive' ? 'active' : 'passive'));
    await setAnswer(page, writeAnswer(sdp, peer.local, setup));
    await done.promise;
    expect(states).toEqual(['connecting', 'connected']);
    expect(connectedMs).toBeLessThan(5000);
    const opus = /^a=rtpmap:(\d+) opus/m.exec(sdp)![1]!;
    expect(media.get(Number(opus))).toBeGreaterThan(20);
    expect(engine.stats().badPackets).toBe(0);

    const cipher = await page.evaluate(async () => {
      const { connection } = globalThis as unknown as PageState;
      const transport = [...(await connection.getStats()).values()].find(({ type }) => type === 'transport');
      return { srtpCipher: transport.srtpCipher, dtlsCipher: transport.dtlsCipher, version: transport.tlsVersion };
    });
    expect(cipher).toEqual({
      srtpCipher,
      dtlsCipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      version: 'FEFD',
    });

    // The browser decrypts ours: sound packets are counted, and a picture loss indication makes a key frame.
    const silence = Buffer.from('80000000000000000000004df8fffe', 'hex');
    silence[1] = Number(opus);
    const videoSsrc = Number(/m=video[\s\S]*?a=ssrc:(\d+)/.exec(sdp)![1]);
    const pictureLoss = Buffer.from('81ce00020000004d00000000', 'hex');
    pictureLoss.writeUInt32BE(videoSsrc, 8);
    for (let sequenceNumber = 1; sequenceNumber <= 10; sequenceNumber++) {
      silence.writeUInt16BE(sequenceNumber, 2);
      silence.writeUInt32BE(960 * sequenceNumber, 4);
      expect(peer.sendRtp(silence)).toBe(true);
    }
    expect(peer.sendRtcp(pictureLoss)).toBe(true);
    await page.waitForFunction(async () => {
      const { connection } = globalThis as unknown as PageState;
      const stats = [...(await connection.getStats()).values()];
      const received = stats.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio')?.packetsReceived;
      const sent = stats.find(({ type, kind }) => type === 'outbound-rtp' && kind === 'video')?.pliCount;
      return received === 10 && sent === 1;
    });

    await page.evaluate(() => (globalThis as unknown as PageState).connection.close());
    await ended.promise;
    expect(states).toEqual(['connecting', 'connected', 'failed']);
    await page.close();
  });

  test('is followed to another address and through a restart of ICE, under the same keys', async () => {
    const page = await openPage();
    const states: TransportState[] = [];
    let count = 0;
    let arrived = () => {};
    const peer = engine.createPeer({
      onRtp() {
        count++;
        arrived();
      },
      onRtcp() {},
      onState: (state) => states.push(state),
    });
    const morePackets = (wanted: number) => {
      const target = count + wanted;
      return new Promise<void>((resolve) => {
        arrived = () => count >= target && resolve();
      });
    };
    const port = Number(peer.local.candidates[0]!.split(' ')[5]);
    const proxy = await UdpProxy.open(port);
    const candidates = peer.local.candidates.map((line) => line.replace(` ${port} `, ` ${proxy.port} `));
    const sdp = await offer(page);
    peer.setRemote(readDescription(sdp, 'active'));
    await setAnswer(page, writeAnswer(sdp, peer.local, 'passive', candidates));
    await morePackets(30);

    await proxy.move();
    await morePackets(30);

    const before = peer.local.iceUfrag;
    const again = await page.evaluate(async () => {
      const { connection } = globalThis as unknown as PageState;
      connection.restartIce();
      await connection.setLocalDescription();
      return connection.localDescription!.sdp;
    });
    const local = peer.restartIce();
    expect(local.iceUfrag).not.toBe(before);
    peer.setRemote(readDescription(again, 'active'));
    await setAnswer(page, writeAnswer(again, local, 'passive'));
    // Only a check with the new credentials can come by the direct way, past the proxy.
    proxy.close();
    await morePackets(30);
    expect(states).not.toContain('failed');
    expect(peer.state).toBe('connected');
    peer.close();
    await page.close();
  });
});
