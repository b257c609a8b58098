import { SLIP_NOTICED_SECONDS } from './browser-fixture.ts';
import type { RecordingContent } from './read-recording.ts';

/** Counters in the order in which they were sent, as `SentMedia.counters` tells them. */
export type CounterRuns = readonly { readonly first: number; readonly last: number }[];

/**
 * Holds the pictures of a file against what was sent, in order.
 * @returns `missing`: counters that were sent and are not in the file; `unexpected`: pictures of the file that were not
 *   sent at that place, or can't be read
 */
export function compareCounters(
  content: Pick<RecordingContent, 'pictures'>,
  sent: CounterRuns,
): { readonly missing: number[]; readonly unexpected: (number | null)[] } {
  const expected = sent.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => first + n));
  const missing: number[] = [];
  const unexpected: (number | null)[] = [];
  let next = 0;
  for (const { counter } of content.pictures) {
    const found = counter === null ? -1 : expected.indexOf(counter, next);
    if (found < 0) {
      unexpected.push(counter);
      continue;
    }
    missing.push(...expected.slice(next, found));
    next = found + 1;
  }
  return { missing: [...missing, ...expected.slice(next)], unexpected };
}

/** The counters of what was sent that the file lacks. */
export function missingCounters(content: Pick<RecordingContent, 'pictures'>, ...sent: CounterRuns): number[] {
  return compareCounters(content, sent).missing;
}

/** Where counters of neighbouring pictures are not neighbours; null where one can't be read. */
export interface CounterBreak {
  readonly atMs: number;
  readonly from: number | null;
  readonly to: number | null;
}

/** Places where the counters of neighbouring pictures are not neighbours: lost, repeated, out of order or unreadable. */
export function counterBreaks(content: Pick<RecordingContent, 'pictures'>): CounterBreak[] {
  return content.pictures.flatMap(({ ptsMs, counter }, index) => {
    const before = content.pictures[index - 1];
    if (before === undefined) return counter === null ? [{ atMs: ptsMs, from: null, to: null }] : [];
    const follows = counter !== null && before.counter !== null && counter === before.counter + 1;
    return follows ? [] : [{ atMs: ptsMs, from: before.counter, to: counter }];
  });
}

/**
 * Pictures that are repeated, out of order or unreadable. A browser on a busy machine may leave pictures out before they
 * are encoded, so that numbers may be skipped, but nothing more.
 */
export function counterFaults(content: Pick<RecordingContent, 'pictures'>): CounterBreak[] {
  return counterBreaks(content).filter(({ from, to }) => from === null || to === null || to <= from);
}

/** A flash and the beep that belongs to it. */
export interface SyncEvent {
  readonly flashMs: number;
  readonly beepMs: number;
  /** Positive: the sound comes late. */
  readonly offsetMs: number;
}

/** Pairs each flash with the nearest beep; those without one within half a second are left out. */
export function syncEvents(content: Pick<RecordingContent, 'flashesMs' | 'beepsMs'>): SyncEvent[] {
  return content.flashesMs.flatMap((flashMs) => {
    let best: SyncEvent | undefined;
    for (const beepMs of content.beepsMs) {
      const offsetMs = beepMs - flashMs;
      if (Math.abs(offsetMs) < Math.min(500, Math.abs(best?.offsetMs ?? Infinity)))
        best = { flashMs, beepMs, offsetMs };
    }
    return best === undefined ? [] : [best];
  });
}

/** How the clock of a page's sound stands, and when it stood still or jumped, in its seconds. */
export interface SoundClock {
  readonly seconds: number;
  readonly slipsAt: readonly number[];
}

/**
 * Leaves out the events at which the sound clock of the page that made them was just being moved, so that the page itself
 * drew the flash too early.
 *
 * @param clock - as it stood when the recording ended
 * @param pause - where something was left out of the file, and how long it was
 */
export function eventsBesideSlips(
  events: readonly SyncEvent[],
  { durationMs }: Pick<RecordingContent, 'durationMs'>,
  clock: SoundClock,
  pause = { atMs: 0, ms: 0 },
): SyncEvent[] {
  return events.filter(({ flashMs }) => {
    const fromEndMs = durationMs - flashMs + (flashMs < pause.atMs ? pause.ms : 0);
    const second = Math.round(clock.seconds - fromEndMs / 1000);
    return !clock.slipsAt.some((at) => second > at - SLIP_NOTICED_SECONDS && second < at + 0.1);
  });
}

/** Largest offset of sound against picture, whatever its sign, and its change per minute (least squares). */
export function syncSummary(events: readonly SyncEvent[]): { worstMs: number; driftMsPerMinute: number } {
  const worstMs = Math.max(0, ...events.map(({ offsetMs }) => Math.abs(offsetMs)));
  const meanTime = events.reduce((sum, { flashMs }) => sum + flashMs, 0) / events.length;
  const meanOffset = events.reduce((sum, { offsetMs }) => sum + offsetMs, 0) / events.length;
  let covariance = 0;
  let variance = 0;
  for (const { flashMs, offsetMs } of events) {
    covariance += (flashMs - meanTime) * (offsetMs - meanOffset);
    variance += (flashMs - meanTime) ** 2;
  }
  return { worstMs, driftMsPerMinute: variance === 0 ? 0 : (covariance / variance) * 60_000 };
}
