import type { ClientRecording, StoredRecording, UploadOptions } from '../recorder/index.ts';
import { NetcallError } from './netcall-error.ts';

/** `camera` and `video`: camera and microphone of a user; `screen`: the shared screen with the sound; `audio`: sound alone. */
export type MediaType = 'camera' | 'video' | 'screen' | 'audio';
/** How a file is written; the vendor had WebM alone. */
export type MediaFormat = 'mp4' | 'm4a' | 'webm';
export type MediaRecordingState = 'starting' | 'stopping' | 'stopped' | 'downloaded' | 'failed';

export interface StartMediaRecordingOptions {
  /** Who is recorded; `uid` means the same. */
  account?: string;
  uid?: string;
  mediaType?: MediaType;
  /** The former name of `mediaType`. */
  type?: MediaType;
  /** Throw away what was recorded before and not downloaded. */
  reset?: boolean;
  /** MP4 when absent, M4A for sound alone. */
  format?: MediaFormat;
  /** Without ending; account and time when absent. */
  fileName?: string;
  /** Send the file into the library while it grows. */
  upload?: boolean | UploadOptions;
}

/** A recording in the browser. */
export interface MediaRecordingInfo {
  readonly recordId: string;
  /** Empty for the mix of all sound. */
  readonly account: string;
  readonly uid: string;
  readonly mediaType: MediaType;
  readonly state: MediaRecordingState;
  /** With ending. */
  readonly fileName: string;
  readonly format: MediaFormat;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Bytes. */
  readonly size: number;
  /** In the library, once it is there. */
  readonly fileId?: string;
}

/** What is to be recorded, all defaults filled in. */
export interface MediaRecordingWish {
  /** Undefined: everybody's sound. */
  readonly account: string | undefined;
  readonly mediaType: MediaType;
  readonly format: MediaFormat;
  readonly fileName: string;
  readonly upload: boolean | UploadOptions;
}

/** A recording, from its start until it is cleaned. */
export interface Kept {
  readonly wish: MediaRecordingWish;
  readonly recordId: string;
  readonly startTime: number;
  readonly recording: ClientRecording | undefined;
  state: MediaRecordingState;
  stored: StoredRecording | undefined;
  /** A call is still to give it: it was started by one whose end gives the file. */
  owed: boolean;
  /** When the user was given the file, in milliseconds since 1970. */
  downloadedAt: number | undefined;
  /** Until the file is where the user wanted it; false when the user thought better of it. */
  saving: Promise<boolean> | undefined;
  /** While it is on its way into the library. */
  upload: KeptUpload | undefined;
  fileId: string | undefined;
  /** Deleted here when the library has it. */
  removeWhenSent: boolean;
  player: { readonly element: HTMLVideoElement; readonly url: string } | undefined;
}

export interface KeptUpload {
  /** @throws NetcallError why the library has not got it */
  readonly sent: Promise<void>;
  /** Gives it up; what the server has of it is deleted. */
  abort(): Promise<void>;
}

/** Pictures of one user are recorded once at a time, and so is the mix. */
export function keyOf({ account, mediaType }: MediaRecordingWish): string {
  return `${mediaType === 'camera' ? 'video' : mediaType} ${account ?? ''}`;
}

export function isRunning({ state }: Kept): boolean {
  return state === 'starting' || state === 'stopping';
}

export function storedOf({ stored, state }: Kept): StoredRecording {
  if (stored !== undefined) return stored;
  throw new NetcallError(state === 'failed' ? 67001 : 67006);
}

export function endPlaying(kept: Kept): void {
  if (kept.player === undefined) return;
  kept.player.element.remove();
  URL.revokeObjectURL(kept.player.url);
  kept.player = undefined;
}

export function infoOf({ wish, recordId, startTime, state, stored, recording, fileId }: Kept): MediaRecordingInfo {
  const { account = '', mediaType, fileName } = wish;
  const format = stored?.container ?? recording?.plan.container ?? wish.format;
  return {
    recordId,
    account,
    uid: account,
    mediaType,
    state,
    fileName: `${fileName}.${format}`,
    format,
    startTime: stored?.startedAt ?? startTime,
    duration: stored?.durationMs ?? recording?.progress.durationMs ?? 0,
    size: stored?.sizeBytes ?? recording?.progress.sizeBytes ?? 0,
    ...(fileId !== undefined && { fileId }),
  };
}
