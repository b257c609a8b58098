import type { Asset, Health } from '@aircheck/protocol';

/** Gaps that a report lists; `gapCount` counts all. */
const listedGaps = 1000;

/** The health of a whole recording from that of its segments; times of gaps count from the start of the first one. */
export function mergeHealth(segments: readonly Asset[]): Health {
  const zero = Date.parse(segments[0]?.startedAt ?? '');
  const merged: Health = {
    gaps: [],
    gapCount: 0,
    lostPackets: 0,
    recoveredPackets: 0,
    lostFrames: 0,
    frozenMs: 0,
    silenceMs: 0,
    clockDriftPpm: {},
    resolutionChanges: [],
  };
  for (const { health, startedAt } of segments) {
    const offsetMs = Date.parse(startedAt) - zero;
    const shifted = <T extends { readonly atMs: number }>(item: T) => ({ ...item, atMs: item.atMs + offsetMs });
    merged.gaps.push(...health.gaps.slice(0, listedGaps - merged.gaps.length).map(shifted));
    merged.resolutionChanges.push(...health.resolutionChanges.map(shifted));
    merged.gapCount += health.gapCount;
    merged.lostPackets += health.lostPackets;
    merged.recoveredPackets += health.recoveredPackets;
    merged.lostFrames += health.lostFrames;
    merged.frozenMs += health.frozenMs;
    merged.silenceMs += health.silenceMs;
  }
  for (const kind of ['audio', 'video'] as const) {
    const drift = meanDrift(segments, kind);
    if (drift !== undefined) merged.clockDriftPpm[kind] = drift;
  }
  return merged;
}

/** Mean over the segments that know it, weighed by their length: a longer one measures better. */
function meanDrift(segments: readonly Asset[], kind: 'audio' | 'video'): number | undefined {
  let weighed = 0;
  let weight = 0;
  for (const { health, durationMs } of segments) {
    const drift = health.clockDriftPpm[kind];
    if (drift === undefined) continue;
    weighed += drift * Math.max(1, durationMs);
    weight += Math.max(1, durationMs);
  }
  return weight === 0 ? undefined : weighed / weight;
}
