import type { VideoFormat } from '../container/container-writer.ts';
import { OBU_TYPE, obus } from './av1-obu.ts';
import { BitReader } from './bit-reader.ts';

const SELECT = 2;
const COLOR_PRIMARIES_BT709 = 1;
const TRANSFER_SRGB = 13;
const MATRIX_IDENTITY = 0;

/** Fields of a sequence header OBU (AV1 bitstream specification §5.5). */
export interface Av1SequenceHeader {
  readonly profile: number;
  readonly level: number;
  readonly tier: number;
  readonly width: number;
  readonly height: number;
  readonly bitDepth: number;
  readonly monochrome: boolean;
  readonly subsamplingX: boolean;
  readonly subsamplingY: boolean;
  readonly chromaSamplePosition: number;
}

/**
 * Reads a sequence header; level and tier are those of the first operating point.
 *
 * @param payload - of the OBU, without header and size
 * @throws MediaError `bitstream-malformed`
 */
export function parseAv1SequenceHeader(payload: Uint8Array): Av1SequenceHeader {
  const reader = new BitReader(payload);
  const profile = reader.bits(3);
  reader.skip(1);
  const reducedStillPicture = reader.flag();
  const { level, tier } = reducedStillPicture ? { level: reader.bits(5), tier: 0 } : readOperatingPoints(reader);
  const widthBits = reader.bits(4) + 1;
  const heightBits = reader.bits(4) + 1;
  const width = reader.bits(widthBits) + 1;
  const height = reader.bits(heightBits) + 1;
  if (!reducedStillPicture && reader.flag()) reader.skip(4 + 3);
  reader.skip(3);
  if (!reducedStillPicture) skipTools(reader);
  reader.skip(3);
  return { profile, level, tier, width, height, ...readColor(reader, profile) };
}

function readOperatingPoints(reader: BitReader): { level: number; tier: number } {
  let decoderModelInfo = false;
  let delayLength = 0;
  if (reader.flag()) {
    reader.skip(64);
    if (reader.flag()) reader.unsignedExpGolomb();
    decoderModelInfo = reader.flag();
    if (decoderModelInfo) {
      delayLength = reader.bits(5) + 1;
      reader.skip(32 + 5 + 5);
    }
  }
  const initialDisplayDelay = reader.flag();
  const count = reader.bits(5) + 1;
  let first: { level: number; tier: number } | undefined;
  for (let point = 0; point < count; point += 1) {
    reader.skip(12);
    const level = reader.bits(5);
    const tier = level > 7 ? reader.bits(1) : 0;
    if (decoderModelInfo && reader.flag()) reader.skip(delayLength * 2 + 1);
    if (initialDisplayDelay && reader.flag()) reader.skip(4);
    first ??= { level, tier };
  }
  return first!;
}

/** From `enable_interintra_compound` to `order_hint_bits_minus_1`. */
function skipTools(reader: BitReader): void {
  reader.skip(4);
  const orderHint = reader.flag();
  if (orderHint) reader.skip(2);
  const screenContentTools = reader.flag() ? SELECT : reader.bits(1);
  if (screenContentTools > 0 && !reader.flag()) reader.skip(1);
  if (orderHint) reader.skip(3);
}

function readColor(
  reader: BitReader,
  profile: number,
): Omit<Av1SequenceHeader, 'profile' | 'level' | 'tier' | 'width' | 'height'> {
  const highBitDepth = reader.flag();
  const bitDepth = profile === 2 && highBitDepth ? (reader.flag() ? 12 : 10) : highBitDepth ? 10 : 8;
  const monochrome = profile === 1 ? false : reader.flag();
  const described = reader.flag();
  const [primaries, transfer, matrix] = described ? [reader.bits(8), reader.bits(8), reader.bits(8)] : [2, 2, 2];
  const color = { bitDepth, monochrome, chromaSamplePosition: 0 };
  if (monochrome) {
    reader.skip(1);
    return { ...color, subsamplingX: true, subsamplingY: true };
  }
  if (primaries === COLOR_PRIMARIES_BT709 && transfer === TRANSFER_SRGB && matrix === MATRIX_IDENTITY) {
    return { ...color, subsamplingX: false, subsamplingY: false };
  }
  reader.skip(1);
  let subsamplingX = profile !== 1;
  let subsamplingY = profile === 0;
  if (profile === 2 && bitDepth === 12) {
    subsamplingX = reader.flag();
    subsamplingY = subsamplingX && reader.flag();
  }
  const chromaSamplePosition = subsamplingX && subsamplingY ? reader.bits(2) : 0;
  return { ...color, subsamplingX, subsamplingY, chromaSamplePosition };
}

/**
 * Size and `av1C` (AV1 Codec ISO Media File Format Binding §2.3) out of the sequence header in a key frame; undefined when
 * it has none.
 *
 * @param frameData - a temporal unit in the low-overhead format
 * @throws MediaError `bitstream-malformed`
 */
export function av1Format(frameData: Uint8Array): VideoFormat | undefined {
  for (const { type, bytes, payload } of obus(frameData)) {
    if (type !== OBU_TYPE.sequenceHeader) continue;
    const header = parseAv1SequenceHeader(payload);
    const description = new Uint8Array(4 + bytes.byteLength);
    description[0] = 0x81;
    description[1] = (header.profile << 5) | header.level;
    description[2] =
      (header.tier << 7) |
      (header.bitDepth > 8 ? 0x40 : 0) |
      (header.bitDepth === 12 ? 0x20 : 0) |
      (header.monochrome ? 0x10 : 0) |
      (header.subsamplingX ? 0x08 : 0) |
      (header.subsamplingY ? 0x04 : 0) |
      header.chromaSamplePosition;
    description.set(bytes, 4);
    return { codec: 'av1', width: header.width, height: header.height, description };
  }
  return undefined;
}
