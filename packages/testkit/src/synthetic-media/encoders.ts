import {
  AV_CHANNEL_ORDER_NATIVE,
  AV_LOG_ERROR,
  AV_OPT_SEARCH_CHILDREN,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_S16,
  FF_ENCODER_LIBOPUS,
  FF_ENCODER_LIBX264,
  type FFEncoderCodec,
} from 'node-av/constants';
import { type ChannelLayout, Codec, CodecContext, FFmpegError, Frame, Log, Packet, Rational } from 'node-av/lib';
import { splitAnnexB } from './annex-b.ts';
import { TestPicture } from './test-picture.ts';
import { OPUS_PACKET_MS, SAMPLE_RATE, testSound } from './test-sound.ts';

Log.setLevel(AV_LOG_ERROR);

export interface PictureOptions {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly videoBitrateBps: number;
  /** Frames from one key frame to the next. */
  readonly keyFrameInterval: number;
}

export interface EncodedPicture {
  readonly counter: number;
  readonly keyFrame: boolean;
  /** Parameter sets come before each IDR picture. */
  readonly nalUnits: readonly Uint8Array[];
}

const OPUS_PACKET_SAMPLES = (SAMPLE_RATE * OPUS_PACKET_MS) / 1000;
const STEREO: ChannelLayout = { nbChannels: 2, order: AV_CHANNEL_ORDER_NATIVE, mask: 3n };

function allocContext(name: FFEncoderCodec): { codec: Codec; context: CodecContext } {
  const codec = Codec.findEncoderByName(name);
  if (codec === null) throw new Error(`node-av has no encoder ${name} on this platform`);
  const context = new CodecContext();
  context.allocContext3(codec);
  return { codec, context };
}

/** Opens without a Dictionary: `open2Sync` frees it a second time when it is collected, which ends the process. */
function open(codec: Codec, context: CodecContext, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    FFmpegError.throwIfError(context.setOption(name, value, undefined as never, AV_OPT_SEARCH_CHILDREN), name);
  }
  FFmpegError.throwIfError(context.open2Sync(codec, null), 'open encoder');
}

function takePacket(context: CodecContext, packet: Packet): Buffer {
  FFmpegError.throwIfError(context.receivePacketSync(packet), 'receivePacket');
  const data = Buffer.from(packet.data ?? []);
  packet.unref();
  return data;
}

/** Encodes the test picture: H.264 constrained baseline, one slice, no reordering, parameter sets in band. */
export class PictureEncoder {
  readonly options: PictureOptions;
  readonly #context: CodecContext;
  readonly #picture: TestPicture;
  readonly #packet = new Packet();
  #keyFrameWanted = true;
  #sinceKeyFrame = 0;

  constructor(options: PictureOptions) {
    this.options = options;
    this.#picture = new TestPicture(options.width, options.height);
    this.#packet.alloc();
    const { codec, context } = allocContext(FF_ENCODER_LIBX264);
    context.width = options.width;
    context.height = options.height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new Rational(1, options.framesPerSecond);
    context.framerate = new Rational(options.framesPerSecond, 1);
    context.bitRate = BigInt(options.videoBitrateBps);
    context.rcMaxRate = BigInt(options.videoBitrateBps);
    context.rcBufferSize = Math.round(options.videoBitrateBps / 2);
    context.maxBFrames = 0;
    context.gopSize = 100_000; // key frames come when asked for, see encode()
    context.threadCount = 1;
    open(codec, context, {
      preset: 'ultrafast',
      tune: 'zerolatency',
      profile: 'baseline',
      'forced-idr': '1',
      'x264-params': 'scenecut=0:repeat-headers=1:sliced-threads=0:level=31',
    });
    this.#context = context;
  }

  requestKeyFrame(): void {
    this.#keyFrameWanted = true;
  }

  encode(counter: number): EncodedPicture {
    const { width, height, framesPerSecond, keyFrameInterval } = this.options;
    const keyFrame = this.#keyFrameWanted || this.#sinceKeyFrame >= keyFrameInterval;
    this.#keyFrameWanted = false;
    this.#sinceKeyFrame = keyFrame ? 1 : this.#sinceKeyFrame + 1;
    const frame = Frame.fromVideoBuffer(this.#picture.draw(counter, (counter * 1000) / framesPerSecond), {
      width,
      height,
      format: AV_PIX_FMT_YUV420P,
      pts: BigInt(counter),
    });
    frame.pictType = keyFrame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), 'sendFrame');
    frame.free();
    // Access unit delimiters and encoder notes (SEI) say nothing that RTP does not.
    const nalUnits = splitAnnexB(takePacket(this.#context, this.#packet)).filter((nal) => {
      const type = (nal[0] ?? 0) & 31;
      return type !== 6 && type !== 9;
    });
    return { counter, keyFrame, nalUnits };
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}

/** Encodes the test sound: Opus, 48 kHz, stereo, 20 ms a packet, constant bit rate. */
export class SoundEncoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();
  #packets = 0;

  constructor(bitrateBps: number) {
    this.#packet.alloc();
    const { codec, context } = allocContext(FF_ENCODER_LIBOPUS);
    context.sampleRate = SAMPLE_RATE;
    context.sampleFormat = AV_SAMPLE_FMT_S16;
    context.channelLayout = STEREO;
    context.timeBase = new Rational(1, SAMPLE_RATE);
    context.bitRate = BigInt(bitrateBps);
    open(codec, context, { frame_duration: String(OPUS_PACKET_MS), vbr: 'off' });
    this.#context = context;
  }

  /** The next packet of the sound. */
  encode(): Buffer {
    const firstSample = this.#packets * OPUS_PACKET_SAMPLES;
    this.#packets += 1;
    const frame = Frame.fromAudioBuffer(testSound(firstSample, OPUS_PACKET_SAMPLES), {
      nbSamples: OPUS_PACKET_SAMPLES,
      format: AV_SAMPLE_FMT_S16,
      sampleRate: SAMPLE_RATE,
      channelLayout: STEREO,
      pts: BigInt(firstSample),
    });
    FFmpegError.throwIfError(this.#context.sendFrameSync(frame), 'sendFrame');
    frame.free();
    return takePacket(this.#context, this.#packet);
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}
