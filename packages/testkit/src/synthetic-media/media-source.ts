import type { EncodedClip } from './clip.ts';
import type { EncodedPicture } from './encoders.ts';
import { OPUS_PACKET_MS } from './test-sound.ts';

/** Where a publisher takes its media from, picture by picture and sound packet by sound packet, without an end. */
export interface MediaSource {
  readonly framesPerSecond: number;
  nextPicture(): EncodedPicture;
  nextSound(): Uint8Array;
  /** Asks for a key frame as soon as the source can. */
  requestKeyFrame(): void;
  close(): void;
}

/**
 * Repeats a clip. A request for a key frame jumps, with picture and sound alike, to the next IDR picture; it waits for a
 * picture that begins together with a sound packet, so that the jump leaves both as far apart as they were.
 */
export class ClipSource implements MediaSource {
  readonly framesPerSecond: number;
  readonly #clip: EncodedClip;
  #picture = 0;
  #sound = 0;
  #jumpWanted = false;

  constructor(clip: EncodedClip) {
    this.#clip = clip;
    this.framesPerSecond = clip.options.framesPerSecond;
  }

  nextPicture(): EncodedPicture {
    const { pictures } = this.#clip;
    const pictureMs = 1000 / this.framesPerSecond;
    const together =
      Math.abs(Math.round((this.#picture * pictureMs) / OPUS_PACKET_MS) * OPUS_PACKET_MS - this.#picture * pictureMs) <
      0.01;
    if (this.#jumpWanted && together) {
      const from = this.#picture;
      while (pictures[this.#picture % pictures.length]?.keyFrame !== true) this.#picture += 1;
      this.#sound += Math.round(((this.#picture - from) * pictureMs) / OPUS_PACKET_MS);
      this.#jumpWanted = false;
    }
    const picture = pictures[this.#picture % pictures.length]!;
    this.#picture += 1;
    return picture;
  }

  nextSound(): Uint8Array {
    const { sounds } = this.#clip;
    const sound = sounds[this.#sound % sounds.length]!;
    this.#sound += 1;
    return sound;
  }

  requestKeyFrame(): void {
    const next = this.#clip.pictures[this.#picture % this.#clip.pictures.length];
    if (next?.keyFrame !== true) this.#jumpWanted = true;
  }

  close(): void {}
}
