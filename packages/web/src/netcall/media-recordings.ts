import type { Room } from '../core/index.ts';
import type { EndReason } from '../recorder/index.ts';
import {
  endPlaying,
  infoOf,
  isRunning,
  type Kept,
  keyOf,
  type MediaRecordingInfo,
  type MediaRecordingWish,
  storedOf,
} from './media-recording.ts';
import { NetcallError } from './netcall-error.ts';
import { checkSending, recordingError, rejectRecordingError } from './recording-errors.ts';

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
