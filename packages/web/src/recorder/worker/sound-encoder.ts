import { opusHead, opusPacketDuration, type TrackOptions } from '@aircheck/media';
import { SAMPLE_RATE } from '../sample-rate.ts';

/** Samples of an AAC access unit (ISO/IEC 14496-3 §4.5.1.1). */
const AAC_FRAME_SAMPLES = 1024;
/** What libopus looks ahead at 48 kHz: its decoder's output begins with that many samples that are not the sound's. */
const OPUS_PRIMING_SAMPLES = 312;
/** Batches, of 40 ms each. An encoder that is further behind is not going to catch up, and sound can't be left out. */
export const MAX_SOUND_QUEUE = 500;

export interface SoundFormat {
  readonly codec: 'aac' | 'opus';
  readonly channels: 1 | 2;
  readonly bitrateBps: number;
}

export interface EncodedSound {
  readonly data: Uint8Array;
  /** In samples. */
  readonly duration: number;
}

/** Encodes planar samples without holes at {@link SAMPLE_RATE}. */
export interface SoundEncoder {
  readonly primingSamples: number;
  encode(planes: Float32Array<ArrayBuffer>, samples: number): void;
  flush(): Promise<void>;
  close(): void;
}

export interface SoundEncoderEvents {
  encoded(sound: EncodedSound): void;
  failed(error: unknown): void;
}

export function encoderTooSlow(): DOMException {
  return new DOMException('The encoder of the sound does not keep up', 'OperationError');
}

/** How the file describes the track. */
export function soundTrackOptions({ codec, channels }: SoundFormat): TrackOptions {
  const description =
    codec === 'opus'
      ? // What the decoder puts in front was left out before encoding.
        opusHead({ channels, preSkip: 0, inputSampleRate: SAMPLE_RATE })
      : aacConfig(channels);
  return { kind: 'audio', codec, timescale: SAMPLE_RATE, sampleRate: SAMPLE_RATE, channels, description };
}

/** AudioSpecificConfig of AAC-LC at 48 kHz, which has index 3 (ISO/IEC 14496-3 §1.6.2.1). */
function aacConfig(channels: number): Uint8Array {
  const [lowComplexity, rateIndex] = [2, 3];
  return Uint8Array.of((lowComplexity << 3) | (rateIndex >> 1), ((rateIndex & 1) << 7) | (channels << 3));
}

export function soundEncoderConfig({ codec, channels, bitrateBps }: SoundFormat): AudioEncoderConfig {
  return {
    codec: codec === 'aac' ? 'mp4a.40.2' : 'opus',
    sampleRate: SAMPLE_RATE,
    numberOfChannels: channels,
    bitrate: bitrateBps,
  };
}

/** The browser's own encoder where it has one, else the AAC encoder in WebAssembly, which is loaded then. */
export async function createSoundEncoder(format: SoundFormat, events: SoundEncoderEvents): Promise<SoundEncoder> {
  const { supported } = await AudioEncoder.isConfigSupported(soundEncoderConfig(format));
  if (supported) return new NativeSoundEncoder(format, events);
  if (format.codec !== 'aac') throw new DOMException('This browser does not encode Opus', 'NotSupportedError');
  const { WasmAacEncoder } = await import('./wasm-aac-encoder.ts');
  return WasmAacEncoder.create(format, events);
}

class NativeSoundEncoder implements SoundEncoder {
  /** AAC: encoders differ by some milliseconds more, and none of them tells. */
  readonly primingSamples: number;
  readonly #encoder: AudioEncoder;
  readonly #channels: number;
  readonly #failed: (error: unknown) => void;
  #samples = 0;

  constructor(format: SoundFormat, { encoded, failed }: SoundEncoderEvents) {
    this.#channels = format.channels;
    this.#failed = failed;
    this.primingSamples = format.codec === 'aac' ? AAC_FRAME_SAMPLES : OPUS_PRIMING_SAMPLES;
    this.#encoder = new AudioEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        encoded({
          data,
          duration: format.codec === 'aac' ? AAC_FRAME_SAMPLES : opusPacketDuration(data, SAMPLE_RATE),
        });
      },
      error: failed,
    });
    this.#encoder.configure(soundEncoderConfig(format));
  }

  encode(planes: Float32Array<ArrayBuffer>, samples: number): void {
    if (this.#encoder.state !== 'configured') return;
    if (this.#encoder.encodeQueueSize > MAX_SOUND_QUEUE) {
      this.#failed(encoderTooSlow());
      return;
    }
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: SAMPLE_RATE,
      numberOfChannels: this.#channels,
      numberOfFrames: samples,
      timestamp: Math.round((this.#samples * 1e6) / SAMPLE_RATE),
      data: planes,
    });
    this.#samples += samples;
    this.#encoder.encode(data);
    data.close();
  }

  async flush(): Promise<void> {
    if (this.#encoder.state === 'configured') await this.#encoder.flush();
  }

  close(): void {
    if (this.#encoder.state !== 'closed') this.#encoder.close();
  }
}
