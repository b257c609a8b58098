import type { EncodedFrame } from '@aircheck/media';
import type { Codec, TrackKind, TrackSource } from '@aircheck/protocol';

/** What a listener of a {@link ReceivedTrack} is told, on the media process's loop: it must not block. */
export interface TrackListener {
  /** One whole access unit, in decode order. Arrival times are on the `performance.now()` scale of the process. */
  onFrame(frame: EncodedFrame): void;
  /**
   * A sender report: at `ntpMs` (the sender's wall clock, milliseconds since 1970) the track's clock stood at
   * `rtpTimestamp` (as on the wire, 32 bits).
   */
  onSenderReport(ntpMs: number, rtpTimestamp: number, arrivalMs: number): void;
  /** No more frames will come from this track; the participant may publish the same source anew as another one. */
  onEnded(): void;
}

/** One track as it is received. */
export interface ReceivedTrack {
  readonly trackId: string;
  readonly source: TrackSource;
  readonly kind: TrackKind;
  readonly codec: Codec;
  /** Units of RTP timestamps per second. */
  readonly clockRate: number;
  /** Audio only. */
  readonly channels?: number;
  /** The publisher says that it sends nothing (or silence) on purpose. */
  readonly muted: boolean;
  /** Asks the publisher for a key frame; throttled, and repeated until one came. No effect on audio. */
  requestKeyFrame(): void;
  /**
   * Frames are only assembled while somebody listens; the first frame of video given out is a key frame. A sender
   * report that came earlier is told at once, so that sound and picture are in sync from the first frame on.
   * @returns function that ends the listening; it may be called twice
   */
  listen(listener: TrackListener): () => void;
  readonly stats: {
    /** Packets that never came, even after they were asked for again. */
    readonly lostPackets: number;
    /** Packets that came after they had been asked for again. */
    readonly recoveredPackets: number;
  };
}

/**
 * All that a participant publishes. It lives from the participant's first offer until the participant leaves, whatever
 * happens to its peer connections meanwhile: after a reconnect the same source goes on in the same track where
 * codec and clock allow, else in a new one.
 */
export interface ParticipantMedia {
  tracks(): readonly ReceivedTrack[];
  /**
   * Told after tracks were added, removed, or replaced.
   * @returns function that ends the listening
   */
  onTracksChanged(listener: () => void): () => void;
}
