import { counterBreaks, type RunningServer } from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { browserForFile } from './browser-support.ts';
import { androidStart, androidStop, iosStart, iosStop, type Outcome } from './ilive-samples.ts';
import { type ILiveWindow, logIn, openApplication, sdkAppId, startApplication } from './ilive-support.ts';
import { contentOf, serverForTest, untilRecording } from './support.ts';

const browser = browserForFile();

async function newServer(): Promise<RunningServer> {
  const server = await serverForTest();
  await server.api.request('PATCH', '/v1/settings', { sdkAppId });
  return server;
}

function dataOf<Data>(outcome: Outcome<Data>): Data {
  if ('error' in outcome) throw new Error(outcome.error.join(' '));
  return outcome.data;
}

/** Waits until all that is being recorded in a room is that long. */
async function recordedFor(server: RunningServer, milliseconds: number): Promise<void> {
  const { items } = await server.api.listRecordings();
  for (const { recordingId, state } of items) {
    if (state === 'ready') continue;
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs >= milliseconds, 30_000);
  }
}

async function expectWhole(server: RunningServer, fileId: string, codecs: readonly string[]): Promise<void> {
  const content = await contentOf(server, fileId);
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ codec }) => codec).sort()).toEqual(codecs);
  // A browser may drop a picture before it encodes it, so that numbers may be skipped, but nothing more.
  expect(counterBreaks(content).filter(({ from, to }) => from === null || to === null || to <= from)).toEqual([]);
}

function createRoom(page: Page, roomId: number, automatic: boolean): Promise<string> {
  return page.evaluate(
    ({ roomId, automatic }) => {
      const { ILiveRoomManager, ILiveRoomOption, failureOf } = window as unknown as ILiveWindow;
      const option = new ILiveRoomOption(null).controlRole('LiveMaster').autoCamera(automatic).autoMic(automatic);
      return failureOf(ILiveRoomManager.getInstance().createRoom(roomId, option));
    },
    { roomId, automatic },
  );
}

describe('an application written for ILiveSDK', () => {
  it('records by the samples of the vendor’s page for Android and iOS, and gets files that play', async () => {
    const server = await newServer();
    const classId = await server.api.request<{ classId: number }>('POST', '/v1/classes', { name: 'lessons' });
    const [application, page] = await Promise.all([startApplication(), browser.openPage()]);
    await openApplication(page, server, application);
    await logIn(page, server, 'anna');
    expect(await createRoom(page, 4711, true)).toBe('done: undefined');

    const of = { filename: 'sxb_anna_4711', tag: 'maths', classId: String(classId.classId) };
    dataOf(await page.evaluate(androidStart, of));
    await recordedFor(server, 3000);
    const byAndroid = dataOf(await page.evaluate(androidStop));
    expect(byAndroid).toEqual([expect.stringMatching(/^\d{17,20}$/)]);
    await expectWhole(server, byAndroid[0]!, ['h264', 'opus']);

    const given = { tags: ['一班', 'maths'], tag: '0', sdkType: 1, recordType: 0 } as const;
    dataOf(await page.evaluate(iosStart, { ...given, tags: [...given.tags] }));
    await recordedFor(server, 3000);
    const byIos = dataOf(await page.evaluate(iosStop));
    expect(byIos.length).toBe(1);
    await expectWhole(server, byIos[0]!, ['h264', 'opus']);

    const assets = await Promise.all([...byAndroid, ...byIos].map((fileId) => server.api.getAsset(fileId)));
    expect(assets).toMatchObject([
      { fileName: 'sxb_anna_4711', tags: ['maths'], classId: classId.classId, userId: 'anna', roomId: '4711' },
      { fileName: '新随心播录制文件', tags: ['一班', 'maths'], classId: 0, userId: 'anna', roomId: '4711' },
    ]);
  });
});
