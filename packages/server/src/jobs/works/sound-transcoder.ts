import type { AudioTrackOptions } from '@aircheck/media';
import type { SoundMaker } from './make-movie.ts';
import type { InputStream, MediaInput, Packet } from './media-input.ts';
import { type EncodedSound, SoundEncoder } from './sound-encoder.ts';
import { type SoundFormat, SoundShaper } from './sound-shaper.ts';
import { StreamDecoder } from './stream-decoder.ts';

export interface SoundOptions extends SoundFormat {
  readonly bitrateBps: number;
}

/** Decodes a sound track and encodes it to AAC. */
export class SoundTranscoder implements SoundMaker {
  readonly #decoder: StreamDecoder;
  readonly #shaper: SoundShaper;
  readonly #encoder: SoundEncoder;

  constructor(input: MediaInput, stream: InputStream, options: SoundOptions) {
    this.#decoder = new StreamDecoder(input, stream);
    this.#shaper = new SoundShaper(input.av, options);
    this.#encoder = new SoundEncoder(input.av, options, options.bitrateBps);
  }

  get track(): AudioTrackOptions {
    return this.#encoder.track;
  }

  /** One sentence about what could not be decoded, or undefined. */
  get damage(): string | undefined {
    return this.#decoder.damage;
  }

  take(packet: Packet | null): EncodedSound[] {
    const sounds: EncodedSound[] = [];
    for (const frame of this.#decoder.decode(packet)) {
      for (const shaped of this.#shaper.shape(frame, this.#decoder.timeMs(frame))) {
        sounds.push(...this.#encoder.encode(shaped));
      }
    }
    if (packet !== null) return sounds;
    for (const shaped of this.#shaper.finish()) sounds.push(...this.#encoder.encode(shaped));
    return [...sounds, ...this.#encoder.finish()];
  }

  close(): void {
    this.#decoder.close();
    this.#shaper.close();
    this.#encoder.close();
  }
}
