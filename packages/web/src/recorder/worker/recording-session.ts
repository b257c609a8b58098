import { AircheckError } from '@aircheck/protocol/errors';
import type { CaptureHealth, EndReason } from '../facts.ts';
import type { FromWorker, LipSync, WorkerPlan } from '../worker-messages.ts';
import { PictureClock } from './picture-clock.ts';
import { choosePictureCodec, type PictureCodec } from './picture-codec.ts';
import { PictureTrack } from './picture-track.ts';
import { RecordingFile } from './recording-file.ts';
import { RecordingStore, storageFull } from './recording-store.ts';
import { RecordingTime } from './recording-time.ts';
import { describeError, reasonOf, type Session } from './session.ts';
import { createSoundEncoder, type SoundEncoder, soundTrackOptions } from './sound-encoder.ts';
import { SoundTrack } from './sound-track.ts';

/** How much a crash may cost, but for what is in the encoders. */
const FRAGMENT_MS = 500;
/** The space is looked at every so many fragments: asking costs a message to the browser's main process. */
const FRAGMENTS_PER_SPACE_CHECK = 4;

export interface RecordingSessionOptions {
  readonly plan: WorkerPlan;
  readonly send: (message: FromWorker) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** One recording that is encoded here, from its folder's creation to its last byte. */
export class RecordingSession implements Session {
  readonly #options: RecordingSessionOptions;
  readonly #time = new RecordingTime();
  readonly #pictureClock = new PictureClock();
  #state: 'starting' | 'recording' | 'ending' | 'ended' = 'starting';
  #store: RecordingStore | undefined;
  #file: RecordingFile | undefined;
  #pictures: PictureTrack | undefined;
  #sound: SoundTrack | undefined;
  #soundEncoder: SoundEncoder | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #freeBytes = 0;
  #ticks = 0;
  #announced = false;
  /** It was stopped before it had started. */
  #stopReason: EndReason | undefined;

  constructor(options: RecordingSessionOptions) {
    this.#options = options;
  }

  get pictures(): PictureTrack | undefined {
    return this.#state === 'recording' ? this.#pictures : undefined;
  }

  get sound(): SoundTrack | undefined {
    return this.#state === 'recording' ? this.#sound : undefined;
  }

  /** Where sound alone is recorded, the file begins with it. */
  soundArrived(atMs: number): void {
    if (this.#pictures === undefined) this.#time.begin(atMs);
  }

  /** It may come before there is anything to be timed. */
  soundMeets(lipSync: LipSync, arrivalMs: number): void {
    this.#pictureClock.soundMeets(lipSync, arrivalMs);
  }

  async start(): Promise<void> {
    const { plan } = this.#options;
    try {
      this.#store = await RecordingStore.open(plan);
      this.#freeBytes = await this.#store.freeBytes(0, 0);
      const pictureCodec = plan.video && (await choosePictureCodec(plan.container));
      if (plan.video !== undefined && pictureCodec === undefined) {
        throw new AircheckError('codec-unsupported', `This browser encodes no pictures for ${plan.container}`);
      }
      await this.#openSound();
      this.#file = new RecordingFile({
        file: this.#store.file,
        reserve: this.#store.reserve,
        container: plan.container,
        pictureCodec,
        sound: plan.audio && soundTrackOptions(plan.audio),
        creationTime: plan.facts.startedAt,
      });
      if (pictureCodec !== undefined) this.#openPictures(pictureCodec);
      this.#state = 'recording';
      this.#timer = setInterval(() => this.#tick(), FRAGMENT_MS);
      if (this.#stopReason !== undefined) await this.stop(this.#stopReason);
    } catch (error) {
      await this.#end(reasonOf(error), error);
    }
  }

  pause(): void {
    this.#time.pause(this.#options.now());
  }

  resume(): void {
    this.#time.resume(this.#options.now());
    this.#pictures?.wantKeyFrame();
  }

  async stop(reason: EndReason): Promise<void> {
    if (this.#state === 'starting') this.#stopReason = reason;
    else await this.#end(reason, undefined);
  }

  fail(error: unknown): void {
    void this.#end(reasonOf(error), error);
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#store?.read(offset, length, this.#sizeBytes) ?? new Uint8Array(0);
  }

  get #sizeBytes(): number {
    return this.#file?.sizeBytes ?? 0;
  }

