import type { TrackSource } from '@aircheck/protocol';
import type { IncomingTrack, TrackFormat } from './incoming-track.ts';
import type { ParticipantMedia } from './received-track.ts';
import type { ReceivedMedia } from './receiving-peer.ts';
import type { NegotiableCodec } from './sdp/codecs.ts';
import type { RemoteMedia } from './sdp/description.ts';

/** What an m-line is to bring. */
export interface PlannedMedia {
  readonly media: RemoteMedia;
  readonly codec: NegotiableCodec;
  readonly source: TrackSource;
  readonly muted: boolean;
}

/** The tracks of one participant, one a source: they outlive the peer connections that bring them. */
export class ParticipantTracks<T extends IncomingTrack> implements ParticipantMedia {
  readonly #create: (planned: PlannedMedia, format: TrackFormat) => T;
  readonly #tracks = new Map<TrackSource, T>();
  readonly #listeners = new Set<() => void>();

  /** @param create - makes a track for a source that is new, or comes in a format that its track can't go on with */
  constructor(create: (planned: PlannedMedia, format: TrackFormat) => T) {
    this.#create = create;
  }

  /** There are no tracks, and nobody waits for any. */
  get unused(): boolean {
    return this.#tracks.size === 0 && this.#listeners.size === 0;
  }

  tracks(): readonly T[] {
    return [...this.#tracks.values()];
  }

  onTracksChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes over what is to be received from now on. A source that was there before goes on in its track where the format
   * allows; tracks that the plan has no more end.
   * @param keep - they do not: what brought them is expected back
   * @returns the m-lines with their tracks
   */
  apply(plan: readonly PlannedMedia[], { keep = false } = {}): (ReceivedMedia & { readonly track: T })[] {
    const gone = keep ? new Map<TrackSource, T>() : new Map(this.#tracks);
    let changed = false;
    const received = plan.map((planned) => {
      const { media, codec, source, muted } = planned;
      const format = formatOf(media, codec);
      const former = this.#tracks.get(source);
      if (former?.continues(format)) {
        gone.delete(source);
        former.muted = muted;
        return { media, codec, track: former };
      }
      const track = this.#create(planned, format);
      if (keep && former !== undefined) gone.set(source, former);
      this.#tracks.set(source, track);
      changed = true;
      return { media, codec, track };
    });
    for (const [source, track] of gone) {
      if (this.#tracks.get(source) === track) this.#tracks.delete(source);
      changed = true;
    }
    for (const track of gone.values()) track.end();
    if (changed) this.#tellChange();
    return received;
  }

  /** To be called every few ten milliseconds. */
  tick(nowMs: number): void {
    for (const track of this.#tracks.values()) track.tick(nowMs);
  }

  /** The participant is gone for good; may be called twice. */
  end(): void {
    const tracks = this.tracks();
    this.#tracks.clear();
    for (const track of tracks) track.end();
    this.#tellChange();
    this.#listeners.clear();
  }

  #tellChange(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function formatOf({ kind }: RemoteMedia, codec: NegotiableCodec): TrackFormat {
  return {
    kind: kind ?? 'video',
    codec: codec.codec,
    clockRate: codec.clockRate,
    parameters: codec.parameters,
    ...(codec.channels !== undefined && { channels: codec.channels }),
  };
}
