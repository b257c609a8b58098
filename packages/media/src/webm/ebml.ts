import { ByteReader, concatenate } from '../container/index.ts';
import { MediaError } from '../errors.ts';

/** Element identifiers, with their length marker (RFC 8794 §5, RFC 9559 §5.1). */
export const Id = {
  ebml: 0x1a45dfa3,
  ebmlVersion: 0x4286,
  ebmlReadVersion: 0x42f7,
  ebmlMaxIdLength: 0x42f2,
  ebmlMaxSizeLength: 0x42f3,
  docType: 0x4282,
  docTypeVersion: 0x4287,
  docTypeReadVersion: 0x4285,
  void: 0xec,
  segment: 0x18538067,
  seekHead: 0x114d9b74,
  seek: 0x4dbb,
  seekId: 0x53ab,
  seekPosition: 0x53ac,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  dateUtc: 0x4461,
  muxingApp: 0x4d80,
  writingApp: 0x5741,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackNumber: 0xd7,
  trackUid: 0x73c5,
  trackType: 0x83,
  flagLacing: 0x9c,
  language: 0x22b59c,
  codecId: 0x86,
  codecPrivate: 0x63a2,
  codecDelay: 0x56aa,
  seekPreRoll: 0x56bb,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  audio: 0xe1,
  samplingFrequency: 0xb5,
  channels: 0x9f,
  cluster: 0x1f43b675,
  timestamp: 0xe7,
  simpleBlock: 0xa3,
  blockGroup: 0xa0,
  block: 0xa1,
  referenceBlock: 0xfb,
  position: 0xa7,
  prevSize: 0xab,
  cues: 0x1c53bb6b,
  cuePoint: 0xbb,
  cueTime: 0xb3,
  cueTrackPositions: 0xb7,
  cueTrack: 0xf7,
  cueClusterPosition: 0xf1,
} as const;

/** All value bits set: "unknown" (RFC 8794 §6.2). */
export const UNKNOWN_SIZE = Uint8Array.of(0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/** An element around other elements, or around bytes. */
export function element(id: number, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const part of content) size += part.byteLength;
  return concatenate([idBytes(id), sizeBytes(size), ...content]);
}

/** @param length - bytes of the number, where its size must not depend on its value */
export function unsignedElement(id: number, value: number, length = unsignedLength(value)): Uint8Array {
  return element(id, unsignedBytes(value, length));
}

export function floatElement(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return element(id, bytes);
}

export function stringElement(id: number, value: string): Uint8Array {
  return element(
    id,
    Uint8Array.from(value, (character) => character.charCodeAt(0)),
  );
}

/** @param value - nanoseconds since 2001 (RFC 8794 §7.6) */
export function dateElement(id: number, value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return element(id, bytes);
}

/** An element that means nothing, to be overwritten later. @param length - of the whole element: 9 bytes at least */
export function voidElement(length: number): Uint8Array {
  return concatenate([idBytes(Id.void), sizeBytes(length - 9, 8), new Uint8Array(length - 9)]);
}

export function idBytes(id: number): Uint8Array {
  return unsignedBytes(id, unsignedLength(id));
}

/** @param length - bytes of the variable-size integer (RFC 8794 §4); the fewest that hold the value when absent */
export function sizeBytes(size: number, length = sizeLength(size)): Uint8Array {
  const bytes = unsignedBytes(size, length);
  bytes[0]! |= 0x80 >> (length - 1);
  return bytes;
}

function unsignedLength(value: number): number {
  let length = 1;
  while (value >= 2 ** (8 * length)) length++;
  return length;
}

/** All ones are not a size but "unknown": such a size takes a byte more. */
function sizeLength(size: number): number {
  let length = 1;
  while (size >= 2 ** (7 * length) - 1) length++;
  return length;
}

function unsignedBytes(value: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let rest = value;
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

export interface ElementHeader {
  readonly id: number;
  readonly headerLength: number;
  /** Of the content; undefined when it is unknown. */
  readonly size: number | undefined;
}

/** Most bytes that {@link parseElementHeader} may need. */
export const MAX_ELEMENT_HEADER_LENGTH = 12;

/** @throws MediaError `container-malformed` when no element can begin like this, or the bytes end inside its header */
export function parseElementHeader(bytes: Uint8Array): ElementHeader {
  const reader = new ByteReader(bytes);
  const { value: id } = readVariableInteger(reader, 4, true);
  const { value: size, unknown } = readVariableInteger(reader, 8, false);
  return { id, headerLength: reader.position, size: unknown ? undefined : size };
}

/** Reads a variable-size integer (RFC 8794 §4), with or without its length marker. */
export function readVariableInteger(
  reader: ByteReader,
  maxLength: number,
  keepMarker: boolean,
): { readonly value: number; readonly unknown: boolean } {
  const first = reader.u8();
  const length = Math.clz32(first) - 23;
  if (length > maxLength) throw new MediaError('container-malformed', `a variable-size integer begins with ${first}`);
  const marker = 0x80 >> (length - 1);
  let value = keepMarker ? first : first & (marker - 1);
  let unknown = (first & (marker - 1)) === marker - 1;
  for (let index = 1; index < length; index++) {
    const byte = reader.u8();
    value = value * 256 + byte;
    unknown &&= byte === 0xff;
  }
  if (!unknown && !Number.isSafeInteger(value)) throw new MediaError('container-malformed', 'a size is out of range');
  return { value, unknown };
}

export interface Element {
  readonly id: number;
  readonly content: Uint8Array;
}

/** The elements that lie one behind another. @throws MediaError `container-malformed` when one does not fit in */
export function readElements(bytes: Uint8Array): Element[] {
  const elements: Element[] = [];
  for (let position = 0; position < bytes.byteLength; ) {
    const rest = bytes.subarray(position);
    const { id, headerLength, size } = parseElementHeader(rest);
    if (size === undefined || headerLength + size > rest.byteLength) {
      throw new MediaError('container-malformed', `element ${id.toString(16)} does not fit in what surrounds it`);
    }
    elements.push({ id, content: rest.subarray(headerLength, headerLength + size) });
    position += headerLength + size;
  }
  return elements;
}

/** @returns undefined when there is no such element */
export function findContent(elements: readonly Element[], id: number): Uint8Array | undefined {
  return elements.find((candidate) => candidate.id === id)?.content;
}

/** @throws MediaError `container-malformed` when there is no such element */
export function requireContent(elements: readonly Element[], id: number): Uint8Array {
  const content = findContent(elements, id);
  if (content === undefined) throw new MediaError('container-malformed', `element ${id.toString(16)} is missing`);
  return content;
}

/** @throws MediaError `container-malformed` when the number has more than 8 bytes or is 2^53 or more */
export function readUnsigned(content: Uint8Array): number {
  let value = 0;
  for (const byte of content) value = value * 256 + byte;
  if (content.byteLength > 8 || !Number.isSafeInteger(value)) {
    throw new MediaError('container-malformed', 'a number is out of range');
  }
  return value;
}

/** @throws MediaError `container-malformed` when it has neither 4 nor 8 bytes */
export function readFloat(content: Uint8Array): number {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (content.byteLength === 4) return view.getFloat32(0);
  if (content.byteLength === 8) return view.getFloat64(0);
  throw new MediaError('container-malformed', `a floating point number of ${content.byteLength} bytes`);
}
