import { AircheckError } from '@aircheck/protocol';
import { type Av, describe, loadAv } from './av.ts';
import { recogniseOther } from './file-signature.ts';

export type Frame = InstanceType<Av['Frame']>;
export type Packet = InstanceType<Av['Packet']>;
type FormatContext = InstanceType<Av['FormatContext']>;
type Stream = InstanceType<Av['Stream']>;

/** Containers that are taken; what else FFmpeg reads refers to other files, is text, or is a picture. */
const FORMATS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,flv,mpegts,mpeg,avi,asf,mp3,aac,ogg,wav,flac,amr';
/** Pictures wider or higher than that are refused before they are decoded. */
export const MAX_PICTURE_SIDE = 8192;
const MAX_CHANNELS = 32;
const MAX_SAMPLE_RATE = 192_000;
/** A timestamp that jumps that far, in a container whose clock may jump, is another clock. */
const CLOCK_JUMP_MS = 10_000;
/** A file is given up where that many reads fail one after another. */
const MAX_READ_ERRORS = 32;
/** A time that was made of ticks goes back to the same tick. */
const SAME_TICK = 1e-3;
/** Sample entries of encrypted tracks (ISO/IEC 23001-7 §4). */
const ENCRYPTED_TAGS = new Set(['encv', 'enca', 'drmi', 'drms']);

/** A track of picture or sound. */
export interface InputStream {
  readonly kind: 'video' | 'audio';
  readonly index: number;
  /** FFmpeg's name: `h264`, `hevc`, `mp3` … */
  readonly codec: string;
  readonly timeBase: { readonly num: number; readonly den: number };
  readonly msPerTick: number;
  readonly parameters: Stream['codecpar'];
  /** Clockwise turns by 90° until the picture stands upright. */
  readonly quarterTurns: number;
  /** Pictures a second that the container tells; 0 when it does not. */
  readonly nominalFps: number;
}

/**
 * A media file that is open for reading: its best picture and sound track, times from the file's zero.
 *
 * Nothing of a file is believed: only containers of its own are read, no other file or address is followed.
 */
export class MediaInput {
  readonly av: Av;
  readonly video: InputStream | undefined;
  readonly audio: InputStream | undefined;
  /** FFmpeg's name of the container: `mov,mp4,m4a,3gp,3g2,mj2`, `matroska,webm`, `flv` … */
  readonly format: string;
  /** As the container tells it: exact for some, estimated for others, 0 when it tells nothing. */
  readonly durationMs: number;
  /** What the last {@link read} found; it is overwritten by the next. */
  readonly packet: Packet;
  readonly #context: FormatContext;
  /** Its clock may jump, as that of a broadcast does. */
  readonly #clockJumps: boolean;
  #zeroMs: number;
  #lastDtsMs: number | undefined;
  #damage: string | undefined;

  /**
   * @param path - absolute
   * @param only - the other track is not read
   * @throws AircheckError `media-invalid` when it is no media, or has neither picture nor sound; `jobs-unavailable`
   */
  static async open(path: string, only?: 'video'): Promise<MediaInput> {
    const other = await recogniseOther(path);
    if (other === 'empty') throw new AircheckError('media-invalid', 'The file is empty');
    if (other !== undefined) throw new AircheckError('media-invalid', `The file is ${other}, not picture or sound`);
    const av = await loadAv();
    const context = new av.FormatContext();
    const options = av.Dictionary.fromObject({ protocol_whitelist: 'file', format_whitelist: FORMATS });
    const opened = await context.openInput(`file:${path}`, null, options);
    if (opened < 0) throw new AircheckError('media-invalid', unreadable(av, opened));
    try {
      await context.findStreamInfo(null);
      return new MediaInput(av, context, only);
    } catch (error) {
      await context.closeInput();
      throw error;
    }
  }

  private constructor(av: Av, context: FormatContext, only: 'video' | undefined) {
    this.av = av;
    this.#context = context;
    this.format = context.iformat?.name ?? 'unknown';
    const streams = context.streams;
    this.video = this.#choose(streams, 'video');
    this.audio = only === undefined ? this.#choose(streams, 'audio') : undefined;
    if (this.video === undefined && this.audio === undefined) {
      const what = only === undefined ? 'neither picture nor sound' : 'no picture';
      throw new AircheckError('media-invalid', `The file (${this.format}) has ${what}`);
    }
    const chosen = [this.video?.index, this.audio?.index];
    for (const stream of streams)
      stream.discard = chosen.includes(stream.index) ? av.AVDISCARD_DEFAULT : av.AVDISCARD_ALL;
    this.durationMs = Math.max(0, microseconds(av, context.duration) / 1000);
    this.#clockJumps = ['mpegts', 'mpeg', 'flv'].includes(this.format);
    // An MP4 has a zero of its own, before which only what is not shown lies; others begin where their first frame is.
    const startMs = microseconds(av, context.startTime) / 1000;
    this.#zeroMs = this.format.startsWith('mov') ? 0 : Math.max(0, startMs);
    this.packet = new av.Packet();
    this.packet.alloc();
  }

  /** Why reading ended before the file's end; undefined for a whole file. */
  get damage(): string | undefined {
    return this.#damage;
  }

