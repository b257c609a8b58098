import type { Derivative, JobList } from '@aircheck/protocol';
import { counterBreaks, type RunningServer, startServer } from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserForFile, sentMore } from './browser-support.ts';
import { androidStart, androidStop, iosStart, iosStop, type Outcome } from './ilive-samples.ts';
import {
  type ILiveWindow,
  logIn,
  openApplication,
  type Sdk,
  sdkAppId,
  startApplication,
  tell,
} from './ilive-support.ts';
import { contentOf } from './support.ts';

const browser = browserForFile();

let server: RunningServer;
let application: string;
beforeAll(async () => {
  [server, application] = await Promise.all([startServer(), startApplication()]);
  await server.api.request('PATCH', '/v1/settings', { sdkAppId });
});
afterAll(() => server.stop());

function dataOf<Data>(outcome: Outcome<Data>): Data {
  if ('error' in outcome) throw new Error(outcome.error.join(' '));
  return outcome.data;
}

/** As many pictures, and packets of sound, as a short recording needs. */
const enough = 40;

async function expectWhole(fileId: string, codecs: readonly string[]): Promise<void> {
  const content = await contentOf(server, fileId);
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ codec }) => codec).sort()).toEqual(codecs);
  // A browser may drop a picture before it encodes it, so that numbers may be skipped, but nothing more.
  expect(counterBreaks(content).filter(({ from, to }) => from === null || to === null || to <= from)).toEqual([]);
}

