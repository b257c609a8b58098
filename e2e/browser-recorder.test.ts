import { spawnSync } from 'node:child_process';
import {
  counterBreaks,
  durationInPage,
  launchChromium,
  openRoomPage,
  type RoomPageOptions,
  type RoomWindow,
  type RunningServer,
  readRecording,
  SLIP_NOTICED_SECONDS,
  startInPage,
  startServer,
  startSite,
  stopInPage,
  syncEvents,
} from '@aircheck/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

let server: RunningServer;
let site: Awaited<ReturnType<typeof startSite>>;
let browser: Browser;

beforeAll(async () => {
  [server, site, browser] = await Promise.all([startServer(), startSite(), launchChromium()]);
});
afterAll(async () => {
  await browser.close();
  site.close();
  await server.stop();
});

/** A page in a room, in a profile of its own; its faults fail the test. */
async function enter(options: Pick<RoomPageOptions, 'roomId' | 'userId'> & Partial<RoomPageOptions>): Promise<Page> {
  const context = await browser.newContext();
  const faults: Error[] = [];
  const page = await openRoomPage(context, {
    server,
    site,
    ...options,
    prepare: async (page) => {
      page.on('pageerror', (error) => faults.push(error));
      await page.addInitScript(keepConnections);
      await options.prepare?.(page);
    },
  });
  onTestFinished(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });
  return page;
}

interface ConnectionsWindow {
  readonly peers: RTCPeerConnection[];
}

/** Runs in the page. */
function keepConnections(): void {
  const peers: RTCPeerConnection[] = [];
  Object.assign(window, { peers });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
      super(...options);
      peers.push(this);
    }
  };
}

/** Makes the picture that a page sends smaller by a factor. */
function sendSmaller(page: Page, factor: number): Promise<void> {
  return page.evaluate(async (factor) => {
    const senders = (window as unknown as ConnectionsWindow).peers.flatMap((peer) => peer.getSenders());
    const sender = senders.find(({ track }) => track?.kind === 'video')!;
    const parameters = sender.getParameters();
    parameters.encodings[0]!.scaleResolutionDownBy = factor;
    await sender.setParameters(parameters);
  }, factor);
}

async function untilTracksOf(page: Page, userId: string, count: number): Promise<void> {
  await page.waitForFunction(
    ([userId, count]) => {
      const { room } = window as unknown as RoomWindow;
      return room.remoteTracks.filter((track) => track.userId === userId).length === count;
    },
    [userId, count] as const,
  );
}

async function untilRecorded(page: Page, name: string, ms: number): Promise<void> {
  await expect.poll(() => durationInPage(page, name), { timeout: 20_000, interval: 50 }).toBeGreaterThan(ms);
}

type RecordingContent = Awaited<ReturnType<typeof readRecording>>;

/** The counters of pictures only ever rise; some may be left out on the way. */
function expectRisingCounters(content: RecordingContent): void {
  const wrong = counterBreaks(content).filter(({ from, to }) => from === null || to === null || to <= from);
  expect(wrong).toEqual([]);
}

/** How the clock of a page's sound stands, and when it stood still or jumped, in its seconds. */
interface SoundClock {
  readonly seconds: number;
  readonly slipsAt: readonly number[];
}

function soundClock(page: Page): Promise<SoundClock> {
  return page.evaluate(async () => {
    const fixture = window as unknown as { aircheckTestStream(): Promise<{ soundClock(): SoundClock }> };
    return (await fixture.aircheckTestStream()).soundClock();
  });
}

/**
 * Holds sound against picture. Left out are the moments at which the page's own sound clock was being moved; and since a busy
 * machine may disturb the page at any one moment, it is their middle that counts.
 * @param clock - as it stood when the recording ended
 * @param pause - where something was left out, and how long it was
 */
