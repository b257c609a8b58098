import type { LocalTransportParameters } from '../../transport/index.ts';
import { bitstreamParameters, encodingName, formatParameters, type NegotiableCodec } from './codecs.ts';
import type { RemoteMedia } from './description.ts';

/** Names a description among those of one peer connection (RFC 8866 §5.2). */
export interface SessionOrigin {
  readonly sessionId: string;
  /** Grows with each description. */
  readonly version: number;
}

/** The lines before the first m-line. */
export function sessionLines(origin: SessionOrigin, bundle: readonly string[], lite = true): string[] {
  return [
    'v=0',
    `o=- ${origin.sessionId} ${origin.version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    ...(lite ? ['a=ice-lite'] : []),
    ...(bundle.length > 0 ? [`a=group:BUNDLE ${bundle.join(' ')}`] : []),
    'a=msid-semantic: WMS *',
  ];
}

/**
 * ICE and DTLS attributes of an m-line.
 * @param candidates - said once, on the m-line that all others are bundled with
 */
export function transportLines(
  local: LocalTransportParameters,
  setup: 'actpass' | 'active' | 'passive',
  candidates: boolean,
): string[] {
  return [
    `a=ice-ufrag:${local.iceUfrag}`,
    `a=ice-pwd:${local.icePwd}`,
    `a=fingerprint:${local.fingerprint.algorithm} ${local.fingerprint.value}`,
    `a=setup:${setup}`,
    ...(candidates ? [...local.candidates.map((candidate) => `a=${candidate}`), 'a=end-of-candidates'] : []),
  ];
}

/** An m-line that is given up or not understood. */
export function rejectedMediaLines(media: Pick<RemoteMedia, 'type' | 'protocol' | 'formats' | 'mid'>): string[] {
  return [
    `m=${media.type} 0 ${media.protocol} ${media.formats}`,
    'c=IN IP4 0.0.0.0',
    'a=inactive',
    `a=mid:${media.mid}`,
  ];
}

/** `a=rtpmap`, `a=fmtp` and `a=rtcp-fb` of a codec and of its retransmissions. */
export function codecLines(
  codec: NegotiableCodec,
  feedback: readonly string[],
  extraParameters: readonly (readonly [string, string])[] = [],
): string[] {
  const { payloadType, rtxPayloadType } = codec;
  const channels = codec.channels === undefined || codec.channels === 1 ? '' : `/${codec.channels}`;
  const parameters = formatParameters([...bitstreamParameters(codec), ...extraParameters]);
  const lines = [`a=rtpmap:${payloadType} ${encodingName(codec.codec)}/${codec.clockRate}${channels}`];
  if (parameters !== '') lines.push(`a=fmtp:${payloadType} ${parameters}`);
  for (const value of feedback) lines.push(`a=rtcp-fb:${payloadType} ${value}`);
  if (rtxPayloadType !== undefined) {
    lines.push(`a=rtpmap:${rtxPayloadType} rtx/${codec.clockRate}`, `a=fmtp:${rtxPayloadType} apt=${payloadType}`);
  }
  return lines;
}

/** Payload types of a codec as the m-line lists them. */
export function codecFormats(codec: NegotiableCodec): string {
  return codec.rtxPayloadType === undefined
    ? String(codec.payloadType)
    : `${codec.payloadType} ${codec.rtxPayloadType}`;
}

/** One stream that we send: its SSRCs, and the names that tie it to its participant (RFC 5576, RFC 8830). */
export interface SentStream {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  /** Same for all streams of a participant that share a clock (RFC 3550 §6.5.1). */
  readonly cname: string;
  /** Groups the tracks of a participant. */
  readonly streamId: string;
  readonly trackId: string;
}

/** `a=msid`, `a=ssrc` and `a=ssrc-group` of a stream. */
export function streamLines(stream: SentStream, rtx: boolean): string[] {
  const msid = `${stream.streamId} ${stream.trackId}`;
  const lines = [`a=msid:${msid}`];
  if (rtx) lines.push(`a=ssrc-group:FID ${stream.ssrc} ${stream.rtxSsrc}`);
  for (const ssrc of rtx ? [stream.ssrc, stream.rtxSsrc] : [stream.ssrc]) {
    lines.push(`a=ssrc:${ssrc} cname:${stream.cname}`, `a=ssrc:${ssrc} msid:${msid}`);
  }
  return lines;
}

export function joinLines(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n`;
}
