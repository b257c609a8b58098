import type { AudioTrackOptions } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import { type Av, openEncoder, succeed } from './av.ts';
import type { Frame } from './media-input.ts';
import { FRAME_SAMPLES, type SoundFormat } from './sound-shaper.ts';

export interface EncodedSound {
  readonly data: Uint8Array;
  /** Samples. */
  readonly duration: number;
}

/**
 * Encodes sound to AAC-LC whose first packet sounds at the zero of what was given in: the packet before it, which only
 * brings the decoder into step, is left out, so that no player has to know of it.
 */
export class SoundEncoder {
  readonly track: AudioTrackOptions;
  readonly #av: Av;
  readonly #context: InstanceType<Av['CodecContext']>;
  readonly #packet: InstanceType<Av['Packet']>;
  #samplesIn = 0;
  #samplesOut = 0;

  constructor(av: Av, { sampleRate, channels }: SoundFormat, bitrateBps: number) {
    this.#av = av;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#context = openEncoder(av, av.FF_ENCODER_AAC, (context) => {
      context.sampleRate = sampleRate;
      context.sampleFormat = av.AV_SAMPLE_FMT_FLTP;
      context.channelLayout = av.avChannelLayoutDefault(channels);
      context.timeBase = new av.Rational(1, sampleRate);
      context.bitRate = BigInt(bitrateBps);
      context.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
    });
    const description = this.#context.extraData;
    if (description === null || this.#context.frameSize !== FRAME_SAMPLES) {
      throw new AircheckError('internal', 'the AAC encoder told no configuration');
    }
    this.track = {
      kind: 'audio',
      codec: 'aac',
      timescale: sampleRate,
      sampleRate,
      channels,
      description: Buffer.from(description),
    };
  }

  /** @param frame - {@link FRAME_SAMPLES} samples; fewer in the last one */
  encode(frame: Frame): EncodedSound[] {
    frame.pts = BigInt(this.#samplesIn);
    this.#samplesIn += frame.nbSamples;
    succeed(this.#av, this.#context.sendFrameSync(frame), 'encode sound');
    return this.#take();
  }

  /** What is left at the end. */
  finish(): EncodedSound[] {
    succeed(this.#av, this.#context.sendFrameSync(null), 'encode sound');
    return this.#take();
  }

  #take(): EncodedSound[] {
    const sounds: EncodedSound[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      const { data, pts } = this.#packet;
      const duration = Math.min(FRAME_SAMPLES, this.#samplesIn - this.#samplesOut);
      if (data !== null && pts >= 0n && duration > 0) {
        sounds.push({ data: Buffer.from(data), duration });
        this.#samplesOut += duration;
      }
      this.#packet.unref();
    }
    return sounds;
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}
