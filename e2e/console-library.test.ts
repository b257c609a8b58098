import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunningServer } from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, onTestFinished } from 'vitest';
import { browserForFile } from './browser-support.ts';
import { publish, record, sentFor, serverForTest } from './support.ts';

const browser = browserForFile();
const viewport = { width: 1400, height: 850 };
/** Twice what is usual: they encode, and a page draws beside it. */
const timeout = 120_000;

async function signIn(page: Page, server: RunningServer): Promise<void> {
  await page.goto(server.url);
  await page.getByTestId('sign-in-key').fill(server.apiKey);
  await page.getByTestId('sign-in-secret').fill(server.apiSecret);
  await page.getByTestId('sign-in-submit').click();
  await page.getByTestId('new-room').waitFor();
}

/** A recorded file of some seconds. @returns its id */
async function recordedFile(server: RunningServer, fileName: string, seconds: number): Promise<string> {
  const ann = await publish(server, 'shelf', 'ann');
  const recording = await record(server, 'shelf', { userId: 'ann', fileName });
  await sentFor(ann, seconds);
  const { fileIds } = await server.api.stopRecording(recording.recordingId);
  await ann.stop();
  return fileIds[0]!;
}

/** A back end that takes webhooks. */
async function receiver(): Promise<{ url: string; received: { headers: Record<string, string>; body: string }[] }> {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body });
      response.end('taken');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

function sourceOf(page: Page): Promise<string> {
  return page
    .getByTestId('player-video')
    .evaluate((element: HTMLVideoElement) => (element.currentSrc === '' ? '' : new URL(element.currentSrc).pathname));
}

async function expectToPlay(page: Page): Promise<void> {
  const played = () =>
    page.getByTestId('player-video').evaluate((element: HTMLVideoElement) => {
      const { played, videoWidth } = element;
      return videoWidth === 640 && played.length > 0 ? played.end(played.length - 1) - played.start(0) : 0;
    });
  await expect.poll(played, { timeout: 20_000 }).toBeGreaterThan(0.7);
}

async function seek(page: Page, seconds: number): Promise<void> {
  await page.getByTestId('player-video').evaluate(async (element: HTMLVideoElement, to) => {
    element.pause();
    const arrived = new Promise((done) => element.addEventListener('seeked', done, { once: true }));
    element.currentTime = to;
    await arrived;
  }, seconds);
}

async function inMenu(page: Page, name: string): Promise<void> {
  await page.getByRole('menuitem', { name, exact: true }).click();
}

/** Chooses from a list that may still grow and move while it is open. */
async function choose(page: Page, testId: string, name: RegExp): Promise<void> {
  const select = page.getByTestId(testId);
  const option = page.locator('.ant-select-item-option:visible', { hasText: name });
  const chosen = async () => name.test(await select.innerText());
  await expect
    .poll(
      async () => {
        if (await chosen()) return true;
        if (!(await page.locator('.ant-select-item-option:visible').first().isVisible())) await select.click();
        await option.click({ timeout: 2_000 }).catch(() => undefined);
        return chosen();
      },
      { timeout: 45_000 },
    )
    .toBe(true);
}

