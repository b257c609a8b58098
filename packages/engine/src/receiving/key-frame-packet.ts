import type { RtpCodec } from '@aircheck/media';

/**
 * Whether a packet is the first of a key frame, as far as one packet can say: where forwarding to a new receiver may
 * begin.
 * @param payload - RTP payload without padding
 */
export function startsKeyFrame(codec: RtpCodec, payload: Uint8Array): boolean {
  switch (codec) {
    case 'h264':
      return startsH264KeyFrame(payload);
    case 'vp8':
      return startsVp8KeyFrame(payload);
    case 'vp9':
      return startsVp9KeyFrame(payload);
    case 'av1':
      // RFC of AOM "RTP Payload Format For AV1" §4.4: N, the first packet of a coded video sequence.
      return payload.length > 0 && (payload[0]! & 0x08) !== 0;
    default:
      return true;
  }
}

const H264_IDR = 5;
const H264_SPS = 7;
const H264_STAP_A = 24;
const H264_FU_A = 28;

function isH264Start(nalType: number): boolean {
  return nalType === H264_SPS || nalType === H264_IDR;
}

/** RFC 6184 §5.6 to §5.8: a sequence parameter set, or an IDR picture (whose parameter sets came before). */
function startsH264KeyFrame(payload: Uint8Array): boolean {
  if (payload.length < 2) return false;
  const type = payload[0]! & 0x1f;
  if (type === H264_FU_A) return (payload[1]! & 0x80) !== 0 && isH264Start(payload[1]! & 0x1f);
  if (type !== H264_STAP_A) return isH264Start(type);
  let offset = 1;
  while (offset + 3 <= payload.length) {
    if (isH264Start(payload[offset + 2]! & 0x1f)) return true;
    offset += 2 + ((payload[offset]! << 8) | payload[offset + 1]!);
  }
  return false;
}

/** RFC 7741 §4.2 and §4.3. */
function startsVp8KeyFrame(payload: Uint8Array): boolean {
  const first = payload[0] ?? 0;
  // S set, partition 0
  if ((first & 0x17) !== 0x10) return false;
  let offset = 1;
  if ((first & 0x80) !== 0) {
    const extension = payload[offset++] ?? 0;
    if ((extension & 0x80) !== 0) offset += ((payload[offset] ?? 0) & 0x80) !== 0 ? 2 : 1;
    if ((extension & 0x40) !== 0) offset += 1;
    if ((extension & 0x30) !== 0) offset += 1;
  }
  return offset < payload.length && (payload[offset]! & 0x01) === 0;
}

/** RFC 9628 §4.2: begins a frame that is not predicted from another picture, on the lowest spatial layer. */
function startsVp9KeyFrame(payload: Uint8Array): boolean {
  const first = payload[0] ?? 0;
  const predicted = (first & 0x40) !== 0;
  const begins = (first & 0x08) !== 0;
  if (predicted || !begins) return false;
  if ((first & 0x20) === 0) return true;
  let offset = 1;
  if ((first & 0x80) !== 0) offset += ((payload[offset] ?? 0) & 0x80) !== 0 ? 2 : 1;
  return offset < payload.length && ((payload[offset]! >> 1) & 0x07) === 0;
}
