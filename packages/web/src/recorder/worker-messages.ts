import type { ErrorCode } from '@aircheck/protocol/errors';
import type { CaptureHealth, EndReason, RecordingFacts } from './facts.ts';
import type { Container } from './start-options.ts';

/** What the worker is to write. */
export interface WorkerPlan {
  readonly id: string;
  readonly container: Container;
  readonly video: { readonly bitrateBps: number } | undefined;
  readonly audio: { readonly bitrateBps: number; readonly codec: 'aac' | 'opus'; readonly channels: 1 | 2 } | undefined;
  readonly facts: Omit<RecordingFacts, 'mimeType' | 'finished'>;
  /** Bytes that must stay free of what the browser gives to this origin. */
  readonly reserveBytes: number;
}

/** From the page to the worker. A new feed takes the place of the one before of its kind. */
export type ToWorker =
  | {
      readonly type: 'start';
      readonly plan: WorkerPlan;
      /** MediaRecorder encodes, to this type, and `append` brings what it makes. */
      readonly builtInMimeType: string | undefined;
    }
  /** Pictures as a stream. */
  | { readonly type: 'video-stream'; readonly readable: ReadableStream<VideoFrame> }
  /** A track, where browsers read pictures in workers only, as the standard has it. */
  | { readonly type: 'video-track'; readonly track: MediaStreamTrack }
  /** One picture, where browsers can do neither. */
  | { readonly type: 'video-frame'; readonly frame: VideoFrame }
  /** Sound as a stream. */
  | { readonly type: 'audio-stream'; readonly readable: ReadableStream<AudioData> }
  /** Sound out of an AudioWorklet, over a port of its own; each message is a {@link SoundBlock}. */
  | { readonly type: 'audio-port'; readonly port: MessagePort }
  /** The track is gone or another takes over: silence, or a picture that stands, until a new feed comes. */
  | { readonly type: 'video-end' }
  | { readonly type: 'audio-end' }
  | { readonly type: 'lip-sync'; readonly lipSync: LipSync }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'stop'; readonly reason: EndReason }
  /** What brings media has failed; the recording ends with what came before. */
  | { readonly type: 'fail'; readonly error: DOMException }
  /** Bytes of a file made elsewhere (MediaRecorder), to be appended as they are. */
  | { readonly type: 'append'; readonly bytes: ArrayBuffer; readonly durationMs: number }
  | { readonly type: 'read'; readonly request: number; readonly offset: number; readonly length: number };

/** Where the pictures of a remote participant belong beside the sound. */
export interface LipSync {
  /** Sound comes that much later than the picture that was taken with it, in ms. */
  readonly soundWaitsMs: number;
  /** When the sound is heard that was taken with the picture of this RTP timestamp, and when it was told: on the page's clock. */
  readonly heard?: { readonly rtpTimestamp: number; readonly atMs: number; readonly toldMs: number };
}

/** Interleaved samples of an AudioWorklet. */
export interface SoundBlock {
  /** Position of the first sample on the context's clock, in samples. */
  readonly at: number;
  readonly sampleRate: number;
  readonly channels: readonly Float32Array<ArrayBuffer>[];
}

/** From the worker to the page. */
export type FromWorker =
  /** The worker runs and takes messages. */
  | { readonly type: 'ready' }
  /** The feed that came can't be read here as it is; the page takes another way. */
  | { readonly type: 'refused'; readonly kind: 'video' | 'audio' }
  /** The first fragment is on disk. */
  | { readonly type: 'recording'; readonly mimeType: string }
  | {
      readonly type: 'progress';
      readonly durationMs: number;
      readonly sizeBytes: number;
      /** What the browser still gives to this origin. */
      readonly freeBytes: number;
    }
  | {
      readonly type: 'ended';
      readonly reason: EndReason;
      readonly durationMs: number;
      readonly sizeBytes: number;
      readonly health: CaptureHealth;
      /** With reason `failed` and `storage-full`. */
      readonly error?: { readonly code: ErrorCode; readonly detail: string };
    }
  | { readonly type: 'bytes'; readonly request: number; readonly bytes: ArrayBuffer };
