import { annexBToLengthPrefixed } from '@aircheck/media';
import type { PictureClock } from './picture-clock.ts';
import { type PictureCodec, pictureEncoderConfig } from './picture-codec.ts';
import type { RecordingTime } from './recording-time.ts';
import { upright } from './upright-picture.ts';

/** Pictures that may wait for the encoder; more are left out. */
const MAX_QUEUE = 6;
const KEY_FRAME_INTERVAL_MS = 2000;
/** A picture that stands is written again after so long, so that a crash never costs more of it. */
const REPEAT_MS = 1000;
/** How long the recording waits for its first picture before it begins with a black one. */
const FIRST_PICTURE_MS = 1000;
const BLACK = { width: 640, height: 360 };
/** Ticks per second of the picture's track. */
export const PICTURE_TIMESCALE = 90_000;

export interface EncodedPicture {
  readonly data: Uint8Array;
  readonly keyFrame: boolean;
  /** From the recording's beginning. */
  readonly positionUs: number;
}

export interface PictureTrackOptions {
  readonly codec: PictureCodec;
  readonly bitrateBps: number;
  readonly time: RecordingTime;
  readonly clock: PictureClock;
  /** How much earlier than it came sound is written just now, in ms. */
  readonly soundEarlyMs: () => number;
  readonly encoded: (picture: EncodedPicture) => void;
  readonly failed: (error: unknown) => void;
}

/** Encodes the pictures that come, in whatever size they have. */
export class PictureTrack {
  readonly #options: PictureTrackOptions;
  readonly #encoder: VideoEncoder;
  readonly #createdMs: number;
  #size = { width: 0, height: 0 };
  /** The newest picture, to be written again when none follows. */
  #last: VideoFrame | undefined;
  #sourceEnded = false;
  #lastAtMs = Number.NEGATIVE_INFINITY;
  #lastPositionUs = -1;
  #nextKeyFrameUs = 0;
  #pictures = 0;
  #dropped = 0;
  #sizeChanges = 0;

  constructor(options: PictureTrackOptions, nowMs: number) {
    this.#options = options;
    this.#createdMs = nowMs;
    this.#encoder = new VideoEncoder({ output: (chunk) => this.#take(chunk), error: options.failed });
  }

  get health() {
    return { pictures: this.#pictures, droppedPictures: this.#dropped, sizeChanges: this.#sizeChanges };
  }

  /** Pictures of another source follow, whose timestamps count from elsewhere. */
  sourceChanged(): void {
    this.#options.clock.sourceChanged();
    this.#sourceEnded = false;
  }

  /** There are no more pictures until another source comes: black is shown then. */
  sourceEnded(): void {
    this.#sourceEnded = true;
  }

  /** Takes a picture over, and closes it. */
  push(frame: VideoFrame, arrivalMs: number): void {
    const { time, clock, soundEarlyMs } = this.#options;
    const atMs = clock.map(frame, arrivalMs, soundEarlyMs());
    time.begin(atMs);
    const positionMs = time.positionAt(atMs);
    if (positionMs === undefined) {
      frame.close();
      return;
    }
    const picture = upright(frame);
    this.#keep(picture, arrivalMs);
    if (this.#encoder.encodeQueueSize >= MAX_QUEUE) this.#dropped += 1;
    else this.#encode(picture, Math.round(positionMs * 1000));
  }

  /** The next picture can be decoded on its own: after a pause players should be able to go there. */
  wantKeyFrame(): void {
    this.#nextKeyFrameUs = 0;
  }

  /** Writes the picture that stands again, or a black one where there is none. */
  tick(nowMs: number): void {
    const { time } = this.#options;
    if (time.paused) return;
    if (!time.begun && nowMs - this.#createdMs < FIRST_PICTURE_MS) return;
    if (nowMs - this.#lastAtMs < REPEAT_MS) return;
    if (this.#last === undefined || this.#sourceEnded) {
      this.#keep(blackPicture(this.#last === undefined ? BLACK : this.#size), nowMs);
      this.#sourceEnded = false;
    }
    time.begin(nowMs);
    this.#lastAtMs = nowMs;
    const positionMs = time.positionAt(nowMs);
    if (positionMs !== undefined) this.#encode(this.#last!, Math.round(positionMs * 1000));
  }

  /** Resolves when all pictures are encoded. */
  async flush(): Promise<void> {
    if (this.#encoder.state === 'configured') await this.#encoder.flush();
  }

  close(): void {
    this.#last?.close();
    this.#last = undefined;
    if (this.#encoder.state !== 'closed') this.#encoder.close();
  }

  #keep(frame: VideoFrame, atMs: number): void {
    this.#last?.close();
    this.#last = frame;
    this.#lastAtMs = atMs;
  }

  #encode(frame: VideoFrame, wantedUs: number): void {
    if (this.#encoder.state === 'closed') return;
    // The clocks are found more exactly as pictures come, so that one may lie a little before the one before.
    const positionUs = Math.max(wantedUs, this.#lastPositionUs + 1000);
    // H.264 codes pairs of lines: of an odd size the last line or column is left out.
    const { x, y } = frame.visibleRect ?? { x: 0, y: 0 };
    const width = Math.max(2, (frame.visibleRect?.width ?? frame.codedWidth) & ~1);
    const height = Math.max(2, (frame.visibleRect?.height ?? frame.codedHeight) & ~1);
    if (width !== this.#size.width || height !== this.#size.height) this.#configure(width, height);
    const keyFrame = positionUs >= this.#nextKeyFrameUs;
    if (keyFrame) this.#nextKeyFrameUs = positionUs + KEY_FRAME_INTERVAL_MS * 1000;
    const whole = width === frame.visibleRect?.width && height === frame.visibleRect.height;
    const timed = new VideoFrame(frame, {
      timestamp: positionUs,
      ...(!whole && { visibleRect: { x, y, width, height } }),
    });
    this.#encoder.encode(timed, { keyFrame });
    timed.close();
    this.#lastPositionUs = positionUs;
  }

  #configure(width: number, height: number): void {
    if (this.#size.width > 0) this.#sizeChanges += 1;
    this.#size = { width, height };
    this.#nextKeyFrameUs = 0;
    const { codec, bitrateBps } = this.#options;
    this.#encoder.configure(pictureEncoderConfig(codec, this.#size, bitrateBps));
  }

  #take(chunk: EncodedVideoChunk): void {
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#pictures += 1;
    this.#options.encoded({
      data: this.#options.codec === 'h264' ? annexBToLengthPrefixed(bytes) : bytes,
      keyFrame: chunk.type === 'key',
      positionUs: chunk.timestamp,
    });
  }
}

function blackPicture({ width, height }: { width: number; height: number }): VideoFrame {
  const luma = width * height;
  const chroma = (width / 2) * (height / 2);
  const data = new Uint8Array(luma + 2 * chroma).fill(16, 0, luma).fill(128, luma);
  return new VideoFrame(data, { format: 'I420', codedWidth: width, codedHeight: height, timestamp: 0 });
}
