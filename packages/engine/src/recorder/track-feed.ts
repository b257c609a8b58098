import type { EncodedFrame } from '@aircheck/media';
import type { ReceivedTrack } from '../receiving/index.ts';

interface FeedHandlers {
  readonly onFrame: (frame: EncodedFrame) => void;
  readonly onSenderReport: (ntpMs: number, rtpTimestamp: number) => void;
  readonly onEnded: () => void;
}

/** One track that a recording listens to. */
export class TrackFeed {
  readonly track: ReceivedTrack;
  /** Ends the listening; may be called twice. */
  readonly stop: () => void;
  /** The newest sender report: a recording that goes on after a pause needs it at once. */
  report: { readonly ntpMs: number; readonly rtpTimestamp: number } | undefined;
  #lostBefore: number;
  #recoveredBefore: number;

  constructor(track: ReceivedTrack, handlers: FeedHandlers) {
    this.track = track;
    this.#lostBefore = track.stats.lostPackets;
    this.#recoveredBefore = track.stats.recoveredPackets;
    this.stop = track.listen({
      onFrame: handlers.onFrame,
      onSenderReport: (ntpMs, rtpTimestamp) => {
        this.report = { ntpMs, rtpTimestamp };
        handlers.onSenderReport(ntpMs, rtpTimestamp);
      },
      onEnded: handlers.onEnded,
    });
  }

  /** Packets lost and recovered since the last {@link rebase}. */
  get losses(): { readonly lostPackets: number; readonly recoveredPackets: number } {
    const { lostPackets, recoveredPackets } = this.track.stats;
    return {
      lostPackets: lostPackets - this.#lostBefore,
      recoveredPackets: recoveredPackets - this.#recoveredBefore,
    };
  }

  /** Losses count for the segment in which they happen: a new one begins. */
  rebase(): void {
    this.#lostBefore = this.track.stats.lostPackets;
    this.#recoveredBefore = this.track.stats.recoveredPackets;
  }
}