describe('an application written for ILiveSDK', () => {
  it('records by the samples of the vendor’s page for Android and iOS, and gets files that play', async () => {
    const classId = await server.api.request<{ classId: number }>('POST', '/v1/classes', { name: 'lessons' });
    const page = await browser.openPage();
    await openApplication(page, server, application);
    await logIn(page, server, 'anna');
    const create = ({ manager, ILiveRoomOption }: Sdk) =>
      manager.createRoom(4711, new ILiveRoomOption(null).controlRole('LiveMaster'));
    expect(await tell(page, create)).toBe('done: undefined');

    const of = { filename: 'sxb_anna_4711', tag: 'maths', classId: String(classId.classId) };
    dataOf(await page.evaluate(androidStart, of));
    await sentMore(page, enough);
    const byAndroid = dataOf(await page.evaluate(androidStop));
    expect(byAndroid).toEqual([expect.stringMatching(/^\d{17,20}$/)]);

    const given = { tags: ['一班', 'maths'], tag: '0', sdkType: 1, recordType: 0 } as const;
    dataOf(await page.evaluate(iosStart, { ...given, tags: [...given.tags] }));
    await sentMore(page, enough);
    const byIos = dataOf(await page.evaluate(iosStop));
    expect(byIos.length).toBe(1);
    await page.close();
    await Promise.all([...byAndroid, ...byIos].map((fileId) => expectWhole(fileId, ['h264', 'opus'])));

    const assets = await Promise.all([...byAndroid, ...byIos].map((fileId) => server.api.getAsset(fileId)));
    expect(assets).toMatchObject([
      { fileName: 'sxb_anna_4711', tags: ['maths'], classId: classId.classId, userId: 'anna', roomId: '4711' },
      { fileName: '新随心播录制文件', tags: ['一班', 'maths'], classId: 0, userId: 'anna', roomId: '4711' },
    ]);
  });

  it('records camera, screen and sound alone, makes what the flags ask for, and tells who is there', {
    timeout: 150_000,
  }, async () => {
    const { api } = server;
    await api.request('POST', '/v1/templates', {
      kind: 'watermark',
      name: 'logo',
      spec: { left: '90%', top: '0%', width: '10%', height: '10%' },
      image: onePixel,
    });
    await api.request('PUT', '/v1/procedures/ConvertVodFile', { spec: { transcode: [{ definition: 10 }] } });
    const [anna, ben] = await Promise.all([browser.openPage(), browser.openPage()]);
    await Promise.all([anna, ben].map((page) => openApplication(page, server, application)));
    await Promise.all([logIn(anna, server, 'anna'), logIn(ben, server, 'ben')]);
    const heard = () => ben.evaluate(() => (window as unknown as ILiveWindow).heard);

    const create = ({ manager, ILiveRoomOption }: Sdk) => {
      const option = ILiveRoomOption.defaultHostLiveOption();
      option.avOption.autoMic = false;
      return manager.createRoom(12, option);
    };
    expect(await tell(anna, create)).toBe('done: undefined');
    const link = ({ manager, ILiveRoomOption }: Sdk) => {
      manager.initAvRootView(document.querySelector<HTMLElement>('#view'));
      return manager.joinRoom(12, ILiveRoomOption.defaultInteractUserLiveOption());
    };
    expect(await tell(ben, link)).toBe('done: undefined');
    expect(await tell(anna, ({ manager }) => manager.enableScreen(true))).toBe('done: undefined');

    const camera = ({ manager, named }: Sdk) =>
      manager.startRecordVideo(named('camera').transCode(true).screenShot(true).waterMark(true));
    const screen = ({ manager, named }: Sdk) => manager.startRecordVideo(named('screen').recordDataType(1));
    const sound = ({ manager, named, AVRecordType }: Sdk) =>
      manager.startRecordVideo(named('sound').recordType(AVRecordType.AV_RECORD_TYPE_AUDIO));
    const started = [tell(anna, camera), tell(anna, screen), tell(ben, sound)];
    expect(await Promise.all(started)).toEqual(Array(3).fill('done: undefined'));
    // Sound that comes later begins a file of its own, and all files' ids are given.
    expect(await tell(anna, ({ manager }) => manager.enableMic(true))).toBe('done: undefined');
    await Promise.all([sentMore(anna, enough), sentMore(ben, enough)]);

    const cameraIds = await ids(anna, ({ manager, named }) => manager.stopRecordVideo(named('')));
    const screenIds = await ids(anna, ({ manager }) => manager.stopRecordVideo());
    const soundIds = await ids(ben, ({ manager }) => manager.stopRecordVideo());
    expect([cameraIds.length, screenIds.length, soundIds.length]).toEqual([2, 1, 1]);

    await expect
      .poll(heard)
      .toEqual(
        expect.arrayContaining([
          'MemberIn 12 12 anna',
          'HasVideo 12 12 anna 1',
          'HasVideo 12 12 anna 2',
          'HasAudio 12 12 anna',
        ]),
      );
    const shown = async () => (await ben.locator('#view video').evaluateAll(picturesOf)).sort();
    await expect.poll(shown).toEqual(['anna camera 640', 'anna screen 640', 'ben camera 640']);

    expect(await tell(anna, ({ manager }) => manager.changeRole('Guest'))).toBe('done: undefined');
    await expect
      .poll(heard)
      .toEqual(expect.arrayContaining(['NoVideo 12 12 anna 1', 'NoVideo 12 12 anna 2', 'NoAudio 12 12 anna']));
    await api.putRoom('13');
    expect(await tell(ben, ({ manager, quiet }) => manager.switchRoom(13, quiet()))).toBe('done: undefined');
    expect(await tell(ben, async ({ manager }) => manager.getRoomId())).toBe('done: 13');
    expect((await api.getRoom('12')).participants.map(({ userId }) => userId)).toEqual(['anna']);
    // Nothing is encoded for them while the files are looked into.
    await Promise.all([anna.close(), ben.close()]);
    await Promise.all([
      expectWhole(cameraIds[0]!, ['h264']),
      expectWhole(cameraIds[1]!, ['h264', 'opus']),
      expectWhole(screenIds[0]!, ['h264', 'opus']),
    ]);
    expect((await contentOf(server, soundIds[0]!)).streams.map(({ codec }) => codec)).toEqual(['opus']);

    const made = async () => {
      const { items } = await api.request<{ items: Derivative[] }>('GET', `/v1/assets/${cameraIds[1]}/derivatives`);
      return [...new Set(items.map(({ kind, definition }) => `${kind} ${definition}`))].sort();
    };
    await expect.poll(made, { timeout: 90_000 }).toEqual(['cover 0', 'rendition 10']);
    const jobs = await api.request<JobList>('GET', `/v1/jobs?fileId=${cameraIds[1]}&type=transcode`);
    expect(jobs.items).toMatchObject([{ state: 'done', input: { definition: 10, watermark: 1 } }]);
  });
});

/** The smallest watermark: one red dot. */
const onePixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

/** What a page stops to record: ids of its files. */
async function ids(page: Page, stop: (sdk: Sdk) => Promise<unknown>): Promise<string[]> {
  return JSON.parse((await tell(page, stop)).replace('done: ', '')) as string[];
}

/** Runs in the page. */
function picturesOf(videos: readonly (HTMLElement | SVGElement)[]): string[] {
  return videos.map((video) => {
    const { userId, source } = video.dataset;
    return `${userId} ${source} ${(video as HTMLVideoElement).videoWidth}`;
  });
}
