import { existsSync, readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { descendantPids } from './start-server.ts';

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
  return chromium.launch(launchOptions());
}

/** A Chromium whose profile outlives it. */
export interface ProfiledChromium {
  readonly context: BrowserContext;
  /** SIGKILL, as when the machine runs out of memory; what it has written to the profile stays. */
  kill(): Promise<void>;
}

/** Starts a Chromium as {@link launchChromium} does, with a profile in a folder. @throws Error when there is no Chromium */
export async function launchChromiumWithProfile(folder: string): Promise<ProfiledChromium> {
  const context = await chromium.launchPersistentContext(folder, launchOptions());
  return {
    context,
    async kill() {
      const closed = new Promise((resolve) => context.once('close', resolve));
      const pid = descendantPids(process.pid).find((child) => commandOf(child).includes(`--user-data-dir=${folder}`));
      if (pid === undefined) throw new Error(`no Chromium runs with the profile ${folder}`);
      process.kill(pid, 'SIGKILL');
      await closed;
    },
  };
}

/** Its helper processes name the profile, too, but come after it. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function launchOptions() {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium on this machine: run "npm run pretest"');
  return {
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
  };
}