  async #openSound(): Promise<void> {
    const { audio } = this.#options.plan;
    if (audio === undefined) return;
    const encoder = await createSoundEncoder(audio, {
      encoded: (sound) => this.#guard(() => this.#file?.addSound(sound)),
      failed: (error) => this.fail(error),
    });
    this.#soundEncoder = encoder;
    this.#sound = new SoundTrack({
      time: this.#time,
      channels: audio.channels,
      primingSamples: encoder.primingSamples,
      encode: (planes, samples) => encoder.encode(planes, samples),
    });
  }

  #openPictures(codec: PictureCodec): void {
    const { plan, now } = this.#options;
    this.#pictures = new PictureTrack(
      {
        codec,
        bitrateBps: plan.video?.bitrateBps ?? 0,
        time: this.#time,
        clock: this.#pictureClock,
        soundEarlyMs: () => this.#sound?.earlyMs ?? 0,
        encoded: (picture) => this.#guard(() => this.#file?.addPicture(picture)),
        failed: (error) => this.fail(error),
      },
      now(),
    );
  }

  #tick(): void {
    const nowMs = this.#options.now();
    // Sound alone begins by itself, or a silent room would have no file.
    if (this.#pictures === undefined && this.#ticks > 1) this.#time.begin(nowMs);
    this.#guard(() => {
      this.#pictures?.tick(nowMs);
      this.#sound?.tick(nowMs);
      this.#file?.writeFragment();
      if (this.#file?.full === true) throw storageFull();
    });
    if (this.#state !== 'recording') return;
    this.#announce();
    if (this.#ticks++ % FRAGMENTS_PER_SPACE_CHECK === 0) void this.#checkSpace();
    const durationMs = Math.round(this.#time.now(nowMs));
    this.#options.send({ type: 'progress', durationMs, sizeBytes: this.#sizeBytes, freeBytes: this.#freeBytes });
  }

  /** Facts are written with the first fragment: a folder without them holds nothing that could be played. */
  #announce(): void {
    const { mimeType = '' } = this.#file ?? {};
    if (this.#announced || this.#store === undefined || mimeType === '') return;
    this.#announced = true;
    this.#store.saveFacts(mimeType).then(
      () => this.#options.send({ type: 'recording', mimeType }),
      (error) => this.fail(error),
    );
  }

  async #checkSpace(): Promise<void> {
    try {
      const freeBytes = await this.#store?.freeBytes(this.#sizeBytes, this.#file?.indexBytes ?? 0);
      this.#freeBytes = freeBytes ?? 0;
    } catch (error) {
      this.fail(error);
    }
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  async #end(reason: EndReason, cause: unknown): Promise<void> {
    if (this.#state === 'ending' || this.#state === 'ended') return;
    const nowMs = this.#options.now();
    const begun = this.#state === 'recording';
    this.#state = 'ending';
    clearInterval(this.#timer);
    const durationMs = Math.round(this.#time.now(nowMs));
    let end = { reason, cause };
    if (begun) {
      try {
        await this.#finish(nowMs, reason);
      } catch (error) {
        // What is written stays; it can be made whole when there is space again.
        if (cause === undefined) end = { reason: reasonOf(error), cause: error };
      }
    }
    this.#pictures?.close();
    this.#soundEncoder?.close();
    await this.#store?.close().catch(() => {
      // The file is written; what could not be tidied up goes when the recording is removed.
    });
    this.#store = undefined;
    this.#state = 'ended';
    this.#options.send({
      type: 'ended',
      reason: end.reason,
      durationMs,
      sizeBytes: this.#sizeBytes,
      health: this.#health(),
      ...(end.cause !== undefined && { error: describeError(end.cause) }),
    });
  }

  async #finish(nowMs: number, reason: EndReason): Promise<void> {
    this.#time.pause(nowMs);
    this.#sound?.finish(nowMs);
    await Promise.all([this.#pictures?.flush(), this.#soundEncoder?.flush()]);
    const durationMs = this.#time.now(nowMs);
    this.#file?.finish(durationMs);
    const sizeBytes = this.#sizeBytes;
    if (this.#file === undefined || sizeBytes === 0) return;
    const finished = { durationMs: Math.round(durationMs), sizeBytes, reason, health: this.#health() };
    await this.#store?.saveFacts(this.#file.mimeType, finished);
  }

  #health(): CaptureHealth {
    const pictures = this.#pictures?.health ?? { pictures: 0, droppedPictures: 0, sizeChanges: 0 };
    return { ...pictures, silenceMs: Math.round(this.#sound?.silenceMs ?? 0) };
  }
}
