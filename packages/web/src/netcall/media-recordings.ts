import type { Room } from '../core/index.ts';
import { AircheckError } from '../core/index.ts';
import type { ClientRecording, EndReason, StoredRecording, UploadOptions } from '../recorder/index.ts';
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

interface Kept {
  readonly wish: MediaRecordingWish;
  readonly recordId: string;
  readonly startTime: number;
  readonly recording: ClientRecording | undefined;
  state: MediaRecordingState;
  stored: StoredRecording | undefined;
  /** When the user was given the file, in milliseconds since 1970. */
  downloadedAt: number | undefined;
  player: { readonly element: HTMLVideoElement; readonly url: string } | undefined;
}

export interface MediaRecordingsOptions {
  /** One ended, by itself or because it was stopped. */
  readonly onStopped: (info: MediaRecordingInfo, reason: EndReason) => void;
  /** Why one ended by itself, where something failed. */
  readonly onError: (error: NetcallError) => void;
  readonly now: () => number;
}

/** What to do with recordings of the same that the user has not been given. */
export type Unsaved = 'refuse' | 'reset' | 'keep';

/** A browser has surely taken a download by then, in milliseconds: its copy here is in the way only. */
const downloadTakenMs = 10 * 60_000;

const formats: readonly string[] = ['mp4', 'm4a', 'webm'];

/** The recordings that are made in this browser, by id, until they are cleaned. */
export class MediaRecordings {
  readonly #options: MediaRecordingsOptions;
  readonly #kept = new Map<string, Kept>();
  /** Being started: asked for, but without an id yet. */
  readonly #starting = new Set<string>();
  #joined: { readonly room: Room; recorder: Promise<Recorder> | undefined } | undefined;

  constructor(options: MediaRecordingsOptions) {
    this.#options = options;
  }

  joined(room: Room): void {
    this.#joined = { room, recorder: undefined };
  }

  /** What still runs ends by itself; what has ended is kept. */
  left(): void {
    this.#joined = undefined;
  }

