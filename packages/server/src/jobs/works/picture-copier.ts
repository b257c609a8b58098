import {
  annexBToLengthPrefixed,
  joinLengthPrefixed,
  MediaError,
  parseSps,
  type VideoCodec,
  type VideoFormat,
  type VideoTrackOptions,
  videoFormat,
} from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { PictureMaker } from './make-movie.ts';
import type { InputStream, MediaInput, Packet } from './media-input.ts';
import type { MoviePicture } from './movie-file.ts';

/** What both players and our MP4s take. */
const KEPT: ReadonlySet<string> = new Set<VideoCodec>(['h264', 'vp9', 'av1']);
/** For containers whose ticks are no whole part of a second. */
const USUAL_TIMESCALE = 90_000;

/** Takes over pictures as they are, from the first key frame on. */
export class PictureCopier implements PictureMaker {
  readonly #input: MediaInput;
  readonly #stream: InputStream;
  readonly #codec: VideoCodec;
  readonly #timescale: number;
  #track: VideoTrackOptions | undefined;
  /** Decode time of the first picture, so that decoding begins when that is shown. */
  #shift = 0;
  #last = -1;
  /** Bytes of the lengths before NAL units; 0: start codes. Of H.264 alone. */
  #lengthBytes = 4;

  /** @throws AircheckError `media-invalid` for a codec that is not kept in MP4 */
  constructor(input: MediaInput, stream: InputStream) {
    if (!KEPT.has(stream.codec)) {
      throw new AircheckError('media-invalid', `Pictures in ${stream.codec} are not kept in MP4 as they are`, {
        hint: 'transcode the file',
      });
    }
    this.#input = input;
    this.#stream = stream;
    this.#codec = stream.codec as VideoCodec;
    this.#timescale = stream.timeBase.num === 1 ? stream.timeBase.den : USUAL_TIMESCALE;
    this.#configure(stream.parameters.extradata);
  }

  get track(): VideoTrackOptions | undefined {
    return this.#track;
  }

  take(packet: Packet | null): MoviePicture[] {
    const data = packet?.data ?? null;
    if (packet === null || data === null || data.length === 0) return [];
    const { av } = this.#input;
    const changed = packet.getSideData(av.AV_PKT_DATA_NEW_EXTRADATA);
    if (changed !== null) this.#configure(changed);
    const sample = this.#toSample(data);
    const format = packet.isKeyframe ? this.#formatOf(sample, changed) : undefined;
    const shown = this.#ticks(packet.pts) ?? this.#ticks(packet.dts);
    const decoded = this.#ticks(packet.dts) ?? shown;
    if (shown === undefined || decoded === undefined) return [];
    if (this.#track === undefined) {
      if (format === undefined) return [];
      this.#track = { ...format, kind: 'video', timescale: this.#timescale };
      this.#shift = shown - decoded;
    }
    // What lies before the zero is decoded and not shown: it takes no time.
    const timestamp = Math.max(0, this.#last, decoded + this.#shift);
    this.#last = timestamp;
    const duration = Math.round((Number(packet.duration) * this.#stream.msPerTick * this.#timescale) / 1000);
    return [
      {
        data: sample,
        keyFrame: packet.isKeyframe,
        timestamp,
        compositionOffset: shown < 0 ? 0 : shown - timestamp,
        duration: Math.max(1, duration),
        format,
      },
    ];
  }

  #ticks(time: bigint): number | undefined {
    const ms = this.#input.timeMs(time, this.#stream);
    return ms === undefined ? undefined : Math.round((ms * this.#timescale) / 1000);
  }

  #configure(extradata: Buffer | null): void {
    if (this.#codec !== 'h264') return;
    const isAvcC = extradata !== null && extradata.length >= 7 && extradata[0] === 1;
    this.#lengthBytes = isAvcC ? (extradata[4]! & 3) + 1 : 0;
  }

  #toSample(data: Buffer): Uint8Array {
    // Copied in any case: the packet's memory is used again.
    if (this.#codec !== 'h264' || this.#lengthBytes === 4) return Buffer.from(data);
    if (this.#lengthBytes === 0) return annexBToLengthPrefixed(data);
    const nalUnits: Uint8Array[] = [];
    for (let at = 0; at + this.#lengthBytes <= data.length; ) {
      const length = data.readUIntBE(at, this.#lengthBytes);
      at += this.#lengthBytes;
      nalUnits.push(data.subarray(at, at + length));
      at += length;
    }
    return joinLengthPrefixed(nalUnits);
  }

  /** What a key frame says of itself, or else what the container says. */
  #formatOf(sample: Uint8Array, changed: Buffer | null): VideoFormat | undefined {
    const told = videoFormat(this.#codec, sample);
    if (told !== undefined || (this.#track !== undefined && changed === null)) return told;
    const { extradata, width, height } = this.#stream.parameters;
    const description = changed ?? extradata;
    if (description === null || description.length < 4) return undefined;
    if (this.#codec !== 'h264') return { codec: this.#codec, width, height, description: Buffer.from(description) };
    if (this.#lengthBytes === 0) return videoFormat('h264', annexBToLengthPrefixed(description));
    // Lengths have four bytes in what is written, whatever they had.
    const avcC = Buffer.from(description);
    avcC[4] = avcC[4]! | 3;
    return { codec: 'h264', ...(sizeInAvcC(avcC) ?? { width, height }), description: avcC };
  }

  close(): void {}
}

/** Size in the first sequence parameter set of an `avcC` (ISO/IEC 14496-15 §5.3.3.1.2). */
function sizeInAvcC(avcC: Buffer): { width: number; height: number } | undefined {
  try {
    const length = avcC.readUInt16BE(6);
    const { width, height } = parseSps(avcC.subarray(8, 8 + length));
    return { width, height };
  } catch (error) {
    if (error instanceof MediaError || error instanceof RangeError) return undefined;
    throw error;
  }
}
