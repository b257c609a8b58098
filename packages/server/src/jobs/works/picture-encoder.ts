import { annexBNalUnits, h264Format, joinLengthPrefixed, NAL_TYPE, type VideoTrackOptions } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import { type Av, openEncoder, succeed } from './av.ts';
import type { Canvas } from './canvas.ts';
import type { Frame } from './media-input.ts';
import type { MoviePicture } from './movie-file.ts';
import { copyColours } from './picture-fitter.ts';

export const PICTURE_TIMESCALE = 90_000;
/** From one key frame to the next: a segment of HLS is as long. */
const KEY_FRAME_MS = 2000;
/**
 * What x264 aims at: hardly to be told from the source. The bit rate asked for bounds it, so that a picture in which
 * little moves takes less.
 */
const CONSTANT_RATE_FACTOR = '22';
const THREADS = 2;

export interface PictureEncoderOptions {
  readonly bitrateBps: number;
  /** About how many pictures a second come; their real times may differ. */
  readonly fps: number;
  /** Whose colours are told to players. */
  readonly like: Frame;
}

/** Encodes canvases to H.264: main profile, closed groups of 2 s, no reordering, parameter sets in band. */
export class PictureEncoder {
  readonly track: VideoTrackOptions;
  readonly #av: Av;
  readonly #context: InstanceType<Av['CodecContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  #nextKeyMs = Number.NEGATIVE_INFINITY;
  #lastDuration = 0;

  constructor(av: Av, { width, height }: Canvas, { bitrateBps, fps, like }: PictureEncoderOptions) {
    this.#av = av;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#context = openEncoder(
      av,
      av.FF_ENCODER_LIBX264,
      (context) => {
        context.width = width;
        context.height = height;
        context.pixelFormat = av.AV_PIX_FMT_YUV420P;
        context.timeBase = new av.Rational(1, PICTURE_TIMESCALE);
        context.framerate = new av.Rational(Math.max(1, Math.round(fps * 1000)), 1000);
        context.rcMaxRate = BigInt(bitrateBps);
        context.rcBufferSize = bitrateBps * 2;
        context.maxBFrames = 0;
        context.gopSize = 100_000; // key frames come when asked for
        context.threadCount = THREADS;
        context.colorRange = av.AVCOL_RANGE_MPEG;
        copyColours(av, like, context);
        context.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
      },
      {
        preset: 'veryfast',
        profile: 'main',
        crf: CONSTANT_RATE_FACTOR,
        'forced-idr': '1',
        'x264-params': 'scenecut=0:repeat-headers=1',
      },
    );
    const format = h264Format(joinLengthPrefixed([...annexBNalUnits(this.#context.extraData ?? Buffer.alloc(0))]));
    if (format === undefined) throw new AircheckError('internal', 'x264 told no parameter sets');
    this.track = { ...format, kind: 'video', timescale: PICTURE_TIMESCALE };
  }

  /**
   * @param timestamp - in {@link PICTURE_TIMESCALE}, above the one before
   * @param duration - of this picture, should it be the last
   * @returns what has become ready, which may be of earlier pictures
   */
  encode(canvas: Canvas, timestamp: number, duration: number): MoviePicture[] {
    const ms = (timestamp * 1000) / PICTURE_TIMESCALE;
    const keyFrame = ms >= this.#nextKeyMs;
    // On a grid, so that renditions of one file have their key frames at the same times.
    if (keyFrame) this.#nextKeyMs = (Math.floor(ms / KEY_FRAME_MS + 1e-6) + 1) * KEY_FRAME_MS;
    const { frame } = canvas;
    frame.pts = BigInt(timestamp);
    frame.duration = BigInt(duration);
    frame.pictType = keyFrame ? this.#av.AV_PICTURE_TYPE_I : this.#av.AV_PICTURE_TYPE_NONE;
    this.#lastDuration = duration;
    succeed(this.#av, this.#context.sendFrameSync(frame), 'encode a picture');
    return this.#take();
  }

  /** What is left at the end. */
  finish(): MoviePicture[] {
    succeed(this.#av, this.#context.sendFrameSync(null), 'encode a picture');
    return this.#take();
  }

  #take(): MoviePicture[] {
    const pictures: MoviePicture[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      const { data, isKeyframe, pts } = this.#packet;
      const nalUnits = [...annexBNalUnits(data ?? Buffer.alloc(0))].filter((nalUnit) => {
        const type = nalUnit[0]! & 0x1f;
        // Notes of the encoder and marks that only a byte stream needs.
        return type !== NAL_TYPE.supplementalEnhancementInformation && type !== NAL_TYPE.accessUnitDelimiter;
      });
      pictures.push({
        data: joinLengthPrefixed(nalUnits),
        keyFrame: isKeyframe,
        timestamp: Number(pts),
        duration: this.#lastDuration,
      });
      this.#packet.unref();
    }
    return pictures;
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}
