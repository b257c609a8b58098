import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  counterBreaks,
  type RecordingContent,
  type RunningAgent,
  type RunningServer,
  readRecording,
  startAgent,
  startServer,
} from '@aircheck/testkit';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { browserForFile, sentMore, sourcesOf } from './browser-support.ts';
import {
  agentStartAac,
  agentStartMp4,
  agentStopMp4,
  browserStartAac,
  browserStartMp4,
  browserStopMp4,
  joinWithServerRecording,
  stopAac,
} from './netcall-samples.ts';
import { type NetcallWindow, type OpenOptions, openNetcall, startSite, takePart, voicesIn } from './netcall-support.ts';
import { contentOf, untilRecording } from './support.ts';

const browser = browserForFile();
let server: RunningServer;
let site: Server & { readonly url: string };
let agent: RunningAgent;
/** On another PC: the manual has both of its samples write the same file. */
let otherAgent: RunningAgent;

beforeAll(async () => {
  [server, site, agent, otherAgent] = await Promise.all([
    startServer({ env: { AIRCHECK_MEDIA_WORKERS: '1', AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1' } }),
    startSite(),
    startAgent(),
    startAgent(),
  ]);
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await Promise.all([server.stop(), agent.stop(), otherAgent.stop()]);
  for (const folder of [server.dataFolder, agent.home, otherAgent.home])
    await rm(folder, { recursive: true, force: true });
});

async function open(account: string, rest: Pick<OpenOptions, 'voiceHz' | 'role' | 'agent'> = {}): Promise<Page> {
  return openNetcall(await browser.openPage(), { server, site, account, ...rest });
}

/** A busy browser drops a picture before it encodes it, or shows one for longer: nothing else may be amiss. */
function expectWhole(content: RecordingContent, codecs: readonly string[]): void {
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ codec }) => codec).sort()).toEqual(codecs);
  expect(counterBreaks(content).filter(({ from, to }) => from === null || to === null || to < from)).toEqual([]);
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
  it('records by the later calls, whose errors arise where they should, and keeps what was recorded after leaving', async () => {
    const page = await open('dan');
    const start = (options: string) => codeOf(page, `netcall.startMediaRecording(${options})`);
    expect(await start(`{ account: 'dan' }`)).toBe(67003);
    await page.evaluate(() => (window as unknown as NetcallWindow).netcall.createChannel({ channelName: 'solo' }));
    await page.evaluate(() =>
      (window as unknown as NetcallWindow).netcall.joinChannel({ channelName: 'solo', type: 2 }),
    );
    expect(await start(`{ account: 'dan' }`)).toBe(67003);
    await page.evaluate(async () => {
      const { Netcall, netcall } = window as unknown as NetcallWindow;
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN });
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_VIDEO });
    });
    expect(await start(`{}`)).toBe(67002);
    expect(await start(`{ account: 'nobody' }`)).toBe(67003);
    expect(await start(`{ account: 'dan', format: 'avi' }`)).toBe(67007);
    expect(await start(`{ account: 'dan', mediaType: 'audio', format: 'webm' }`)).toBe(67005);
    expect(await codeOf(page, `netcall.stopMediaRecording({ recordId: 'none' })`)).toBe(67001);
    expect(await codeOf(page, `netcall.setMediaMixConfig({ enableMixVideo: true })`)).toBe(67005);

    const { recordId } = await page.evaluate(() => {
      const { netcall } = window as unknown as NetcallWindow;
      return netcall.startMediaRecording({ account: 'dan', mediaType: 'camera', format: 'webm', fileName: 'take' });
    });
    expect(await start(`{ account: 'dan' }`)).toBe(67006);
    expect(await codeOf(page, `netcall.downloadMediaRecording({ recordId: '${recordId}' })`)).toBe(67006);
    await recordedFor(page, 800);
    const stopped = await page.evaluate(
      (recordId) => (window as unknown as NetcallWindow).netcall.stopMediaRecording({ recordId }),
      recordId,
    );
    expect(stopped).toMatchObject({ recordId, account: 'dan', fileName: 'take.webm', state: 'stopped' });
    expect(await start(`{ account: 'dan' }`)).toBe(400);
    await page.evaluate(async (recordId) => {
      const div = document.querySelector<HTMLElement>('#remote')!;
      await (window as unknown as NetcallWindow).netcall.playMediaRecording({ recordId, div });
    }, recordId);
    const played = () => page.locator('#remote video').evaluate((video) => (video as HTMLVideoElement).currentTime);
    await expect.poll(played).toBeGreaterThan(0.3);

    const saved = watchDownloads(page);
    const download = (recordId: string) =>
      page.evaluate(
        (recordId) => (window as unknown as NetcallWindow).netcall.downloadMediaRecording({ recordId }),
        recordId,
      );
    expect(await download(recordId)).toMatchObject({ state: 'downloaded' });
    const sound = await page.evaluate(() => {
      const { netcall } = window as unknown as NetcallWindow;
      return netcall.startMediaRecording({ account: 'dan', mediaType: 'audio' });
    });
    await recordedFor(page, 500);
    await page.evaluate(() => (window as unknown as NetcallWindow).netcall.leaveChannel());
    await expect
      .poll(async () => (await heard(page, 'recordStopped')).map(({ reason }) => reason))
      .toEqual(['stopped', 'left']);
    expect(await download(sound.recordId)).toMatchObject({ format: 'm4a', state: 'downloaded' });
    const codecs = (await saved(2)).map(async ({ name, path }) => {
      const { streams, errors } = await readRecording(path);
      expect(errors).toEqual([]);
      return [name.replace(/-\d+/, ''), streams.map(({ kind, codec }) => (kind === 'audio' ? codec : kind)).sort()];
    });
    expect(await Promise.all(codecs)).toEqual([
      ['take.webm', ['opus', 'video']],
      ['dan.m4a', ['aac']],
    ]);

    // The next visit finds what this one did not clean.
    await openNetcall(page, { server, site, account: 'dan' });
    const [found, left] = await page.evaluate(async () => {
      const { netcall } = window as unknown as NetcallWindow;
      await netcall.joinChannel({ channelName: 'solo', type: 2 });
      const found = await netcall.listMediaRecording();
      await netcall.cleanMediaRecording();
      return [found, await netcall.listMediaRecording()];
    });
    expect(found.map(({ format, mediaType, state }) => `${format} ${mediaType} ${state}`).sort()).toEqual([
      'm4a audio stopped',
      'webm video stopped',
    ]);
    expect(left).toEqual([]);
  });

  it('goes from watching to taking part and back, and hears what others do', async () => {
    const [host, guest] = await Promise.all([open('hana', { voiceHz: 500 }), open('gus', { role: 'guest' })]);
    expect(await codeOf(guest, `netcall.createChannel({ channelName: 'stage' })`)).toBe(401);
    await host.evaluate(() => (window as unknown as NetcallWindow).netcall.createChannel({ channelName: 'stage' }));
    const asHost = `{ channelName: 'stage', type: 1, liveEnable: true, sessionConfig: { rtmpUrl: 'rtmp://push' } }`;
    await host.evaluate(`netcall.joinChannel(${asHost})`);
    expect(await codeOf(guest, `netcall.joinChannel(${asHost})`)).toBe(105);
    expect(await codeOf(host, `netcall.joinChannel({ channelName: 'stage', type: 1 })`)).toBe(417);
    expect(await codeOf(guest, `netcall.createChannel({ channelName: '' })`)).toBe(400);
    const badLayout = `{ channelName: 'stage', type: 2, liveEnable: true, sessionConfig: { splitMode: 4, layout: '{' } }`;
    expect(await codeOf(guest, `netcall.joinChannel(${badLayout})`)).toBe(208);

    await guest.evaluate(async () => {
      const { Netcall, netcall } = window as unknown as NetcallWindow;
      await netcall.joinChannel({ channelName: 'stage', type: 1, role: Netcall.ROLE_AUDIENCE });
      // Nothing is sent by who watches, but the device is there when it is wanted.
      await netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN });
    });
    await expect
      .poll(() => heard(host, 'userJoined'))
      .toContainEqual(expect.objectContaining({ account: 'gus', channelName: 'stage' }));
    const commands = async () => (await heard(host, 'control')).map(({ account, type }) => `${account} ${type}`);
    expect(await commands()).toEqual([]);
    await guest.evaluate(() => (window as unknown as NetcallWindow).netcall.changeRoleToPlayer());
    await expect.poll(commands).toEqual(['gus 1']);
    const { recordingId } = await server.api.startRecording('stage', {
      userId: 'gus',
      fileName: 'gus',
      media: 'audio',
    });
    await expect.poll(commands).toEqual(['gus 1', 'gus 13']);
    await server.api.stopRecording(recordingId);
    await expect.poll(commands).toEqual(['gus 1', 'gus 13', 'gus 14']);

    const loudness = () => guest.evaluate<number>('window.volumes?.hana?.status');
    await guest.evaluate(`netcall.on('audioVolume', (volumes) => Object.assign(window, { volumes }))`);
    await guest.evaluate('netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_OUT_CHAT })');
    await host.evaluate('netcall.startDevice({ type: Netcall.DEVICE_TYPE_AUDIO_IN })');
    await expect.poll(loudness).toBeGreaterThan(1000);
    await host.evaluate('netcall.setCaptureVolume(0)');
    await expect.poll(loudness).toBeLessThan(100);
    await host.evaluate('netcall.startDevice({ type: Netcall.DEVICE_TYPE_DESKTOP_CHROME_SCREEN })');
    expect(await sourcesOf(server, 'stage', 'hana')).toEqual(['microphone', 'screen']);
    await host.evaluate('netcall.stopDevice(Netcall.DEVICE_TYPE_DESKTOP_CHROME_SCREEN)');
    await expect.poll(() => sourcesOf(server, 'stage', 'hana')).toEqual(['microphone']);

    await guest.evaluate(() => (window as unknown as NetcallWindow).netcall.changeRoleToAudience());
    await expect.poll(commands).toEqual(['gus 1', 'gus 13', 'gus 14', 'gus 2']);
    await guest.evaluate(() => (window as unknown as NetcallWindow).netcall.leaveChannel());
    await expect.poll(async () => (await heard(host, 'userLeft')).at(-1)).toMatchObject({ account: 'gus' });
    expect(await heard(guest, 'sessionDuration')).toMatchObject([{ channelId: 'stage' }]);
    expect(await codeOf(host, `netcall.createChannel({ channelName: 'stage' })`)).toBe(417);
    expect([...(await heard(host, 'error')), ...(await heard(guest, 'error'))]).toEqual([]);
  });

  it('has its host recorded on the server by the sample of the manual, from joining to leaving', async () => {
    const copies = await takeMessageCopies();
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
    await untilRecording(server, recordingId, ({ state }) => state === 'recording');
    // Of sound this is a good two seconds.
    await sentMore(page, 115);
    await page.evaluate(() => (window as unknown as NetcallWindow).netcall.leaveChannel());

    const recording = await untilRecording(server, recordingId, ({ state }) => state === 'ready');
    expect(recording).toMatchObject({ userId: 'host', fileName: 'host-live', endReason: 'left', source: 'camera' });
    expect(recording.fileIds.length).toBe(1);
    const content = await contentOf(server, recording.fileIds[0]!);
    expectWhole(content, ['h264', 'opus']);
    expect(content.durationMs).toBeGreaterThan(2000);
    expect(await heard(page, 'error')).toEqual([]);

    // The file's address comes to the application's server, as with the vendor.
    await expect.poll(() => copies.find(({ eventType }) => eventType === '6')).toBeDefined();
    const [file] = JSON.parse(copies.find(({ eventType }) => eventType === '6')!.fileinfo!);
    expect(file).toMatchObject({ user: 'host', caller: true, mix: false, type: 'mp4', vid: recording.fileIds[0] });
  });

  it('records one of three and the mix of all, in the browser and on the PC at once, by the samples of the manual', async () => {
    const [ann, other, cleo] = await Promise.all([
      open('ann', { voiceHz: 440, agent }),
      open('testAccount'),
      open('cleo', { voiceHz: 800, role: 'guest', agent: otherAgent }),
    ]);
    await ann.evaluate(() => (window as unknown as NetcallWindow).netcall.createChannel({ channelName: 'class' }));
    await Promise.all([ann, other, cleo].map((page) => takePart(page, 'class', page === other)));
    await expect
      .poll(async () => (await heard(ann, 'remoteTrack')).map(({ account, type }) => `${account} ${type}`).sort())
      .toEqual(['cleo audio', 'testAccount audio', 'testAccount video']);
    expect(await ann.locator('#remote video').count()).toBe(1);
    const saved = watchDownloads(ann);
    await ann.evaluate(() => Object.assign(window, { account: 'testAccount' }));

    const mp4Path = join(agent.folder, 'test.mp4');
    const aacPath = join(otherAgent.folder, 'test.mp4');
    const begun = [
      ann.evaluate(agentStartMp4),
      cleo.evaluate(agentStartAac),
      ann.evaluate(browserStartMp4),
      // Begun in this order in the page: the sample after it names nobody.
      ann.evaluate(() => void Object.assign(window, { account: undefined })),
      ann.evaluate(browserStartMp4),
      ann.evaluate(browserStartAac),
    ];
    expect(await Promise.all(begun)).toMatchObject([
      { mp4_file: mp4Path, status: 200 },
      { file: aacPath, status: 200 },
      { account: 'testAccount', mediaType: 'video', format: 'mp4', state: 'starting' },
      undefined,
      { account: 'ann', mediaType: 'video', format: 'mp4' },
      { account: '', mediaType: 'audio', format: 'm4a' },
    ]);
    const refusals = [
      `'testAccount'`,
      `{ account: 'testAccount', path: 'second.mp4' }`,
      `{ account: 'cleo', path: '${mp4Path}' }`,
      `{ path: '/proc/test.mp4' }`,
      `{ account: 'nobody', path: 'nobody.mp4' }`,
    ].map((target) => codeOf(ann, `netcall.startRecordMp4(${target})`));
    expect(await Promise.all(refusals)).toEqual([67006, 3, 400, 403, 404]);
    await recordedFor(ann, 3000);
    expect([...(await heard(ann, 'recordStopped')), ...(await heard(ann, 'error'))]).toEqual([]);

    const [ofAgent, mixOfAgent, stopped] = await Promise.all([
      ann.evaluate(agentStopMp4),
      cleo.evaluate(stopAac),
      ann.evaluate(browserStopMp4),
    ]);
    expect([ofAgent, mixOfAgent]).toMatchObject([
      { mp4_file: mp4Path, status: 0 },
      { file: aacPath, status: 0 },
    ]);
    expect(stopped).toMatchObject({ account: 'testAccount', state: 'downloaded', saved: true });
    expect(stopped).toMatchObject({ recordings: [{ account: 'testAccount' }, { account: 'ann' }] });
    expect(await ann.evaluate(stopAac)).toMatchObject({ account: '', format: 'm4a', saved: true });
    expect(await codeOf(ann, 'netcall.stopRecordAac()')).toBe(67001);

    const files = await saved(3);
    const here = (pattern: RegExp) => files.find(({ name }) => pattern.test(name))!.path;
    const expectVideo = async (path: string) => {
      const content = await readRecording(path);
      expectWhole(content, ['h264', 'opus']);
      expect(content.durationMs).toBeGreaterThan(2500);
      expect(content.beepsMs.length).toBeGreaterThanOrEqual(2);
    };
    const expectMix = async (path: string) => {
      const [content, voices] = await Promise.all([readRecording(path), voicesIn(path, [440, 800, 3000])]);
      expect(content.streams.map(({ codec }) => codec)).toEqual(['aac']);
      expect(content.errors).toEqual([]);
      // The third voice is the synthetic host's, with a beep each second.
      expect(content.beepsMs.length).toBeGreaterThanOrEqual(2);
      // On a busy machine a page's sound stands still for moments; a voice that the mix lacks is in none of it.
      expect(voices[440]).toBeGreaterThan(0.5);
      expect(voices[800]).toBeGreaterThan(0.5);
      expect(voices[3000]).toBe(0);
    };
    await Promise.all([
      expectVideo(mp4Path),
      expectVideo(here(/^testAccount-\d+\.mp4$/)),
      expectMix(aacPath),
      expectMix(here(/^class-\d+\.m4a$/)),
    ]);
    // Who has no camera is heard over a black picture.
    expect((await voicesIn(here(/^ann-/), [440]))[440]).toBeGreaterThan(0.5);
    const told = (await heard(ann, 'recordMp4')).map(({ type, mp4_file }) => `${type} ${mp4_file ?? 'here'}`);
    const starts = [`start ${mp4Path}`, 'start here', 'start here'];
    expect(told.slice(0, 3).sort()).toEqual(starts.sort());
    expect(told.slice(3).sort()).toEqual([`close ${mp4Path}`, 'close here', 'close here'].sort());
    expect((await heard(ann, 'recordStopped')).map(({ account, reason }) => `${account} ${reason}`).sort()).toEqual([
      ' stopped',
      'ann stopped',
      'testAccount stopped',
    ]);
  });
});

