import type { Codec, TrackKind, TrackSource } from '@aircheck/protocol';

/** A track that this client publishes. {@link Room} changes it; the fields say how it stands. */
export class LocalTrack {
  readonly source: TrackSource;
  readonly kind: TrackKind;
  /** @internal */
  readonly maxBitrateBps: number;
  #mediaStreamTrack: MediaStreamTrack;
  #muted = false;
  #trackId: string | undefined;
  #codec: Codec | undefined;

  /** @internal */
  constructor(mediaStreamTrack: MediaStreamTrack, source: TrackSource, maxBitrateBps: number) {
    this.#mediaStreamTrack = mediaStreamTrack;
    this.source = source;
    this.kind = kindOf(source);
    this.maxBitrateBps = maxBitrateBps;
  }

  /** What is sent now; another one after the device was switched. */
  get mediaStreamTrack(): MediaStreamTrack {
    return this.#mediaStreamTrack;
  }

  /** Silence or a black picture is sent, and the others know that it is meant so. */
  get muted(): boolean {
    return this.#muted;
  }

  /** The server's id; undefined until the track is published. */
  get trackId(): string | undefined {
    return this.#trackId;
  }

  get codec(): Codec | undefined {
    return this.#codec;
  }

  /** Shows the track in a `<video>` or plays it in an `<audio>` element, for a preview of oneself (keep it silent). */
  attach(element: HTMLMediaElement): void {
    element.srcObject = new MediaStream([this.#mediaStreamTrack]);
  }

  /** @internal */
  published(trackId: string | undefined, codec: Codec | undefined): void {
    this.#trackId = trackId;
    this.#codec = codec;
  }

  /** @internal */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#mediaStreamTrack.enabled = !muted;
  }

  /** @internal */
  replace(mediaStreamTrack: MediaStreamTrack): void {
    mediaStreamTrack.enabled = !this.#muted;
    this.#mediaStreamTrack = mediaStreamTrack;
  }
}

/** Whether a source carries sound or a picture. */
export function kindOf(source: TrackSource): TrackKind {
  return source === 'camera' || source === 'screen' ? 'video' : 'audio';
}
