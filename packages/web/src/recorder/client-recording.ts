import type { AircheckError } from '@aircheck/protocol/errors';
import { TypedEmitter } from '../core/typed-emitter.ts';
import type { EndReason } from './facts.ts';
import type { RecordingPlan } from './start-options.ts';
import type { GrowingFile, StoredRecording, Upload } from './stored-recording.ts';

export type ClientRecordingState = 'starting' | 'recording' | 'paused' | 'stopping' | 'stopped' | 'failed';

export interface RecordingProgress {
  readonly durationMs: number;
  readonly sizeBytes: number;
  /** What the browser still gives to this origin. */
  readonly freeBytes: number;
  /** 0 without `upload`. */
  readonly uploadedBytes: number;
}

export interface ClientRecordingEvents {
  state: [state: ClientRecordingState];
  /** Twice a second. */
  progress: [progress: RecordingProgress];
  /** It ended, by itself or by `stop`. */
  ended: [recording: StoredRecording, reason: EndReason];
  /** Why it ended by itself, where something failed; `ended` follows where a file could be saved. */
  error: [error: AircheckError];
}

/** The steps that {@link ClientRecording} leaves to whoever runs the capture. */
export interface RecordingControl {
  readonly file: GrowingFile;
  pause(): void;
  resume(): void;
  stop(reason: EndReason): void;
}

/** A recording that runs in this page. */
export abstract class ClientRecording extends TypedEmitter<ClientRecordingEvents> {
  abstract readonly id: string;
  abstract readonly plan: RecordingPlan;
  abstract readonly state: ClientRecordingState;
  abstract readonly progress: RecordingProgress;
  /** What is written so far. @internal */
  abstract readonly file: GrowingFile;
  /** The upload that runs beside it, with `upload`. */
  abstract readonly upload: Upload | undefined;
  /** Leaves out what comes until `resume`; the file goes on without a hole then. */
  abstract pause(): void;
  abstract resume(): void;
  /** Ends it; resolves when the file is whole. May be called twice. */
  abstract stop(): Promise<StoredRecording>;
}
