import { AircheckError } from '@aircheck/protocol';

/**
 * Names the peer connection that made a session description: user name, session id and address of its `o=` line stay
 * the same through renegotiations and ICE restarts, and a new RTCPeerConnection draws a new session id
 * (RFC 8829 §5.2.1, RFC 8866 §5.2).
 * @throws AircheckError `sdp-invalid` for text that is no session description
 */
export function sessionOrigin(sdp: string): string {
  const match = /^v=0\r?\no=(\S+) (\d+) \d+ (IN IP[46] \S+)\r?\n/.exec(sdp);
  if (match === null) throw new AircheckError('sdp-invalid', 'The text is no session description (RFC 8866)');
  return `${match[1]} ${match[2]} ${match[3]}`;
}
