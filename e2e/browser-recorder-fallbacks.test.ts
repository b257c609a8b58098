import {
  crash,
  durationInPage,
  type RoomWindow,
  readRecording,
  seekInPage,
  startInPage,
  stopInPage,
  takeRecoveredInPage,
} from '@aircheck/testkit';
import { describe, expect, it } from 'vitest';
import {
  endOf,
  expectInSync,
  expectRisingCounters,
  expectSeekable,
  pauseIn,
  pauseInPage,
  recorderPagesForFile,
  soundClock,
  untilRecorded,
  withoutGlobals,
} from './browser-recorder-support.ts';

const { enter } = recorderPagesForFile();

/** Browsers without them let MediaRecorder encode. */
const WEB_CODECS = ['VideoEncoder', 'AudioEncoder'];

/** Runs in the page: once a `<video>` has a picture to give and then has not. */
function failOnce(): void {
  let taken = 0;
  window.VideoFrame = new Proxy(VideoFrame, {
    construct(target, [image, init]) {
      taken += image instanceof HTMLVideoElement ? 1 : 0;
      if (taken === 5) throw new DOMException('The element has no picture', 'InvalidStateError');
      return new target(image, init);
    },
  });
}

interface RecorderWindow {
  readonly streams: MediaStream[];
  readonly contexts: AudioContext[];
}

/** Runs in the page: keeps what MediaRecorder records at hand. It refuses to start the first time. */
function keepStreams(): void {
  const streams: MediaStream[] = [];
  const contexts: AudioContext[] = [];
  Object.assign(window, { streams, contexts });
  window.MediaRecorder = class extends MediaRecorder {
    constructor(stream: MediaStream, options?: MediaRecorderOptions) {
      super(stream, options);
      streams.push(stream);
    }
    override start(sliceMs?: number): void {
      if (streams.length === 1) throw new DOMException('It does not start', 'NotSupportedError');
      super.start(sliceMs);
    }
  };
  window.AudioContext = class extends AudioContext {
    constructor(options?: AudioContextOptions) {
      super(options);
      contexts.push(this);
    }
  };
}

