import { MediaError } from '../errors.ts';
import type { TransportFeedback } from './rtcp-packet.ts';

/** Reference times count 64 ms (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1). */
export const REFERENCE_TIME_UNIT_MS = 64;
/** Receive deltas count 250 µs (§3.1.5). */
export const DELTA_UNIT_MS = 0.25;
/** Packet status symbols (§3.1.1). */
export const NOT_RECEIVED = 0;
export const SMALL_DELTA = 1;
export const LARGE_DELTA = 2;

/**
 * Parses the body of a transport-wide feedback packet, from the sender's SSRC on.
 *
 * @throws MediaError `packet-malformed` when chunks or deltas are missing
 */
export function parseTransportFeedback(body: DataView): TransportFeedback {
  if (body.byteLength < 16) throw malformed('header', body.byteLength);
  const baseSequenceNumber = body.getUint16(8);
  const statusCount = body.getUint16(10);
  const reference = body.getUint32(12);
  const referenceTime = reference >> 8;
  const symbols = new Uint8Array(statusCount);
  let offset = 16;
  let filled = 0;
  while (filled < statusCount) {
    if (offset + 2 > body.byteLength) throw malformed('status chunk', offset);
    const chunk = body.getUint16(offset);
    offset += 2;
    if ((chunk & 0x8000) === 0) {
      const run = Math.min(chunk & 0x1fff, statusCount - filled);
      // A run of nothing would let a packet of any length stand still here.
      if (run === 0) throw malformed('empty run', offset);
      symbols.fill((chunk >> 13) & 3, filled, filled + run);
      filled += run;
    } else if ((chunk & 0x4000) === 0) {
      for (let bit = 13; bit >= 0 && filled < statusCount; bit -= 1) symbols[filled++] = (chunk >> bit) & 1;
    } else {
      for (let bit = 12; bit >= 0 && filled < statusCount; bit -= 2) symbols[filled++] = (chunk >> bit) & 3;
    }
  }
  const packets: { sequenceNumber: number; arrivalMs: number | undefined }[] = [];
  let arrivalMs = referenceTime * REFERENCE_TIME_UNIT_MS;
  for (let index = 0; index < statusCount; index += 1) {
    const sequenceNumber = (baseSequenceNumber + index) & 0xffff;
    const symbol = symbols[index];
    if (symbol === SMALL_DELTA || symbol === LARGE_DELTA) {
      const length = symbol === SMALL_DELTA ? 1 : 2;
      if (offset + length > body.byteLength) throw malformed('delta', offset);
      arrivalMs += (symbol === SMALL_DELTA ? body.getUint8(offset) : body.getInt16(offset)) * DELTA_UNIT_MS;
      offset += length;
      packets.push({ sequenceNumber, arrivalMs });
    } else {
      packets.push({ sequenceNumber, arrivalMs: undefined });
    }
  }
  return {
    type: 'transport-feedback',
    senderSsrc: body.getUint32(0),
    mediaSsrc: body.getUint32(4),
    feedbackCount: reference & 0xff,
    packets,
  };
}

function malformed(what: string, offset: number): MediaError {
  return new MediaError('packet-malformed', `transport feedback: ${what} at ${offset} does not fit`);
}
