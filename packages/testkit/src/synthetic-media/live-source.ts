import { type ClipOptions, completeOptions } from './clip.ts';
import { type EncodedPicture, PictureEncoder, SoundEncoder } from './encoders.ts';
import type { MediaSource } from './media-source.ts';

/** Encodes while it is asked: the next picture after a request is a key frame. */
export class LiveSource implements MediaSource {
  readonly framesPerSecond: number;
  readonly #picture: PictureEncoder;
  readonly #sound: SoundEncoder;
  #counter = 0;

  constructor(options: Partial<ClipOptions>) {
    const full = completeOptions({ seconds: 1, ...options });
    this.framesPerSecond = full.framesPerSecond;
    this.#picture = new PictureEncoder(full);
    this.#sound = new SoundEncoder(full.audioBitrateBps);
  }

  nextPicture(): EncodedPicture {
    const picture = this.#picture.encode(this.#counter);
    this.#counter += 1;
    return picture;
  }

  nextSound(): Uint8Array {
    return this.#sound.encode();
  }

  requestKeyFrame(): void {
    this.#picture.requestKeyFrame();
  }

  close(): void {
    this.#picture.close();
    this.#sound.close();
  }
}
