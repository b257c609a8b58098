import type { LocalTransportParameters, RemoteTransportParameters } from '../../src/transport/index.ts';

/** Just enough SDP for peers that the tests talk to. */

/** Reads the remote side's parameters; `role` is what its answer or offer comes down to. */
export function readDescription(sdp: string, setup: 'active' | 'passive'): RemoteTransportParameters {
  const attribute = (name: string) => new RegExp(`^a=${name}:(.*)$`, 'm').exec(sdp)![1]!.trim();
  const [algorithm, value] = attribute('fingerprint').split(' ') as [string, string];
  return {
    iceUfrag: attribute('ice-ufrag'),
    icePwd: attribute('ice-pwd'),
    fingerprints: [{ algorithm, value }],
    setup,
  };
}

/** SSRC of what we send. */
export const ownSsrc = 77;

/** Answers every section of an offer with the codecs that it offers; we send in the first. */
export function writeAnswer(
  offer: string,
  local: LocalTransportParameters,
  setup: 'active' | 'passive',
  candidates: readonly string[] = local.candidates,
): string {
  const [session, ...media] = offer.split(/^(?=m=)/m) as [string, ...string[]];
  const bundle = /^a=group:BUNDLE.*$/m.exec(session)?.[0];
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=ice-lite'];
  if (bundle !== undefined) lines.push(bundle.trim());
  for (const section of media) {
    const kept = section
      .split(/\r?\n/)
      .filter(
        (line) => /^a=(mid|rtpmap|fmtp|rtcp-fb|extmap|rtcp-mux)/.test(line) && !line.includes('extmap-allow-mixed'),
      );
    lines.push(section.split(/\r?\n/)[0]!, 'c=IN IP4 0.0.0.0', ...kept);
    if (section === media[0]) lines.push('a=sendrecv', `a=ssrc:${ownSsrc} cname:test`);
    else lines.push('a=recvonly');
    lines.push(
      `a=ice-ufrag:${local.iceUfrag}`,
      `a=ice-pwd:${local.icePwd}`,
      `a=fingerprint:${local.fingerprint.algorithm} ${local.fingerprint.value}`,
      `a=setup:${setup}`,
      ...candidates.map((candidate) => `a=${candidate}`),
      'a=end-of-candidates',
    );
  }
  return `${lines.join('\r\n')}\r\n`;
}
