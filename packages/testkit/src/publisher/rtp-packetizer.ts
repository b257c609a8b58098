/*
 * RTP written by hand. It does not use the product's own packetizers on purpose: a mistake made on both sides of the
 * wire would not show.
 */

/** What WebRTC senders keep to. */
const MAX_PAYLOAD_BYTES = 1200;
export const RTP_HEADER_BYTES = 12;

/** A frame of H.264 as RTP payloads (RFC 6184 §5.6 and §5.8; parameter sets in one STAP-A, §5.7.1). */
export function h264Payloads(nalUnits: readonly Uint8Array[]): Buffer[] {
  const payloads: Buffer[] = [];
  const sets = nalUnits.filter((nal) => isParameterSet(nal));
  if (sets.length > 0) {
    const parts = sets.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 255]), nal]);
    payloads.push(Buffer.concat([Buffer.from([0x78]), ...parts]));
  }
  for (const nal of nalUnits) {
    if (isParameterSet(nal)) continue;
    if (nal.length <= MAX_PAYLOAD_BYTES) payloads.push(Buffer.from(nal));
    else payloads.push(...fragment(nal));
  }
  return payloads;
}

function isParameterSet(nal: Uint8Array): boolean {
  const type = (nal[0] ?? 0) & 31;
  return type === 7 || type === 8;
}

function fragment(nal: Uint8Array): Buffer[] {
  const header = nal[0] ?? 0;
  const fragments: Buffer[] = [];
  for (let at = 1; at < nal.length; at += MAX_PAYLOAD_BYTES - 2) {
    const end = Math.min(nal.length, at + MAX_PAYLOAD_BYTES - 2);
    const flags = (at === 1 ? 0x80 : 0) | (end === nal.length ? 0x40 : 0);
    fragments.push(Buffer.concat([Buffer.from([(header & 0xe0) | 28, flags | (header & 31)]), nal.subarray(at, end)]));
  }
  return fragments;
}

export interface RtpHeader {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
}

export function rtpPacket(header: RtpHeader, ...payload: readonly Uint8Array[]): Buffer {
  const fixed = Buffer.alloc(RTP_HEADER_BYTES);
  fixed[0] = 0x80;
  fixed[1] = (header.marker ? 0x80 : 0) | header.payloadType;
  fixed.writeUInt16BE(header.sequenceNumber & 0xffff, 2);
  fixed.writeUInt32BE(header.timestamp % 2 ** 32, 4);
  fixed.writeUInt32BE(header.ssrc, 8);
  return Buffer.concat([fixed, ...payload]);
}
