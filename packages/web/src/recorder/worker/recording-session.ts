import { AircheckError, type ErrorCode } from '@aircheck/protocol/errors';
import { type CaptureHealth, type EndReason, mediaFileName, type RecordingFacts, recordingLockName } from '../facts.ts';
import type { FromWorker, WorkerPlan } from '../worker-messages.ts';
import { choosePictureCodec } from './picture-codec.ts';
import { PictureTrack } from './picture-track.ts';
import { openFile, recordingFolder, StorageSpace, type SyncAccessHandle, writeFacts } from './private-file.ts';
import { RecordingFile } from './recording-file.ts';
import { RecordingTime } from './recording-time.ts';
import { createSoundEncoder, type SoundEncoder, soundTrackOptions } from './sound-encoder.ts';
import { SoundTrack } from './sound-track.ts';

/** How much a crash may cost, but for what is in the encoders. */
const FRAGMENT_MS = 500;
/** The space is looked at every so many fragments: asking costs a message to the browser's main process. */
const FRAGMENTS_PER_SPACE_CHECK = 4;

export interface SessionOptions {
  readonly plan: WorkerPlan;
  readonly send: (message: FromWorker) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** One recording, from its folder's creation to its last byte. */
export class RecordingSession {
  readonly #options: SessionOptions;
  readonly #time = new RecordingTime();
  #state: 'starting' | 'recording' | 'ending' | 'ended' = 'starting';
  #folder: FileSystemDirectoryHandle | undefined;
  #handle: SyncAccessHandle | undefined;
  #file: RecordingFile | undefined;
  #pictures: PictureTrack | undefined;
  #sound: SoundTrack | undefined;
  #soundEncoder: SoundEncoder | undefined;
  #releaseLock: (() => Promise<void>) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #space = new StorageSpace();
  #freeBytes = 0;
  #ticks = 0;
  #announced = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  get pictures(): PictureTrack | undefined {
    return this.#state === 'recording' ? this.#pictures : undefined;
  }

  get sound(): SoundTrack | undefined {
    return this.#state === 'recording' ? this.#sound : undefined;
  }

