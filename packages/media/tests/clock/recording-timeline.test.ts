import { describe, expect, it } from 'vitest';
import { opusSilence, RecordingTimeline } from '../../src/clock/index.ts';

/** Small deterministic generator (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Sender {
  readonly seconds: number;
  /** Speed of the sound card against the wall clock. */
  readonly audioRate?: number;
  /** Time between capture and sending. */
  readonly audioDelayMs: number;
  readonly videoDelayMs: number;
  readonly jitterMs: number;
  readonly reports: boolean;
}

/** Sends sound and picture of the same moments; gives back where each second's moment was laid by both. */
function run(
  sender: Sender,
  timeline = new RecordingTimeline(0, 1000),
): { audioMs: number; videoMs: number; second: number }[] {
  const next = random(7);
  const wallOffset = 1.7e12;
  const audioRate = 48 * (sender.audioRate ?? 1);
  type Event = { atMs: number; run: () => void };
  const events: Event[] = [];
  const placed: { audioMs: number; videoMs: number; second: number }[] = [];
  const lastAudio = { timestamp: 0, positionMs: 0 };
  for (let packet = 0; packet * 20 < sender.seconds * 1000; packet += 1) {
    // A packet is captured when the sound card has played its samples.
    const timestamp = 5000 + packet * 960;
    const captureMs = 1000 + (packet * 960) / audioRate;
    const arrivalMs = captureMs + sender.audioDelayMs + next() * sender.jitterMs;
    events.push({
      atMs: arrivalMs,
      run: () => {
        lastAudio.timestamp = timestamp;
        lastAudio.positionMs = timeline.audioPosition(timestamp, arrivalMs, 48_000);
      },
    });
  }
  for (let frame = 0; frame < sender.seconds * 30; frame += 1) {
    const captureMs = 1000 + (frame * 1000) / 30;
    const timestamp = 777_000 + frame * 3000;
    const arrivalMs = captureMs + sender.videoDelayMs + next() * sender.jitterMs;
    events.push({
      atMs: arrivalMs,
      run: () => {
        const videoMs = timeline.videoPosition(timestamp, arrivalMs, 90_000);
        if (frame % 30 !== 0 || frame === 0) return;
        const soundTimestamp = 5000 + (captureMs - 1000) * audioRate;
        const audioMs = lastAudio.positionMs + (soundTimestamp - lastAudio.timestamp) / 48;
        placed.push({ audioMs, videoMs, second: frame / 30 });
      },
    });
  }
  if (sender.reports) {
    for (let atMs = 450; atMs < sender.seconds * 1000; atMs += 1000) {
      const timestamp = Math.round(777_000 + atMs * 90);
      const arrivalMs = 1000 + atMs + sender.videoDelayMs;
      events.push({ atMs: arrivalMs, run: () => timeline.senderReport('video', wallOffset + atMs, timestamp) });
    }
    for (let atMs = 2300; atMs < sender.seconds * 1000; atMs += 5000) {
      const timestamp = Math.round(5000 + atMs * audioRate);
      const arrivalMs = 1000 + atMs + sender.audioDelayMs;
      events.push({ atMs: arrivalMs, run: () => timeline.senderReport('audio', wallOffset + atMs, timestamp) });
    }
  }
  events.sort((a, b) => a.atMs - b.atMs);
  for (const event of events) event.run();
  return placed;
}

