import type { Room } from '../core/index.ts';
import type { EndReason, Upload, UploadOptions } from '../recorder/index.ts';
import {
  endPlaying,
  infoOf,
  isRunning,
  type Kept,
  type KeptUpload,
  keyOf,
  type MediaRecordingInfo,
  type MediaRecordingWish,
  storedOf,
} from './media-recording.ts';
import { NetcallError } from './netcall-error.ts';
import { checkSending, recordingError, rejectRecordingError } from './recording-errors.ts';
import { loadRecorder, type Recorder } from './room-recorder.ts';

export interface MediaRecordingsOptions {
  /** One ended, by itself or because it was stopped. */
  readonly onStopped: (info: MediaRecordingInfo, reason: EndReason) => void;
  /** Why one ended by itself, where something failed. */
  readonly onError: (error: NetcallError) => void;
  /** The library has one. */
  readonly onUploaded: (info: MediaRecordingInfo) => void;
  readonly now: () => number;
  /** Loads the recorder of a room; `@aircheck/web/recorder` when absent. */
  readonly load?: (room: Room) => Promise<Recorder>;
}

interface Joined {
  readonly room: Room;
  recorder: Promise<Recorder> | undefined;
}

export interface StoppedAll {
  readonly recordings: MediaRecordingInfo[];
  readonly saved: boolean;
}

/** What to do with recordings of the same that the user has not been given. */
export type Unsaved = 'refuse' | 'reset' | 'keep';

/** A browser has surely taken a download by then, in milliseconds: its copy here is in the way only. */
const downloadTakenMs = 10 * 60_000;

/** What has not been done with a recording at first. */
const nothingYet = {
  downloadedAt: undefined,
  saving: undefined,
  upload: undefined,
  fileId: undefined,
  player: undefined,
};

const formats: readonly string[] = ['mp4', 'm4a', 'webm'];

