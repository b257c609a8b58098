/** Wraps Opus packets of 20 ms as an Ogg file (RFC 7845, RFC 3533), one packet a page, no pre-skip. */
export function writeOgg(packets: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(19);
  head.write('OpusHead');
  head[8] = 1;
  head[9] = 2;
  head.writeUInt32LE(48_000, 12);
  const tags = Buffer.alloc(16);
  tags.write('OpusTags');
  const pages = [head, tags, ...packets];
  return Buffer.concat(
    pages.map((packet, sequence) => {
      const flags = sequence === 0 ? 2 : sequence === pages.length - 1 ? 4 : 0;
      return page(packet, sequence, flags, Math.max(0, sequence - 1) * 960);
    }),
  );
}

function page(packet: Uint8Array, sequence: number, flags: number, granule: number): Buffer {
  const segments = Math.floor(packet.length / 255) + 1;
  const header = Buffer.alloc(27 + segments, 255);
  header.fill(0, 0, 27);
  header.write('OggS');
  header[5] = flags;
  header.writeBigUInt64LE(BigInt(granule), 6);
  header.writeUInt32LE(1, 14);
  header.writeUInt32LE(sequence, 18);
  header[26] = segments;
  header[26 + segments] = packet.length % 255;
  const whole = Buffer.concat([header, packet]);
  whole.writeUInt32LE(crc(whole), 22);
  return whole;
}

/** CRC-32 with the polynomial 04c11db7, neither reflected nor inverted (RFC 3533 §6). */
function crc(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) {
    remainder ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) remainder = remainder < 0 ? (remainder << 1) ^ 0x04c11db7 : remainder << 1;
  }
  return remainder >>> 0;
}
