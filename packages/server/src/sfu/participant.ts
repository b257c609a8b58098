import {
  chooseCodec,
  type IncomingTrack,
  ParticipantTracks,
  type PlannedMedia,
  type ReceivedMedia,
  type ReceivingPeer,
  type RemoteDescription,
} from '@aircheck/engine/receiving';
import { AircheckError, type Track, type TrackSource } from '@aircheck/protocol';
import type { OfferedSource } from '../worker/contract.ts';
import { PublishedTrack } from './published-track.ts';

const KIND_OF_SOURCE = {
  microphone: 'audio',
  'screen-audio': 'audio',
  camera: 'video',
  screen: 'video',
} as const satisfies Record<TrackSource, 'audio' | 'video'>;

/** What an offer publishes, checked but not yet taken over. */
export interface PublishPlan extends PlannedMedia {
  readonly mid: string;
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
    if (media.sends) plan.push({ mid, media, codec: chooseCodec(media), source, muted });
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
export class Participant extends ParticipantTracks<PublishedTrack> {
  publisher: ReceivingPeer | undefined;

  constructor(options: {
    readonly userId: string;
    readonly cname: string;
    readonly newTrackId: () => string;
    readonly now: () => number;
    readonly onTrackStarted: (track: IncomingTrack) => void;
  }) {
    const { userId, cname, newTrackId, now, onTrackStarted } = options;
    super(
      ({ source, muted }, format) =>
        new PublishedTrack({
          trackId: newTrackId(),
          userId,
          cname,
          source,
          format,
          muted,
          now,
          onStarted: onTrackStarted,
        }),
    );
  }

  /** It publishes nothing, and nobody waits for it to: a recording that began when it had left, for instance. */
  override get unused(): boolean {
    return this.publisher === undefined && super.unused;
  }

  describe(published: readonly ReceivedMedia[]): (Track & { mid: string })[] {
    return published.map(({ media, track }) => ({ ...track.describe(), mid: media.mid }));
  }

  /** To be called every few ten milliseconds. */
  override tick(nowMs: number): void {
    this.publisher?.tick(nowMs);
    super.tick(nowMs);
  }

  override end(): void {
    this.publisher?.close();
    this.publisher = undefined;
    super.end();
  }
}
