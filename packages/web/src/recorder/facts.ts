import type { Container } from './start-options.ts';

/** Folder of all recordings in the origin's private file system; each has a folder of its own in it. */
export const RECORDINGS_FOLDER = 'aircheck';
/** What is known of a recording, beside its file. */
export const FACTS_FILE = 'facts.json';

/** Takes space while a recording runs, so that it can be ended when there is none left. Of no use afterwards. */
export const RESERVE_FILE = 'reserve';

/** Name of the media file in a recording's folder. */
export function mediaFileName(container: Container): string {
  return `media.${container}`;
}

/** Name of the Web Lock that is held while a recording is written: free, it was left by a tab that crashed. */
export function recordingLockName(id: string): string {
  return `aircheck-recording-${id}`;
}

/** Content of `facts.json`: written when the recording begins, and again, with `finished`, when it ends. */
export interface RecordingFacts {
  readonly version: 1;
  readonly id: string;
  readonly fileName: string;
  readonly container: Container;
  /** With codecs, e.g. `video/mp4; codecs="avc1.42e01f, opus"`; of the first picture. */
  readonly mimeType: string;
  /** Absent for the mix and for the page's own tracks. */
  readonly userId?: string;
  readonly roomId: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /**
   * Written by MediaRecorder, which browsers without the needed encoders fall back to: fragments without our index.
   */
  readonly writtenBy: 'aircheck' | 'media-recorder';
  /** Absent as long as it runs, and for ever when the tab crashed. */
  readonly finished?: FinishedFacts;
}

export interface FinishedFacts {
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly reason: EndReason;
  /** Unknown of what a crash left. */
  readonly health?: CaptureHealth;
}

/** Why a recording ended. */
export type EndReason =
  /** It was stopped. */
  | 'stopped'
  /** The participant, or oneself, left the room. */
  | 'left'
  /** All tracks that the page gave ended. */
  | 'tracks-ended'
  /** The storage that the browser gives is nearly used up. The file is whole. */
  | 'storage-full'
  /** An encoder or the storage failed. The file holds what came before. */
  | 'failed'
  /** The tab crashed or was closed; the file was made whole later. */
  | 'recovered';

/** How well the recording kept up. */
export interface CaptureHealth {
  /** Pictures that were recorded. */
  readonly pictures: number;
  /** Pictures that were left out since the encoder was busy. */
  readonly droppedPictures: number;
  /** Silence written where there was no sound, in milliseconds. */
  readonly silenceMs: number;
  /** How often the picture's size changed. */
  readonly sizeChanges: number;
}
