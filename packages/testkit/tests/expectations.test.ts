import { describe, expect, test } from 'vitest';
import { compareCounters, counterBreaks, syncEvents, syncSummary } from '../src/expectations.ts';

function pictures(...counters: (number | null)[]) {
  return { pictures: counters.map((counter, index) => ({ counter, ptsMs: index * 40 })) };
}

describe('pictures held against what was sent', () => {
  test('are whole where every run is there in order, even when a clip repeats its counters', () => {
    const sent = [
      { first: 0, last: 2 },
      { first: 1, last: 2 },
    ];
    expect(compareCounters(pictures(0, 1, 2, 1, 2), sent)).toEqual({ missing: [], unexpected: [] });
    expect(compareCounters(pictures(0, 1, 2), sent)).toEqual({ missing: [1, 2], unexpected: [] });
  });

  test('show what is missing at the beginning, in the middle and at the end', () => {
    expect(compareCounters(pictures(1, 2, 4), [{ first: 0, last: 5 }]).missing).toEqual([0, 3, 5]);
  });

  test('show what was repeated, swapped or cannot be read', () => {
    expect(compareCounters(pictures(0, 1, 1, null, 2), [{ first: 0, last: 2 }]).unexpected).toEqual([1, null]);
    expect(counterBreaks(pictures(0, 2, 3, null)).map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [3, null],
    ]);
  });
});

describe('flashes and beeps', () => {
  test('are paired with the nearest, and those without one are left out', () => {
    const events = syncEvents({ flashesMs: [1000, 2000, 3000], beepsMs: [990, 2030, 9000] });
    expect(events.map(({ offsetMs }) => offsetMs)).toEqual([-10, 30]);
    expect(syncSummary(events).worstMs).toBe(30);
  });

  test('tell a drift per minute', () => {
    const events = Array.from({ length: 60 }, (_, n) => ({ flashMs: n * 1000, beepMs: n * 1001, offsetMs: n }));
    expect(syncSummary(events).driftMsPerMinute).toBeCloseTo(60, 6);
  });
});
