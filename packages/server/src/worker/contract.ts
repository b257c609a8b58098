import type { RecorderEvents, SegmentSnapshot, StartRecordingOptions } from '@aircheck/engine/recorder';
import type { EndReason, Problem, Track, TrackSource } from '@aircheck/protocol';

/*
 * What the control process and a media worker say to each other. Requests and events travel over the IPC channel of
 * `fork()`; every message is plain data. A room lives whole in one worker and is named by its room key.
 */

/** Handed to a worker as its first message. */
export interface WorkerOptions {
  readonly workerId: number;
  readonly host: string;
  readonly portRange: readonly [number, number];
  readonly publicIp?: string;
  /** Folder that holds the recordings' files. */
  readonly recordingsFolder: string;
  readonly syncMs: number;
  readonly logLevel: string;
}

export interface OfferedSource {
  readonly mid: string;
  readonly source: TrackSource;
  readonly muted: boolean;
}

export interface WorkerRequests {
  /** Takes (or renews) the publishing peer connection of a participant: SDP offer in, answer out. */
  publish: {
    in: {
      roomKey: string;
      userId: string;
      /** Names the peer connection; a new id replaces the participant's former one. */
      peerId: string;
      sdp: string;
      /** What each m-line carries. Absent (WHIP): first audio is the microphone, first video the camera. */
      tracks?: readonly OfferedSource[];
    };
    out: { sdp: string; tracks: readonly (Track & { mid: string })[] };
  };
  mute: { in: { roomKey: string; userId: string; trackId: string; muted: boolean }; out: Record<string, never> };
  /** Makes or changes the subscribing peer connection of a participant, server offers. Nothing to offer → no sdp. */
  subscribe: {
    in: {
      roomKey: string;
      peerId: string;
      trackIds: readonly string[];
      /** New ICE credentials. */
      restart?: boolean;
    };
    out: { sdp: string; revision: number; tracks: readonly { mid: string; userId: string; trackId: string }[] };
  };
  subscribeAnswer: { in: { peerId: string; revision: number; sdp: string }; out: Record<string, never> };
  /** WHEP: the client offers to receive, the server answers with these tracks. */
  view: {
    in: { roomKey: string; peerId: string; sdp: string; trackIds: readonly string[] };
    out: { sdp: string };
  };
  /** ICE restart of a WHIP or WHEP session: new remote credentials in, new local ones out. */
  restartIce: {
    in: { peerId: string; iceUfrag: string; icePwd: string };
    out: { iceUfrag: string; icePwd: string; candidates: readonly string[] };
  };
  closePeer: { in: { peerId: string }; out: Record<string, never> };
  /** The participant is gone for good: its peers close, its recordings end with `left`. */
  leave: { in: { roomKey: string; userId: string }; out: Record<string, never> };
  closeRoom: { in: { roomKey: string }; out: Record<string, never> };
  startRecording: { in: { roomKey: string } & StartRecordingOptions; out: Record<string, never> };
  /** Answers when the files are finished on disk. */
  stopRecording: { in: { recordingId: string; reason: EndReason }; out: { segments: readonly SegmentSnapshot[] } };
  pauseRecording: { in: { recordingId: string }; out: Record<string, never> };
  resumeRecording: { in: { recordingId: string }; out: Record<string, never> };
  stats: { in: Record<string, never>; out: WorkerStats };
  /** Ends all recordings with `drained` and closes all peers. */
  drain: { in: Record<string, never>; out: Record<string, never> };
}

export interface WorkerStats {
  readonly peers: number;
  readonly recordings: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly eventLoopDelayMs: number;
  readonly rssBytes: number;
}

export interface WorkerEvents extends RecorderEvents {
  'peer-state': { peerId: string; state: 'connected' | 'disconnected' | 'failed' | 'closed' };
  /** A published track appeared with its first packet, or its codec was learnt. */
  'track-updated': { roomKey: string; userId: string; track: Track };
}

export type WorkerRequestName = keyof WorkerRequests;
export type WorkerEventName = keyof WorkerEvents;

/** Control → worker. */
export type ToWorker =
  | { readonly kind: 'init'; readonly options: WorkerOptions }
  | {
      [N in WorkerRequestName]: { kind: 'request'; id: number; name: N; body: WorkerRequests[N]['in'] };
    }[WorkerRequestName];

/** Worker → control. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'response'; readonly id: number; readonly result: unknown }
  /** `id` 0: the worker could not start. */
  | { readonly kind: 'error'; readonly id: number; readonly problem: Problem }
  | { [N in WorkerEventName]: { kind: 'event'; name: N; body: WorkerEvents[N] } }[WorkerEventName];
