import { leb128Length, OBU_TYPE, readLeb128, writeLeb128 } from './av1-obu.ts';
import type { AssembledFrame, Depacketizer } from './depacketizer.ts';

/** A run of bytes of an OBU element within one packet's payload. */
interface Piece {
  readonly payload: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** An OBU as it is in the packets: its size field is there or not. */
interface ReceivedObu {
  readonly header: number;
  readonly extension: number | undefined;
  readonly pieces: readonly Piece[];
  /** Bytes before the OBU's payload: header, extension and size field. */
  readonly skip: number;
  readonly payloadLength: number;
}

/**
 * AV1 (RTP Payload Format For AV1, v1.0). What comes out is a temporal unit in the low-overhead format: each OBU has its
 * size, temporal delimiters and tile lists are left out.
 */
export class Av1Depacketizer implements Depacketizer {
  startsFrame(payload: Uint8Array): boolean {
    // Z: it begins with the rest of an OBU. N alone says that it begins a coded video sequence.
    if ((payload[0]! & 0x80) !== 0) return false;
    if ((payload[0]! & 0x08) !== 0) return true;
    const first = splitElements(payload)?.[0];
    const type = first === undefined ? -1 : (payload[first.start]! >> 3) & 0x0f;
    return type === OBU_TYPE.temporalDelimiter || type === OBU_TYPE.sequenceHeader;
  }

  packetsLost(): void {}

  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'empty' | 'damaged' {
    const elements = joinElements(payloads);
    if (elements === undefined) return 'damaged';
    const kept: ReceivedObu[] = [];
    let length = 0;
    for (const pieces of elements) {
      if (pieces.every(({ start, end }) => start === end)) continue;
      const obu = parseObu(pieces);
      if (obu === undefined) return 'damaged';
      const type = (obu.header >> 3) & 0x0f;
      if (type === OBU_TYPE.temporalDelimiter || type === OBU_TYPE.tileList) continue;
      kept.push(obu);
      length += (obu.extension === undefined ? 1 : 2) + leb128Length(obu.payloadLength) + obu.payloadLength;
    }
    if (kept.length === 0) return 'empty';
    const data = new Uint8Array(length);
    let offset = 0;
    let hasSequenceHeader = false;
    let firstFrameHeader: number | undefined;
    for (const obu of kept) {
      const type = (obu.header >> 3) & 0x0f;
      data[offset++] = (obu.header & 0x7c) | 0x02;
      if (obu.extension !== undefined) data[offset++] = obu.extension;
      offset = writeLeb128(data, offset, obu.payloadLength);
      const payloadStart = offset;
      offset = copyPayload(obu, data, offset);
      if (type === OBU_TYPE.sequenceHeader) hasSequenceHeader = true;
      if ((type === OBU_TYPE.frame || type === OBU_TYPE.frameHeader) && obu.payloadLength > 0) {
        firstFrameHeader ??= data[payloadStart]!;
      }
    }
    // Metadata alone, or a sequence header ahead of its frame.
    if (firstFrameHeader === undefined) return 'empty';
    // show_existing_frame 0, frame_type KEY_FRAME, show_frame 1 (AV1 bitstream specification §5.9.2).
    return { data, keyFrame: hasSequenceHeader && (firstFrameHeader & 0xf0) === 0x10 };
  }
}

/** The OBU elements of one payload (§4.4 and §4.5); undefined when their lengths don't fit. */
function splitElements(payload: Uint8Array): Piece[] | undefined {
  const count = (payload[0]! >> 4) & 3;
  const pieces: Piece[] = [];
  let offset = 1;
  while (offset < payload.byteLength) {
    let end = payload.byteLength;
    // W counts the elements, and then the last one has no length.
    if (count === 0 || pieces.length < count - 1) {
      const size = readLeb128(payload, offset, payload.byteLength);
      if (size === undefined || size.next + size.value > payload.byteLength) return undefined;
      offset = size.next;
      end = offset + size.value;
    }
    pieces.push({ payload, start: offset, end });
    offset = end;
  }
  return pieces;
}

/** Joins what was split over packets: Z says that a payload begins within an element, Y that it ends within one. */
function joinElements(payloads: readonly Uint8Array[]): Piece[][] | undefined {
  const elements: Piece[][] = [];
  let unfinished = false;
  for (const payload of payloads) {
    const continues = (payload[0]! & 0x80) !== 0;
    const pieces = splitElements(payload);
    if (pieces === undefined || pieces.length === 0 || continues !== unfinished) return undefined;
    for (const [index, piece] of pieces.entries()) {
      if (index === 0 && continues) elements.at(-1)!.push(piece);
      else elements.push([piece]);
    }
    unfinished = (payload[0]! & 0x40) !== 0;
  }
  return unfinished ? undefined : elements;
}

function parseObu(pieces: readonly Piece[]): ReceivedObu | undefined {
  let length = 0;
  for (const piece of pieces) length += piece.end - piece.start;
  // Header, extension and size have at most ten bytes, which may be spread over packets.
  const head = new Uint8Array(Math.min(length, 10));
  let filled = 0;
  for (const { payload, start, end } of pieces) {
    if (filled === head.byteLength) break;
    const part = payload.subarray(start, Math.min(end, start + head.byteLength - filled));
    head.set(part, filled);
    filled += part.byteLength;
  }
  const header = head[0]!;
  if ((header & 0x80) !== 0) return undefined;
  let skip = 1;
  let extension: number | undefined;
  if ((header & 0x04) !== 0) {
    extension = head[1];
    if (extension === undefined) return undefined;
    skip += 1;
  }
  let payloadLength = length - skip;
  if ((header & 0x02) !== 0) {
    const size = readLeb128(head, skip, head.byteLength);
    if (size === undefined || size.next + size.value > length) return undefined;
    skip = size.next;
    payloadLength = size.value;
  }
  return { header, extension, pieces, skip, payloadLength };
}

function copyPayload(obu: ReceivedObu, data: Uint8Array, start: number): number {
  let offset = start;
  let skip = obu.skip;
  let left = obu.payloadLength;
  for (const piece of obu.pieces) {
    const from = Math.min(piece.start + skip, piece.end);
    skip -= from - piece.start;
    const length = Math.min(left, piece.end - from);
    data.set(piece.payload.subarray(from, from + length), offset);
    offset += length;
    left -= length;
  }
  return offset;
}
