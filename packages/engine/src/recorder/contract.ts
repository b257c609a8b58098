import type { AudioInfo, EndReason, Health, RecordingMedia, RecordingSource, VideoInfo } from '@aircheck/protocol';

/** What a recording is told at its start. Plain data: it goes between processes and into journals. */
export interface StartRecordingOptions {
  readonly recordingId: string;
  readonly appId: string;
  readonly roomId: string;
  readonly userId: string;
  readonly source: RecordingSource;
  readonly media: RecordingMedia;
  readonly fileName: string;
  readonly segmentMs: number;
  readonly idleMs: number;
}

/** A segment as the recorder knows it. */
export interface SegmentSnapshot {
  readonly recordingId: string;
  readonly fileId: string;
  readonly segmentIndex: number;
  /** Path relative to the recordings folder. */
  readonly path: string;
  readonly mimeType: string;
  /** Milliseconds since 1970 of the segment's zero. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly video: VideoInfo | null;
  readonly audio: AudioInfo | null;
  readonly health: Health;
}

/** What the recorder tells of. */
export interface RecorderEvents {
  /** First frame written, paused, resumed, or stopping by itself. */
  'recording-state': {
    recordingId: string;
    state: 'recording' | 'paused' | 'finalizing';
    at: number;
  };
  'segment-opened': { segment: SegmentSnapshot };
  /** Every few seconds for each growing segment. */
  'segment-progress': { segment: SegmentSnapshot };
  'segment-closed': { segment: SegmentSnapshot };
  /** The recording is over, whoever ended it; all its segments have been told as closed. */
  'recording-ended': { recordingId: string; reason: EndReason; detail?: string };
}

export type RecorderEventName = keyof RecorderEvents;
