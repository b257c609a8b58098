import { MediaError } from '../errors.ts';

/** NAL unit types (ISO/IEC 14496-10 table 7-1) and RTP packet types (RFC 6184 §5.2). */
export const NAL_TYPE = {
  slice: 1,
  idrSlice: 5,
  supplementalEnhancementInformation: 6,
  sequenceParameterSet: 7,
  pictureParameterSet: 8,
  accessUnitDelimiter: 9,
  stapA: 24,
  fuA: 28,
} as const;

/**
 * The NAL units of a frame in which each is preceded by a 4-byte length (ISO/IEC 14496-15 §5.3.4.2), as views.
 *
 * @throws MediaError `bitstream-malformed` when a length reaches past the end or is 0
 */
export function* lengthPrefixedNalUnits(data: Uint8Array): Generator<Uint8Array> {
  let offset = 0;
  while (offset < data.byteLength) {
    const start = offset + 4;
    const length = start <= data.byteLength ? readLength(data, offset) : 0;
    if (length === 0 || start + length > data.byteLength) {
      throw new MediaError('bitstream-malformed', `NAL unit at ${offset} does not fit ${data.byteLength} bytes`);
    }
    yield data.subarray(start, start + length);
    offset = start + length;
  }
}

function readLength(data: Uint8Array, offset: number): number {
  return ((data[offset]! << 24) | (data[offset + 1]! << 16) | (data[offset + 2]! << 8) | data[offset + 3]!) >>> 0;
}

/** Writes a 4-byte length. */
export function writeLength(data: Uint8Array, offset: number, length: number): void {
  data[offset] = length >>> 24;
  data[offset + 1] = length >>> 16;
  data[offset + 2] = length >>> 8;
  data[offset + 3] = length;
}

/** The NAL units of a byte stream with start codes (ISO/IEC 14496-10 annex B), as views. */
export function* annexBNalUnits(data: Uint8Array): Generator<Uint8Array> {
  let start = -1;
  let offset = 0;
  while (offset + 2 < data.byteLength) {
    // A start code cannot begin where its third byte would be neither 0 nor 1: skip ahead.
    if (data[offset + 2]! > 1) {
      offset += 3;
    } else if (data[offset] === 0 && data[offset + 1] === 0 && data[offset + 2] === 1) {
      if (start >= 0) yield* withoutTrailingZeros(data, start, offset);
      start = offset + 3;
      offset += 3;
    } else {
      offset += 1;
    }
  }
  if (start >= 0) yield* withoutTrailingZeros(data, start, data.byteLength);
}

/** A NAL unit never ends in a zero byte; those belong to the next start code or are `trailing_zero_8bits`. */
function* withoutTrailingZeros(data: Uint8Array, start: number, end: number): Generator<Uint8Array> {
  let last = end;
  while (last > start && data[last - 1] === 0) last -= 1;
  if (last > start) yield data.subarray(start, last);
}

/** Turns start codes into 4-byte lengths. Bytes before the first start code are left out. */
export function annexBToLengthPrefixed(data: Uint8Array): Uint8Array {
  return joinLengthPrefixed([...annexBNalUnits(data)]);
}

/** One frame out of NAL units: each behind its 4-byte length. */
export function joinLengthPrefixed(nalUnits: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const nalUnit of nalUnits) length += 4 + nalUnit.byteLength;
  const data = new Uint8Array(length);
  let offset = 0;
  for (const nalUnit of nalUnits) {
    writeLength(data, offset, nalUnit.byteLength);
    data.set(nalUnit, offset + 4);
    offset += 4 + nalUnit.byteLength;
  }
  return data;
}

/**
 * The bytes of a NAL unit, header included, without emulation prevention (ISO/IEC 14496-10 §7.4.1).
 */
export function withoutEmulationPrevention(nalUnit: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(nalUnit.byteLength);
  let length = 0;
  let zeros = 0;
  for (const byte of nalUnit) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    bytes[length] = byte;
    length += 1;
  }
  return bytes.subarray(0, length);
}