  #choose(streams: readonly Stream[], kind: 'video' | 'audio'): InputStream | undefined {
    const { av } = this;
    const type = kind === 'video' ? av.AVMEDIA_TYPE_VIDEO : av.AVMEDIA_TYPE_AUDIO;
    const best = this.#context.findBestStream(type, -1, -1);
    const stream = streams.find(({ index }) => index === best);
    // A cover inside of a sound file is no picture that moves.
    if (stream === undefined || stream.hasDisposition(av.AV_DISPOSITION_ATTACHED_PIC)) return undefined;
    const parameters = stream.codecpar;
    const codec = av.avGetCodecName(parameters.codecId) ?? 'unknown';
    refuse(av, kind, codec, parameters);
    const { num, den } = stream.timeBase;
    const fps = stream.avgFrameRate;
    return {
      kind,
      index: stream.index,
      codec,
      timeBase: { num, den },
      msPerTick: (1000 * num) / den,
      parameters,
      quarterTurns: quarterTurns(parameters.getCodedSideData(av.AV_PKT_DATA_DISPLAYMATRIX)),
      nominalFps: fps.den > 0 ? fps.num / fps.den : 0,
    };
  }

  /**
   * Reads the next packet of one of the tracks.
   *
   * @returns its track; undefined at the end, or where the file can't be read any further ({@link damage})
   */
  read(): InputStream | undefined {
    const { av, packet } = this;
    for (let errors = 0; errors < MAX_READ_ERRORS; ) {
      packet.unref();
      const code = this.#context.readFrameSync(packet);
      if (code === av.AVERROR_EOF) return undefined;
      if (code < 0) {
        errors += 1;
        this.#damage = describe(av, code);
        continue;
      }
      const { streamIndex } = packet;
      const stream =
        streamIndex === this.video?.index ? this.video : streamIndex === this.audio?.index ? this.audio : undefined;
      if (stream === undefined) continue;
      this.#followClock(stream);
      return stream;
    }
    return undefined;
  }

  #followClock({ msPerTick }: InputStream): void {
    if (!this.#clockJumps || this.packet.dts === this.av.AV_NOPTS_VALUE) return;
    const dtsMs = Number(this.packet.dts) * msPerTick;
    const jump = dtsMs - (this.#lastDtsMs ?? dtsMs);
    if (Math.abs(jump) > CLOCK_JUMP_MS) this.#zeroMs += jump;
    this.#lastDtsMs = dtsMs;
  }

  /**
   * From the file's zero to a time in a track's ticks.
   *
   * @returns undefined for a time that is not told
   */
  timeMs(ticks: bigint, { msPerTick }: InputStream): number | undefined {
    return ticks === this.av.AV_NOPTS_VALUE ? undefined : Number(ticks) * msPerTick - this.#zeroMs;
  }

  /** Time of the packet just read: when it is shown, or else when it is decoded. */
  packetMs(stream: InputStream): number | undefined {
    return this.timeMs(this.packet.pts, stream) ?? this.timeMs(this.packet.dts, stream);
  }

  /** Goes to the key frame before a time, or as near to it as the container can. */
  async seek(stream: InputStream, ms: number): Promise<void> {
    const ticks = BigInt(Math.floor((ms + this.#zeroMs) / stream.msPerTick + SAME_TICK));
    await this.#context.seekFrame(stream.index, ticks, this.av.AVSEEK_FLAG_BACKWARD);
    this.#lastDtsMs = undefined;
  }

  /** What the container says of itself, for example `major_brand`. */
  tag(name: string): string | undefined {
    return this.#context.metadata?.get(name) ?? undefined;
  }

  async close(): Promise<void> {
    this.packet.free();
    await this.#context.closeInput();
  }
}

function microseconds(av: Av, time: bigint): number {
  return time === av.AV_NOPTS_VALUE ? 0 : Number(time);
}

function unreadable(av: Av, code: number): string {
  return code === av.AVERROR_INVALIDDATA || code === av.AVERROR_EINVAL
    ? 'The file is no media in a container that is taken, or its beginning or index is missing'
    : `The file cannot be opened: ${describe(av, code)}`;
}

function refuse(av: Av, kind: 'video' | 'audio', codec: string, parameters: Stream['codecpar']): void {
  const encrypted = parameters.getCodedSideData(av.AV_PKT_DATA_ENCRYPTION_INIT_INFO) !== null;
  if (encrypted || ENCRYPTED_TAGS.has(parameters.codecTagString ?? '')) {
    throw new AircheckError('media-invalid', `The ${kind === 'video' ? 'picture' : 'sound'} is encrypted`);
  }
  if (kind === 'video') {
    const { width, height } = parameters;
    if (width > MAX_PICTURE_SIDE || height > MAX_PICTURE_SIDE) {
      throw new AircheckError('media-invalid', `A picture of ${width}×${height}: ${MAX_PICTURE_SIDE} a side are taken`);
    }
  } else if (parameters.channels > MAX_CHANNELS || parameters.sampleRate > MAX_SAMPLE_RATE) {
    throw new AircheckError(
      'media-invalid',
      `Sound of ${parameters.channels} channels at ${parameters.sampleRate} Hz: ${MAX_CHANNELS} and ${MAX_SAMPLE_RATE} are taken`,
    );
  }
  if (av.Codec.findDecoder(parameters.codecId) === null) {
    throw new AircheckError('media-invalid', `No decoder for ${kind === 'video' ? 'pictures' : 'sound'} in ${codec}`);
  }
}

/** Rotation of a display matrix (ISO/IEC 14496-12 §8.2.2): nine numbers, `a b u c d v x y w`. */
function quarterTurns(matrix: Buffer | null): number {
  if (matrix === null || matrix.length < 36) return 0;
  const angle = Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0));
  return (Math.round((angle * 2) / Math.PI) + 4) % 4;
}
