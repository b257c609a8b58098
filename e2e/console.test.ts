import { counterBreaks, counterFaults, type RunningServer } from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { browserForFile, sourcesOf, startByButtons, switchOnCameraAndMicrophone } from './browser-support.ts';
import { contentOf, publish, record, sentFor, serverForTest, untilRecording } from './support.ts';

const browser = browserForFile();

async function signIn(page: Page, server: RunningServer): Promise<void> {
  await page.goto(server.url);
  await page.getByTestId('sign-in-key').fill(server.apiKey);
  await page.getByTestId('sign-in-secret').fill(server.apiSecret);
  await page.getByTestId('sign-in-submit').click();
  await page.getByTestId('new-room').waitFor();
}

/** Waits until the file plays on for a second and a half. */
async function expectToPlay(page: Page): Promise<void> {
  const video = page.getByTestId('player-video');
  const now = () => video.evaluate((element: HTMLVideoElement) => element.currentTime);
  await expect.poll(now, { timeout: 20_000 }).toBeGreaterThan(0);
  const before = await now();
  await expect.poll(now, { timeout: 20_000 }).toBeGreaterThan(before + 1.5);
  expect(await video.evaluate((element: HTMLVideoElement) => element.videoWidth)).toBe(640);
}

describe('signing in', () => {
  it('takes key and secret, refuses wrong ones in the chosen language, and ends with signing out', async () => {
    const server = await serverForTest();
    const page = await browser.openPage();
    await page.goto(server.url);
    await page.getByTestId('language-switch').click();
    await page.getByTestId('sign-in-key').fill(server.apiKey);
    await page.getByTestId('sign-in-secret').fill('not the secret');
    await page.getByTestId('sign-in-submit').click();
    // Nothing in it is the server's English.
    const problem = await page.getByTestId('problem').innerText();
    expect(problem).toMatch(/\p{Script=Han}/u);
    expect(problem.replace(/Key|Secret/g, '')).not.toMatch(/[a-z]/i);
    await page.getByTestId('language-switch').click();
    expect(await page.getByTestId('problem').innerText()).not.toMatch(/\p{Script=Han}/u);
    await page.getByTestId('sign-in-secret').fill(server.apiSecret);
    await page.getByTestId('sign-in-submit').click();
    await page.getByTestId('new-room').waitFor();
    await page.reload();
    await page.getByTestId('new-room').waitFor();
    // A session that ended elsewhere leads back to the door too.
    await page.context().clearCookies();
    await page.getByTestId('sign-in-key').fill(server.apiKey);
    await page.getByTestId('sign-in-secret').fill(server.apiSecret);
    await page.getByTestId('sign-in-submit').click();
    await page.getByTestId('new-room').waitFor();
    await page.getByTestId('sign-out').click();
    await page.getByTestId('sign-in-key').waitFor();
    await page.reload();
    await page.getByTestId('sign-in-key').waitFor();
  });

  it('takes the link that the server prints, once', async () => {
    const server = await serverForTest();
    const { msg } = await server.logged((line) => line.msg.startsWith('Open http'));
    const link = msg.replace('Open ', '').trim();
    const [first, second] = await Promise.all([browser.openPage(), browser.openPage()]);
    await first.goto(link);
    await first.getByTestId('new-room').waitFor();
    expect(first.url()).not.toContain('code');
    await second.goto(link);
    await second.getByTestId('problem').waitFor();
    await second.getByTestId('sign-in-key').waitFor();
  });
});