describe('recording in browsers that lack something', () => {
  it('takes pictures from a <video> where tracks cannot be read, and goes on after one that failed', async () => {
    const page = await enter({
      roomId: 'no-tracks',
      userId: 'ann',
      publish: ['camera', 'microphone'],
      prepare: async (page) => {
        await withoutGlobals(page, ['MediaStreamTrackProcessor']);
        await page.addInitScript(failOnce);
      },
    });
    await startInPage(page, 'own', { source: { userId: 'ann' }, fileName: 'Ann' });
    await untilRecorded(page, 'own', 3600);
    const clock = await soundClock(page);
    const content = await readRecording(await stopInPage(page, 'own'));
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
    expectRisingCounters(content);
    expect(content.pictures.length).toBeGreaterThan(40);
    // A `<video>` shows a picture one or two refreshes after it came.
    expectInSync(content, clock, { medianMs: 60 });
  });

  it('lets MediaRecorder encode without WebCodecs, through a pause, into a file that can be searched', async () => {
    const page = await enter({
      roomId: 'no-encoders',
      userId: 'ann',
      publish: ['camera', 'microphone'],
      prepare: (page) => withoutGlobals(page, WEB_CODECS),
    });
    await startInPage(page, 'own', { source: { userId: 'ann' }, fileName: 'Ann' });
    await untilRecorded(page, 'own', 1000);
    await pauseInPage(page, 'own', 1000);
    await untilRecorded(page, 'own', 3600);
    const clock = await soundClock(page);
    const content = await readRecording(await stopInPage(page, 'own'));
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
    expectRisingCounters(content);
    expect(content.pictures.length).toBeGreaterThan(40);
    expectSeekable(await seekInPage(page, 'own', [0.5, 0.95]), content);
    const pause = pauseIn(content);
    expect(pause.counters).toBeGreaterThan(24);
    expect(pause.ms).toBeLessThan(400);
    // Its own recorder lays the sound of a page some 45 ms late.
    expectInSync(content, clock, { pause: { atMs: pause.atMs, ms: 1000 }, medianMs: 80 });
  });

  it('begins with sound alone without WebCodecs, shows a camera that comes later, and tells what MediaRecorder failed with', async () => {
    const page = await enter({
      roomId: 'sound-first',
      userId: 'ann',
      publish: ['microphone'],
      prepare: async (page) => {
        await withoutGlobals(page, WEB_CODECS);
        await page.addInitScript(keepStreams);
      },
    });
    const options = { source: { userId: 'ann' }, fileName: 'Ann' };
    await expect(startInPage(page, 'refused', options)).rejects.toThrow('It does not start');
    // Nothing of it is left running: neither the picture that was drawn nor what its sound went through.
    const left = () =>
      page.evaluate(() => {
        const { streams, contexts } = window as unknown as RecorderWindow;
        return [streams[0]!.getVideoTracks()[0]!.readyState, contexts.at(-1)!.state];
      });
    await expect.poll(left).toEqual(['ended', 'closed']);
    await startInPage(page, 'own', options);
    await untilRecorded(page, 'own', 1000);
    await page.evaluate(() => (window as unknown as RoomWindow).room.publishCamera());
    const seenMs = await durationInPage(page, 'own');
    await untilRecorded(page, 'own', seenMs + 1500);
    const ended = endOf(page, 'own');
    await page.evaluate(() => {
      const stream = (window as unknown as RecorderWindow).streams.at(-1);
      // It stands no change of what it records.
      stream!.addTrack(stream!.getAudioTracks()[0]!.clone());
    });
    await expect(ended).resolves.toEqual({
      complete: true,
      reason: 'failed',
      errors: [expect.stringMatching(/^internal: \w+Error: .*track/i)],
    });
    const content = await readRecording(await stopInPage(page, 'own'));
    expect(content.errors).toEqual([]);
    expect(content.streams.map(({ codec }) => codec).sort()).toEqual(['h264', 'opus']);
    const numbered = content.pictures.findIndex(({ counter }) => counter !== null);
    expect(content.pictures[numbered]!.ptsMs).toBeGreaterThan(900);
    const pictures = content.pictures.slice(numbered);
    expect(pictures.length).toBeGreaterThan(15);
    expectRisingCounters({ ...content, pictures });
  });

  it('finds what MediaRecorder has made again after its tab crashed, and makes it whole', async () => {
    const page = await enter({
      roomId: 'crashed',
      userId: 'ann',
      publish: ['camera', 'microphone'],
      prepare: (page) => withoutGlobals(page, WEB_CODECS),
    });
    await startInPage(page, 'mp4', { source: { userId: 'ann' }, fileName: 'Ann' });
    await startInPage(page, 'webm', { source: { userId: 'ann' }, fileName: 'Ann', container: 'webm' });
    await untilRecorded(page, 'webm', 3000);
    // Of MP4 it gives out a header at first, and a fragment a second or two later.
    const sizeBytes = () =>
      page.evaluate(() => (window as unknown as RoomWindow).recordings.get('mp4')!.progress.sizeBytes);
    await expect.poll(sizeBytes, { timeout: 20_000 }).toBeGreaterThan(20_000);
    const recordedMs = {
      mp4: await durationInPage(page, 'mp4'),
      m4a: 0,
      webm: await durationInPage(page, 'webm'),
    };
    await crash(page);
    const later = await enter({ roomId: 'later', userId: 'ann' }, page);
    const files = await takeRecoveredInPage(later);
    expect(files.map(({ container, complete }) => [container, complete]).sort()).toEqual([
      ['mp4', true],
      ['webm', true],
    ]);
    for (const { path, container, durationMs } of files) {
      const content = await readRecording(path);
      expect(content.errors).toEqual([]);
      expectRisingCounters(content);
      expect(Math.abs(content.durationMs - durationMs)).toBeLessThan(60);
      expect(durationMs).toBeGreaterThan(recordedMs[container] - 2500);
    }
  });
});