describe('the library in the console', () => {
  it('files are named, put in order, deleted and restored, and a subscriber is told of it', { timeout }, async () => {
    const server = await serverForTest({ env: { AIRCHECK_WEBHOOK_ALLOW: '127.0.0.0/8' } });
    const backEnd = await receiver();
    const page = await browser.openPage({ viewport });
    await signIn(page, server);

    // The secret of a new subscriber is shown once.
    await page.getByRole('link', { name: 'Events', exact: true }).first().click();
    await page.getByTestId('new-subscriber').click();
    await page.getByTestId('subscriber-name').fill('Back end');
    await page.getByTestId('subscriber-url').fill(backEnd.url);
    await page.getByTestId('save-subscriber').click();
    const secret = (await page.getByTestId('new-secret').locator('code').innerText()).trim();
    expect(secret).toMatch(/^whsec_/);
    await page.getByTestId('secret-kept').click();

    const fileId = await recordedFile(server, 'Lesson 1', 2);
    await page.getByRole('link', { name: 'Library', exact: true }).first().click();
    const row = page.getByTestId(`asset-${fileId}`);
    await row.getByText('Ready').waitFor();

    await page.getByTestId(`menu-${fileId}`).click();
    await inMenu(page, 'Rename');
    await page.getByTestId('dialog-name').fill('Limits');
    await page.getByTestId('dialog-ok').click();
    await row.getByText('Limits').waitFor();

    await page.getByTestId('new-class').click();
    await page.getByTestId('class-name').fill('Mathematics');
    await page.getByTestId('save-class').click();
    await page.getByTestId('class-tree').getByText('Mathematics').waitFor();
    await row.getByRole('checkbox').check();
    await page.getByTestId('bulk-bar').getByRole('button', { name: 'Set class' }).click();
    await choose(page, 'class-select', /Mathematics/);
    await page.getByTestId('dialog-ok').click();
    await row.getByText('Mathematics').waitFor();
    await page.getByTestId('bulk-bar').getByRole('button', { name: 'Tags' }).click();
    await page.getByTestId('dialog-tags').locator('input').fill('analysis');
    await page.keyboard.press('Enter');
    await page.getByTestId('dialog-ok').click();
    await page.getByTestId('asset-dialog').waitFor({ state: 'detached' });
    const asset = await server.api.getAsset(fileId);
    expect([asset.fileName, asset.tags, asset.classId > 0]).toEqual(['Limits', ['analysis'], true]);

    // The class shows it; a name or tag that it does not have hides it.
    await page.getByTestId(`class-${asset.classId}`).click();
    await row.waitFor();
    await page.getByTestId('search-files').fill('Nothing');
    await row.waitFor({ state: 'detached' });
    await page.locator('.empty-state').getByRole('button', { name: 'Clear filters' }).click();
    await row.waitFor();
    expect(await page.getByTestId('search-files').inputValue()).toBe('');
    await page.getByTestId('filters').click();
    await page.getByTestId('filter-tag').fill('poetry');
    await page.getByTestId('apply-filters').click();
    await row.waitFor({ state: 'detached' });
    await page.locator('.empty-state').getByRole('button', { name: 'Clear filters' }).click();
    await row.waitFor();

    await page.getByTestId(`menu-${fileId}`).click();
    await inMenu(page, 'Delete');
    await page.getByTestId('dialog-ok').click();
    await row.waitFor({ state: 'detached' });
    await page.getByTestId('recycle-bin').click();
    await page.getByTestId(`restore-${fileId}`).click();
    await page.getByTestId('dialog-ok').click();
    await page.getByTestId(`recycled-${fileId}`).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Library', exact: true }).first().click();
    await row.waitFor();

    // Everything that happened was delivered, signed, and stands in the log.
    await page.getByRole('link', { name: 'Events', exact: true }).first().click();
    await page.getByRole('link', { name: 'Back end' }).click();
    await page.getByTestId('test-subscriber').click();
    const delivered = (type: string) =>
      page.locator(`[data-testid="delivery"][data-type="${type}"][data-state="delivered"]`).first();
    await delivered('subscriber.test').waitFor();
    for (const type of ['recording.ready', 'asset.ready', 'asset.recycled', 'asset.restored']) {
      await delivered(type).waitFor();
    }
    await delivered('asset.restored').getByRole('button').first().click();
    const attempts = page.getByTestId('attempts');
    await attempts.getByText('200').waitFor();
    expect(await attempts.innerText()).toContain('taken');
    const webhook = new Webhook(secret);
    const told = backEnd.received.map(({ headers, body }) => (webhook.verify(body, headers) as { type: string }).type);
    expect(told).toContain('asset.restored');
  });

  it('a file is uploaded, cut and transcoded, and what came of it plays', { timeout }, async () => {
    const server = await serverForTest();
    const fileId = await recordedFile(server, 'Concert', 4);
    const page = await browser.openPage({ viewport });
    await signIn(page, server);
    const { mp4 } = await server.api.playUrls(fileId);
    const bytes = Buffer.from(await (await fetch(mp4)).arrayBuffer());

    await page.getByRole('link', { name: 'Library', exact: true }).first().click();
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Upload' }).first().click();
    await (await chooser).setFiles([
      { name: 'copy.mp4', mimeType: 'video/mp4', buffer: bytes },
      { name: 'text.mp4', mimeType: 'video/mp4', buffer: Buffer.from('this is no video') },
    ]);
    await page.locator('[data-testid="upload-copy.mp4"][data-state="ready"]').waitFor();
    await page.locator('[data-testid="upload-text.mp4"][data-state="rejected"]').waitFor();
    await page.getByTestId('uploads').getByRole('link', { name: 'copy.mp4' }).click();
    await page.getByTestId('asset-view').getByText('Upload', { exact: true }).waitFor();
    await expectToPlay(page);

    await seek(page, 1);
    await page.getByTestId('mark-in').click();
    await seek(page, 3);
    await page.getByTestId('mark-out').click();
    await page.getByTestId('make-clip').click();
    await page.getByTestId('clip-name').fill('Encore');
    await page.getByTestId('clip-ok').click();
    await page.getByTestId('tab-jobs').click();
    await page.locator('[data-testid="job-clip"][data-state="done"]').getByTestId('job-result').click();
    await page.getByRole('heading', { name: 'Encore' }).waitFor();
    await expectToPlay(page);
    const clipId = new URL(page.url()).hash.split('/').at(-1)!;
    const clip = await server.api.getAsset(clipId);
    expect(Math.abs(clip.durationMs - 2_000)).toBeLessThan(60);

    await page.getByTestId('transcode').click();
    await choose(page, 'transcode-template', /Mobile MP4/);
    await page.getByTestId('dialog-ok').click();
    await page.getByTestId('asset-dialog').waitFor({ state: 'detached' });
    await choose(page, 'player-source', /Mobile MP4.* · MP4/);
    await expect.poll(() => sourceOf(page)).toContain(`/v1/media/${clipId}/d/`);
    await expectToPlay(page);

    // A clip of what was made, which has other sound than the original.
    await seek(page, 1);
    await page.getByTestId('mark-out').click();
    await page.getByTestId('make-clip').click();
    await choose(page, 'used-version', /Mobile MP4/);
    await page.getByTestId('clip-ok').click();
    await page.getByTestId('tab-jobs').click();
    await page.locator('[data-testid="job-clip"][data-state="done"]').getByTestId('job-result').click();
    await page.getByRole('heading', { name: 'Encore (0:00–0:01)' }).waitFor();
    const ofRendition = await server.api.getAsset(new URL(page.url()).hash.split('/').at(-1)!);
    expect([clip.audio?.codec, ofRendition.audio?.codec]).toEqual(['opus', 'aac']);

    await page.getByRole('link', { name: 'Tasks', exact: true }).first().click();
    await page.locator('[data-testid="job-transcode"][data-state="done"]').waitFor();
  });
});
