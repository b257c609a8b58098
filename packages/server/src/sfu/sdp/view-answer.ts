import {
  canReceive,
  codecFormats,
  codecLines,
  HEADER_EXTENSIONS,
  joinLines,
  type NegotiableCodec,
  type RemoteDescription,
  type RemoteMedia,
  rejectedMediaLines,
  type SentStream,
  type SessionOrigin,
  sessionLines,
  streamLines,
  transportLines,
} from '@aircheck/engine/receiving';
import type { LocalTransportParameters } from '@aircheck/engine/transport';
import { type SendParameters, senderFeedback, sendParameters } from './subscriber-offer.ts';

/** How to send a track on an m-line that a viewer offers; undefined when the viewer can't decode it. */
export function matchViewerMedia(
  media: RemoteMedia,
  sent: Pick<NegotiableCodec, 'codec' | 'parameters'>,
): { readonly codec: NegotiableCodec; readonly send: SendParameters } | undefined {
  const codec = media.codecs.find((offered) => canReceive(offered, sent));
  return codec && { codec, send: sendParameters(codec, media) };
}

/**
 * Answers a viewer (WHEP) that offers to receive.
 * @param streams - what is sent on each m-line, by mid
 */
export function buildViewAnswer(options: {
  readonly origin: SessionOrigin;
  readonly offer: RemoteDescription;
  readonly streams: ReadonlyMap<string, { readonly codec: NegotiableCodec; readonly stream: SentStream }>;
  readonly local: LocalTransportParameters;
  readonly setup: 'active' | 'passive';
}): string {
  const { offer, streams } = options;
  const accepted = offer.media.filter(
    ({ kind, rejected, codecs }) => kind !== undefined && !rejected && codecs.length > 0,
  );
  const lines = sessionLines(
    options.origin,
    accepted.map(({ mid }) => mid),
  );
  for (const media of offer.media) {
    if (!accepted.includes(media)) {
      lines.push(...rejectedMediaLines(media));
      continue;
    }
    const sent = streams.get(media.mid);
    const codec = sent?.codec ?? media.codecs[0]!;
    const extension = media.extensions.get(HEADER_EXTENSIONS.transportWideCc);
    lines.push(
      `m=${media.type} 9 ${media.protocol} ${codecFormats(codec)}`,
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      ...transportLines(options.local, options.setup, media === accepted[0]),
      `a=mid:${media.mid}`,
      sent === undefined ? 'a=inactive' : 'a=sendonly',
      'a=rtcp-mux',
      ...(media.reducedSizeRtcp ? ['a=rtcp-rsize'] : []),
      ...(extension === undefined ? [] : [`a=extmap:${extension} ${HEADER_EXTENSIONS.transportWideCc}`]),
      ...codecLines(
        codec,
        senderFeedback(media.kind!, codec).filter((value) => codec.feedback.has(value)),
      ),
      ...(sent === undefined ? [] : streamLines(sent.stream, codec.rtxPayloadType !== undefined)),
    );
  }
  return joinLines(lines);
}