function expectInSync(
  content: RecordingContent,
  clock: SoundClock,
  { pause = { atMs: 0, ms: 0 }, withinMs = 40 } = {},
): void {
  const all = syncEvents(content);
  expect(all.length).toBeGreaterThanOrEqual(2);
  const events = all.filter(({ flashMs }) => {
    const fromEndMs = content.durationMs - flashMs + (flashMs < pause.atMs ? pause.ms : 0);
    const second = Math.round(clock.seconds - fromEndMs / 1000);
    return !clock.slipsAt.some((at) => second > at - SLIP_NOTICED_SECONDS && second < at + 0.1);
  });
  const offsets = events.map(({ offsetMs }) => Math.abs(offsetMs)).sort((a, b) => a - b);
  expect(offsets[offsets.length >> 1], `of ${JSON.stringify(all)}, slips at ${clock.slipsAt}`).toBeLessThan(withinMs);
}

/** Sizes of the pictures of a file, one behind another. */
function sizesIn(path: string): string[] {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=width,height', '-of', 'csv=p=0', path];
  const lines = spawnSync('ffprobe', args, { encoding: 'utf8' }).stdout.trim().split('\n');
  return lines
    .map((line) => line.replace(/,$/, ''))
    .filter((line, index) => line !== lines[index - 1]?.replace(/,$/, ''));
}

