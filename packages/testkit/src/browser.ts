import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where distributions put Chromium; `AIRCHECK_CHROMIUM` names another. */
const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium'];

/** The path of a Chromium on this machine, or undefined. */
export function findChromium(): string | undefined {
  const named = process.env.AIRCHECK_CHROMIUM;
  return [...(named === undefined ? [] : [named]), ...CANDIDATES].find((path) => existsSync(path));
}

/**
 * Starts a headless Chromium with an empty profile, a fake camera and microphone, and permission to use them. It speaks
 * to nobody but the page's own servers.
 * @throws Error when there is no Chromium; `npm run pretest` installs one where it can
 */
export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium on this machine: run "npm run pretest"');
  return chromium.launch({
    executablePath,
    headless: true,
    // Playwright's own headless flag starts a smaller browser, which not every distribution ships.
    ignoreDefaultArgs: ['--headless'],
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
      '--allow-loopback-in-peer-connection',
      // Candidates with .local names need a multicast resolver, which containers lack.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      // A page in the background would draw once a second.
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
    ],
  });
}
