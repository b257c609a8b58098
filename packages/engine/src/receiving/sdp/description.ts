import { isIP } from 'node:net';
import { AircheckError, type TrackKind } from '@aircheck/protocol';
import { type MediaDescription, parse, type SessionDescription } from 'sdp-transform';
import type { RemoteCandidate, RemoteTransportParameters } from '../../transport/index.ts';
import { codecOf, type NegotiableCodec, parseParameters } from './codecs.ts';

/** URIs of the RTP header extensions that we use. */
export const HEADER_EXTENSIONS = {
  mid: 'urn:ietf:params:rtp-hdrext:sdes:mid',
  rid: 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
  repairedRid: 'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id',
  transportWideCc: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  absSendTime: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
} as const;

/** What we read of one m-line. */
export interface RemoteMedia {
  readonly mid: string;
  /** Undefined for what is neither sound nor picture over RTP, e.g. data channels. */
  readonly kind: TrackKind | undefined;
  /** The m-line's own words, to reject it with. */
  readonly type: string;
  readonly protocol: string;
  readonly formats: string;
  /** Port 0 without `bundle-only`: the other side has given this m-line up. */
  readonly rejected: boolean;
  readonly sends: boolean;
  readonly receives: boolean;
  /** Those codecs that we know, in the order of the m-line. */
  readonly codecs: readonly NegotiableCodec[];
  /** URI to id. */
  readonly extensions: ReadonlyMap<string, number>;
  readonly extensionsMixed: boolean;
  readonly reducedSizeRtcp: boolean;
  /** Streams of `a=ssrc`, without those that carry retransmissions. */
  readonly ssrcs: readonly number[];
  /** Retransmission SSRC to media SSRC (`a=ssrc-group:FID`). */
  readonly rtxSsrcs: ReadonlyMap<number, number>;
  readonly simulcast: boolean;
}

/** What we read of an offer or an answer. */
export interface RemoteDescription {
  readonly transport: Omit<RemoteTransportParameters, 'setup' | 'candidates'> & {
    readonly setup: 'active' | 'passive' | 'actpass';
  };
  /** Where the other side says it can be reached; names of hosts are left out. */
  readonly candidates: readonly RemoteCandidate[];
  readonly media: readonly RemoteMedia[];
}

const MAX_LENGTH = 200_000;
const MAX_LINE_LENGTH = 4_000;
const MAX_MEDIA = 64;
const RTP_PROTOCOL = /^(?:(?:UDP|TCP)\/TLS\/)?RTP\/SAVPF?$/;
const FINGERPRINT_ALGORITHMS = new Set(['sha-256', 'sha-384', 'sha-512']);

function invalid(detail: string, hint?: string): AircheckError {
  return new AircheckError('sdp-invalid', detail, { input: 'sdp', ...(hint !== undefined && { hint }) });
}

/**
 * Reads a session description of WebRTC (JSEP, RFC 8829): all media bundled on one transport, RTCP multiplexed.
 * @param ice - what we are: one side of ICE must be a full agent, and our full one speaks to lite agents alone
 * @throws AircheckError `sdp-invalid`, saying what is wrong
 */
export function parseDescription(sdp: string, ice: 'lite' | 'controlling' = 'lite'): RemoteDescription {
  const session = parseText(sdp);
  requireOtherIce(session, ice);
  const media = session.media.map((line, index) => readMedia(line, index, session));
  const mids = new Set<string>();
  for (const { mid } of media) {
    if (mids.has(mid)) throw invalid(`Two m-lines have the mid ${JSON.stringify(mid)}`);
    mids.add(mid);
  }
  requireBundle(session, media);
  const line =
    session.media[
      Math.max(
        0,
        media.findIndex(({ rejected }) => !rejected),
      )
    ];
  return { transport: readTransport(session, line), candidates: readCandidates(line), media };
}

