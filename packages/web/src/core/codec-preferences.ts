/** What a recording is best made of: H.264 plays everywhere and is cheap to send; the others follow by how well they do. */
const order = ['video/h264', 'video/vp9', 'video/av1', 'video/vp8'];

/** Without retransmission (RFC 4588) in the list a browser does not offer it at all. */
const retransmission = 'video/rtx';

/**
 * Puts a browser's codecs in the order in which they are to be offered: H.264 Constrained Baseline in packetization
 * mode 1 first, then the rest of H.264, VP9, AV1, VP8, and retransmission. What the server does not take is left out.
 */
export function preferredCodecs<Codec extends { readonly mimeType: string; readonly sdpFmtpLine?: string }>(
  codecs: readonly Codec[],
): Codec[] {
  return codecs
    .map((codec) => ({ codec, rank: rank(codec.mimeType.toLowerCase(), codec.sdpFmtpLine ?? '') }))
    .filter(({ rank }) => rank < Number.POSITIVE_INFINITY)
    .sort((a, b) => a.rank - b.rank)
    .map(({ codec }) => codec);
}

function rank(mimeType: string, parameters: string): number {
  if (mimeType === retransmission) return order.length * 10;
  const place = order.indexOf(mimeType);
  if (place < 0) return Number.POSITIVE_INFINITY;
  if (mimeType === 'video/h264') {
    if (!parameters.includes('packetization-mode=1')) return Number.POSITIVE_INFINITY;
    return parameters.includes('profile-level-id=42e01f') ? 0 : 1;
  }
  // Profile 0 is 8 bits a sample with 4:2:0 colour, which is what browsers play from files.
  const profile = /profile(?:-id)?=(\d+)/.exec(parameters)?.[1] ?? '0';
  return profile === '0' ? place * 10 : Number.POSITIVE_INFINITY;
}