describe('the recording timeline', () => {
  it('lays sound and picture of one moment within a millisecond once both have a sender report', () => {
    const placed = run({ seconds: 30, audioDelayMs: 25, videoDelayMs: 80, jitterMs: 15, reports: true });
    for (const { audioMs, videoMs, second } of placed) {
      if (second >= 5) expect(Math.abs(videoMs - audioMs), `second ${second}`).toBeLessThan(1.5);
    }
  });

  it('stays within the difference of the delays before the reports come', () => {
    const placed = run({ seconds: 2, audioDelayMs: 20, videoDelayMs: 45, jitterMs: 10, reports: false });
    for (const { audioMs, videoMs } of placed) expect(Math.abs(videoMs - audioMs)).toBeLessThan(40);
  });

  it('follows a sound card that runs 2 % slow', () => {
    const placed = run({
      seconds: 60,
      audioRate: 0.98,
      audioDelayMs: 20,
      videoDelayMs: 40,
      jitterMs: 10,
      reports: true,
    });
    for (const { audioMs, videoMs, second } of placed) {
      expect(Math.abs(videoMs - audioMs), `second ${second}`).toBeLessThan(second < 10 ? 60 : 10);
    }
  });

  it('does not drift over an hour with a sound card 100 ppm off, and says by how much it is', () => {
    const timeline = new RecordingTimeline(0, 1000);
    const sender = {
      seconds: 3600,
      audioRate: 1.0001,
      audioDelayMs: 20,
      videoDelayMs: 40,
      jitterMs: 10,
      reports: true,
    };
    const placed = run(sender, timeline);
    const { audio, video } = timeline.driftPpm;
    expect(Math.abs(Math.abs(audio!) - 100)).toBeLessThan(1);
    expect(Math.abs(video!)).toBeLessThan(1);
    for (const { audioMs, videoMs, second } of placed.filter(({ second }) => second > 10)) {
      expect(Math.abs(videoMs - audioMs), `second ${second}`).toBeLessThan(2);
    }
  });

  it('lays the first picture beside its sound, however late it comes, where the reports came before', () => {
    const timeline = new RecordingTimeline(0, 1000);
    timeline.senderReport('audio', 1.7e12, 5000);
    timeline.senderReport('video', 1.7e12, 777_000);
    const soundMs = timeline.audioPosition(5000 + 100 * 48, 1120, 48_000);
    const pictureMs = timeline.videoPosition(777_000 + 100 * 90, 1250, 90_000);
    expect(pictureMs).toBeCloseTo(soundMs, 6);
  });

  it('lays audio packets end to end, whatever the jitter', () => {
    const timeline = new RecordingTimeline(500, 0);
    const next = random(3);
    let before = timeline.audioPosition(960, next() * 30, 48_000);
    for (let packet = 1; packet < 500; packet += 1) {
      const position = timeline.audioPosition(960 + packet * 960, packet * 20 + next() * 30, 48_000);
      expect(position - before).toBeCloseTo(20, 6);
      before = position;
    }
  });

  it('goes on in real time when the sender starts anew with other timestamps', () => {
    const timeline = new RecordingTimeline(0, 0);
    for (let packet = 0; packet < 50; packet += 1) timeline.audioPosition(packet * 960, packet * 20, 48_000);
    const position = timeline.audioPosition(4_000_000_000, 6000, 48_000);
    expect(position).toBeCloseTo(6000, -1);
  });

  it('keeps sound in its place that a stalled network delivers late and all at once', () => {
    const timeline = new RecordingTimeline(0, 0);
    const positions: number[] = [];
    for (let packet = 0; packet < 400; packet += 1) {
      const sentMs = packet * 20;
      const arrivalMs = sentMs > 2000 && sentMs < 5000 ? 5000 + (sentMs - 2000) / 1000 : sentMs;
      positions.push(timeline.audioPosition(packet * 960, arrivalMs, 48_000));
    }
    for (const [packet, position] of positions.entries()) expect(position).toBeCloseTo(packet * 20, 6);
  });

  it('takes up real time again behind a sender whose clock stood still', () => {
    const timeline = new RecordingTimeline(0, 0);
    for (let packet = 0; packet < 100; packet += 1) timeline.audioPosition(packet * 960, packet * 20, 48_000);
    let position = 0;
    for (let packet = 100; packet < 300; packet += 1) {
      position = timeline.audioPosition(packet * 960, packet * 20 + 4000, 48_000);
    }
    expect(position).toBeCloseTo(299 * 20 + 4000, 0);
  });

  it('moves the picture smoothly: no picture jumps by more than 5 % of its length', () => {
    const timeline = new RecordingTimeline(0, 0);
    let before = timeline.videoPosition(0, 60, 90_000);
    timeline.audioPosition(0, 0, 48_000);
    for (let frame = 1; frame < 300; frame += 1) {
      const arrivalMs = (frame * 1000) / 30 + 60;
      timeline.audioPosition(frame * 1600, (frame * 1000) / 30, 48_000);
      const position = timeline.videoPosition(frame * 3000, arrivalMs, 90_000);
      expect(position - before).toBeGreaterThan((1000 / 30) * 0.949);
      expect(position - before).toBeLessThan((1000 / 30) * 1.051);
      before = position;
    }
  });
});

describe('opusSilence', () => {
  it('fills a hole but for less than 2.5 ms', () => {
    for (const samples of [0, 119, 120, 960, 1000, 5039, 48_000]) {
      const filled = [...opusSilence(samples)].reduce((sum, packet) => sum + packet.samples, 0);
      expect(filled).toBeLessThanOrEqual(samples);
      expect(samples - filled).toBeLessThan(120);
    }
  });
});
