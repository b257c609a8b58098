import type { RecordedTracks } from './recorded-tracks.ts';

/** Takes tracks' media and brings it to the worker. */
export interface Capture {
  /** Takes these from now on, and no others. */
  setTracks(tracks: RecordedTracks): void;
  /** The worker can't read what it was given of that kind. */
  refused(kind: 'video' | 'audio'): void;
  pause(): void;
  resume(): void;
  /** Resolves when all that was taken is with the worker. May be called twice. */
  end(): Promise<void>;
}
