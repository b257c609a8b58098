import { MediaError } from '../errors.ts';
import { BitReader } from './bit-reader.ts';

const FRAME_MARKER = 2;
const SYNC_CODE = 0x498342;
const COLOR_SPACE_RGB = 7;

/** Fields of a VP9 frame's uncompressed header (VP9 bitstream specification §6.2). */
export interface Vp9Header {
  readonly profile: number;
  readonly showExistingFrame: boolean;
  readonly keyFrame: boolean;
  /** Absent where the frame takes it from a reference frame. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Key frames only. */
  readonly color?: Vp9Color;
}

export interface Vp9Color {
  readonly bitDepth: number;
  /** Table 7-2: 1 BT.601, 2 BT.709, … */
  readonly colorSpace: number;
  readonly fullRange: boolean;
  readonly subsamplingX: boolean;
  readonly subsamplingY: boolean;
}

/**
 * Reads the beginning of a frame's uncompressed header, up to its size.
 *
 * @throws MediaError `bitstream-malformed`
 */
export function parseVp9Header(frame: Uint8Array): Vp9Header {
  const reader = new BitReader(frame);
  if (reader.bits(2) !== FRAME_MARKER) throw new MediaError('bitstream-malformed', 'VP9 frame without frame marker');
  const profile = reader.bits(1) + reader.bits(1) * 2;
  if (profile === 3) reader.skip(1);
  if (reader.flag()) return { profile, showExistingFrame: true, keyFrame: false };
  const keyFrame = !reader.flag();
  const showFrame = reader.flag();
  const errorResilient = reader.flag();
  if (keyFrame) {
    checkSyncCode(reader);
    const color = readColor(reader, profile);
    return { profile, showExistingFrame: false, keyFrame, color, size: readSize(reader) };
  }
  const intraOnly = showFrame ? false : reader.flag();
  if (!errorResilient) reader.skip(2);
  if (intraOnly) {
    checkSyncCode(reader);
    if (profile > 0) readColor(reader, profile);
    reader.skip(8);
    return { profile, showExistingFrame: false, keyFrame, size: readSize(reader) };
  }
  reader.skip(8 + 3 * 4);
  for (let reference = 0; reference < 3; reference += 1) {
    if (reader.flag()) return { profile, showExistingFrame: false, keyFrame };
  }
  return { profile, showExistingFrame: false, keyFrame, size: readSize(reader) };
}

function checkSyncCode(reader: BitReader): void {
  if (reader.bits(24) !== SYNC_CODE) throw new MediaError('bitstream-malformed', 'VP9 frame without sync code');
}

function readColor(reader: BitReader, profile: number): Vp9Color {
  const bitDepth = profile >= 2 ? (reader.flag() ? 12 : 10) : 8;
  const colorSpace = reader.bits(3);
  if (colorSpace === COLOR_SPACE_RGB) {
    if (profile === 1 || profile === 3) reader.skip(1);
    return { bitDepth, colorSpace, fullRange: true, subsamplingX: false, subsamplingY: false };
  }
  const fullRange = reader.flag();
  if (profile !== 1 && profile !== 3)
    return { bitDepth, colorSpace, fullRange, subsamplingX: true, subsamplingY: true };
  const subsamplingX = reader.flag();
  const subsamplingY = reader.flag();
  reader.skip(1);
  return { bitDepth, colorSpace, fullRange, subsamplingX, subsamplingY };
}

function readSize(reader: BitReader): { width: number; height: number } {
  return { width: reader.bits(16) + 1, height: reader.bits(16) + 1 };
}

/**
 * The frames of a superframe (VP9 bitstream specification annex B), as views; one frame alone is itself. An index that
 * does not fit is none.
 */
export function superframeParts(data: Uint8Array): Uint8Array[] {
  const marker = data[data.byteLength - 1] ?? 0;
  if ((marker & 0xe0) !== 0xc0) return [data];
  const sizeLength = ((marker >> 3) & 3) + 1;
  const count = (marker & 7) + 1;
  const indexLength = 2 + sizeLength * count;
  if (data.byteLength < indexLength || data[data.byteLength - indexLength] !== marker) return [data];
  const parts: Uint8Array[] = [];
  let start = 0;
  let position = data.byteLength - indexLength + 1;
  for (let frame = 0; frame < count; frame += 1) {
    let size = 0;
    for (let byte = 0; byte < sizeLength; byte += 1) size += data[position++]! * 256 ** byte;
    if (start + size > data.byteLength - indexLength) return [data];
    if (size > 0) parts.push(data.subarray(start, start + size));
    start += size;
  }
  return parts.length > 0 ? parts : [data];
}

/** The index that makes one superframe of frames that stand behind each other. */
export function superframeIndex(sizes: readonly number[]): Uint8Array {
  const largest = Math.max(...sizes);
  const sizeLength = largest < 0x100 ? 1 : largest < 0x10000 ? 2 : largest < 0x1000000 ? 3 : 4;
  const index = new Uint8Array(2 + sizeLength * sizes.length);
  const marker = 0xc0 | ((sizeLength - 1) << 3) | (sizes.length - 1);
  index[0] = marker;
  index[index.byteLength - 1] = marker;
  let position = 1;
  for (const size of sizes) {
    for (let byte = 0; byte < sizeLength; byte += 1) index[position++] = Math.floor(size / 256 ** byte);
  }
  return index;
}
