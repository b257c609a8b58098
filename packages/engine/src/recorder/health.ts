import type { Gap, Health, TrackKind } from '@aircheck/protocol';

/** Gaps that are listed one by one; all are counted. */
const LISTED_GAPS = 1000;

/** Gathers what is not perfect in one segment. Positions are milliseconds from the segment's zero. */
export class HealthRecord {
  readonly #gaps: Gap[] = [];
  readonly #resolutionChanges: { atMs: number; width: number; height: number }[] = [];
  #gapCount = 0;
  lostPackets = 0;
  recoveredPackets = 0;
  lostFrames = 0;
  frozenMs = 0;
  silenceMs = 0;
  drift: { audio: number | undefined; video: number | undefined } = { audio: undefined, video: undefined };

  gap(kind: TrackKind, atMs: number, durationMs: number, reason: Gap['reason']): void {
    this.#gapCount += 1;
    if (this.#gaps.length < LISTED_GAPS) {
      this.#gaps.push({ kind, atMs: roundTenth(atMs), durationMs: roundTenth(durationMs), reason });
    }
  }

  /** The last gap of this kind goes on; begins one where there is none that ends here. */
  extendGap(kind: TrackKind, atMs: number, durationMs: number, reason: Gap['reason']): void {
    const last = this.#gaps.findLast((gap) => gap.kind === kind);
    if (last !== undefined && last.reason === reason && Math.abs(last.atMs + last.durationMs - atMs) < 1) {
      this.#gaps[this.#gaps.indexOf(last)] = { ...last, durationMs: roundTenth(atMs + durationMs - last.atMs) };
    } else {
      this.gap(kind, atMs, durationMs, reason);
    }
  }

  resolutionChanged(atMs: number, width: number, height: number): void {
    if (this.#resolutionChanges.length < LISTED_GAPS) {
      this.#resolutionChanges.push({ atMs: roundTenth(atMs), width, height });
    }
  }

  snapshot(): Health {
    return {
      gaps: [...this.#gaps],
      gapCount: this.#gapCount,
      lostPackets: this.lostPackets,
      recoveredPackets: this.recoveredPackets,
      lostFrames: this.lostFrames,
      frozenMs: roundTenth(this.frozenMs),
      silenceMs: roundTenth(this.silenceMs),
      clockDriftPpm: {
        ...(this.drift.audio !== undefined && { audio: this.drift.audio }),
        ...(this.drift.video !== undefined && { video: this.drift.video }),
      },
      resolutionChanges: [...this.#resolutionChanges],
    };
  }
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10;
}
