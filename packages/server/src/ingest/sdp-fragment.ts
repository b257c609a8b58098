import { AircheckError } from '@aircheck/protocol';

/** ICE side of a session description: what a PATCH of a WHIP or WHEP session carries (RFC 8840 §9). */
export interface SdpFragment {
  readonly iceUfrag: string | undefined;
  readonly icePwd: string | undefined;
  /** First m-line and its mid, which stand for the whole bundle; undefined where the fragment has none. */
  readonly mediaLine: string | undefined;
  readonly mid: string | undefined;
}

/** ice-char of RFC 8839 §5.4. */
const iceChars = /^[A-Za-z0-9+/]+$/;

/**
 * Reads a trickle-ice-sdpfrag, or the same lines of a whole description. Candidates are left aside: an ICE-lite server
 * learns them from the connectivity checks.
 * @throws AircheckError `sdp-invalid` when a line is no line of SDP, or a credential is not what ICE allows
 */
export function parseSdpFragment(text: string): SdpFragment {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  if (lines.length === 0 || !lines.every((line) => /^[a-z]=./.test(line))) {
    throw new AircheckError('sdp-invalid', 'The body is no SDP fragment (RFC 8840)', { input: 'body' });
  }
  const first = (prefix: string) => lines.find((line) => line.startsWith(prefix))?.slice(prefix.length);
  return {
    iceUfrag: credential(first('a=ice-ufrag:'), 4),
    icePwd: credential(first('a=ice-pwd:'), 22),
    mediaLine: first('m='),
    mid: first('a=mid:'),
  };
}

/** Answer to an ICE restart: the worker's new credentials and its candidates (RFC 9725 §4.3.3). */
export function serializeSdpFragment(options: {
  readonly mediaLine: string;
  readonly mid: string;
  readonly iceUfrag: string;
  readonly icePwd: string;
  /** With or without the leading `a=`. */
  readonly candidates: readonly string[];
}): string {
  const lines = [
    'a=ice-lite',
    'a=ice-options:trickle ice2',
    `m=${options.mediaLine}`,
    `a=mid:${options.mid}`,
    `a=ice-ufrag:${options.iceUfrag}`,
    `a=ice-pwd:${options.icePwd}`,
    ...options.candidates.map((candidate) => (candidate.startsWith('a=') ? candidate : `a=${candidate}`)),
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function credential(value: string | undefined, minLength: number): string | undefined {
  if (value === undefined) return undefined;
  if (value.length < minLength || value.length > 256 || !iceChars.test(value)) {
    throw new AircheckError('sdp-invalid', 'ice-ufrag or ice-pwd is not what RFC 8839 allows', { input: 'body' });
  }
  return value;
}