/** The recordings that are made in this browser, by id, until they are cleaned. */
export class MediaRecordings {
  readonly #options: MediaRecordingsOptions;
  readonly #kept = new Map<string, Kept>();
  /** Being started: asked for, but without an id yet. */
  readonly #starting = new Set<string>();
  #joined: Joined | undefined;

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
      const taken = [...this.#kept.values()].filter(
        ({ downloadedAt = Infinity, saving, upload }) => downloadedAt < takenBefore && !saving && !upload,
      );
      for (const { recordId } of [...inTheWay, ...taken]) await this.clean(recordId);
      checkSending(joined.room, wish);
      return await this.#start(await this.#recorder(joined), wish, unsaved === 'keep');
    } catch (error) {
      throw recordingError(error);
    } finally {
      this.#starting.delete(key);
    }
  }

  /** @throws NetcallError 67001 when there is no such recording */
  async stop(recordId: string): Promise<MediaRecordingInfo> {
    const kept = this.#get(recordId);
    const info = await this.#stop(kept);
    this.#given(kept);
    return info;
  }

  /**
   * Stops all that fit, and gives them to the user one after the other where that is wanted; also what is owed from before.
   * All end at once: none runs on while the user is asked where to.
   * @returns `saved`: the user has every file
   * @throws NetcallError 67001 when there is none, and what they failed with when none has a file
   */
  async stopAll(accept: (wish: MediaRecordingWish) => boolean, save: boolean): Promise<StoppedAll> {
    const fitting = [...this.#kept.values()].filter(({ wish }) => accept(wish));
    const ended = fitting.filter(({ owed, state }) => owed && state === 'stopped');
    const all = [...fitting.filter(isRunning), ...ended];
    for (const kept of all) kept.owed = true;
    const stopped = await Promise.allSettled(all.map((kept) => this.#stop(kept)));
    const failed = stopped.find((one) => one.status === 'rejected');
    const recordings: MediaRecordingInfo[] = [];
    let saved = save && failed === undefined;
    for (const [index, kept] of all.entries()) {
      if (stopped[index]?.status !== 'fulfilled') continue;
      const given = save ? await this.#saved(kept.recordId) : undefined;
      saved &&= given !== undefined;
      recordings.push(given ?? infoOf(kept));
      this.#given(kept);
    }
    if (recordings.length === 0) throw failed === undefined ? new NetcallError(67001) : failed.reason;
    return { recordings, saved };
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
    const saving = storedOf(kept).save();
    kept.saving = saving;
    try {
      if (!(await saving)) return undefined;
      kept.state = 'downloaded';
      kept.downloadedAt = this.#options.now();
      return infoOf(kept);
    } catch (error) {
      throw recordingError(error);
    } finally {
      if (kept.saving === saving) kept.saving = undefined;
      this.#given(kept);
    }
  }

  /**
   * Sends a recording into the library, from where an earlier upload of it was cut; of one that runs, or is sent already,
   * it waits for the end of that.
   */
  async upload(recordId: string, options: UploadOptions): Promise<MediaRecordingInfo> {
    const kept = this.#get(recordId);
    if (kept.fileId === undefined) {
      const { removeWhenDone = false, ...rest } = options;
      kept.removeWhenSent ||= removeWhenDone;
      kept.upload ??= this.#follow(kept, storedOf(kept).upload(rest));
      await kept.upload.sent;
    }
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

  /** Deletes a recording from this browser. One that runs is stopped, its upload given up; a save is waited for. */
  async clean(recordId: string): Promise<void> {
    const kept = this.#get(recordId);
    if (isRunning(kept)) await this.#stop(kept);
    await kept.upload?.abort();
    await kept.saving?.catch(() => {});
    endPlaying(kept);
    await kept.stored?.remove().catch(rejectRecordingError);
    this.#kept.delete(recordId);
  }

  /** Ids of everything that is kept. */
  ids(): string[] {
    return [...this.#kept.keys()];
  }

  #recorder(joined: Joined): Promise<Recorder> {
    const { load = loadRecorder } = this.#options;
    // What could not be loaded may be there the next time.
    joined.recorder ??= load(joined.room).catch((error) => {
      joined.recorder = undefined;
      throw error;
    });
    return joined.recorder;
  }

  /** @returns undefined when the user has not got the file, for whatever reason */
  async #saved(recordId: string): Promise<MediaRecordingInfo | undefined> {
    try {
      return await this.download(recordId);
    } catch (error) {
      this.#options.onError(NetcallError.from(error));
      return undefined;
    }
  }

  async #stop(kept: Kept): Promise<MediaRecordingInfo> {
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

  /** The calls that were to give it have done so, as far as the user wanted it. */
  #given(kept: Kept): void {
    kept.owed = false;
    this.#removeSent(kept);
  }

  /** What the library has, and nobody is to be given any more. A browser may still be at a download: see {@link start}. */
  #removeSent(kept: Kept): void {
    if (!kept.removeWhenSent || kept.fileId === undefined || kept.owed || isRunning(kept)) return;
    if (kept.saving !== undefined || kept.downloadedAt !== undefined || !this.#kept.has(kept.recordId)) return;
    this.clean(kept.recordId).catch(this.#options.onError);
  }

  /** Tells what becomes of an upload. */
  #follow(kept: Kept, upload: Upload): KeptUpload {
    const sent = (async () => {
      try {
        kept.fileId = (await upload.done).fileId;
      } catch (error) {
        throw recordingError(error);
      } finally {
        kept.upload = undefined;
      }
    })();
    let givenUp = false;
    sent.then(
      () => {
        this.#options.onUploaded(infoOf(kept));
        this.#removeSent(kept);
      },
      (error) => {
        if (!givenUp) this.#options.onError(error);
      },
    );
    return {
      sent,
      abort: async () => {
        givenUp = true;
        await upload.abort();
      },
    };
  }

  async #start(recorder: Recorder, wish: MediaRecordingWish, owed: boolean): Promise<MediaRecordingInfo> {
    const { account, mediaType, format, fileName, upload } = wish;
    const { removeWhenDone = false, ...uploadOptions } = typeof upload === 'object' ? upload : {};
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
      upload: upload === false ? false : uploadOptions,
    });
    const kept: Kept = {
      ...nothingYet,
      wish,
      recordId: recording.id,
      startTime: this.#options.now(),
      recording,
      state: 'starting',
      stored: undefined,
      owed,
      removeWhenSent: removeWhenDone,
    };
    this.#kept.set(recording.id, kept);
    if (recording.upload !== undefined) kept.upload = this.#follow(kept, recording.upload);
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
    const recorder = await this.#recorder(joined);
    for (const stored of await recorder.listRecoverable()) {
      if (this.#kept.has(stored.id)) continue;
      const mediaType = stored.mimeType.startsWith('audio/') ? 'audio' : 'video';
      this.#kept.set(stored.id, {
        wish: { account: stored.userId, mediaType, format: stored.container, fileName: stored.fileName, upload: false },
        ...nothingYet,
        recordId: stored.id,
        startTime: stored.startedAt,
        recording: undefined,
        state: 'stopped',
        stored,
        owed: false,
        removeWhenSent: false,
      });
    }
  }

  #get(recordId: string): Kept {
    const kept = this.#kept.get(recordId);
    if (kept === undefined) throw new NetcallError(67001, undefined, { input: 'recordId' });
    return kept;
  }
}
