import { AircheckError } from '@aircheck/protocol/errors';
import type { Room } from '../core/index.ts';
import { TypedEmitter } from '../core/typed-emitter.ts';
import { BuiltInCapture, type Capture, followTracks, TrackCapture, type TrackFollower } from './capture/index.ts';
import { type EndReason, type RecordingFacts, recordingLockName } from './facts.ts';
import type { GrowingRecording, Keeper } from './keeper.ts';
import { RecorderWorkerLink } from './recorder-worker-link.ts';
import type { RecordingPlan } from './start-options.ts';
import type { GrowingFile, StoredRecording, Upload, UploadOptions } from './stored-recording.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** Kept free of what the browser gives, so that a file can always be ended and the page goes on. */
const RESERVE_BYTES = 16 * 1024 * 1024;

export type ClientRecordingState = 'starting' | 'recording' | 'paused' | 'stopping' | 'stopped' | 'failed';

export interface RecordingProgress {
  readonly durationMs: number;
  readonly sizeBytes: number;
  /**
   * What the browser says that it still gives to this origin. Chromium says 10 GiB on any disk
   * (https://chromestatus.com/feature/4977371751645184); the recording ends in time all the same.
   */
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
  /** Why it ended by itself, where something failed; `ended` follows where there is a file. */
  error: [error: AircheckError];
}

/** @internal */
export interface ClientRecordingParts {
  readonly id: string;
  readonly room: Room;
  readonly plan: RecordingPlan;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly keeper: Keeper;
  readonly upload: UploadOptions | undefined;
  /** What MediaRecorder writes, where it takes the place of WebCodecs. */
  readonly builtInMimeType: string | undefined;
}

type Ended = Extract<FromWorker, { type: 'ended' }>;

/** A recording that runs in this page. {@link BrowserRecorder.start} begins it. */
export class ClientRecording extends TypedEmitter<ClientRecordingEvents> {
  readonly id: string;
  readonly plan: RecordingPlan;
  readonly #parts: ClientRecordingParts;
  readonly #facts: RecordingFacts;
  readonly #started = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<StoredRecording>();
  readonly #growth = new Set<() => void>();
  #link: RecorderWorkerLink | undefined;
  #follower: TrackFollower | undefined;
  #capture: Capture | undefined;
  #state: ClientRecordingState = 'starting';
  #progress: RecordingProgress = { durationMs: 0, sizeBytes: 0, freeBytes: 0, uploadedBytes: 0 };
  #upload: Upload | undefined;

  /** @internal */
  static async start(parts: ClientRecordingParts): Promise<ClientRecording> {
    const recording = new ClientRecording(parts);
    try {
      await recording.#open();
      await recording.#started.promise;
    } catch (error) {
      recording.#giveUp();
      throw error;
    }
    return recording;
  }