function parseText(sdp: string): SessionDescription {
  if (sdp.length > MAX_LENGTH) throw invalid(`It is longer than ${MAX_LENGTH} characters`);
  if (!/^v=0\r?$/m.test(sdp.slice(0, 8))) throw invalid('It does not begin with v=0');
  const lines = sdp.split(/\r\n|\r|\n/);
  const long = lines.findIndex((line) => line.length > MAX_LINE_LENGTH);
  if (long >= 0) throw invalid(`Line ${long + 1} is longer than ${MAX_LINE_LENGTH} characters`);
  let session: SessionDescription;
  try {
    session = parse(sdp);
  } catch (cause) {
    throw new AircheckError('sdp-invalid', 'It cannot be read as a session description', { cause, input: 'sdp' });
  }
  if (session.media.length === 0) throw invalid('It has no m-line');
  if (session.media.length > MAX_MEDIA) throw invalid(`It has more than ${MAX_MEDIA} m-lines`);
  return session;
}

function requireOtherIce(session: SessionDescription, ice: 'lite' | 'controlling'): void {
  if (ice === 'lite' && session.icelite !== undefined) {
    throw invalid('It says ice-lite, as we do: one side must be a full ICE agent (RFC 8445)');
  }
  if (ice === 'controlling' && session.icelite === undefined) {
    throw invalid('It does not say ice-lite, and we speak to lite ICE agents alone (RFC 8445)');
  }
}

function readCandidates(line: MediaDescription | undefined): RemoteCandidate[] {
  return (line?.candidates ?? []).flatMap(({ component, transport, ip, port, priority }) => {
    const usable = Number(component) === 1 && String(transport).toLowerCase() === 'udp' && isIP(String(ip)) !== 0;
    return usable ? [{ address: String(ip), port: Number(port), priority: Number(priority) }] : [];
  });
}

function readMedia(media: MediaDescription, index: number, session: SessionDescription): RemoteMedia {
  const type = String(media.type ?? '');
  const protocol = String(media.protocol ?? '');
  const formats = String(media.payloads ?? '');
  if (type === '' || protocol === '' || formats === '') throw invalid(`M-line ${index + 1} is malformed`);
  if (media.mid === undefined) throw invalid(`M-line ${index + 1} has no mid (RFC 8843)`);
  const mid = String(media.mid);
  if (!/^[\x21-\x7e]{1,32}$/.test(mid)) throw invalid(`The mid of m-line ${index + 1} is malformed`);
  const rtp = RTP_PROTOCOL.test(protocol) && (type === 'audio' || type === 'video');
  const kind = rtp ? (type as TrackKind) : undefined;
  const rejected = Number(media.port) === 0 && media.bundleOnly === undefined;
  if (kind !== undefined && !rejected && media.rtcpMux === undefined) {
    throw invalid(`M-line ${index + 1} lacks a=rtcp-mux`, 'RTP and RTCP share one port here (RFC 8835)');
  }
  const direction = media.direction ?? 'sendrecv';
  const rtxSsrcs = readRtxSsrcs(media);
  const ssrcs = new Set((media.ssrcs ?? []).map(({ id }) => Number(id)).filter(isSsrc));
  return {
    mid,
    kind,
    type,
    protocol,
    formats,
    rejected,
    sends: !rejected && (direction === 'sendrecv' || direction === 'sendonly'),
    receives: !rejected && (direction === 'sendrecv' || direction === 'recvonly'),
    codecs: kind === undefined ? [] : readCodecs(media, kind, formats),
    extensions: new Map(
      (media.ext ?? [])
        .filter(({ value, uri }) => Number.isInteger(value) && value >= 1 && value <= 255 && uri !== undefined)
        .map(({ value, uri }) => [String(uri), value]),
    ),
    extensionsMixed: (media.extmapAllowMixed ?? session.extmapAllowMixed) !== undefined,
    reducedSizeRtcp: media.rtcpRsize !== undefined,
    ssrcs: [...ssrcs].filter((ssrc) => !rtxSsrcs.has(ssrc)),
    rtxSsrcs,
    simulcast: media.simulcast !== undefined || media.simulcast_03 !== undefined,
  };
}

