import { AircheckError, type Track, type TrackSource } from '@aircheck/protocol';
import type { OfferedSource } from '../worker/contract.ts';
import { PublishedTrack, type TrackFormat } from './published-track.ts';
import type { PublishedMedia, Publisher } from './publisher.ts';
import type { ParticipantMedia } from './received-track.ts';
import type { NegotiableCodec } from './sdp/codecs.ts';
import type { RemoteDescription, RemoteMedia } from './sdp/description.ts';
import { choosePublishCodec } from './sdp/publish-answer.ts';

const KIND_OF_SOURCE = {
  microphone: 'audio',
  'screen-audio': 'audio',
  camera: 'video',
  screen: 'video',
} as const satisfies Record<TrackSource, 'audio' | 'video'>;

/** What an offer publishes, checked but not yet taken over. */
export interface PublishPlan {
  readonly mid: string;
  readonly media: RemoteMedia;
  readonly codec: NegotiableCodec;
  readonly source: TrackSource;
  readonly muted: boolean;
}

/**
 * Reads what an offer publishes: the listed m-lines, or the first sound as microphone and the first picture as camera.
 * @throws AircheckError `codec-unsupported`, `sdp-invalid`, `request-invalid`
 */
export function planPublishing(offer: RemoteDescription, listed: readonly OfferedSource[] | undefined): PublishPlan[] {
  const plan: PublishPlan[] = [];
  for (const { mid, source, muted } of listed ?? defaultSources(offer)) {
    const media = offer.media.find((other) => other.mid === mid);
    if (media === undefined) {
      throw new AircheckError('request-invalid', `The offer has no m-line ${JSON.stringify(mid)}`, { input: 'tracks' });
    }
    if (media.kind !== KIND_OF_SOURCE[source]) {
      throw new AircheckError('request-invalid', `The m-line ${JSON.stringify(mid)} can't carry ${source}`, {
        input: 'tracks',
      });
    }
    if (plan.some((other) => other.source === source || other.mid === mid)) {
      throw new AircheckError('request-invalid', `Two tracks have the source ${source} or the mid of it`, {
        input: 'tracks',
      });
    }
    if (media.sends) plan.push({ mid, media, codec: choosePublishCodec(media), source, muted });
  }
  return plan;
}

function defaultSources(offer: RemoteDescription): OfferedSource[] {
  const sources: OfferedSource[] = [];
  for (const [kind, source] of [['audio', 'microphone'] as const, ['video', 'camera'] as const]) {
    const media = offer.media.find((candidate) => candidate.kind === kind && candidate.sends);
    if (media !== undefined) sources.push({ mid: media.mid, source, muted: false });
  }
  if (sources.length === 0) {
    throw new AircheckError('sdp-invalid', 'It offers to send neither audio nor video', { input: 'sdp' });
  }
  return sources;
}

/** One participant as a publisher: its tracks outlive its peer connections. */
export class Participant implements ParticipantMedia {
  readonly userId: string;
  readonly cname: string;
  publisher: Publisher | undefined;
  readonly #newTrackId: () => string;
  readonly #now: () => number;
  readonly #onTrackStarted: (track: PublishedTrack) => void;
  readonly #tracks = new Map<TrackSource, PublishedTrack>();
  readonly #listeners = new Set<() => void>();

  constructor(options: {
    readonly userId: string;
    readonly cname: string;
    readonly newTrackId: () => string;
    readonly now: () => number;
    readonly onTrackStarted: (track: PublishedTrack) => void;
  }) {
    this.userId = options.userId;
    this.cname = options.cname;
    this.#newTrackId = options.newTrackId;
    this.#now = options.now;
    this.#onTrackStarted = options.onTrackStarted;
  }

  /** It publishes nothing, and nobody waits for it to: a recording that began when it had left, for instance. */
  get unused(): boolean {
    return this.publisher === undefined && this.#tracks.size === 0 && this.#listeners.size === 0;
  }

  tracks(): readonly PublishedTrack[] {
    return [...this.#tracks.values()];
  }

  onTracksChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes over what an offer publishes. A source that was published before goes on in its track where the format
   * allows; tracks that the offer has no more end.
   * @returns the m-lines with their tracks
   */
  apply(plan: readonly PublishPlan[]): PublishedMedia[] {
    const gone = new Map(this.#tracks);
    let changed = false;
    const published = plan.map(({ media, codec, source, muted }): PublishedMedia => {
      const format = formatOf(media, codec);
      const former = this.#tracks.get(source);
      if (former?.continues(format)) {
        gone.delete(source);
        former.muted = muted;
        return { media, codec, track: former };
      }
      const track = new PublishedTrack({
        trackId: this.#newTrackId(),
        userId: this.userId,
        cname: this.cname,
        source,
        format,
        muted,
        now: this.#now,
        onStarted: this.#onTrackStarted,
      });
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
    return published;
  }

  describe(published: readonly PublishedMedia[]): (Track & { mid: string })[] {
    return published.map(({ media, track }) => ({ ...track.describe(), mid: media.mid }));
  }

  /** To be called every few ten milliseconds. */
  tick(nowMs: number): void {
    this.publisher?.tick(nowMs);
    for (const track of this.#tracks.values()) track.tick(nowMs);
  }

  /** The participant is gone for good; may be called twice. */
  end(): void {
    this.publisher?.close();
    this.publisher = undefined;
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
