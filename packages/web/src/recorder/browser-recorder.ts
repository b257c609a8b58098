import type { Room } from '../core/index.ts';
import type { ClientRecording } from './client-recording.ts';
import type { StartOptions } from './start-options.ts';
import type { StoredRecording } from './stored-recording.ts';

export interface BrowserRecorderOptions {
  /** Milliseconds since 1970; the browser's when absent. */
  readonly clock?: () => number;
  /** Is called once for each recording when less than 512 MiB are left of what the browser gives to this origin. */
  readonly onStorageLow?: (recording: ClientRecording, freeBytes: number) => void;
}

/** What this browser can do. */
export interface RecorderCapabilities {
  /** Pictures and sound are encoded by WebCodecs in a worker; without it MediaRecorder takes over. */
  readonly webCodecs: boolean;
  /** Files are written as they grow; without it nothing can be recorded. */
  readonly opfs: boolean;
  /** `native`: the browser encodes AAC; `wasm`: a library does, which is loaded when needed. */
  readonly aac: 'native' | 'wasm' | false;
  readonly containers: readonly ('mp4' | 'm4a' | 'webm')[];
  /** `save` can ask where to. */
  readonly filePicker: boolean;
}

/** The shape of {@link BrowserRecorder}. */
export interface RecorderOfRoom {
  readonly recordings: readonly ClientRecording[];
  start(options: StartOptions): Promise<ClientRecording>;
  listRecoverable(): Promise<StoredRecording[]>;
}

export type BrowserRecorderConstructor = {
  new (room: Room, options?: BrowserRecorderOptions): RecorderOfRoom;
  capabilities(): Promise<RecorderCapabilities>;
};
