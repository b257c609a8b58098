import { MediaError } from '../errors.ts';

const FIXED_HEADER_LENGTH = 12;
/** RFC 8285 §4.2. */
const ONE_BYTE_PROFILE = 0xbede;
/** RFC 8285 §4.3: the low four bits are free for the application. */
const TWO_BYTE_PROFILE = 0x1000;

/** One RTP packet (RFC 3550 §5.1), as a view on the bytes it was parsed from: those must not be written to later. */
export class RtpPacket {
  /** The whole packet, padding included. */
  readonly bytes: Uint8Array;
  readonly marker: boolean;
  readonly payloadType: number;
  readonly sequenceNumber: number;
  /** 32 bits, as on the wire. */
  readonly timestamp: number;
  readonly ssrc: number;
  /** Length of the fixed header, the CSRCs and the header extension. */
  readonly headerLength: number;
  /** What follows the header, without padding; empty for a packet that is nothing but padding. */
  readonly payload: Uint8Array;

  /** Use {@link parseRtpPacket}, which checks the lengths first. */
  constructor(bytes: Uint8Array, headerLength: number, payloadLength: number) {
    this.bytes = bytes;
    this.marker = bytes[1]! >= 0x80;
    this.payloadType = bytes[1]! & 0x7f;
    this.sequenceNumber = (bytes[2]! << 8) | bytes[3]!;
    this.timestamp = ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0;
    this.ssrc = ((bytes[8]! << 24) | (bytes[9]! << 16) | (bytes[10]! << 8) | bytes[11]!) >>> 0;
    this.headerLength = headerLength;
    this.payload = new Uint8Array(bytes.buffer, bytes.byteOffset + headerLength, payloadLength);
  }

  /**
   * The header extension element with this id (RFC 8285), as a view; undefined when the packet has none. An element
   * that reaches past the extension's end is not there, and neither are those behind it.
   *
   * @param id - as negotiated by `a=extmap`: 1–14 for the one-byte form, 1–255 for the two-byte form
   */
  extension(id: number): Uint8Array | undefined {
    const { bytes, headerLength } = this;
    if ((bytes[0]! & 0x10) === 0) return undefined;
    let offset = FIXED_HEADER_LENGTH + (bytes[0]! & 0x0f) * 4;
    const profile = (bytes[offset]! << 8) | bytes[offset + 1]!;
    offset += 4;
    if (profile === ONE_BYTE_PROFILE) {
      while (offset < headerLength) {
        const first = bytes[offset++]!;
        const elementId = first >> 4;
        if (elementId === 0) continue;
        // "The local identifier value 15 … processing of the entire extension MUST terminate" (RFC 8285 §4.2).
        if (elementId === 15) return undefined;
        const length = (first & 0x0f) + 1;
        if (offset + length > headerLength) return undefined;
        if (elementId === id) return bytes.subarray(offset, offset + length);
        offset += length;
      }
    } else if ((profile & 0xfff0) === TWO_BYTE_PROFILE) {
      while (offset < headerLength) {
        const elementId = bytes[offset++]!;
        if (elementId === 0) continue;
        if (offset >= headerLength) return undefined;
        const length = bytes[offset++]!;
        if (offset + length > headerLength) return undefined;
        if (elementId === id) return bytes.subarray(offset, offset + length);
        offset += length;
      }
    }
    return undefined;
  }
}

/**
 * Parses one RTP packet (RFC 3550 §5.1). The header extension's elements are only looked at when asked for.
 *
 * @param bytes - one datagram's RTP packet, decrypted; kept by the result, not copied
 * @throws MediaError `packet-malformed` when the version is not 2 or a length reaches past the end
 */
