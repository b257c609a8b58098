/** Length of an RTP header with CSRCs and extension (RFC 3550 §5.1, §5.3.1); -1 when the packet is shorter. */
export function rtpHeaderLength(packet: Uint8Array): number {
  const length = packet.length;
  if (length < 12) return -1;
  const first = packet[0]!;
  let end = 12 + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (end + 4 > length) return -1;
    end += 4 + 4 * ((packet[end + 2]! << 8) | packet[end + 3]!);
  }
  return end > length ? -1 : end;
}

/**
 * The 48-bit index that a sequence number most likely stands for (RFC 3711 §3.3.1, appendix A).
 * @param highest - highest index so far, -1 before the first packet
 * @returns a negative number when it lies before the first rollover
 */
export function guessPacketIndex(sequenceNumber: number, highest: number): number {
  if (highest < 0) return sequenceNumber;
  const difference = (sequenceNumber - (highest % 0x10000) + 0x10000) % 0x10000;
  return difference < 0x8000 ? highest + difference : highest + difference - 0x10000;
}
