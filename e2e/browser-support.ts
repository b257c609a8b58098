import type { Role } from '@aircheck/protocol';
import { browserFixtureScript, launchChromium, type RunningServer } from '@aircheck/testkit';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

/** What {@link keepConnections} puts on the window. */
interface ConnectionsWindow {
  readonly sockets: WebSocket[];
  readonly peers: RTCPeerConnection[];
}

/** A real browser for all tests of a file; gives pages in profiles of their own, closed with the test. */
export function browserForFile(): { openPage(options?: BrowserContextOptions): Promise<Page> } {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  return {
    async openPage(options) {
      // Small, since it is drawn without a graphics card, but wide enough for the panel beside the pictures.
      const viewport = { width: 1000, height: 600 };
      const context = await browser.newContext({ locale: 'en-US', viewport, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      const faults: Error[] = [];
      page.on('pageerror', (error) => faults.push(error));
      await page.addInitScript({ content: browserFixtureScript({ replaceUserMedia: true }) });
      await page.addInitScript(keepConnections);
      onTestFinished(async () => {
        await context.close();
        expect(faults).toEqual([]);
      });
      return page;
    },
  };
}

/** Keeps every WebSocket and peer connection of a page at hand, for a test to break. Runs in the page. */
function keepConnections(): void {
  const kept: ConnectionsWindow = { sockets: [], peers: [] };
  Object.assign(window, kept);
  window.WebSocket = class extends WebSocket {
    constructor(...options: ConstructorParameters<typeof WebSocket>) {
      super(...options);
      kept.sockets.push(this);
    }
  };
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
      super(...options);
      kept.peers.push(this);
    }
  };
}

/** Opens an invitation and joins, with camera and microphone where the role allows it. */
export async function join(
  page: Page,
  server: RunningServer,
  roomId: string,
  userId: string,
  role: Role = 'host',
): Promise<void> {
  const token = await server.token(userId, roomId, role);
  await page.goto(`${server.url}/#/join/${roomId}?token=${token}`);
  if (role !== 'audience') await switchOnCameraAndMicrophone(page);
  await page.getByTestId('join').click();
  await page.getByTestId('stage').waitFor();
  const published = role === 'audience' ? [] : ['camera', 'microphone'];
  await expect.poll(() => sourcesOf(server, roomId, userId)).toEqual(published);
}

/** Tries both out before joining. */
export async function switchOnCameraAndMicrophone(page: Page): Promise<void> {
  await page.getByTestId('lobby-camera').click();
  await page.getByTestId('lobby-microphone').click();
  await page.locator('.preview video').waitFor();
  await page.locator('.level-meter').waitFor();
}

/** What a participant publishes, as the server knows it; undefined when it is not in the room. */
export async function sourcesOf(server: RunningServer, roomId: string, userId: string): Promise<string[] | undefined> {
  const { participants } = await server.api.getRoom(roomId);
  return participants
    .find((participant) => participant.userId === userId)
    ?.tracks.map(({ source }) => source)
    .sort();
}

/** What a page has decoded and heard so far, over all of its peer connections. */
export function receivedBy(
  page: Page,
): Promise<{ readonly pictures: number; readonly samples: number; readonly loudness: number }> {
  return page.evaluate(async () => {
    const received = { pictures: 0, samples: 0, loudness: 0 };
    for (const peer of (window as unknown as ConnectionsWindow).peers) {
      for (const report of (await peer.getStats()).values()) {
        if (report.type !== 'inbound-rtp') continue;
        received.pictures += report.framesDecoded ?? 0;
        received.samples += report.totalSamplesReceived ?? 0;
        received.loudness += report.totalAudioEnergy ?? 0;
      }
    }
    return received;
  });
}

/**
 * Waits until each track that a page sends has got so many more pictures, or packets of sound (50 a second), out. A
 * recording's progress is written down once a second only: who waits for it waits for that, too.
 */
export async function sentMore(page: Page, count: number): Promise<void> {
  const sent = () =>
    page.evaluate(async () => {
      const bySsrc: Record<string, number> = {};
      for (const peer of (window as unknown as ConnectionsWindow).peers) {
        if (peer.connectionState !== 'connected') continue;
        for (const report of (await peer.getStats()).values()) {
          if (report.type !== 'outbound-rtp') continue;
          bySsrc[report.ssrc] = (report.kind === 'video' ? report.framesSent : report.packetsSent) ?? 0;
        }
      }
      return bySsrc;
    });
  const before = await sent();
  const least = async () => {
    const more = Object.entries(await sent()).map(([ssrc, now]) => now - (before[ssrc] ?? 0));
    // While nothing is connected nothing is sent.
    return more.length === 0 ? 0 : Math.min(...more);
  };
  await expect.poll(least, { timeout: 30_000 }).toBeGreaterThanOrEqual(count);
}

/** Starts a recording as people do: by the button on a picture, and waits until it runs. */
export async function startByButtons(page: Page, userId: string, choice: 'camera' | 'screen' | 'audio'): Promise<void> {
  await page.getByTestId(`tile-${userId}-camera`).getByTestId(`record-${userId}`).click();
  await page.getByTestId(`record-${userId}-${choice}`).click();
  await page.locator(`[data-testid="rec-${userId}-${choice}"][data-state="recording"]`).waitFor();
}

/** Breaks the newest signaling connection of a page. */
export async function breakSignaling(page: Page): Promise<void> {
  await page.evaluate(() => (window as unknown as ConnectionsWindow).sockets.at(-1)?.close());
}

/** Ends a page's publishing connection behind the back of the code that uses it. */
export async function killPublishingPeer(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { peers } = window as unknown as ConnectionsWindow;
    peers.find((peer) => peer.connectionState !== 'closed' && peer.getSenders().some(({ track }) => track))?.close();
  });
}

/** The ICE user fragments with which a page publishes and receives, of connections that live. */
export function iceFragments(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    (window as unknown as ConnectionsWindow).peers
      .filter(({ connectionState }) => connectionState === 'connected')
      .map((peer) => /a=ice-ufrag:(\S+)/.exec(peer.localDescription?.sdp ?? '')?.[1] ?? ''),
  );
}