/** The application's server, which has subscribed to message copies (消息抄送); what it has got so far grows. */
async function takeMessageCopies(): Promise<{ eventType: string; fileinfo?: string }[]> {
  const copies: { eventType: string; fileinfo?: string }[] = [];
  const backEnd = createServer(async (request, response) => {
    copies.push(JSON.parse((await request.toArray()).join('')));
    response.end('{"code":200}');
  });
  await new Promise<void>((resolve) => backEnd.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    backEnd.closeAllConnections();
    backEnd.close();
  });
  await server.api.request('POST', '/v1/subscribers', {
    name: 'application',
    kind: 'yunxin',
    url: `http://127.0.0.1:${(backEnd.address() as AddressInfo).port}/copies`,
    options: { appKey: 'app' },
  });
  return copies;
}

/** Waits until everything that a page records in the browser is so long, in milliseconds. */
async function recordedFor(page: Page, milliseconds: number): Promise<void> {
  const shortest = () =>
    page.evaluate(async () => {
      const all = await (window as unknown as NetcallWindow).netcall.listMediaRecording();
      const durations = all.filter(({ state }) => state === 'starting').map(({ duration }) => duration);
      return durations.length > 0 ? Math.min(...durations) : 0;
    });
  await expect.poll(shortest, { timeout: 30_000 }).toBeGreaterThan(milliseconds);
}

/** @returns waits for so many downloads, and says where they are */
function watchDownloads(page: Page): (count: number) => Promise<{ name: string; path: string }[]> {
  const downloads: Download[] = [];
  page.on('download', (download) => downloads.push(download));
  return async (count) => {
    await expect.poll(() => downloads.length).toBe(count);
    return Promise.all(downloads.map(async (one) => ({ name: one.suggestedFilename(), path: await one.path() })));
  };
}
