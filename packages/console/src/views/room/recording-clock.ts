import type { Recording } from '@aircheck/protocol';

interface Reading {
  readonly recording: Recording;
  readonly baseMs: number;
  readonly atMs: number;
}

/**
 * Tells how long running recordings are. The server's own count comes with changes of state only and lags by what is
 * not on the disk yet, so that the time that passed here is added, and the count never goes back.
 */
export class RecordingClock {
  readonly #readings = new Map<string, Reading>();

  /** @param nowMs - milliseconds since 1970 */
  elapsedMs(recording: Recording, nowMs: number): number {
    const { recordingId, durationMs, startedAt, state } = recording;
    const known = this.#readings.get(recordingId);
    if (known === undefined) {
      // Of a recording that began before this page came, the start says more than the server's first count.
      const sinceStartMs = startedAt === null || state !== 'recording' ? 0 : nowMs - Date.parse(startedAt);
      const baseMs = durationMs === 0 ? Math.max(0, sinceStartMs) : durationMs;
      this.#readings.set(recordingId, { recording, baseMs, atMs: nowMs });
      return baseMs;
    }
    const shownMs = known.baseMs + (known.recording.state === 'recording' ? Math.max(0, nowMs - known.atMs) : 0);
    if (known.recording === recording) return shownMs;
    const baseMs = Math.max(shownMs, durationMs);
    this.#readings.set(recordingId, { recording, baseMs, atMs: nowMs });
    return baseMs;
  }
}
