import { MediaError } from '../errors.ts';

/** OBU types (AV1 bitstream specification §6.2.2). */
export const OBU_TYPE = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  frame: 6,
  redundantFrameHeader: 7,
  tileList: 8,
} as const;

/** Reads a `leb128()` (§4.10.5); undefined when it does not end within `end` or 32 bits. */
export function readLeb128(
  data: Uint8Array,
  offset: number,
  end: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let index = 0; index < 8 && offset + index < end; index += 1) {
    const byte = data[offset + index]!;
    value += (byte & 0x7f) * 128 ** index;
    if (byte < 0x80) return value < 2 ** 32 ? { value, next: offset + index + 1 } : undefined;
  }
  return undefined;
}

export function leb128Length(value: number): number {
  let length = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 128)) length += 1;
  return length;
}

/** @returns offset behind what was written */
export function writeLeb128(data: Uint8Array, offset: number, value: number): number {
  let left = value;
  let position = offset;
  while (left >= 0x80) {
    data[position++] = (left & 0x7f) | 0x80;
    left = Math.floor(left / 128);
  }
  data[position++] = left;
  return position;
}

export interface Obu {
  readonly type: number;
  /** Header, size and payload. */
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
}

/**
 * The OBUs of a temporal unit in the low-overhead format (§5.2), as views.
 *
 * @throws MediaError `bitstream-malformed` when a size is missing or does not fit
 */
export function* obus(data: Uint8Array): Generator<Obu> {
  let offset = 0;
  while (offset < data.byteLength) {
    const header = data[offset]!;
    const start = offset + ((header & 0x04) !== 0 ? 2 : 1);
    const size = (header & 0x02) !== 0 ? readLeb128(data, start, data.byteLength) : undefined;
    if ((header & 0x80) !== 0 || size === undefined || size.next + size.value > data.byteLength) {
      throw new MediaError('bitstream-malformed', `OBU at ${offset} does not fit ${data.byteLength} bytes`);
    }
    const end = size.next + size.value;
    yield { type: (header >> 3) & 0x0f, bytes: data.subarray(offset, end), payload: data.subarray(size.next, end) };
    offset = end;
  }
}
