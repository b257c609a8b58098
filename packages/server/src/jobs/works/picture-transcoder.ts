import type { VideoTrackOptions } from '@aircheck/media';
import { Canvas, type Size } from './canvas.ts';
import type { PictureMaker } from './make-movie.ts';
import type { Frame, InputStream, MediaInput, Packet } from './media-input.ts';
import type { MoviePicture } from './movie-file.ts';
import { PICTURE_TIMESCALE, PictureEncoder } from './picture-encoder.ts';
import { PictureFitter } from './picture-fitter.ts';
import { StreamDecoder } from './stream-decoder.ts';
import type { Watermark } from './watermark.ts';

/** Assumed where a file does not tell, or tells the ticks of its clock. */
const USUAL_FPS = 30;
const MAX_FPS = 120;
/** A picture that is to come later than that has a damaged time. */
const LONGEST_HOLE_TICKS = 3 * 3600 * PICTURE_TIMESCALE;
/** Part of the distance between two pictures by which one may come too early. */
const TOLERANCE = 0.4;

export interface PictureOptions {
  readonly size: Size;
  readonly bitrateBps: number;
  /** At most that many pictures a second. */
  readonly fps?: number | undefined;
  readonly watermark?: Watermark | undefined;
}

/** Decodes a picture track and encodes it to H.264 of one size; each picture keeps its time. */
export class PictureTranscoder implements PictureMaker {
  readonly #input: MediaInput;
  readonly #options: PictureOptions;
  readonly #decoder: StreamDecoder;
  readonly #fitter: PictureFitter;
  readonly #canvas: Canvas;
  readonly #fps: number;
  #encoder: PictureEncoder | undefined;
  #last = -1;
  /** Milliseconds at which the next picture is due, where pictures are left out. */
  #dueMs = 0;

  constructor(input: MediaInput, stream: InputStream, options: PictureOptions) {
    this.#input = input;
    this.#options = options;
    this.#decoder = new StreamDecoder(input, stream);
    this.#fitter = new PictureFitter(input.av, stream.quarterTurns);
    this.#canvas = new Canvas(input.av, options.size, 'video');
    const { nominalFps } = stream;
    this.#fps = nominalFps > 0 && nominalFps <= MAX_FPS ? nominalFps : USUAL_FPS;
  }

  get track(): VideoTrackOptions | undefined {
    return this.#encoder?.track;
  }

  /** One sentence about what could not be decoded, or undefined. */
  get damage(): string | undefined {
    return this.#decoder.damage;
  }

  take(packet: Packet | null): MoviePicture[] {
    const pictures: MoviePicture[] = [];
    for (const frame of this.#decoder.decode(packet)) pictures.push(...this.#encode(frame));
    if (packet === null) pictures.push(...(this.#encoder?.finish() ?? []));
    return pictures;
  }

  #encode(frame: Frame): MoviePicture[] {
    const durationMs = this.#decoder.durationMs(frame) || 1000 / this.#fps;
    const ms = this.#decoder.timeMs(frame) ?? (this.#last * 1000) / PICTURE_TIMESCALE + durationMs;
    const timestamp = Math.max(0, Math.round((ms * PICTURE_TIMESCALE) / 1000));
    const isDamaged = timestamp - Math.max(0, this.#last) > LONGEST_HOLE_TICKS;
    if (ms + durationMs <= 0 || timestamp <= this.#last || isDamaged || this.#isTooMany(ms)) return [];
    this.#last = timestamp;
    this.#encoder ??= new PictureEncoder(this.#input.av, this.#canvas, {
      bitrateBps: this.#options.bitrateBps,
      fps: Math.min(this.#fps, this.#options.fps ?? MAX_FPS),
      like: frame,
    });
    this.#fitter.draw(frame, this.#canvas);
    this.#options.watermark?.draw(this.#canvas);
    return this.#encoder.encode(
      this.#canvas,
      timestamp,
      Math.max(1, Math.round((durationMs * PICTURE_TIMESCALE) / 1000)),
    );
  }

  /** Times waver: a picture may come somewhat too early, if those before it did not. */
  #isTooMany(ms: number): boolean {
    const { fps } = this.#options;
    if (fps === undefined) return false;
    const distanceMs = 1000 / fps;
    if (ms + distanceMs * TOLERANCE < this.#dueMs) return true;
    this.#dueMs = Math.max(this.#dueMs, ms - distanceMs) + distanceMs;
    return false;
  }

  close(): void {
    this.#decoder.close();
    this.#fitter.close();
    this.#canvas.free();
    this.#encoder?.close();
  }
}