describe('the console', () => {
  it('leads from an empty page to a room, a recording with a pause in it, and the file that plays', async () => {
    const server = await serverForTest();
    const page = await browser.openPage({ locale: 'zh-CN' });
    await signIn(page, server);
    expect(await page.locator('.empty-state').innerText()).toContain('还没有房间');
    await page.getByTestId('enter-room-id').fill('晚间-1');
    await page.getByTestId('enter-room').click();
    await page.getByTestId('user-id').fill('小安');
    await switchOnCameraAndMicrophone(page);
    await page.getByTestId('join').click();
    await expect.poll(() => sourcesOf(server, '晚间-1', '小安')).toEqual(['camera', 'microphone']);

    await startByButtons(page, '小安', 'camera');
    const row = page.getByTestId('recording-小安-camera');
    const [{ recordingId } = { recordingId: '' }] = (await server.api.listRecordings()).items;
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs > 2_000);
    await row.getByTestId('pause-recording').click();
    await page.locator('[data-testid="recording-小安-camera"][data-state="paused"]').waitFor();
    const paused = await server.api.getRecording(recordingId);
    await row.getByTestId('resume-recording').click();
    await page.locator('[data-testid="recording-小安-camera"][data-state="recording"]').waitFor();
    await untilRecording(server, recordingId, ({ durationMs }) => durationMs > paused.durationMs + 2_000);
    // While it runs it is watched by the playlist of the whole recording, back to its beginning.
    const playlist = page.waitForResponse((answer) =>
      answer.url().includes(`/v1/media/recordings/${recordingId}/index.m3u8`),
    );
    await page.locator('[data-testid^="play-"][data-state="recording"]').click();
    expect((await playlist).status()).toBe(200);
    await page.getByTestId('player-video').evaluate((element: HTMLVideoElement) => {
      element.currentTime = 0;
    });
    await expectToPlay(page);
    await page.locator('.ant-drawer-close').click();
    await row.getByTestId('stop-recording').click();
    await row.waitFor({ state: 'detached' });
    const { fileIds, state } = await server.api.getRecording(recordingId);
    expect([paused.state, state, fileIds.length]).toEqual(['paused', 'ready', 1]);
    const fileId = fileIds[0]!;
    await page.locator(`[data-testid="play-${fileId}"][data-state="ready"]`).click();
    await expectToPlay(page);
    await page.locator('.ant-drawer-close').click();
    await page.getByTestId('leave').click();
    await page.getByTestId('back-to-rooms').click();
    await page.getByTestId('room-晚间-1').waitFor();

    const content = await contentOf(server, fileId);
    expect(content.errors).toEqual([]);
    expect(counterFaults(content)).toEqual([]);
    const skipped = counterBreaks(content).map(({ from, to }) => Number(to) - Number(from));
    expect(Math.max(...skipped)).toBeGreaterThan(3);
  });

  it('finds files by the beginning of their names, and plays finished ones as MP4 and growing ones by HLS', async () => {
    const server = await serverForTest();
    const ann = await publish(server, 'shelf', 'ann');
    const finished = await record(server, 'shelf', { userId: 'ann', fileName: 'Lesson 1' });
    await sentFor(ann, 4);
    await server.api.stopRecording(finished.recordingId);
    const growing = await record(server, 'shelf', { userId: 'ann', fileName: 'Meeting 1' });
    const growingId = growing.fileIds[0]!;
    const page = await browser.openPage({ viewport: { width: 1280, height: 720 } });
    await signIn(page, server);
    await page.getByTestId('room-shelf').getByText('Live').waitFor();
    await page.getByRole('link', { name: 'Library' }).click();
    await page.getByTestId(`asset-${growingId}`).waitFor();
    await page.getByTestId('search-files').fill('Less');
    await page.getByTestId(`asset-${growingId}`).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Lesson 1' }).last().click();
    await expectToPlay(page);
    const source = () =>
      page.getByTestId('player-video').evaluate((element: HTMLVideoElement) => new URL(element.currentSrc).pathname);
    expect(await source()).toMatch(/\.mp4$/);
    await page.getByTestId('back-to-library').click();
    // The list is as it was left.
    expect(await page.getByTestId('search-files').inputValue()).toBe('Less');

    await page.getByTestId('search-files').fill('');
    await page.getByRole('link', { name: 'Meeting 1' }).last().click();
    await expectToPlay(page);
    expect(await page.locator('.player-live').isVisible()).toBe(true);
    expect(await page.getByTestId('player-video').evaluate((element: HTMLVideoElement) => element.currentSrc)).toMatch(
      /^blob:/,
    );
    expect((await server.api.getAsset(growingId)).state).toBe('recording');
    await server.api.stopRecording(growing.recordingId);
    await page.locator('.player-live').waitFor({ state: 'detached' });
  });
});