function isSsrc(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

function readRtxSsrcs(media: MediaDescription): Map<number, number> {
  const pairs = new Map<number, number>();
  for (const { semantics, ssrcs } of media.ssrcGroups ?? []) {
    if (semantics !== 'FID') continue;
    const [primary, repair] = String(ssrcs).split(' ').map(Number);
    if (primary !== undefined && repair !== undefined && isSsrc(primary) && isSsrc(repair)) pairs.set(repair, primary);
  }
  return pairs;
}

function readCodecs(media: MediaDescription, kind: TrackKind, formats: string): NegotiableCodec[] {
  const parameters = new Map<number, Map<string, string>>();
  for (const { payload, config } of media.fmtp) parameters.set(Number(payload), parseParameters(String(config ?? '')));
  const rtxOf = new Map<number, number>();
  for (const { payload, codec } of media.rtp) {
    const apt = parameters.get(Number(payload))?.get('apt');
    if (String(codec).toLowerCase() === 'rtx' && apt !== undefined && isPayloadType(Number(payload))) {
      rtxOf.set(Number(apt), Number(payload));
    }
  }
  const codecs: NegotiableCodec[] = [];
  for (const format of formats.split(' ')) {
    const payloadType = Number(format);
    const map = media.rtp.find(({ payload }) => Number(payload) === payloadType);
    if (map === undefined || format === '' || !isPayloadType(payloadType)) continue;
    const channels = Number(map.encoding ?? 1);
    const codec = codecOf(kind, String(map.codec ?? ''), Number(map.rate), channels);
    if (codec === undefined) continue;
    const rtxPayloadType = rtxOf.get(payloadType);
    codecs.push({
      codec,
      payloadType,
      clockRate: Number(map.rate),
      ...(kind === 'audio' && { channels }),
      parameters: parameters.get(payloadType) ?? new Map(),
      ...(rtxPayloadType !== undefined && { rtxPayloadType }),
      feedback: new Set(
        (media.rtcpFb ?? [])
          .filter(({ payload }) => payload === '*' || Number(payload) === payloadType)
          .map(({ type, subtype }) => (subtype === undefined ? String(type) : `${type} ${subtype}`)),
      ),
    });
  }
  return codecs;
}

/** RFC 5761 §4: 64 to 95 would look like RTCP. */
function isPayloadType(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 127 && !(value >= 64 && value <= 95);
}

function requireBundle(session: SessionDescription, media: readonly RemoteMedia[]): void {
  const alive = media.filter(({ rejected }) => !rejected);
  if (alive.length < 2) return;
  const bundled = new Set(
    (session.groups ?? [])
      .filter(({ type }) => String(type) === 'BUNDLE')
      .flatMap(({ mids }) => String(mids).trim().split(/\s+/)),
  );
  const apart = alive.find(({ mid }) => !bundled.has(mid));
  if (apart !== undefined) {
    throw invalid(
      `M-line ${JSON.stringify(apart.mid)} is not in a=group:BUNDLE`,
      'All media share one transport here (RFC 8843)',
    );
  }
}

function readTransport(
  session: SessionDescription,
  line: MediaDescription | undefined,
): RemoteDescription['transport'] {
  const iceUfrag = String(line?.iceUfrag ?? session.iceUfrag ?? '');
  const icePwd = String(line?.icePwd ?? session.icePwd ?? '');
  // RFC 8839 §5.4
  if (!/^[A-Za-z0-9+/]{4,256}$/.test(iceUfrag)) throw invalid('a=ice-ufrag is missing or malformed');
  if (!/^[A-Za-z0-9+/]{22,256}$/.test(icePwd)) throw invalid('a=ice-pwd is missing or malformed');
  const fingerprint = line?.fingerprint ?? session.fingerprint;
  const algorithm = String(fingerprint?.type ?? '').toLowerCase();
  const value = String(fingerprint?.hash ?? '').toUpperCase();
  if (!FINGERPRINT_ALGORITHMS.has(algorithm) || !/^[0-9A-F]{2}(?::[0-9A-F]{2}){31,63}$/.test(value)) {
    throw invalid('a=fingerprint is missing or malformed', 'sha-256, sha-384 or sha-512');
  }
  const setup = String(line?.setup ?? session.setup ?? '');
  if (setup !== 'active' && setup !== 'passive' && setup !== 'actpass') {
    throw invalid('a=setup is missing or is not one of actpass, active, passive');
  }
  return { iceUfrag, icePwd, fingerprints: [{ algorithm, value }], setup };
}
