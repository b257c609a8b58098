import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browserFixtureScript, counterFaults, launchChromium, syncEvents, syncSummary } from '@aircheck/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { contentOf, publish, record, serverForTest, temporaryFolder, untilRecording } from './support.ts';

const require = createRequire(import.meta.url);

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** An empty page on an origin of its own, with the whip-whep package (WHIP and WHEP clients by other people) beside it. */
async function foreignPage(): Promise<Page> {
  const files = createServer((request, response) => {
    const name = request.url?.slice(1) ?? '';
    const script = /^whi?h?e?p\.js$/.test(name) ? readFileSync(require.resolve(`whip-whep/${name}`)) : undefined;
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
    response.end(script ?? '<!doctype html><title>foreign</title>');
  }).listen(0, '127.0.0.1');
  await once(files, 'listening');
  const page = await browser.newPage();
  onTestFinished(async () => {
    await page.close();
    files.close();
  });
  await page.addInitScript({ content: browserFixtureScript() });
  const { port } = files.address() as { port: number };
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.addScriptTag({
    type: 'module',
    content: `import { WHIPClient } from '/whip.js'; import { WHEPClient } from '/whep.js'; Object.assign(window, { WHIPClient, WHEPClient });`,
  });
  await page.waitForFunction('window.WHEPClient !== undefined');
  return page;
}

describe('clients that are not ours', () => {
  it('publish from a real browser over WHIP and are recorded with sound and picture within 40 ms', async () => {
    const server = await serverForTest();
    const page = await foreignPage();
    const token = await server.token('chrome', 'foreign');
    await page.evaluate(
      async ({ url, token }) => {
        const { WHIPClient } = window as never as {
          WHIPClient: new () => { publish(...args: unknown[]): Promise<void> };
        };
        const { stream } = await (
          window as never as { aircheckTestStream(): Promise<{ stream: MediaStream }> }
        ).aircheckTestStream();
        const peer = new RTCPeerConnection();
        for (const track of stream.getTracks())
          peer.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
        const client = new WHIPClient();
        await client.publish(peer, url, token);
        Object.assign(window, { client, peer });
      },
      { url: `${server.url}/whip/foreign`, token },
    );
    // Sound and picture are tied together by sender reports, and Chromium sends those of sound every five seconds.
    const soundSent = () =>
      page.evaluate(async () => {
        const { peer } = window as never as { peer: RTCPeerConnection };
        const reports = [...(await peer.getStats()).values()];
        return reports.find(({ type, kind }) => type === 'outbound-rtp' && kind === 'audio')?.packetsSent ?? 0;
      });
    await expect.poll(soundSent, { timeout: 30_000 }).toBeGreaterThan(50 * 7.5);
    const { recordingId } = await record(server, 'foreign', { userId: 'chrome', fileName: 'chrome over WHIP' });
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs > 9000, 40_000);
    const recording = await server.api.stopRecording(recordingId);
    const content = await contentOf(server, recording.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
    expect(counterFaults(content)).toEqual([]);
    expect(recording.health).toMatchObject({ lostFrames: 0, lostPackets: 0 });
    const events = syncEvents(content);
    expect(events.length).toBeGreaterThanOrEqual(7);
    expect(events.filter(({ offsetMs }) => Math.abs(offsetMs) > 40)).toEqual([]);
    await page.evaluate(() => (window as never as { client: { stop(): Promise<void> } }).client.stop());
    await expect.poll(async () => (await server.api.getRoom('foreign')).participants.length).toBe(0);
    expect(syncSummary(events).worstMs).toBeLessThanOrEqual(40);
  });

  it('watch a host over WHEP in a real browser', async () => {
    const server = await serverForTest();
    await publish(server, 'watched', 'ann');
    const page = await foreignPage();
    const token = await server.token('viewer', 'watched', 'audience');
    await page.evaluate(
      async ({ url, token }) => {
        const { WHEPClient } = window as never as { WHEPClient: new () => { view(...args: unknown[]): Promise<void> } };
        const peer = new RTCPeerConnection();
        const video = document.body.appendChild(document.createElement('video'));
        video.muted = true;
        const stream = new MediaStream();
        peer.ontrack = ({ track }) => {
          stream.addTrack(track);
          video.srcObject = stream;
          void video.play();
        };
        peer.addTransceiver('audio', { direction: 'recvonly' });
        peer.addTransceiver('video', { direction: 'recvonly' });
        await new WHEPClient().view(peer, url, token);
        Object.assign(window, { peer });
      },
      { url: `${server.url}/whep/watched/ann`, token },
    );
    const decoded = () =>
      page.evaluate(async () => {
        const { peer } = window as never as { peer: RTCPeerConnection };
        const numbers = { frames: 0, samples: 0, width: 0 };
        for (const report of (await peer.getStats()).values()) {
          if (report.type !== 'inbound-rtp') continue;
          numbers.frames += report.framesDecoded ?? 0;
          numbers.width = Math.max(numbers.width, report.frameWidth ?? 0);
          numbers.samples += report.kind === 'audio' ? report.totalSamplesReceived : 0;
        }
        return numbers;
      });
    await expect.poll(async () => (await decoded()).frames, { timeout: 20_000 }).toBeGreaterThan(60);
    const numbers = await decoded();
    expect(numbers.width).toBe(640);
    expect(numbers.samples).toBeGreaterThan(48_000);
  });

  it('publish with the WHIP muxer of FFmpeg and are recorded', async () => {
    const server = await serverForTest();
    const folder = temporaryFolder();
    const file = join(folder, 'in.mp4');
    const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30'];
    const sound = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
    const video = [
      '-c:v',
      'libx264',
      '-profile:v',
      'baseline',
      '-preset',
      'ultrafast',
      '-g',
      '30',
      '-pix_fmt',
      'yuv420p',
    ];
    const audio = ['-c:a', 'libopus', '-ac', '2'];
    execFileSync('ffmpeg', ['-v', 'error', ...picture, ...sound, '-t', '6', ...video, ...audio, file]);
    const token = await server.token('ffmpeg', 'muxer');
    const script = fileURLToPath(new URL('./ffmpeg-whip-client.ts', import.meta.url));
    const client = spawn(process.execPath, [script, file, `${server.url}/whip/muxer`, token], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void client.kill('SIGKILL'));
    const exited = once(client, 'exit');
    await Promise.race([once(client.stdout, 'data'), exited]);
    const { recordingId } = await record(server, 'muxer', { userId: 'ffmpeg', fileName: 'ffmpeg' });
    expect(await exited).toEqual([0, null]);
    const recording = await untilRecording(server, recordingId, ({ state }) => state === 'ready');
    expect(recording).toMatchObject({ endReason: 'left', health: { lostPackets: 0, lostFrames: 0, silenceMs: 0 } });
    const content = await contentOf(server, recording.fileIds[0]!);
    expect(content.errors).toEqual([]);
    expect(content.pictures.length).toBeGreaterThan(100);
    expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
  });
});
