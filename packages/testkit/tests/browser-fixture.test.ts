import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../src/browser.ts';
import { browserFixtureScript } from '../src/browser-fixture.ts';
import { READ_HEIGHT, READ_WIDTH, readMarker } from '../src/synthetic-media/marker.ts';

let browser: Browser;

beforeAll(async () => {
  browser = await launchChromium();
});

afterAll(() => browser.close());

interface TestWindow {
  aircheckTestStream(): Promise<{ stream: MediaStream; counter(): number; stop(): void }>;
}

test('a page sees the pictures of the fixture in its own stream, with the counters as drawn', async () => {
  const page = await browser.newPage();
  await page.addInitScript({ content: browserFixtureScript() });
  await page.goto('about:blank');
  const pictures = await page.evaluate(
    async ({ width, height }) => {
      const { stream, stop } = await (window as unknown as TestWindow).aircheckTestStream();
      const kinds = stream.getTracks().map((track) => track.kind);
      const video = document.createElement('video');
      video.srcObject = stream;
      video.muted = true;
      await video.play();
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d')!;
      const grays: number[][] = [];
      while (grays.length < 45) {
        await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
        context.drawImage(video, 0, 0, width, height);
        const { data } = context.getImageData(0, 0, width, height);
        grays.push(Array.from({ length: width * height }, (_, pixel) => data[pixel * 4 + 1] ?? 0));
      }
      stop();
      return { kinds, grays };
    },
    { width: READ_WIDTH, height: READ_HEIGHT },
  );
  expect(pictures.kinds.sort()).toEqual(['audio', 'video']);
  const markers = pictures.grays.map((gray) => readMarker(Uint8Array.from(gray)));
  const counters = markers.map(({ counter }) => counter);
  expect(counters).not.toContain(null);
  expect(counters).toEqual(counters.toSorted((a, b) => Number(a) - Number(b)));
  // 45 pictures are 1.5 s: at least one flash, three pictures long.
  const lit = markers.filter(({ flash }) => flash).length;
  expect(lit).toBeGreaterThanOrEqual(2);
  expect(lit).toBeLessThanOrEqual(10);
});

test('the fixture is given out where the page asks for camera, microphone or screen', async () => {
  const page = await browser.newPage();
  await page.route('http://localhost/', (route) => route.fulfill({ contentType: 'text/html', body: '<p>page</p>' }));
  await page.addInitScript({ content: browserFixtureScript({ replaceUserMedia: true, width: 320, height: 180 }) });
  await page.goto('http://localhost/');
  const tracks = await page.evaluate(async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const screen = await navigator.mediaDevices.getDisplayMedia({ audio: true });
    const video = document.createElement('video');
    video.muted = true;
    video.srcObject = stream;
    await video.play();
    const kindsOf = (media: MediaStream) => media.getTracks().map((track) => track.kind);
    return { kinds: kindsOf(stream), screen: kindsOf(screen), width: video.videoWidth };
  });
  expect(tracks).toEqual({ kinds: ['audio', 'video'], screen: ['audio', 'video'], width: 320 });
});
