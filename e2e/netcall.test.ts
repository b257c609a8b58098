import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import {
  counterBreaks,
  type RecordingContent,
  type RunningServer,
  readRecording,
  startServer,
} from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserForFile } from './browser-support.ts';
import {
  browserStartAac,
  browserStartMp4,
  browserStopMp4,
  joinWithServerRecording,
  stopAac,
} from './netcall-samples.ts';
import { type NetcallWindow, openNetcall, startSite, takePart, voicesIn } from './netcall-support.ts';
import { contentOf, untilRecording } from './support.ts';

const browser = browserForFile();
let server: RunningServer;
let site: Server & { readonly url: string };

beforeAll(async () => {
  [server, site] = await Promise.all([startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1' } }), startSite()]);
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await server.stop();
  await rm(server.dataFolder, { recursive: true, force: true });
});

async function open(account: string, rest: { voiceHz?: number; role?: 'host' | 'guest' | 'audience' } = {}) {
  return openNetcall(await browser.openPage(), { server, site, account, ...rest });
}

/** A browser may drop a picture before it encodes it, so that numbers may be skipped, but nothing more. */
function expectWhole(content: RecordingContent, codecs: readonly string[]): void {
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ codec }) => codec).sort()).toEqual(codecs);
  expect(counterBreaks(content).filter(({ from, to }) => from === null || to === null || to <= from)).toEqual([]);
}

function codeOf(page: Page, call: string): Promise<number | undefined> {
  return page.evaluate(`codeOf((async () => ${call})())`);
}

const heard = (page: Page, name: string) =>
  page.evaluate(
    (wanted) =>
      (window as unknown as NetcallWindow).heard.filter(({ name }) => name === wanted).map(({ data }) => data),
    name,
  );

describe('a page written for Netcall', () => {
  it('has its host recorded on the server by the sample of the manual, from joining to leaving', async () => {
    const page = await open('host');
    expect(await codeOf(page, `netcall.joinChannel({ channelName: 'live', type: 2 })`)).toBe(404);
    await page.evaluate(async () => {
      const { netcall } = window as unknown as NetcallWindow;
      Object.assign(window, { channelName: 'live' });
      await netcall.createChannel({ channelName: 'live', custom: '', webrtcEnable: true });
    });
    const joined = await page.evaluate(joinWithServerRecording);
    expect(joined).toMatchObject({ account: 'host', channelName: 'live', channelId: 'live', type: 2, role: 0 });
    await page.evaluate(async () => {
      const { Netcall, netcall } = window as unknown as NetcallWindow;
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN });
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_VIDEO });
    });
    await expect.poll(async () => (await server.api.listRecordings('?roomId=live')).items.length).toBe(1);
    const { recordingId } = (await server.api.listRecordings('?roomId=live')).items[0]!;
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs > 3000);
    await page.evaluate(() => (window as unknown as NetcallWindow).netcall.leaveChannel());

    const recording = await untilRecording(server, recordingId, ({ state }) => state === 'ready');
    expect(recording).toMatchObject({ userId: 'host', fileName: 'host-live', endReason: 'left', source: 'camera' });
    expect(recording.fileIds.length).toBe(1);
    const content = await contentOf(server, recording.fileIds[0]!);
    expectWhole(content, ['h264', 'opus']);
    expect(content.durationMs).toBeGreaterThan(3000);
    expect(await heard(page, 'error')).toEqual([]);
  });

  it('records one participant and the mix of all in the browser by the samples, and gives the user whole files', async () => {
    const [ann, ben, cleo] = await Promise.all([
      open('ann', { voiceHz: 440 }),
      open('ben'),
      open('cleo', { voiceHz: 800, role: 'guest' }),
    ]);
    await ann.evaluate(() => (window as unknown as NetcallWindow).netcall.createChannel({ channelName: 'class' }));
    await Promise.all([ann, ben, cleo].map((page) => takePart(page, 'class')));
    await expect
      .poll(async () => (await heard(ann, 'remoteTrack')).map(({ account, type }) => `${account} ${type}`).sort())
      .toEqual(['ben audio', 'ben video', 'cleo audio', 'cleo video']);
    await expect.poll(() => ann.locator('#remote video').count()).toBe(2);

    const saved = watchDownloads(ann);
    await ann.evaluate(() => Object.assign(window, { account: 'ben' }));
    const started = await ann.evaluate(browserStartMp4);
    expect(started).toMatchObject({ account: 'ben', mediaType: 'video', format: 'mp4', state: 'starting' });
    await ann.evaluate(browserStartAac);
    expect(await codeOf(ann, `netcall.startRecordMp4('ben')`)).toBe(67006);
    await recordedFor(ann, 3500);
    const stopped = await ann.evaluate(browserStopMp4);
    expect(stopped).toMatchObject({ account: 'ben', state: 'downloaded', saved: true });
    expect(await ann.evaluate(stopAac)).toMatchObject({ account: '', format: 'm4a', saved: true });

    const files = await saved(2);
    const video = files.find(({ name }) => /^ben-\d+\.mp4$/.test(name))!;
    const content = await readRecording(video.path);
    expectWhole(content, ['h264', 'opus']);
    expect(content.durationMs).toBeGreaterThan(3000);
    const mix = files.find(({ name }) => /^class-\d+\.m4a$/.test(name))!;
    const sound = await readRecording(mix.path);
    expect(sound.streams.map(({ codec }) => codec)).toEqual(['aac']);
    expect(sound.errors).toEqual([]);
    // Ben's is the hum of the synthetic host, with a beep each second.
    expect(sound.beepsMs.length).toBeGreaterThanOrEqual(2);
    const voices = await voicesIn(mix.path, [440, 800, 3000]);
    expect(voices[440]).toBeGreaterThan(0.9);
    expect(voices[800]).toBeGreaterThan(0.9);
    expect(voices[3000]).toBe(0);
    expect((await heard(ann, 'recordStopped')).map(({ account, reason }) => `${account} ${reason}`).sort()).toEqual([
      ' stopped',
      'ben stopped',
    ]);
  });
});

/** Waits until everything that a page records in the browser is so long, in milliseconds. */
async function recordedFor(page: Page, milliseconds: number): Promise<void> {
  const shortest = () =>
    page.evaluate(async () => {
      const all = await (window as unknown as NetcallWindow).netcall.listMediaRecording();
      return Math.min(...all.filter(({ state }) => state === 'starting').map(({ duration }) => duration));
    });
  await expect.poll(shortest, { timeout: 30_000 }).toBeGreaterThan(milliseconds);
}

/** @returns waits for so many downloads, and says where they are */
function watchDownloads(page: Page): (count: number) => Promise<{ name: string; path: string }[]> {
  const downloads: { name: string; path: Promise<string> }[] = [];
  page.on('download', (download) => downloads.push({ name: download.suggestedFilename(), path: download.path() }));
  return async (count) => {
    await expect.poll(() => downloads.length).toBe(count);
    return Promise.all(downloads.map(async ({ name, path }) => ({ name, path: await path })));
  };
}
