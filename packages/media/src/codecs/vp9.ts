import type { VideoFormat } from '../container/container-writer.ts';
import { MediaError } from '../errors.ts';
import type { AssembledFrame, Depacketizer } from './depacketizer.ts';
import { parseVp9Header, superframeIndex, superframeParts, type Vp9Header } from './vp9-header.ts';

/** Frames of one superframe (VP9 bitstream specification annex B). */
const MAX_SUPERFRAME_FRAMES = 8;

/** Largest picture of a level, in luma samples (VP9 levels, `webmproject.org/vp9/levels`). */
const LEVELS = [
  [10, 36864],
  [11, 73728],
  [20, 122880],
  [21, 245760],
  [30, 552960],
  [31, 983040],
  [40, 2228224],
  [50, 8912896],
  [60, 35651584],
] as const;

/** Matrix coefficients, primaries and transfer (ISO/IEC 23091-2) of VP9's color spaces (VP Codec ISOBMFF binding). */
const COLOR_CODES: Readonly<Record<number, readonly [primaries: number, transfer: number, matrix: number]>> = {
  1: [6, 6, 6],
  2: [1, 1, 1],
  3: [6, 6, 6],
  4: [7, 7, 7],
  5: [9, 14, 9],
  7: [1, 13, 0],
};
const COLOR_UNSPECIFIED = [2, 2, 2] as const;

interface Descriptor {
  readonly length: number;
  readonly interPicturePredicted: boolean;
  readonly startOfFrame: boolean;
  readonly endOfFrame: boolean;
  readonly spatialLayer: number;
}

/** VP9 payload descriptor (RFC 9628 §4.2); undefined when the payload ends within it. */
function parseDescriptor(payload: Uint8Array): Descriptor | undefined {
  const flags = payload[0]!;
  const [hasPictureId, interPicturePredicted, hasLayers, flexible] = [
    flags & 0x80,
    flags & 0x40,
    flags & 0x20,
    flags & 0x10,
  ];
  let offset = 1;
  let spatialLayer = 0;
  if (hasPictureId !== 0) offset += (payload[offset] ?? 0) >= 0x80 ? 2 : 1;
  if (hasLayers !== 0) {
    spatialLayer = ((payload[offset] ?? 0) >> 1) & 7;
    offset += flexible === 0 ? 2 : 1;
  }
  if (flexible !== 0 && interPicturePredicted !== 0) {
    for (let reference = 0; reference < 3; reference += 1) {
      const more = (payload[offset] ?? 0) & 1;
      offset += 1;
      if (more === 0) break;
      if (reference === 2) return undefined;
    }
  }
  if ((flags & 0x02) !== 0) offset += scalabilityStructureLength(payload, offset);
  if (offset >= payload.byteLength) return undefined;
  return {
    length: offset,
    interPicturePredicted: interPicturePredicted !== 0,
    startOfFrame: (flags & 0x08) !== 0,
    endOfFrame: (flags & 0x04) !== 0,
    spatialLayer,
  };
}

/** RFC 9628 §4.2.1; what lies beyond the payload's end counts as zero, and the caller sees that it does not fit. */
function scalabilityStructureLength(payload: Uint8Array, start: number): number {
  const header = payload[start] ?? 0;
  let offset = start + 1;
  if ((header & 0x10) !== 0) offset += 4 * ((header >> 5) + 1);
  if ((header & 0x08) !== 0) {
    const pictures = payload[offset] ?? 0;
    offset += 1;
    for (let picture = 0; picture < pictures; picture += 1) offset += 1 + (((payload[offset] ?? 0) >> 2) & 3);
  }
  return offset - start;
}

/**
 * VP9 (RFC 9628). All spatial layers of a picture are kept, as one superframe.
 */
export class Vp9Depacketizer implements Depacketizer {
  startsFrame(payload: Uint8Array): boolean {
    const descriptor = parseDescriptor(payload);
    // An upper layer that stands first lacks the one below.
    return descriptor?.startOfFrame === true && descriptor.spatialLayer === 0;
  }

  packetsLost(): void {}

  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'damaged' {
    const layerSizes: number[] = [];
    let descriptor: Descriptor | undefined;
    let keyPicture = true;
    let length = 0;
    for (const payload of payloads) {
      const expectStart = descriptor === undefined || descriptor.endOfFrame;
      descriptor = parseDescriptor(payload);
      if (descriptor === undefined || descriptor.startOfFrame !== expectStart) return 'damaged';
      if (descriptor.startOfFrame) layerSizes.push(0);
      if (descriptor.interPicturePredicted) keyPicture = false;
      const partLength = payload.byteLength - descriptor.length;
      layerSizes[layerSizes.length - 1]! += partLength;
      length += partLength;
    }
    if (descriptor?.endOfFrame !== true || layerSizes.length > MAX_SUPERFRAME_FRAMES) return 'damaged';
    const index = layerSizes.length > 1 ? superframeIndex(layerSizes) : undefined;
    const data = new Uint8Array(length + (index?.byteLength ?? 0));
    let offset = 0;
    for (const payload of payloads) {
      const part = payload.subarray(parseDescriptor(payload)!.length);
      data.set(part, offset);
      offset += part.byteLength;
    }
    if (index !== undefined) data.set(index, offset);
    const header = readHeader(data);
    if (header === undefined) return 'damaged';
    return { data, keyFrame: keyPicture && header.keyFrame };
  }
}

function readHeader(frame: Uint8Array): Vp9Header | undefined {
  try {
    return parseVp9Header(frame);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

/**
 * Size and `vpcC` (VP Codec ISO Media File Format Binding §2.2, version and flags included) out of a key frame's headers;
 * undefined when it is not one. Of a picture with spatial layers the highest counts. The level is the lowest that the
 * picture's size allows, since the frame rate is not known.
 *
 * @throws MediaError `bitstream-malformed`
 */
export function vp9Format(frameData: Uint8Array): VideoFormat | undefined {
  let key: Vp9Header | undefined;
  let size: Vp9Header['size'];
  for (const part of superframeParts(frameData)) {
    const header = parseVp9Header(part);
    if (header.keyFrame) key ??= header;
    size = header.size ?? size;
  }
  if (key?.color === undefined || size === undefined) return undefined;
  const { color, profile } = key;
  const { width, height } = size;
  const level = LEVELS.find(([, samples]) => width * height <= samples)?.[0] ?? 62;
  // 4:2:0 is said to be colocated with the upper left sample, as libvpx and FFmpeg have it.
  const chroma = color.subsamplingX ? (color.subsamplingY ? 1 : 2) : color.subsamplingY ? 1 : 3;
  const depthAndChroma = (color.bitDepth << 4) | (chroma << 1) | (color.fullRange ? 1 : 0);
  const colorCodes = COLOR_CODES[color.colorSpace] ?? COLOR_UNSPECIFIED;
  const description = Uint8Array.of(1, 0, 0, 0, profile, level, depthAndChroma, ...colorCodes, 0, 0);
  return { codec: 'vp9', width, height, description };
}
