import type { ParticipantMedia, ReceivedTrack } from '@aircheck/engine/receiving';
import type { EndReason, Participant, RecordingMedia, RecordingSource, Track, TrackSource } from '@aircheck/protocol';

/** Where to join, and as whom: the token is one of a hidden viewer. */
export interface JoinOptions {
  readonly serverUrl: string;
  readonly token: string;
  readonly roomId: string;
}

export interface RoomViewerEvents {
  /** Somebody came, left, or published something else. */
  participants: [];
  /** The connection to the server broke and is being made again, or is there again. */
  state: [state: 'connected' | 'reconnecting'];
  /** Over for good; all recordings have been ended. */
  closed: [reason: string];
}

export interface RecordMp4Options {
  readonly userId: string;
  /** Absolute path; the file must not exist, its folder must. */
  readonly path: string;
  /** `camera` (with the microphone) when absent. */
  readonly source?: RecordingSource;
  /** `av` when absent. */
  readonly media?: RecordingMedia;
}

/** Why a file ended: as on the server, or since the stream became what one file cannot hold. */
export type FileEndReason = EndReason | 'format-changed';

/** A file that is finished. */
export interface RecordedFile {
  readonly reason: FileEndReason;
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** 0 where nothing came: the file has been removed then. */
  readonly durationMs: number;
  readonly sizeBytes: number;
  /** For people, where something went wrong. */
  readonly detail?: string;
}

/** One account being recorded into one MP4 file. */
export interface AgentRecording {
  readonly id: string;
  readonly userId: string;
  readonly path: string;
  /** Milliseconds since 1970 at which the file was made. */
  readonly startedAt: number;
  /** As it stands now. */
  progress(): { readonly durationMs: number; readonly sizeBytes: number };
  /** Resolves when the file is finished, whoever ended it; never rejects. */
  readonly ended: Promise<RecordedFile>;
  /** Ends it; may be called twice. */
  stop(): Promise<RecordedFile>;
}

export interface RoomViewerShape {
  readonly roomId: string;
  /** Those that can be seen; this viewer is not among them. */
  readonly participants: readonly Participant[];
  /** What a participant publishes, as far as it is received: see `receive`. */
  mediaOf(userId: string): ParticipantMedia;
  trackOf(userId: string, source: TrackSource): ReceivedTrack | undefined;
  /**
   * Has the server send the tracks that `wanted` says yes to, until the returned function is called. Nothing is received
   * that nobody wants.
   */
  receive(wanted: (userId: string, track: Track) => boolean): () => void;
  recordMp4(options: RecordMp4Options): Promise<AgentRecording>;
  leave(): Promise<void>;
}
