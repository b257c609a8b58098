import { spawnSync } from 'node:child_process';
import {
  durationInPage,
  type RoomWindow,
  readRecording,
  seekInPage,
  startInPage,
  stopInPage,
  syncEvents,
} from '@aircheck/testkit';
import { describe, expect, it } from 'vitest';
import {
  endOf,
  expectInSync,
  expectRisingCounters,
  expectSeekable,
  pauseIn,
  pauseInPage,
  type RecordingContent,
  recorderPagesForFile,
  sendSmaller,
  soundClock,
  untilRecorded,
  untilTracksOf,
} from './browser-recorder-support.ts';

const pages = recorderPagesForFile();
const { enter } = pages;

/** Sizes of the pictures of a file, one behind another. */
function sizesIn(path: string): string[] {
  const args = ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=width,height', '-of', 'csv=p=0', path];
  const lines = spawnSync('ffprobe', args, { encoding: 'utf8' }).stdout.trim().split('\n');
  return lines
    .map((line) => line.replace(/,$/, ''))
    .filter((line, index) => line !== lines[index - 1]?.replace(/,$/, ''));
}

/** A page's sound that stands still where the processor is busy goes on out of step: tones are read in pieces so short. */
const TONE_SAMPLES = 4800;

/** How loud tones are in the middle one of all pieces of a file's stretch, as shares of full scale. */
function tonesIn(path: string, fromMs: number, toMs: number, tonesHz: readonly number[]): number[] {
  const args = ['-v', 'error', '-i', path, '-ss', `${fromMs / 1000}`, '-to', `${toMs / 1000}`];
  const { stdout } = spawnSync('ffmpeg', [...args, '-ac', '1', '-ar', '48000', '-f', 's16le', '-'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 1);
  const levelIn = (piece: Int16Array, hz: number) => {
    let [cosine, sine] = [0, 0];
    piece.forEach((value, index) => {
      cosine += (value / 32_768) * Math.cos((2 * Math.PI * hz * index) / 48_000);
      sine += (value / 32_768) * Math.sin((2 * Math.PI * hz * index) / 48_000);
    });
    return (2 * Math.hypot(cosine, sine)) / piece.length;
  };
  const pieces = Array.from({ length: Math.floor(samples.length / TONE_SAMPLES) }, (_, index) =>
    samples.subarray(index * TONE_SAMPLES, (index + 1) * TONE_SAMPLES),
  );
  return tonesHz.map((hz) => pieces.map((piece) => levelIn(piece, hz)).sort((a, b) => a - b)[pieces.length >> 1] ?? 0);
}

describe('recording in the browser', () => {
  it('records oneself, and another until she leaves, with sound and picture together, through a pause and a change of size', async () => {
    const [ann, ben] = await Promise.all([
      enter({ roomId: 'talk', userId: 'ann', publish: ['camera', 'microphone'] }),
      enter({ roomId: 'talk', userId: 'ben' }),
    ]);
    await untilTracksOf(ben, 'ann', 2);
    const startedAt = performance.now();
    await Promise.all([
      startInPage(ann, 'own', { source: { userId: 'ann' }, fileName: 'Ann herself', audioCodec: 'aac' }),
      startInPage(ben, 'remote', { source: { userId: 'ann' }, fileName: 'Ann, seen by Ben' }),
      startInPage(ben, 'webm', { source: { userId: 'ann' }, fileName: 'Ann in WebM', container: 'webm' }),
    ]);
    const runningAt = performance.now();
    await untilRecorded(ben, 'remote', 1000);
    await sendSmaller(ann, 2);
    await untilRecorded(ben, 'remote', 2500);
    // What is not wanted takes no place in the file.
    await pauseInPage(ben, 'remote', 1000);
    await untilRecorded(ben, 'remote', 4000);
    const clock = await soundClock(ann);
    const stoppingAt = performance.now();
    const [own, webm] = await Promise.all([stopInPage(ann, 'own'), stopInPage(ben, 'webm')]);
    const stoppedAt = performance.now();
    const played = [await seekInPage(ann, 'own', [0.5, 0.95]), await seekInPage(ben, 'webm', [0.5, 0.95])] as const;
    const ended = endOf(ben, 'remote');
    const remoteClock = await soundClock(ann);
    await ann.evaluate(() => (window as unknown as RoomWindow).room.leave());
    await expect(ended).resolves.toEqual({ complete: true, reason: 'left', errors: [] });
    const remote = await stopInPage(ben, 'remote');

    const contents = await Promise.all([own, webm, remote].map(readRecording));
    const [ofOwn, ofWebm, ofRemote] = contents as [RecordingContent, RecordingContent, RecordingContent];
    const codecs = [
      ['h264', 'aac'],
      ['vp8', 'opus'],
      ['h264', 'opus'],
    ];
    for (const [index, content] of contents.entries()) {
      expect(content.errors).toEqual([]);
      expect(content.streams.map(({ codec }) => codec)).toEqual(codecs[index]);
      expect(content.audioHoles).toEqual([]);
      expectRisingCounters(content);
      const { ptsMs } = content.pictures.at(-1)!;
      expect(Math.abs(content.durationMs - ptsMs)).toBeLessThan(500);
      expect(syncEvents(content).length).toBeGreaterThanOrEqual(3);
    }
    for (const { recordedMs } of played) {
      expect(recordedMs).toBeGreaterThan(stoppingAt - runningAt);
      expect(recordedMs).toBeLessThan(stoppedAt - startedAt);
    }
    expectSeekable(played[0], ofOwn);
    expectSeekable(played[1], ofWebm);
    expectSeekable(await seekInPage(ben, 'remote', [0.5, 0.95]), ofRemote);
    expectInSync(ofOwn, clock);
    expectInSync(ofWebm, clock);
    for (const path of [remote, webm]) expect(sizesIn(path)).toEqual(['640,360', '320,180']);
    // A second was left out: the counters jump there, and the time does not.
    const pause = pauseIn(ofRemote);
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
    const content = await readRecording(path);
    const { streams, durationMs, errors } = content;
    expect(errors).toEqual([]);
    expect(streams.map(({ codec, kind }) => `${kind} ${codec}`)).toEqual(['audio aac']);
    const played = await seekInPage(ann, 'mix', [0.5, 0.95]);
    expectSeekable({ ...played, sought: [] }, content);
    expect(played.sought.map(({ atMs }) => Math.round((atMs * 100) / played.durationMs))).toEqual([50, 95]);
    const voices = [440, 660, 880, 1234];
    const [before, after] = [
      tonesIn(path, 500, 1500, voices),
      tonesIn(path, durationMs - 1000, durationMs - 300, voices),
    ];
    expect(before.map((level) => level > 0.02)).toEqual([true, true, false, false]);
    expect(after.map((level) => level > 0.02)).toEqual([true, true, true, false]);
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
      await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(pages.site.url).origin, quotaSize });
      return session;
    };
    const MiB = 1024 * 1024;
    const options = { source: { userId: 'ann' }, fileName: 'Ann', videoBitrateBps: 4_000_000 };
    // A reserve of one is kept from the beginning on.
    const session = await limit(1.3 * MiB);
    await startInPage(ann, 'own', options);
    const ended = await endOf(ann, 'own');
    expect(ended).toMatchObject({
      complete: true,
      reason: 'storage-full',
      errors: [expect.stringMatching(/^storage-full: /)],
    });
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