  private constructor(parts: ClientRecordingParts) {
    super();
    this.id = parts.id;
    this.plan = parts.plan;
    this.#parts = parts;
    const { source, fileName, container } = parts.plan;
    this.#facts = {
      version: 1,
      id: parts.id,
      fileName,
      container,
      mimeType: '',
      ...('userId' in source && { userId: source.userId }),
      roomId: parts.room.roomId,
      startedAt: parts.startedAt,
      writtenBy: parts.builtInMimeType === undefined ? 'aircheck' : 'media-recorder',
    };
    // Whoever stops it is told; where nobody does, `error` has told. And it may end before `start` waits for it.
    this.#finished.promise.catch(() => {});
    this.#started.promise.catch(() => {});
  }

  get state(): ClientRecordingState {
    return this.#state;
  }

  get progress(): RecordingProgress {
    return this.#progress;
  }

  /** The upload that runs beside it, with `upload`. */
  get upload(): Upload | undefined {
    return this.#upload;
  }

  /** Leaves out what comes until `resume`; the file goes on without a hole then. */
  pause(): void {
    if (this.#state !== 'recording') return;
    this.#capture?.pause();
    this.#setState('paused');
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#capture?.resume();
    this.#setState('recording');
  }

  /**
   * Ends it; resolves when the file is whole. May be called twice.
   * @throws AircheckError what it failed with, when there is no file
   */
  stop(): Promise<StoredRecording> {
    this.#end('stopped');
    return this.#finished.promise;
  }

  async #open(): Promise<void> {
    const { room, plan } = this.#parts;
    const { mimeType: _, finished: __, ...facts } = this.#facts;
    const link = await RecorderWorkerLink.open(
      (message) => this.#told(message),
      (detail) => void this.#crashed(detail),
    );
    this.#link = link;
    link.post({
      type: 'start',
      builtInMimeType: this.#parts.builtInMimeType,
      plan: {
        id: this.id,
        container: plan.container,
        video: plan.video ? { bitrateBps: plan.videoBitrateBps } : undefined,
        audio: plan.audioCodec && {
          bitrateBps: plan.audioBitrateBps,
          codec: plan.audioCodec,
          channels: 'mix' in plan.source ? 2 : 1,
        },
        facts,
        reserveBytes: RESERVE_BYTES,
      },
    });
    const capture = await this.#createCapture(link);
    this.#capture = capture;
    // It failed meanwhile; `start` is told of it.
    if (this.#state !== 'starting') return this.#endCapture();
    this.#follower = followTracks(room, plan.source, plan.recordingSource, {
      changed: () => this.#follower && capture.setTracks(this.#follower.tracks),
      ended: (reason) => this.#end(reason),
    });
    capture.setTracks(this.#follower.tracks);
    // Whoever left before this was listened to is not told of again.
    this.#follower.check();
  }

  async #createCapture({ post }: RecorderWorkerLink): Promise<Capture> {
    const { plan, builtInMimeType } = this.#parts;
    const { video, videoBitrateBps, audioBitrateBps } = plan;
    const audio = plan.audioCodec !== undefined;
    if (builtInMimeType === undefined) return TrackCapture.create({ video, audio, mix: 'mix' in plan.source }, post);
    return new BuiltInCapture(
      {
        mimeType: builtInMimeType,
        video,
        audio,
        videoBitrateBps,
        audioBitrateBps,
        onEnd: () => this.#end('tracks-ended'),
        onError: (error) => this.#endBy({ type: 'fail', error }),
      },
      post,
    );
  }

  #told(message: FromWorker): void {
    if (message.type === 'recording') this.#recording();
    else if (message.type === 'progress') this.#progressed(message);
    else if (message.type === 'refused') this.#capture?.refused(message.kind);
    else if (message.type === 'ended') void this.#ended(message);
  }

  #recording(): void {
    if (this.#state !== 'starting') return;
    this.#setState('recording');
    const { upload } = this.#parts;
    if (upload !== undefined) this.#upload = this.#parts.keeper.uploadGrowing(this.#growing(), upload);
    this.#upload?.on('progress', ({ sentBytes }) => {
      this.#progress = { ...this.#progress, uploadedBytes: sentBytes };
    });
    this.#started.resolve();
  }

  #growing(): GrowingRecording {
    return {
      facts: this.#facts,
      file: this.#growingFile(),
      onGrowth: (listener) => {
        this.#growth.add(listener);
        return () => this.#growth.delete(listener);
      },
      finished: this.#finished.promise,
    };
  }

  #growingFile(): GrowingFile {
    const sizeBytes = () => this.#progress.sizeBytes;
    const read = (offset: number, length: number) =>
      this.#link?.read(offset, length) ?? new Promise<Uint8Array<ArrayBuffer>>(() => {});
    return {
      get sizeBytes() {
        return sizeBytes();
      },
      read,
    };
  }

  #progressed({ durationMs, sizeBytes, freeBytes }: Extract<FromWorker, { type: 'progress' }>): void {
    const { uploadedBytes } = this.#progress;
    this.#progress = { durationMs, sizeBytes, freeBytes, uploadedBytes };
    this.#follower?.check();
    this.emit('progress', this.#progress);
    for (const listener of [...this.#growth]) listener();
  }

  #end(reason: EndReason): void {
    this.#endBy({ type: 'stop', reason });
  }

  #endBy(message: Extract<ToWorker, { type: 'stop' | 'fail' }>): void {
    if (this.#state !== 'starting' && this.#state !== 'recording' && this.#state !== 'paused') return;
    this.#setState('stopping');
    void this.#endCapture().then(() => this.#link?.post(message));
  }

  async #ended({ reason, durationMs, sizeBytes, error }: Omit<Ended, 'health'>): Promise<void> {
    void this.#endCapture();
    this.#link?.close();
    this.#link = undefined;
    const failure = error && new AircheckError(error.code, error.detail);
    this.#progress = { ...this.#progress, durationMs, sizeBytes };
    let stored: StoredRecording | undefined;
    try {
      if (sizeBytes === 0) throw failure ?? new AircheckError('recording-state', 'It ended before anything came');
      stored = await this.#parts.keeper.open(this.id);
      this.#finished.resolve(stored);
      // Without effect once it has started. What it holds is listed among the recoverable ones all the same.
      this.#started.reject(failure ?? new AircheckError('recording-state', `It ended while it was started: ${reason}`));
    } catch (cause) {
      this.#started.reject(cause);
      this.#finished.reject(cause);
    }
    if (failure !== undefined) this.emit('error', failure);
    this.#setState(stored === undefined ? 'failed' : 'stopped');
    if (stored !== undefined) this.emit('ended', stored, reason);
    this.removeAllListeners();
  }

  /** What an application's listener throws is the page's to hear of, and ends nothing here. */
  protected override emit<Name extends keyof ClientRecordingEvents>(
    name: Name,
    ...args: ClientRecordingEvents[Name]
  ): void {
    try {
      super.emit(name, ...args);
    } catch (error) {
      reportError(error);
    }
  }

  /** What is on the disk is made whole, as after a crash of the tab. */
  async #crashed(detail: string): Promise<void> {
    if (this.#link === undefined) return;
    this.#link.close();
    this.#link = undefined;
    // It is free once the worker is gone, and its file with it.
    await navigator.locks.request(recordingLockName(this.id), () => {});
    const { durationMs, sizeBytes } = this.#progress;
    const error = { code: 'internal', detail: `The worker of the recorder failed: ${detail}` } as const;
    await this.#ended({ type: 'ended', reason: 'failed', durationMs, sizeBytes, error });
  }

  async #endCapture(): Promise<void> {
    this.#follower?.close();
    this.#follower = undefined;
    await this.#capture?.end();
  }

  #giveUp(): void {
    void this.#endCapture();
    this.#link?.close();
    this.#link = undefined;
    if (this.#state !== 'stopped') this.#setState('failed');
  }

  #setState(state: ClientRecordingState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
  }
}
