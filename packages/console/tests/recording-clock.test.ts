import type { Recording } from '@aircheck/protocol';
import { expect, test } from 'vitest';
import { RecordingClock } from '../src/views/room/recording-clock.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const recording = (state: Recording['state'], durationMs: number): Recording =>
  ({ recordingId: 'r', state, durationMs, startedAt: new Date(start).toISOString() }) as Recording;

test('a running recording counts on from what the server said', () => {
  const clock = new RecordingClock();
  const running = recording('recording', 5_000);
  expect(clock.elapsedMs(running, start)).toBe(5_000);
  expect(clock.elapsedMs(running, start + 1_500)).toBe(6_500);
});

test('a recording that was there before the page counts from its start', () => {
  expect(new RecordingClock().elapsedMs(recording('recording', 0), start + 60_000)).toBe(60_000);
});

test('a pause stands still, and a late count of the server does not turn the clock back', () => {
  const clock = new RecordingClock();
  clock.elapsedMs(recording('recording', 0), start);
  const paused = recording('paused', 2_000);
  expect(clock.elapsedMs(paused, start + 4_000)).toBe(4_000);
  expect(clock.elapsedMs(paused, start + 9_000)).toBe(4_000);
  const resumed = recording('recording', 2_000);
  expect(clock.elapsedMs(resumed, start + 10_000)).toBe(4_000);
  expect(clock.elapsedMs(resumed, start + 11_000)).toBe(5_000);
});

test('the time before the first frame does not count', () => {
  const clock = new RecordingClock();
  clock.elapsedMs({ ...recording('starting', 0), startedAt: null }, start);
  expect(clock.elapsedMs(recording('recording', 0), start + 800)).toBe(0);
});
