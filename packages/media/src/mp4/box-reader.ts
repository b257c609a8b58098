import { ByteReader, type WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';

/** A box inside bytes that are in memory. */
export interface Box {
  readonly type: string;
  readonly payload: Uint8Array;
  /** Header and payload. */
  readonly bytes: Uint8Array;
}

/**
 * The boxes that lie one behind another (ISO/IEC 14496-12 §4.2).
 *
 * @throws MediaError `container-malformed` when one does not fit in
 */
export function readBoxes(bytes: Uint8Array): Box[] {
  const boxes: Box[] = [];
  let position = 0;
  // Fewer bytes than a header are padding: a user data box ends with four zeros in files of QuickTime.
  while (bytes.byteLength - position >= 8) {
    const header = parseBoxHeader(bytes.subarray(position), bytes.byteLength - position);
    if (header === undefined) break;
    const box = bytes.subarray(position, position + header.size);
    boxes.push({ type: header.type, bytes: box, payload: box.subarray(header.headerLength) });
    position += header.size;
  }
  return boxes;
}

/** The first box of a type, or undefined. */
export function findBox(boxes: readonly Box[], type: string): Box | undefined {
  return boxes.find((box) => box.type === type);
}

/** @throws MediaError `container-malformed` when there is none */
export function requireBox(boxes: readonly Box[], type: string): Box {
  const box = findBox(boxes, type);
  if (box === undefined) throw new MediaError('container-malformed', `there is no ${type} box where one must be`);
  return box;
}

/** Takes the version and the flags of a full box. */
export function readFullBoxHeader(reader: ByteReader): { version: number; flags: number } {
  const word = reader.u32();
  return { version: word >>> 24, flags: word & 0xffffff };
}

/** Where a box lies in a file. */
export interface FileBox {
  readonly type: string;
  readonly offset: number;
  readonly headerLength: number;
  /** Header and payload. */
  readonly size: number;
  readonly end: number;
}

/**
 * Reads a box's header from a file.
 *
 * @param end - where the surrounding box, or the file, ends
 * @returns the box, whose end may lie beyond `end`; undefined when not even its header lies before `end`
 * @throws MediaError `container-malformed` when there cannot be such a header
 */
export async function readBoxHeader(reader: WindowReader, offset: number, end: number): Promise<FileBox | undefined> {
  if (end - offset < 8) return undefined;
  const bytes = await reader.bytes(offset, Math.min(16, end - offset), end);
  if (bytes === undefined) return undefined;
  const word = ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
  if (word === 1 && bytes.byteLength < 16) return undefined;
  const wide = word === 1;
  const size = wide ? new ByteReader(bytes.subarray(8, 16)).u64() : word === 0 ? end - offset : word;
  const headerLength = wide ? 16 : 8;
  const type = String.fromCharCode(...bytes.subarray(4, 8));
  if (size < headerLength) {
    throw new MediaError('container-malformed', `a box of ${size} bytes at ${offset} is shorter than its header`);
  }
  return { type, offset, headerLength, size, end: offset + size };
}

function parseBoxHeader(bytes: Uint8Array, limit: number) {
  const reader = new ByteReader(bytes);
  const word = reader.u32();
  const type = reader.fourCc();
  if (word === 0 && type === '\0\0\0\0') return undefined;
  const size = word === 1 ? reader.u64() : word === 0 ? limit : word;
  if (size < reader.position || size > limit) {
    throw new MediaError(
      'container-malformed',
      `a ${JSON.stringify(type)} box of ${size} bytes does not fit in ${limit}`,
    );
  }
  return { type, size, headerLength: reader.position };
}
