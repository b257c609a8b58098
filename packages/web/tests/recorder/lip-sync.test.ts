import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchLipSync } from '../../src/recorder/capture/lip-sync.ts';
import type { LipSync } from '../../src/recorder/worker-messages.ts';

/** How long ago a look finds that something was handed over, in ms: now and then it comes just after. */
const AGES_MS = [12, 5, 0, 9];

/** A receiver whose media waited in the browser, and took no time else from the sender's clock, which is the page's. */
class Receiver {
  readonly track: { readonly kind: 'audio' | 'video' };
  waitMs: number;
  /** Nothing comes any more. */
  standing = false;
  /** What the statistics add to the wait: they are a mean, and a busy moment moves them. */
  statedTooMuchMs = 0;
  readonly #ticksPerMs: number;
  #firstRtp: number;
  /** Its clock counts from elsewhere than the page's. */
  readonly #aheadMs = performance.timeOrigin + 300;
  #source: object | undefined;
  #looks = 0;
  #totalMs = 0;
  #count = 0;

  constructor(kind: 'audio' | 'video', waitMs: number, firstRtp: number) {
    this.track = { kind };
    this.waitMs = waitMs;
    this.#ticksPerMs = kind === 'audio' ? 48 : 90;
    this.#firstRtp = firstRtp;
  }

  getSynchronizationSources() {
    if (this.standing) return [this.#source];
    const atMs = performance.now() - AGES_MS[this.#looks % AGES_MS.length]!;
    this.#looks += 1;
    this.#source = { source: 1, rtpTimestamp: this.rtpAt(atMs - this.waitMs), timestamp: atMs + this.#aheadMs };
    return [this.#source];
  }

  async getStats() {
    const count = this.standing ? 0 : 10;
    this.#count += count;
    this.#totalMs += count * (this.waitMs + this.statedTooMuchMs);
    const seconds = this.#totalMs / 1000;
    const delays = { jitterBufferDelay: seconds, totalProcessingDelay: seconds };
    const counts = { jitterBufferEmittedCount: this.#count, framesDecoded: this.#count };
    return new Map([['in', { type: 'inbound-rtp', kind: this.track.kind, ...delays, ...counts }]]);
  }

  /** The sender's RTP timestamps go on so much further ahead. */
  jump(ms: number): void {
    this.#firstRtp += ms * this.#ticksPerMs;
  }

  /** Of the moment of the sender's clock. */
  rtpAt(mediaMs: number): number {
    return (this.#firstRtp + Math.round(mediaMs * this.#ticksPerMs)) >>> 0;
  }
}

let end: (() => void) | undefined;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  end?.();
  vi.useRealTimers();
});

function watch(audio: object, video: object): LipSync[] {
  const reports: LipSync[] = [];
  const receivers = { audio: audio as RTCRtpReceiver, video: video as RTCRtpReceiver };
  end = watchLipSync(receivers, (lipSync) => reports.push(lipSync));
  return reports;
}

/** How long after it was taken the sound is heard that belongs to the picture told of. */
function heardAfterMs(video: Receiver, { heard }: LipSync): number {
  const takenMs = performance.now() - video.waitMs;
  const ticks = (heard!.rtpTimestamp - video.rtpAt(takenMs)) | 0;
  return heard!.atMs - (takenMs + ticks / 90);
}

it('tells within half a second when the sound of a picture is heard', async () => {
  const video = new Receiver('video', 30, 4_000_000_000);
  const audio = new Receiver('audio', 110, 123);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(500);
  expect(reports).not.toEqual([]);
  for (const { soundWaitsMs } of reports) expect(soundWaitsMs).toBeCloseTo(80, 0);
  expect(heardAfterMs(video, reports.at(-1)!)).toBeCloseTo(110, 0);
});

it('tells at the next look that the sound stood still or hurried, and that a picture was kept back', async () => {
  const video = new Receiver('video', 30, 5);
  const audio = new Receiver('audio', 60, 5);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(20_000);
  for (const waitMs of [130, 20]) {
    audio.waitMs = waitMs;
    await vi.advanceTimersByTimeAsync(200);
    expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(waitMs - 30, 0);
    expect(heardAfterMs(video, reports.at(-1)!)).toBeCloseTo(waitMs, 0);
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(20 - 30, 0);
  // Its own RTP timestamps tell where a picture belongs: that may be told later.
  video.waitMs = 90;
  await vi.advanceTimersByTimeAsync(1200);
  expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(-70, 0);
  expect(heardAfterMs(video, reports.at(-1)!)).toBeCloseTo(20, 0);
});

it('measures delays and lateness over the same time, when pictures or sound stood still before', async () => {
  const video = new Receiver('video', 30, 5);
  const audio = new Receiver('audio', 50, 5);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(300);
  video.standing = true;
  await vi.advanceTimersByTimeAsync(10_000);
  audio.waitMs = 150;
  await vi.advanceTimersByTimeAsync(1000);
  video.standing = false;
  const before = reports.length;
  await vi.advanceTimersByTimeAsync(5000);
  for (const { soundWaitsMs } of reports.slice(before)) expect(soundWaitsMs).toBeCloseTo(120, 0);
});

it('goes on where RTP timestamps go around', async () => {
  const video = new Receiver('video', 30, 2 ** 32 - 90 * 5000);
  const audio = new Receiver('audio', 50, 2 ** 32 - 48 * 3000);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(3000);
  for (const { soundWaitsMs } of reports) expect(soundWaitsMs).toBeCloseTo(20, 0);
  const before = reports.length;
  audio.waitMs = 20;
  await vi.advanceTimersByTimeAsync(7000);
  for (const { soundWaitsMs } of reports.slice(before)) expect(soundWaitsMs).toBeCloseTo(-10, 0);
});

it('does not believe a statistic that a busy moment moved, but clocks that the sender began anew', async () => {
  const video = new Receiver('video', 30, 5);
  const audio = new Receiver('audio', 50, 5);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(20_000);
  audio.statedTooMuchMs = 300;
  await vi.advanceTimersByTimeAsync(2000);
  expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(20, 0);
  await vi.advanceTimersByTimeAsync(3000);
  expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(320, 0);
});

it('goes on as before where a sender let its clock stand while it was silent, or counts from elsewhere', async () => {
  const video = new Receiver('video', 30, 5);
  const audio = new Receiver('audio', 50, 5);
  const reports = watch(audio, video);
  await vi.advanceTimersByTimeAsync(20_000);
  audio.jump(-60_000);
  await vi.advanceTimersByTimeAsync(5000);
  video.jump(20_000_000);
  await vi.advanceTimersByTimeAsync(5000);
  for (const { soundWaitsMs } of reports) expect(soundWaitsMs).toBeCloseTo(20, 0);
  expect(heardAfterMs(video, reports.at(-1)!)).toBeCloseTo(50, 0);
});

it('has the statistics alone where a browser does not tell what is played', async () => {
  const video = new Receiver('video', 30, 5);
  const audio = new Receiver('audio', 50, 5);
  const untold = { getSynchronizationSources: undefined };
  const reports = watch(Object.assign(audio, untold), Object.assign(video, untold));
  await vi.advanceTimersByTimeAsync(3000);
  expect(reports.length).toBeGreaterThan(1);
  for (const report of reports) expect(report).toEqual({ soundWaitsMs: expect.closeTo(20, 3) });
  audio.waitMs = 90;
  await vi.advanceTimersByTimeAsync(1000);
  expect(reports.at(-1)!.soundWaitsMs).toBeCloseTo(60, 0);
});
