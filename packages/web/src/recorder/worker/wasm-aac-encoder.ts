import { registerAacEncoder } from '@mediabunny/aac-encoder';
import { AdtsOutputFormat, AudioSample, AudioSampleSource, NullTarget, Output } from 'mediabunny';
import { SAMPLE_RATE } from '../sample-rate.ts';
import {
  encoderTooSlow,
  MAX_SOUND_QUEUE,
  type SoundEncoder,
  type SoundEncoderEvents,
  type SoundFormat,
} from './sound-encoder.ts';

const FRAME_SAMPLES = 1024;

/**
 * FFmpeg's AAC-LC encoder in WebAssembly, for browsers without one: all of them on desktop Linux, and Firefox everywhere
 * (https://developer.mozilla.org/docs/Web/API/WebCodecs_API/Codec_selection, "AAC"). It is reached through mediabunny,
 * whose own output is thrown away: packets are taken on their way into it.
 */
export class WasmAacEncoder implements SoundEncoder {
  readonly primingSamples = FRAME_SAMPLES;
  readonly #source: AudioSampleSource;
  readonly #output: Output;
  readonly #channels: number;
  readonly #failed: (error: unknown) => void;
  #samples = 0;
  #waiting = 0;
  #tail: Promise<unknown> = Promise.resolve();

  static async create(format: SoundFormat, events: SoundEncoderEvents): Promise<WasmAacEncoder> {
    registerAacEncoder();
    const source = new AudioSampleSource({
      codec: 'aac',
      bitrate: format.bitrateBps,
      onEncodedPacket: ({ data }) => events.encoded({ data, duration: FRAME_SAMPLES }),
    });
    const output = new Output({ format: new AdtsOutputFormat(), target: new NullTarget() });
    output.addAudioTrack(source);
    await output.start();
    return new WasmAacEncoder(source, output, format, events);
  }

  private constructor(source: AudioSampleSource, output: Output, format: SoundFormat, { failed }: SoundEncoderEvents) {
    this.#source = source;
    this.#output = output;
    this.#channels = format.channels;
    this.#failed = failed;
  }

  encode(planes: Float32Array<ArrayBuffer>, samples: number): void {
    if (this.#waiting > MAX_SOUND_QUEUE) {
      this.#failed(encoderTooSlow());
      return;
    }
    const sample = new AudioSample({
      format: 'f32-planar',
      sampleRate: SAMPLE_RATE,
      numberOfChannels: this.#channels,
      timestamp: this.#samples / SAMPLE_RATE,
      data: planes,
    });
    this.#samples += samples;
    this.#waiting += 1;
    this.#tail = this.#tail
      .then(() => this.#source.add(sample))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#waiting -= 1;
        sample.close();
      });
  }

  async flush(): Promise<void> {
    await this.#tail;
    // Without any sound there is nothing to finalize, and that would fail.
    if (this.#samples > 0) await this.#output.finalize();
  }

  close(): void {
    // After `flush` there is nothing left to close; without it this ends the encoder's own worker.
    if (this.#output.state !== 'finalized') this.#output.cancel().catch(this.#failed);
  }
}
