import { AircheckError } from '@aircheck/protocol';
import type { LocalTransportParameters } from '../../transport/index.ts';
import { type NegotiableCodec, receivePreference, SUPPORTED_CODECS } from './codecs.ts';
import { HEADER_EXTENSIONS, type RemoteDescription, type RemoteMedia } from './description.ts';
import {
  codecFormats,
  codecLines,
  joinLines,
  rejectedMediaLines,
  type SessionOrigin,
  sessionLines,
  transportLines,
} from './lines.ts';

const FEEDBACK = ['nack', 'nack pli', 'ccm fir', 'transport-cc'];
const EXTENSIONS = [HEADER_EXTENSIONS.mid, HEADER_EXTENSIONS.transportWideCc, HEADER_EXTENSIONS.absSendTime];
const SIMULCAST_EXTENSIONS = [HEADER_EXTENSIONS.rid, HEADER_EXTENSIONS.repairedRid];
/** Where senders built on libwebrtc begin, instead of 300 kbit/s: the first seconds of a recording are not a blur. */
const START_BITRATE_KBPS = '1500';

/**
 * Chooses what to receive on an m-line: H.264 before VP9, AV1 and VP8; Opus.
 * @throws AircheckError `codec-unsupported` with what we take as its hint
 */
export function chooseCodec(media: RemoteMedia): NegotiableCodec {
  let best: NegotiableCodec | undefined;
  let bestPreference = Number.POSITIVE_INFINITY;
  for (const codec of media.codecs) {
    const preference = receivePreference(codec) ?? Number.POSITIVE_INFINITY;
    if (preference >= bestPreference) continue;
    best = codec;
    bestPreference = preference;
  }
  if (best === undefined) {
    throw new AircheckError('codec-unsupported', `M-line ${JSON.stringify(media.mid)} offers no codec that we take`, {
      input: 'sdp',
      hint: `Offer ${SUPPORTED_CODECS.video} for video, ${SUPPORTED_CODECS.audio} for audio`,
    });
  }
  return best;
}

/** Our DTLS role against an offer. Once a transport stands, its roles stay (RFC 8842 §5.3). */
export function answerSetup(offered: RemoteDescription['transport']['setup']): 'active' | 'passive' {
  return offered === 'passive' ? 'active' : 'passive';
}

/**
 * Answers who sends: receives the chosen codecs, rejects what is not media, leaves the rest inactive.
 * @param codecs - chosen codec by mid; an m-line without one receives nothing
 */
export function buildReceiveAnswer(options: {
  readonly origin: SessionOrigin;
  readonly offer: RemoteDescription;
  readonly codecs: ReadonlyMap<string, NegotiableCodec>;
  readonly local: LocalTransportParameters;
  readonly setup: 'active' | 'passive';
  /** What we are; ICE-lite when absent. */
  readonly ice?: 'lite' | 'controlling';
}): string {
  const { offer, codecs } = options;
  const accepted = offer.media.filter((media) => isAnswerable(media, codecs));
  const lines = sessionLines(
    options.origin,
    accepted.map(({ mid }) => mid),
    options.ice !== 'controlling',
  );
  for (const media of offer.media) {
    if (!accepted.includes(media)) {
      lines.push(...rejectedMediaLines(media));
      continue;
    }
    const chosen = codecs.get(media.mid);
    const codec = chosen ?? media.codecs[0]!;
    // Only Chromium and its kin know `goog-remb`, and the hint about the bit rate.
    const hint =
      chosen !== undefined && media.kind === 'video' && codec.feedback.has('goog-remb')
        ? ([['x-google-start-bitrate', START_BITRATE_KBPS]] as const)
        : [];
    const extensions = media.simulcast ? [...EXTENSIONS, ...SIMULCAST_EXTENSIONS] : EXTENSIONS;
    lines.push(
      `m=${media.type} 9 ${media.protocol} ${codecFormats(codec)}`,
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      ...transportLines(options.local, options.setup, media === accepted[0]),
      `a=mid:${media.mid}`,
      chosen === undefined ? 'a=inactive' : 'a=recvonly',
      'a=rtcp-mux',
      ...(media.reducedSizeRtcp ? ['a=rtcp-rsize'] : []),
      ...(media.extensionsMixed ? ['a=extmap-allow-mixed'] : []),
      ...[...media.extensions]
        .filter(([uri]) => extensions.some((known) => known === uri))
        .map(([uri, id]) => `a=extmap:${id} ${uri}`),
      ...codecLines(
        codec,
        FEEDBACK.filter((value) => codec.feedback.has(value)),
        hint,
      ),
    );
  }
  return joinLines(lines);
}

/** An m-line that carries nothing stays open for later, if only we know one of its codecs. */
function isAnswerable(media: RemoteMedia, codecs: ReadonlyMap<string, NegotiableCodec>): boolean {
  return media.kind !== undefined && !media.rejected && (codecs.has(media.mid) || media.codecs.length > 0);
}
