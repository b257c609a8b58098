import { MediaError } from '../errors.ts';
import { lengthPrefixedNalUnits, NAL_TYPE } from './h264-nal-units.ts';

/**
 * Splits one access unit into RTP payloads (RFC 6184, packetization mode 1): small NAL units share STAP-A packets, large
 * ones are cut into FU-A. The last payload's packet carries the marker.
 *
 * @param frameData - NAL units with 4-byte lengths
 * @param maxPayloadLength - bytes a payload may have; 1200 is what WebRTC senders keep to
 * @throws MediaError `bitstream-malformed` when the lengths don't fit
 */
export function packetizeH264(frameData: Uint8Array, maxPayloadLength: number): Uint8Array[] {
  if (maxPayloadLength < 3)
    throw new MediaError('argument-invalid', `payload of ${maxPayloadLength} bytes: at least 3`);
  const payloads: Uint8Array[] = [];
  let together: Uint8Array[] = [];
  let togetherLength = 1;
  const flush = (): void => {
    if (together.length === 1) payloads.push(together[0]!);
    else if (together.length > 1) payloads.push(aggregate(together, togetherLength));
    together = [];
    togetherLength = 1;
  };
  for (const nalUnit of lengthPrefixedNalUnits(frameData)) {
    if (nalUnit.byteLength > maxPayloadLength) {
      flush();
      payloads.push(...fragment(nalUnit, maxPayloadLength));
      continue;
    }
    if (togetherLength + 2 + nalUnit.byteLength > maxPayloadLength) flush();
    together.push(nalUnit);
    togetherLength += 2 + nalUnit.byteLength;
  }
  flush();
  return payloads;
}

/** STAP-A (§5.7.1): the header's NRI is the highest of the units in it. */
function aggregate(nalUnits: readonly Uint8Array[], length: number): Uint8Array {
  const payload = new Uint8Array(length);
  let importance = 0;
  let offset = 1;
  for (const nalUnit of nalUnits) {
    importance = Math.max(importance, nalUnit[0]! & 0x60);
    payload[offset] = nalUnit.byteLength >> 8;
    payload[offset + 1] = nalUnit.byteLength;
    payload.set(nalUnit, offset + 2);
    offset += 2 + nalUnit.byteLength;
  }
  payload[0] = importance | NAL_TYPE.stapA;
  return payload;
}

/** FU-A (§5.8), in parts of equal size. */
function fragment(nalUnit: Uint8Array, maxPayloadLength: number): Uint8Array[] {
  const contentLength = nalUnit.byteLength - 1;
  const count = Math.ceil(contentLength / (maxPayloadLength - 2));
  return Array.from({ length: count }, (_, index) => {
    const start = 1 + Math.floor((index * contentLength) / count);
    const end = 1 + Math.floor(((index + 1) * contentLength) / count);
    const payload = new Uint8Array(2 + end - start);
    payload[0] = (nalUnit[0]! & 0x60) | NAL_TYPE.fuA;
    payload[1] = (index === 0 ? 0x80 : 0) | (index === count - 1 ? 0x40 : 0) | (nalUnit[0]! & 0x1f);
    payload.set(nalUnit.subarray(start, end), 2);
    return payload;
  });
}
