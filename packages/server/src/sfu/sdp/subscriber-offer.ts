import {
  codecFormats,
  codecLines,
  HEADER_EXTENSIONS,
  joinLines,
  type NegotiableCodec,
  type RemoteMedia,
  type SentStream,
  type SessionOrigin,
  sessionLines,
  streamLines,
  transportLines,
} from '@aircheck/engine/receiving';
import type { LocalTransportParameters } from '@aircheck/engine/transport';
import type { TrackKind } from '@aircheck/protocol';

const PROTOCOL = 'UDP/TLS/RTP/SAVPF';

/**
 * What a receiver may ask of us. Lost packets only where they can be sent again as RTX, since one sequence number is
 * sent once; Opus without it has forward error correction.
 */
export function senderFeedback(kind: TrackKind, codec: NegotiableCodec): readonly string[] {
  return [
    ...(codec.rtxPayloadType === undefined ? [] : ['nack']),
    ...(kind === 'video' ? ['nack pli', 'ccm fir'] : []),
    'transport-cc',
  ];
}

const TRANSPORT_WIDE_CC_ID = 3;

/** One m-line of a subscribing peer connection. M-lines never go away; one whose track is gone waits for another. */
export interface OfferedMedia {
  readonly mid: string;
  readonly kind: TrackKind;
  /** The codec of the track, or of the last one. */
  readonly codec: NegotiableCodec;
  /** Undefined: inactive. */
  readonly stream: SentStream | undefined;
}

/** How the receiver agreed to take a stream. */
export interface SendParameters {
  readonly payloadType: number;
  readonly rtxPayloadType: number | undefined;
  /** Id of the transport-wide congestion control header extension. */
  readonly transportWideCcId: number | undefined;
}

/** The server's offer to a subscriber: one m-line a track, all sent. */
export function buildSubscriberOffer(options: {
  readonly origin: SessionOrigin;
  readonly local: LocalTransportParameters;
  readonly media: readonly OfferedMedia[];
}): string {
  const { media } = options;
  const lines = sessionLines(
    options.origin,
    media.map(({ mid }) => mid),
  );
  for (const { mid, kind, codec, stream } of media) {
    lines.push(
      `m=${kind} 9 ${PROTOCOL} ${codecFormats(codec)}`,
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      ...transportLines(options.local, 'actpass', mid === media[0]?.mid),
      `a=mid:${mid}`,
      stream === undefined ? 'a=inactive' : 'a=sendonly',
      'a=rtcp-mux',
      'a=rtcp-rsize',
      `a=extmap:${TRANSPORT_WIDE_CC_ID} ${HEADER_EXTENSIONS.transportWideCc}`,
      ...codecLines(codec, senderFeedback(kind, codec)),
      ...(stream === undefined ? [] : streamLines(stream, codec.rtxPayloadType !== undefined)),
    );
  }
  return joinLines(lines);
}

/** What an answered m-line takes of our offer; undefined when it takes nothing. */
export function readAnsweredMedia(
  offered: OfferedMedia,
  answered: RemoteMedia | undefined,
): SendParameters | undefined {
  if (answered === undefined || !answered.receives) return undefined;
  const codec = answered.codecs.find(({ payloadType }) => payloadType === offered.codec.payloadType);
  if (codec === undefined) return undefined;
  return sendParameters(codec, answered);
}

/** What a receiver's m-line says of how to send it one of its codecs. */
export function sendParameters(codec: NegotiableCodec, media: RemoteMedia): SendParameters {
  const transportWideCcId = media.extensions.get(HEADER_EXTENSIONS.transportWideCc);
  return {
    payloadType: codec.payloadType,
    rtxPayloadType: codec.rtxPayloadType,
    // Above 14 it would need two-byte headers (RFC 8285 §4.3), which the receiver may not have agreed to.
    transportWideCcId: transportWideCcId !== undefined && transportWideCcId <= 14 ? transportWideCcId : undefined,
  };
}
