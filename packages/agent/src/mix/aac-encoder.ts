import { registerAacEncoder } from '@mediabunny/aac-encoder';
import { AdtsOutputFormat, AudioSample, AudioSampleSource, type EncodedPacket, NullTarget, Output } from 'mediabunny';
import { MIX_CHANNELS, MIX_RATE } from './sound-mixer.ts';

/** Sample frames of one AAC-LC access unit (ISO/IEC 14496-3 §4.5.1). */
export const AAC_FRAME = 1024;

interface AacEncoderOptions {
  readonly bitrateBps: number;
  /** Access units in order; `description` (the AudioSpecificConfig) comes before the first one. */
  readonly onUnit: (unit: Uint8Array) => void;
  readonly onDescription: (description: Uint8Array) => void;
  readonly onFailed: (error: unknown) => void;
}

/**
 * Encodes sound to AAC-LC, in a thread of its own. The first unit that the encoder gives out lies before the first sample
 * (its decoder needs one unit of lead-in): it is left out, so that the first decoded sample is the first one put in.
 */
export class AacEncoder {
  readonly #options: AacEncoderOptions;
  readonly #output: Output;
  readonly #source: AudioSampleSource;
  /** Samples go in one after another. */
  #tail: Promise<void>;
  #units = 0;
  #frames = 0;

  constructor(options: AacEncoderOptions) {
    registerAacEncoder();
    this.#options = options;
    this.#source = new AudioSampleSource({
      codec: 'aac',
      bitrate: options.bitrateBps,
      onEncodedPacket: (packet, metadata) => this.#encoded(packet, metadata?.decoderConfig?.description),
    });
    // Its units are taken from it as they come; the stream around them is thrown away, and keeps note of none.
    this.#output = new Output({ format: new AdtsOutputFormat(), target: new NullTarget() });
    this.#output.addAudioTrack(this.#source);
    this.#tail = this.#output.start();
  }

  #encoded(packet: EncodedPacket, description: AllowSharedBufferSource | undefined): void {
    if (description !== undefined) this.#options.onDescription(bytesOf(description));
    this.#units += 1;
    if (this.#units > 1) this.#options.onUnit(packet.data);
  }

  /** Takes interleaved sound; it goes on where the last one ended. */
  add(sound: Float32Array<ArrayBuffer>): void {
    const frames = sound.length / MIX_CHANNELS;
    if (frames === 0) return;
    const sample = new AudioSample({
      data: sound,
      format: 'f32',
      numberOfChannels: MIX_CHANNELS,
      sampleRate: MIX_RATE,
      timestamp: this.#frames / MIX_RATE,
    });
    this.#frames += frames;
    this.#tail = this.#tail.then(() => this.#source.add(sample)).finally(() => sample.close());
    this.#tail.catch(this.#options.onFailed);
  }

  /** Gives out what is left. @throws what the encoder failed with */
  async finish(): Promise<void> {
    try {
      await this.#tail;
      // A stream of nothing cannot be finalized.
      await (this.#frames === 0 ? this.#output.cancel() : this.#output.finalize());
    } catch (error) {
      if (this.#output.state !== 'finalized' && this.#output.state !== 'canceled') await this.#output.cancel();
      throw error;
    }
  }
}

function bytesOf(source: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
}