  /** Whether sound alone is recorded: the file begins with it then. */
  soundArrived(atMs: number): void {
    if (this.#pictures === undefined) this.#time.begin(atMs);
  }

  /** Opens file and encoders. Never rejects: the page hears of a failure as the recording's end. */
  async start(): Promise<void> {
    const { plan, now } = this.#options;
    try {
      this.#freeBytes = await this.#space.begin();
      if (this.#freeBytes < plan.reserveBytes) throw storageFull();
      this.#releaseLock = await holdLock(recordingLockName(plan.id));
      this.#folder = await recordingFolder(plan.id);
      this.#handle = await openFile(this.#folder, mediaFileName(plan.container));
      const pictureCodec = plan.video && (await choosePictureCodec(plan.container));
      if (plan.video !== undefined && pictureCodec === undefined) {
        throw new AircheckError('codec-unsupported', `This browser encodes no pictures for ${plan.container}`);
      }
      if (plan.audio !== undefined) {
        this.#soundEncoder = await createSoundEncoder(plan.audio, {
          encoded: (sound) => this.#guard(() => this.#file?.addSound(sound)),
          failed: (error) => this.#fail(error),
        });
        const encoder = this.#soundEncoder;
        this.#sound = new SoundTrack({
          time: this.#time,
          channels: plan.audio.channels,
          primingSamples: encoder.primingSamples,
          encode: (planes, samples) => encoder.encode(planes, samples),
        });
      }
      this.#file = new RecordingFile({
        file: this.#handle,
        container: plan.container,
        pictureCodec,
        sound: plan.audio && soundTrackOptions(plan.audio),
        creationTime: plan.facts.startedAt,
      });
      if (plan.video !== undefined && pictureCodec !== undefined) {
        this.#pictures = new PictureTrack(
          {
            codec: pictureCodec,
            bitrateBps: plan.video.bitrateBps,
            time: this.#time,
            encoded: (picture) => this.#guard(() => this.#file?.addPicture(picture)),
            failed: (error) => this.#fail(error),
          },
          now(),
        );
      }
      this.#state = 'recording';
      this.#timer = setInterval(() => this.#tick(), FRAGMENT_MS);
    } catch (error) {
      await this.#end('failed', error);
    }
  }

  pause(): void {
    this.#time.pause(this.#options.now());
  }

  resume(): void {
    this.#time.resume(this.#options.now());
    this.#pictures?.wantKeyFrame();
  }

  /** Ends the recording for a reason. May be called twice. */
  async stop(reason: EndReason): Promise<void> {
    await this.#end(reason, undefined);
  }

  /** Bytes of the file as far as it is written. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const available = Math.max(0, Math.min(length, (this.#file?.sizeBytes ?? 0) - offset));
    const bytes = new Uint8Array(available);
    const read = this.#handle?.read(bytes, { at: offset }) ?? 0;
    return read < available ? bytes.slice(0, read) : bytes;
  }

  #tick(): void {
    if (this.#state !== 'recording') return;
    const now = this.#options.now();
    // Sound alone begins by itself, or a silent room would have no file.
    if (this.#pictures === undefined && this.#ticks > 1) this.#time.begin(now);
    this.#pictures?.tick(now);
    this.#sound?.tick(now);
    this.#guard(() => this.#file?.writeFragment());
    if (this.#state !== 'recording') return;
    this.#announce();
    if (this.#ticks++ % FRAGMENTS_PER_SPACE_CHECK === 0) void this.#checkSpace();
    this.#options.send({ type: 'progress', ...this.#facts(), freeBytes: this.#freeBytes });
  }

  /** Facts are written with the first fragment: a folder without them holds nothing that could be played. */
  #announce(): void {
    const { mimeType = '', sizeBytes = 0 } = this.#file ?? {};
    if (this.#announced || mimeType === '' || sizeBytes === 0) return;
    this.#announced = true;
    this.#saveFacts().then(
      () => this.#options.send({ type: 'recording', mimeType }),
      (error) => this.#fail(error),
    );
  }

  async #checkSpace(): Promise<void> {
    this.#freeBytes = await this.#space.free(this.#file?.sizeBytes ?? 0);
    const needed = this.#options.plan.reserveBytes + (this.#file?.indexBytes ?? 0);
    if (this.#freeBytes < needed) await this.#end('storage-full', storageFull());
  }

  #facts(): { readonly durationMs: number; readonly sizeBytes: number } {
    return { durationMs: Math.round(this.#time.now(this.#options.now())), sizeBytes: this.#file?.sizeBytes ?? 0 };
  }

  #health(): CaptureHealth {
    const pictures = this.#pictures?.health ?? { pictures: 0, droppedPictures: 0, sizeChanges: 0 };
    return { ...pictures, silenceMs: Math.round(this.#sound?.silenceMs ?? 0) };
  }

  async #saveFacts(finished?: RecordingFacts['finished']): Promise<void> {
    if (this.#folder === undefined) return;
    const { facts } = this.#options.plan;
    const mimeType = this.#file?.mimeType ?? '';
    await writeFacts(this.#folder, { ...facts, mimeType, ...(finished !== undefined && { finished }) });
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    void this.#end(isQuotaError(error) ? 'storage-full' : 'failed', error);
  }

  async #end(reason: EndReason, cause: unknown): Promise<void> {
    if (this.#state === 'ending' || this.#state === 'ended') return;
    const now = this.#options.now();
    const begun = this.#state === 'recording';
    this.#state = 'ending';
    clearInterval(this.#timer);
    let end = { reason, cause };
    if (begun) {
      try {
        await this.#finish(now, reason);
      } catch (error) {
        // What is written stays; it can be made whole when there is space again.
        if (cause === undefined) end = { reason: isQuotaError(error) ? 'storage-full' : 'failed', cause: error };
      }
    }
    this.#pictures?.close();
    this.#soundEncoder?.close();
    this.#handle?.close();
    const { durationMs } = this.#facts();
    const sizeBytes = this.#file?.sizeBytes ?? 0;
    this.#state = 'ended';
    await this.#releaseLock?.();
    this.#options.send({
      type: 'ended',
      reason: end.reason,
      durationMs,
      sizeBytes,
      health: this.#health(),
      ...(end.cause !== undefined && { error: describe(end.cause) }),
    });
  }

  async #finish(nowMs: number, reason: EndReason): Promise<void> {
    this.#time.pause(nowMs);
    this.#sound?.finish(nowMs);
    await Promise.all([this.#pictures?.flush(), this.#soundEncoder?.flush()]);
    const durationMs = this.#time.now(nowMs);
    this.#file?.finish(durationMs);
    const { sizeBytes = 0 } = this.#file ?? {};
    if (sizeBytes === 0) return;
    const finished = { durationMs: Math.round(durationMs), sizeBytes, health: this.#health() };
    await this.#saveFacts({ ...finished, reason });
  }
}

/** Resolves once the lock is held, with a function that resolves once it is given back. */
function holdLock(name: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const given = navigator.locks.request(name, () => {
      const { promise, resolve: giveBack } = Promise.withResolvers<void>();
      resolve(() => {
        giveBack();
        return given.then(() => {});
      });
      return promise;
    });
    given.catch(reject);
  });
}

function isQuotaError(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError';
}

function storageFull(): AircheckError {
  return new AircheckError('storage-full', 'What the browser gives to this page is used up', {
    hint: 'Save recordings to files and remove them here, or free space on the disk',
  });
}

function describe(error: unknown): { code: ErrorCode; detail: string } {
  if (error instanceof AircheckError) return { code: error.code, detail: error.message };
  if (isQuotaError(error)) return describe(storageFull());
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    code: error instanceof DOMException && error.name === 'NotSupportedError' ? 'codec-unsupported' : 'internal',
    detail,
  };
}
