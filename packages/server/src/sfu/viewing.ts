import {
  bitstreamParameters,
  encodingName,
  formatParameters,
  type NegotiableCodec,
  type RemoteDescription,
  type SentStream,
} from '@aircheck/engine/receiving';
import { AircheckError } from '@aircheck/protocol';
import type { PublishedTrack } from './published-track.ts';
import type { SendParameters } from './sdp/subscriber-offer.ts';
import { matchViewerMedia } from './sdp/view-answer.ts';

/** A track that a viewer gets, on one of its m-lines. */
export interface ViewedTrack {
  readonly mid: string;
  readonly track: PublishedTrack;
  readonly codec: NegotiableCodec;
  readonly stream: SentStream;
  readonly send: SendParameters;
}

/**
 * Matches tracks to the m-lines on which a viewer offers to receive, by kind, in the order of both.
 * @throws AircheckError `track-not-found`, `codec-unsupported`, `sdp-invalid`
 */
export function planViewing(
  offer: RemoteDescription,
  tracks: readonly PublishedTrack[],
  newSsrc: () => number,
): ViewedTrack[] {
  if (tracks.length === 0) throw new AircheckError('track-not-found', 'None of the tracks is published any more');
  const plan: ViewedTrack[] = [];
  for (const media of offer.media) {
    if (!media.receives || media.kind === undefined) continue;
    const track = tracks.find(
      ({ kind, trackId }) => kind === media.kind && !plan.some((p) => p.track.trackId === trackId),
    );
    if (track === undefined) continue;
    const matched = matchViewerMedia(media, track.format);
    if (matched === undefined) throw unsupported(media.mid, track);
    const stream: SentStream = {
      ssrc: newSsrc(),
      rtxSsrc: newSsrc(),
      cname: track.cname,
      streamId: encodeURIComponent(track.userId),
      trackId: track.trackId,
    };
    plan.push({ mid: media.mid, track, stream, ...matched });
  }
  if (plan.length === 0) {
    throw new AircheckError('sdp-invalid', 'It offers to receive nothing of what is published', { input: 'sdp' });
  }
  return plan;
}

function unsupported(mid: string, { format }: PublishedTrack): AircheckError {
  const parameters = formatParameters(bitstreamParameters(format));
  const needed = `${encodingName(format.codec)}/${format.clockRate}${parameters === '' ? '' : ` (${parameters})`}`;
  return new AircheckError('codec-unsupported', `M-line ${JSON.stringify(mid)} can't receive what is published`, {
    input: 'sdp',
    hint: `Offer ${needed}`,
  });
}
