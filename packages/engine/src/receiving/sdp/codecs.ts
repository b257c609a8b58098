import type { RtpCodec } from '@aircheck/media';
import type { TrackKind } from '@aircheck/protocol';

/** A codec as one m-line names it. */
export interface NegotiableCodec {
  readonly codec: RtpCodec;
  readonly payloadType: number;
  readonly clockRate: number;
  /** Audio only. */
  readonly channels?: number;
  /** Format parameters in the order they came. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Payload type of its retransmissions (RFC 4588). */
  readonly rtxPayloadType?: number;
  /** Values of `a=rtcp-fb`, e.g. `nack pli`. */
  readonly feedback: ReadonlySet<string>;
}

/** What is answered to a publisher that offers nothing of it. */
export const SUPPORTED_CODECS = {
  video: 'H264 (packetization-mode=1), VP9, AV1 or VP8',
  audio: 'opus',
} as const satisfies Record<TrackKind, string>;

const ENCODING_NAMES = { h264: 'H264', vp9: 'VP9', av1: 'AV1', vp8: 'VP8', opus: 'opus' } as const;

/** Encoding name as `a=rtpmap` has it. */
export function encodingName(codec: RtpCodec): string {
  return ENCODING_NAMES[codec];
}

/** The codec behind an `a=rtpmap`, or undefined when it is none of ours. */
export function codecOf(kind: TrackKind, encoding: string, clockRate: number, channels: number): RtpCodec | undefined {
  const name = encoding.toLowerCase();
  if (kind === 'audio') return name === 'opus' && clockRate === 48_000 && channels === 2 ? 'opus' : undefined;
  if (clockRate !== 90_000) return undefined;
  return name === 'h264' || name === 'vp9' || name === 'av1' || name === 'vp8' ? name : undefined;
}

/** `key=value;key` to a map with keys in lower case; a key without a value maps to an empty string. */
export function parseParameters(text: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of text.split(';')) {
    const [key = '', ...value] = part.trim().split('=');
    if (key !== '') parameters.set(key.trim().toLowerCase(), value.join('=').trim());
  }
  return parameters;
}

export function formatParameters(parameters: Iterable<readonly [string, string]>): string {
  return [...parameters].map(([key, value]) => (value === '' ? key : `${key}=${value}`)).join(';');
}

/** Constrained and plain baseline are what every browser sends and plays; RFC 6184 §8.1: 42001f stands for 42e01f too. */
function isBaseline(codec: NegotiableCodec): boolean {
  return (codec.parameters.get('profile-level-id') ?? '420010').toLowerCase().startsWith('42');
}

/**
 * How much we like to receive a codec: lower is better, undefined is not taken. H.264 goes into MP4 and plays
 * everywhere; VP9 and AV1 go into MP4; VP8 needs WebM.
 */
export function receivePreference(codec: NegotiableCodec): number | undefined {
  switch (codec.codec) {
    case 'opus':
      return 0;
    case 'h264':
      // Mode 0 has no fragmentation: every NAL unit must fit into a packet, which encoders for it rarely heed.
      if (codec.parameters.get('packetization-mode') !== '1') return undefined;
      return isBaseline(codec) ? 0 : 1;
    case 'vp9':
      return (codec.parameters.get('profile-id') ?? '0') === '0' ? 2 : 5;
    case 'av1':
      return (codec.parameters.get('profile') ?? '0') === '0' ? 3 : 6;
    case 'vp8':
      return 4;
  }
}

const KEPT_PARAMETERS: Record<RtpCodec, readonly string[]> = {
  h264: ['level-asymmetry-allowed', 'packetization-mode', 'profile-level-id'],
  vp9: ['profile-id'],
  av1: ['profile', 'level-idx', 'tier'],
  vp8: [],
  opus: [],
};

/**
 * The parameters of a codec that we answer with, or offer to a receiver: those that name the bitstream.
 * Opus: forward error correction on, stereo as the sender wants it, no discontinuous transmission.
 */
export function bitstreamParameters(codec: Pick<NegotiableCodec, 'codec' | 'parameters'>): Map<string, string> {
  const kept = new Map<string, string>();
  for (const key of KEPT_PARAMETERS[codec.codec]) {
    const value = codec.parameters.get(key);
    if (value !== undefined) kept.set(key, value);
  }
  if (codec.codec === 'opus') {
    kept.set('minptime', '10').set('useinbandfec', '1');
    if (codec.parameters.get('stereo') === '1' || codec.parameters.get('sprop-stereo') === '1') {
      kept.set('stereo', '1').set('sprop-stereo', '1');
    }
  }
  return kept;
}

/** Whether a receiver that names `offered` can take a stream of `sent`: same codec, and the same profile. */
export function canReceive(offered: NegotiableCodec, sent: Pick<NegotiableCodec, 'codec' | 'parameters'>): boolean {
  if (offered.codec !== sent.codec) return false;
  const profile = (of: Pick<NegotiableCodec, 'parameters'>, key: string, length?: number): string =>
    (of.parameters.get(key) ?? '').toLowerCase().slice(0, length);
  switch (sent.codec) {
    case 'h264': {
      if (offered.parameters.get('packetization-mode') !== '1') return false;
      const takes = profile(offered, 'profile-level-id', 2) || '42';
      const has = profile(sent, 'profile-level-id', 2) || '42';
      // Decoders of Main and High take baseline streams as well.
      return takes === has || has === '42';
    }
    case 'vp9':
      return (profile(offered, 'profile-id') || '0') === (profile(sent, 'profile-id') || '0');
    case 'av1':
      return (profile(offered, 'profile') || '0') === (profile(sent, 'profile') || '0');
    default:
      return true;
  }
}