/** How loud tones are in a stretch of a file, as shares of full scale. */
function tonesIn(path: string, fromMs: number, toMs: number, tonesHz: readonly number[]): number[] {
  const args = ['-v', 'error', '-i', path, '-ss', `${fromMs / 1000}`, '-to', `${toMs / 1000}`];
  const { stdout } = spawnSync('ffmpeg', [...args, '-ac', '1', '-ar', '48000', '-f', 's16le', '-'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 1);
  return tonesHz.map((hz) => {
    let [cosine, sine] = [0, 0];
    samples.forEach((value, index) => {
      cosine += (value / 32_768) * Math.cos((2 * Math.PI * hz * index) / 48_000);
      sine += (value / 32_768) * Math.sin((2 * Math.PI * hz * index) / 48_000);
    });
    return (2 * Math.hypot(cosine, sine)) / samples.length;
  });
}

describe('recording in the browser', () => {
  it('records oneself, and another until she leaves, with sound and picture together, through a pause and a change of size', async () => {
    const [ann, ben] = await Promise.all([
      enter({ roomId: 'talk', userId: 'ann', publish: ['camera', 'microphone'] }),
      enter({ roomId: 'talk', userId: 'ben' }),
    ]);
    await untilTracksOf(ben, 'ann', 2);
    await Promise.all([
      startInPage(ann, 'own', { source: { userId: 'ann' }, fileName: 'Ann herself' }),
      startInPage(ben, 'remote', { source: { userId: 'ann' }, fileName: 'Ann, seen by Ben' }),
      startInPage(ann, 'webm', { source: { userId: 'ann' }, fileName: 'Ann in WebM', container: 'webm' }),
    ]);
    await untilRecorded(ben, 'remote', 1000);
    await sendSmaller(ann, 2);
    await untilRecorded(ben, 'remote', 2500);
    // What is not wanted takes no place in the file.
    await ben.evaluate(async () => {
      const recording = (window as unknown as RoomWindow).recordings.get('remote')!;
      recording.pause();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      recording.resume();
    });
    await untilRecorded(ben, 'remote', 4000);
    const ownClock = await soundClock(ann);
    const [own, webm] = await Promise.all([stopInPage(ann, 'own'), stopInPage(ann, 'webm')]);
    const ended = ben.evaluate(
      () =>
        new Promise((resolve) => {
          const recording = (window as unknown as RoomWindow).recordings.get('remote')!;
          recording.on('ended', ({ complete }, reason) => resolve({ complete, reason }));
        }),
    );
    const remoteClock = await soundClock(ann);
    await ann.evaluate(() => (window as unknown as RoomWindow).room.leave());
    await expect(ended).resolves.toEqual({ complete: true, reason: 'left' });
    const remote = await stopInPage(ben, 'remote');

    const contents = await Promise.all([own, webm, remote].map(readRecording));
    const [ofOwn, ofWebm, ofRemote] = contents as [RecordingContent, RecordingContent, RecordingContent];
    for (const content of contents) {
      expect(content.errors).toEqual([]);
      expect(content.streams.map(({ codec }) => codec)).toEqual([content === ofWebm ? 'vp8' : 'h264', 'opus']);
      expect(content.audioHoles).toEqual([]);
      expectRisingCounters(content);
      const { ptsMs } = content.pictures.at(-1)!;
      expect(Math.abs(content.durationMs - ptsMs)).toBeLessThan(500);
      expect(syncEvents(content).length).toBeGreaterThanOrEqual(3);
    }
    expectInSync(ofOwn, ownClock);
    expectInSync(ofWebm, ownClock);
    expect(sizesIn(remote)).toEqual(['640,360', '320,180']);
    // A second was left out: the counters jump there, and the time does not.
    const jumps = ofRemote.pictures.map((picture, index) => {
      const before = ofRemote.pictures[index - 1];
      const counters = (picture.counter ?? 0) - (before?.counter ?? 0);
      return { atMs: picture.ptsMs, counters, ms: picture.ptsMs - (before?.ptsMs ?? 0) };
    });
    const pause = jumps.slice(1).reduce((most, jump) => (jump.counters > most.counters ? jump : most));
    expect(pause.counters).toBeGreaterThan(24);
    expect(pause.ms).toBeLessThan(400);
    expectInSync(ofRemote, remoteClock, { pause: { atMs: pause.atMs, ms: 1000 } });
  });

  it('mixes all voices of a room, also of those who come later, and ends when its own page leaves', async () => {
    const [ann] = await Promise.all([
      enter({ roomId: 'choir', userId: 'ann', voiceHz: 440 }),
      enter({ roomId: 'choir', userId: 'ben', voiceHz: 660 }),
    ]);
    await untilTracksOf(ann, 'ben', 1);
    await startInPage(ann, 'mix', { source: { mix: true }, fileName: 'All voices' });
    await untilRecorded(ann, 'mix', 1500);
    const cara = await enter({ roomId: 'choir', userId: 'cara', voiceHz: 880 });
    await untilTracksOf(ann, 'cara', 1);
    const joinedMs = await durationInPage(ann, 'mix');
    await untilRecorded(ann, 'mix', joinedMs + 2000);
    const ended = ann.evaluate(() => {
      const { recordings, room } = window as unknown as RoomWindow;
      const recording = recordings.get('mix')!;
      const errors: string[] = [];
      recording.on('error', ({ code, message }) => errors.push(`${code}: ${message}`));
      return new Promise((resolve) => {
        recording.on('ended', (_stored, reason) => resolve({ reason, errors }));
        void room.leave();
      });
    });
    await expect(ended).resolves.toEqual({ reason: 'left', errors: [] });
    await cara.close();

    const path = await stopInPage(ann, 'mix');
    const { streams, durationMs, errors } = await readRecording(path);
    expect(errors).toEqual([]);
    expect(streams.map(({ codec, kind }) => `${kind} ${codec}`)).toEqual(['audio aac']);
    const voices = [440, 660, 880, 1234];
    const [before, after] = [
      tonesIn(path, 500, 1500, voices),
      tonesIn(path, durationMs - 1000, durationMs - 300, voices),
    ];
    expect(before.map((level) => level > 0.02)).toEqual([true, true, false, false]);
    expect(after.map((level) => level > 0.02)).toEqual([true, true, true, false]);
  });

  it.each([
    // A `<video>` shows a picture one or two refreshes after it came.
    ['reads no tracks', ['MediaStreamTrackProcessor'], 60],
    // Its own recorder lays the sound of a page some 45 ms late.
    ['has no WebCodecs', ['VideoEncoder', 'AudioEncoder'], 80],
  ])('records where the browser %s', async (_, missing, withinMs) => {
    const page = await enter({
      roomId: missing.join('-'),
      userId: 'ann',
      publish: ['camera', 'microphone'],
      prepare: async (page) => {
        await page.addInitScript((names) => {
          for (const name of names) Reflect.deleteProperty(globalThis, name);
        }, missing);
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
    expectInSync(content, clock, { withinMs });
  });

  it('records tracks that a page has, turned upright, and of whatever rate, until they end', async () => {
    const ann = await enter({ roomId: 'tracks', userId: 'ann' });
    const ended = await ann.evaluate(async () => {
      const { recorder, recordings } = window as unknown as RoomWindow;
      type Generator = MediaStreamTrack & { readonly writable: WritableStream<VideoFrame> };
      const { MediaStreamTrackGenerator } = window as unknown as {
        MediaStreamTrackGenerator: new (options: { kind: 'video' }) => Generator;
      };
      // A phone that is held upright gives lying pictures, and says so.
      const camera = new MediaStreamTrackGenerator({ kind: 'video' });
      const writer = camera.writable.getWriter();
      const lying = { format: 'I420', codedWidth: 320, codedHeight: 180, rotation: 90 } as const;
      const timer = setInterval(() => {
        const timestamp = Math.round(performance.now() * 1000);
        void writer.write(new VideoFrame(new Uint8Array(320 * 180 * 1.5).fill(128), { ...lying, timestamp }));
      }, 40);
      const sound = new AudioContext({ sampleRate: 44_100 });
      const out = sound.createMediaStreamDestination();
      const voice = new OscillatorNode(sound, { frequency: 440 });
      voice.connect(out);
      voice.start();
      const audio = out.stream.getAudioTracks()[0]!;
      // Not every browser tells the rate.
      audio.getSettings = () => ({});
      const recording = await recorder.start({ source: { video: camera, audio }, fileName: 'Phone' });
      recordings.set('phone', recording);
      return new Promise((resolve) => {
        recording.on('ended', ({ complete }, reason) => resolve({ complete, reason }));
        recording.on('progress', ({ durationMs }) => {
          if (durationMs < 2000 || camera.readyState === 'ended') return;
          clearInterval(timer);
          camera.stop();
          audio.stop();
        });
      });
    });
    expect(ended).toEqual({ complete: true, reason: 'tracks-ended' });
    const path = await stopInPage(ann, 'phone');
    const { errors, streams } = await readRecording(path);
    expect(errors).toEqual([]);
    expect(streams).toEqual([
      expect.objectContaining({ codec: 'h264', width: 180, height: 320 }),
      expect.objectContaining({ codec: 'opus' }),
    ]);
    const [voice, other] = tonesIn(path, 1000, 1800, [440, 480]);
    expect([voice! > 0.3, other! < 0.1]).toEqual([true, true]);

    // Whoever leaves while a recording is being started is not waited for.
    const code = await ann.evaluate(async () => {
      const { recorder, room } = window as unknown as RoomWindow;
      const started = recorder.start({ source: { mix: true }, fileName: 'Nothing' }).then(
        () => 'started',
        ({ code, message }) => `${code}: ${message}`,
      );
      await room.leave();
      return started;
    });
    expect(code).toBe('recording-state: It ended while it was started: left');
  });

  it('ends with a whole file before the storage is full, and begins none then', async () => {
    const ann = await enter({ roomId: 'full', userId: 'ann', publish: ['camera', 'microphone'] });
    const limit = async (quotaSize: number) => {
      const session = await ann.context().newCDPSession(ann);
      await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, quotaSize });
      return session;
    };
    const MiB = 1024 * 1024;
    const options = { source: { userId: 'ann' }, fileName: 'Ann', videoBitrateBps: 4_000_000 };
    // A reserve of one is kept from the beginning on.
    const session = await limit(1.3 * MiB);
    await startInPage(ann, 'own', options);
    const ended = ann.evaluate(
      () =>
        new Promise((resolve) => {
          const recording = (window as unknown as RoomWindow).recordings.get('own')!;
          const errors: string[] = [];
          recording.on('error', ({ code }) => errors.push(code));
          recording.on('ended', ({ complete }, reason) => resolve({ complete, reason, errors }));
        }),
    );
    await expect(ended).resolves.toEqual({ complete: true, reason: 'storage-full', errors: ['storage-full'] });
    const content = await readRecording(await stopInPage(ann, 'own'));
    expect(content.errors).toEqual([]);
    expect(content.durationMs).toBeGreaterThan(500);
    const refused = ann.evaluate(async (options) => {
      const { recorder } = window as unknown as RoomWindow;
      return recorder.start(options).then(
        () => 'started',
        ({ code }) => code,
      );
    }, options);
    await expect(refused).resolves.toBe('storage-full');
    await session.detach();
  });
});
