import { pullSound } from './flowing-sound.ts';

/** The tracks that are mixed into a node of an AudioContext; they may come and go. */
export class SoundInputs {
  readonly #context: AudioContext;
  readonly #mix: AudioNode;
  readonly #disconnects = new Map<MediaStreamTrack, () => void>();

  /** @param mix - of the context; hears all tracks */
  constructor(context: AudioContext, mix: AudioNode) {
    this.#context = context;
    this.#mix = mix;
  }

  /** Mixes these tracks from now on, and no others. */
  setTracks(tracks: readonly MediaStreamTrack[]): void {
    for (const [track, disconnect] of this.#disconnects) {
      if (tracks.includes(track)) continue;
      this.#disconnects.delete(track);
      disconnect();
    }
    for (const track of tracks) {
      if (!this.#disconnects.has(track)) this.#disconnects.set(track, this.#connect(track));
    }
  }

  #connect(track: MediaStreamTrack): () => void {
    const stopPulling = pullSound(track);
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(this.#mix);
    return () => {
      source.disconnect();
      stopPulling();
    };
  }
}