  /**
   * @throws NetcallError 67002 without an account; 67003 when that user sends nothing; 67004, 67005, 67007 for what the
   *   browser or nobody can write; 67006 when it is being recorded; 67008 when what the user sent has ended; 400 when
   *   what was recorded before is neither downloaded nor cleaned, and is to be refused then
   */
  async start(wish: MediaRecordingWish, unsaved: Unsaved): Promise<MediaRecordingInfo> {
    if (!formats.includes(wish.format)) {
      throw new NetcallError(67007, `"${wish.format}" is none of mp4, m4a and webm`, { input: 'format' });
    }
    const joined = this.#joined;
    if (joined === undefined) throw new NetcallError(67003, 'Nothing can be recorded before a channel is joined');
    const key = keyOf(wish);
    const before = [...this.#kept.values()].filter((kept) => keyOf(kept.wish) === key);
    if (this.#starting.has(key) || before.some(isRunning)) throw new NetcallError(67006);
    const inTheWay = unsaved === 'keep' ? [] : before.filter(({ state }) => state === 'stopped');
    if (inTheWay.length > 0 && unsaved === 'refuse') {
      throw new NetcallError(400, 'Download or clean the former recording first, or ask for reset', {
        input: 'reset',
      });
    }
    this.#starting.add(key);
    try {
      const takenBefore = this.#options.now() - downloadTakenMs;
      const taken = [...this.#kept.values()].filter((kept) => (kept.downloadedAt ?? Infinity) < takenBefore);
      for (const { recordId } of [...inTheWay, ...taken]) await this.clean(recordId);
      checkSending(joined.room, wish);
      joined.recorder ??= loadRecorder(joined.room);
      const recorder = await joined.recorder;
      return await this.#start(recorder, wish);
    } catch (error) {
      throw recordingError(error);
    } finally {
      this.#starting.delete(key);
    }
  }

  /** @throws NetcallError 67001 when there is no such recording */
  async stop(recordId: string): Promise<MediaRecordingInfo> {
    const kept = this.#get(recordId);
    if (kept.recording !== undefined && isRunning(kept)) {
      kept.state = 'stopping';
      try {
        kept.stored = await kept.recording.stop();
        kept.state = 'stopped';
      } catch (error) {
        kept.state = 'failed';
        throw recordingError(error);
      }
    }
    return infoOf(kept);
  }

  /** Ids of what runs. */
  running(accept: (wish: MediaRecordingWish) => boolean): string[] {
    return [...this.#kept.values()].filter((kept) => isRunning(kept) && accept(kept.wish)).map((one) => one.recordId);
  }

  /** Everything that has not been cleaned; in a channel with what earlier visits and crashed tabs left. */
  async list(): Promise<MediaRecordingInfo[]> {
    await this.#findRecoverable().catch(rejectRecordingError);
    return [...this.#kept.values()].map(infoOf);
  }

  /**
   * Gives the file to the user: by the browser's dialog where it has one, as a download else.
   * @returns undefined when the user took it back in the dialog
   */
  async download(recordId: string): Promise<MediaRecordingInfo | undefined> {
    const kept = this.#get(recordId);
    if (!(await storedOf(kept).save().catch(rejectRecordingError))) return undefined;
    kept.state = 'downloaded';
    kept.downloadedAt = this.#options.now();
    return infoOf(kept);
  }

  /** Plays what was recorded in a node of the page, with the browser's controls. */
  async play(recordId: string, node: HTMLElement): Promise<MediaRecordingInfo> {
    const kept = this.#get(recordId);
    const url = await storedOf(kept).url().catch(rejectRecordingError);
    endPlaying(kept);
    const element = node.ownerDocument.createElement('video');
    element.controls = true;
    element.playsInline = true;
    element.src = url;
    node.append(element);
    kept.player = { element, url };
    // Browsers that want a touch first show the controls.
    await element.play().catch(() => {});
    return infoOf(kept);
  }

  /** The finished file, for a page that wants it itself. */
  file(recordId: string): Promise<File> {
    return storedOf(this.#get(recordId)).file().catch(rejectRecordingError);
  }

  /** Deletes a recording from this browser; one that runs is stopped. */
  async clean(recordId: string): Promise<void> {
    const kept = this.#get(recordId);
    if (isRunning(kept)) await this.stop(recordId);
    endPlaying(kept);
    await kept.stored?.remove().catch(rejectRecordingError);
    this.#kept.delete(recordId);
  }

  /** Ids of everything that is kept. */
  ids(): string[] {
    return [...this.#kept.keys()];
  }

  async #start(recorder: Recorder, wish: MediaRecordingWish): Promise<MediaRecordingInfo> {
    const { account, mediaType, format, fileName, upload } = wish;
    if (recorder.containers.length === 0) throw new NetcallError(67004);
    if (!recorder.containers.includes(format)) throw new NetcallError(67005);
    if (format === 'webm' && mediaType === 'audio' && account !== undefined) {
      throw new NetcallError(67005, 'The sound of one account alone is written as m4a', { input: 'format' });
    }
    const recording = await recorder.start({
      source: account === undefined ? { mix: true } : { userId: account },
      container: format,
      fileName,
      recordingSource: mediaType === 'screen' ? 'screen' : 'camera',
      upload,
    });
    const kept: Kept = {
      wish,
      recordId: recording.id,
      startTime: this.#options.now(),
      recording,
      state: 'starting',
      stored: undefined,
      downloadedAt: undefined,
      player: undefined,
    };
    this.#kept.set(recording.id, kept);
    recording.on('ended', (stored, reason) => {
      kept.stored = stored;
      if (kept.state === 'starting' || kept.state === 'stopping') kept.state = 'stopped';
      this.#options.onStopped(infoOf(kept), reason);
    });
    // Only what left no file at all: else `ended` tells.
    recording.on('state', (state) => {
      if (state !== 'failed') return;
      kept.state = 'failed';
      this.#options.onStopped(infoOf(kept), 'failed');
    });
    recording.on('error', (error) => this.#options.onError(recordingError(error)));
    return infoOf(kept);
  }

  async #findRecoverable(): Promise<void> {
    const joined = this.#joined;
    if (joined === undefined) return;
    joined.recorder ??= loadRecorder(joined.room);
    const recorder = await joined.recorder;
    for (const stored of await recorder.listRecoverable()) {
      if (this.#kept.has(stored.id)) continue;
      const mediaType = stored.mimeType.startsWith('audio/') ? 'audio' : 'video';
      this.#kept.set(stored.id, {
        wish: { account: stored.userId, mediaType, format: stored.container, fileName: stored.fileName, upload: false },
        recordId: stored.id,
        startTime: stored.startedAt,
        recording: undefined,
        state: 'stopped',
        stored,
        downloadedAt: undefined,
        player: undefined,
      });
    }
  }

  #get(recordId: string): Kept {
    const kept = this.#kept.get(recordId);
    if (kept === undefined) throw new NetcallError(67001, undefined, { input: 'recordId' });
    return kept;
  }
}

/** The recorder of a room, and what it can write; loaded when the first recording begins. */
async function loadRecorder(room: Room) {
  const { BrowserRecorder } = await import('../recorder/index.ts');
  const { containers } = await BrowserRecorder.capabilities();
  const recorder = new BrowserRecorder(room);
  return {
    containers,
    start: recorder.start.bind(recorder),
    listRecoverable: recorder.listRecoverable.bind(recorder),
  };
}
type Recorder = Awaited<ReturnType<typeof loadRecorder>>;

/** Pictures of one user are recorded once at a time, and so is the mix. */
function keyOf({ account, mediaType }: MediaRecordingWish): string {
  return `${mediaType === 'camera' ? 'video' : mediaType} ${account ?? ''}`;
}

function isRunning({ state }: Kept): boolean {
  return state === 'starting' || state === 'stopping';
}

function storedOf({ stored, state }: Kept): StoredRecording {
  if (stored !== undefined) return stored;
  throw new NetcallError(state === 'failed' ? 67001 : 67006);
}

function endPlaying(kept: Kept): void {
  if (kept.player === undefined) return;
  kept.player.element.remove();
  URL.revokeObjectURL(kept.player.url);
  kept.player = undefined;
}

function infoOf({ wish, recordId, startTime, state, stored, recording }: Kept): MediaRecordingInfo {
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
  };
}

/** @throws NetcallError 67003 when a user is not there or sends nothing, 67008 when all that it sends has ended */
function checkSending(room: Room, { account, mediaType }: MediaRecordingWish): void {
  if (account === undefined) return;
  const self = account === room.self.userId;
  if (!self && !room.participants.some(({ userId }) => userId === account)) {
    throw new NetcallError(67003, `"${account}" is not in the channel`, { input: 'account' });
  }
  const tracks = self ? room.localTracks : room.remoteTracks.filter(({ userId }) => userId === account);
  const described = self ? tracks : (room.participants.find(({ userId }) => userId === account)?.tracks ?? []);
  const wanted =
    mediaType === 'audio' ? ['microphone', 'screen-audio'] : [mediaType === 'screen' ? 'screen' : 'camera'];
  // A user without a camera is recorded with the sound that there is.
  const fits = ({ source }: { readonly source: string }) =>
    mediaType === 'screen' ? source === 'screen' : wanted.includes(source) || source === 'microphone';
  if (!described.some(fits)) throw new NetcallError(67003, `"${account}" sends nothing that could be recorded`);
  const received = tracks.filter(fits);
  if (received.length > 0 && received.every(({ mediaStreamTrack }) => mediaStreamTrack.readyState === 'ended')) {
    throw new NetcallError(67008);
  }
}

/** Errors of the recorder in the vendor's numbers. */
function recordingError(cause: unknown): NetcallError {
  if (!(cause instanceof AircheckError)) return NetcallError.from(cause);
  const { message } = cause;
  switch (cause.code) {
    case 'recording-exists':
      return new NetcallError(67006, message, { cause });
    case 'participant-not-found':
    case 'track-not-found':
      return new NetcallError(67003, message, { cause });
    case 'recording-not-found':
      return new NetcallError(67001, message, { cause });
    case 'storage-full':
      return new NetcallError(2, message, { cause });
    case 'browser-unsupported':
      return new NetcallError(67004, message, { cause });
    case 'codec-unsupported':
      return new NetcallError(67005, message, { cause });
    case 'request-invalid':
      return cause.input === 'container' || cause.input === 'audioCodec'
        ? new NetcallError(67005, message, { cause })
        : NetcallError.from(cause);
    default:
      return NetcallError.from(cause);
  }
}

function rejectRecordingError(cause: unknown): never {
  throw recordingError(cause);
}
