import { counterFaults } from '@aircheck/testkit';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { browserForFile, join } from './browser-support.ts';
import { contentOf, serverForTest } from './support.ts';

const browser = browserForFile();

/** Chooses what to record on this device, and waits until it has run for two seconds. */
async function recordHere(page: Page, choice: string): Promise<void> {
  const before = await page.getByTestId('device-running').count();
  await page.getByTestId('device-record').click();
  await page.getByTestId(choice).click();
  const row = page.getByTestId('device-running').nth(before);
  const seconds = async () => Number((await row.locator('.recording-time').textContent())?.split(':')[1]);
  await expect.poll(seconds, { timeout: 30_000 }).toBeGreaterThanOrEqual(2);
}

it('the room’s page records on this device, keeps it over a reload and sends it into the library', async () => {
  const server = await serverForTest();
  const page = await browser.openPage();
  await join(page, server, 'here', 'ann');
  await page.getByTestId('tab-device').click();
  await recordHere(page, 'device-ann-camera');
  await recordHere(page, 'device-mix');
  for (const left of [1, 0]) {
    await page.getByTestId('device-stop').first().click();
    await expect.poll(() => page.getByTestId('device-running').count()).toBe(left);
  }
  await expect.poll(() => page.getByTestId('device-stored').count()).toBe(2);

  // The same address with another token alone would not load the page anew.
  await page.goto(`${server.url}/healthz`);
  await join(page, server, 'here', 'ann');
  await page.getByTestId('tab-device').click();
  const camera = page.getByTestId('device-stored').filter({ hasText: 'ann camera' });
  await camera.getByTestId('device-upload').click();
  await camera.getByTestId('device-uploaded').waitFor();
  const { items } = await server.api.listAssets();
  expect(items).toMatchObject([
    { fileName: expect.stringMatching(/^here ann camera 2/), roomId: 'here', userId: 'ann' },
  ]);
  const content = await contentOf(server, items[0]!.fileId);
  expect(content.errors).toEqual([]);
  expect(content.pictures.length).toBeGreaterThan(30);
  expect(counterFaults(content)).toEqual([]);

  await camera.getByTestId('device-remove').click();
  await page.locator('.ant-modal-confirm .ant-btn-dangerous').click();
  await expect.poll(() => page.getByTestId('device-stored').count()).toBe(1);
});