export function parseRtpPacket(bytes: Uint8Array): RtpPacket {
  const length = bytes.byteLength;
  if (length < FIXED_HEADER_LENGTH) {
    throw new MediaError(
      'packet-malformed',
      `RTP packet of ${length} bytes: the header alone has ${FIXED_HEADER_LENGTH}`,
    );
  }
  const first = bytes[0]!;
  if (first >> 6 !== 2) throw new MediaError('packet-malformed', `RTP version ${first >> 6}: expected 2`);
  let headerLength = FIXED_HEADER_LENGTH + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (headerLength + 4 > length) {
      throw new MediaError('packet-malformed', `RTP header extension at ${headerLength} lies beyond ${length} bytes`);
    }
    headerLength += 4 + ((bytes[headerLength + 2]! << 8) | bytes[headerLength + 3]!) * 4;
  }
  if (headerLength > length) {
    throw new MediaError('packet-malformed', `RTP header of ${headerLength} bytes in a packet of ${length}`);
  }
  let payloadLength = length - headerLength;
  if ((first & 0x20) !== 0) {
    const padding = bytes[length - 1]!;
    if (padding === 0 || padding > payloadLength) {
      throw new MediaError(
        'packet-malformed',
        `RTP padding of ${padding} bytes after a header of ${headerLength}/${length}`,
      );
    }
    payloadLength -= padding;
  }
  return new RtpPacket(bytes, headerLength, payloadLength);
}

/**
 * Tells RTCP from RTP on one port (RFC 5761 §4): packet types 192–223, payload types no RTP stream may use there.
 */
export function isRtcp(bytes: Uint8Array): boolean {
  const type = bytes[1];
  return bytes.byteLength >= 4 && bytes[0]! >> 6 === 2 && type !== undefined && type >= 192 && type <= 223;
}

export interface RtpPacketFields {
  readonly marker?: boolean;
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Uint8Array;
  readonly extensions?: readonly { readonly id: number; readonly data: Uint8Array }[];
  /** Bytes of padding to add, at most 255, the count byte among them. */
  readonly padding?: number;
}

/**
 * Writes one RTP packet. Header extensions take the one-byte form where all fit it, else the two-byte form (RFC 8285).
 * Sequence number and timestamp are taken modulo their width.
 *
 * @throws MediaError `argument-invalid` when an extension or the padding does not fit any form
 */
export function serializeRtpPacket(fields: RtpPacketFields): Uint8Array {
  const { payload, extensions = [], padding = 0 } = fields;
  if (padding < 0 || padding > 255) throw new MediaError('argument-invalid', `padding ${padding}: expected 0 to 255`);
  let elementsLength = 0;
  let twoByte = false;
  for (const { id, data } of extensions) {
    if (id < 1 || id > 255 || data.byteLength > 255) {
      throw new MediaError('argument-invalid', `extension ${id} of ${data.byteLength} bytes fits no header extension`);
    }
    if (id > 14 || data.byteLength === 0 || data.byteLength > 16) twoByte = true;
    elementsLength += data.byteLength;
  }
  elementsLength += extensions.length * (twoByte ? 2 : 1);
  const extensionWords = Math.ceil(elementsLength / 4);
  const headerLength = FIXED_HEADER_LENGTH + (extensions.length > 0 ? 4 + extensionWords * 4 : 0);
  const bytes = new Uint8Array(headerLength + payload.byteLength + padding);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extensions.length > 0 ? 0x10 : 0);
  bytes[1] = (fields.marker === true ? 0x80 : 0) | (fields.payloadType & 0x7f);
  view.setUint16(2, fields.sequenceNumber);
  view.setUint32(4, fields.timestamp);
  view.setUint32(8, fields.ssrc);
  if (extensions.length > 0) {
    view.setUint16(12, twoByte ? TWO_BYTE_PROFILE : ONE_BYTE_PROFILE);
    view.setUint16(14, extensionWords);
    let offset = 16;
    for (const { id, data } of extensions) {
      if (twoByte) {
        bytes[offset++] = id;
        bytes[offset++] = data.byteLength;
      } else {
        bytes[offset++] = (id << 4) | (data.byteLength - 1);
      }
      bytes.set(data, offset);
      offset += data.byteLength;
    }
  }
  bytes.set(payload, headerLength);
  if (padding > 0) bytes[bytes.byteLength - 1] = padding;
  return bytes;
}
