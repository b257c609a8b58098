import type { VideoFormat } from '../container/container-writer.ts';
import { MediaError } from '../errors.ts';
import { BitReader } from './bit-reader.ts';
import { lengthPrefixedNalUnits, NAL_TYPE, withoutEmulationPrevention } from './h264-nal-units.ts';

/** Profiles whose SPS says the chroma format and bit depths (ISO/IEC 14496-10 §7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
/** Baseline, main and extended: `avcC` repeats those fields for all others (ISO/IEC 14496-15:2017 §5.3.3.1.2). */
const PROFILES_WITHOUT_EXTENSION = new Set([66, 77, 88]);
/** Wider or higher than any level allows, and than a sample entry's 16 bits hold. */
const MAX_DIMENSION = 16384;

export interface SequenceParameterSet {
  readonly id: number;
  readonly profileIdc: number;
  /** `constraint_set0_flag` is the highest of the 8 bits. */
  readonly constraints: number;
  readonly levelIdc: number;
  readonly chromaFormatIdc: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  /** Size of the picture that is shown, in pixels: the coded one without its cropping. */
  readonly width: number;
  readonly height: number;
}

/**
 * Reads a sequence parameter set (ISO/IEC 14496-10 §7.3.2.1).
 *
 * @param nalUnit - with its header byte, without start code or length
 * @throws MediaError `bitstream-malformed`
 */
export function parseSps(nalUnit: Uint8Array): SequenceParameterSet {
  if (nalUnit.byteLength < 4 || (nalUnit[0]! & 0x1f) !== NAL_TYPE.sequenceParameterSet) {
    throw new MediaError('bitstream-malformed', `not a sequence parameter set: ${nalUnit.byteLength} bytes`);
  }
  const reader = new BitReader(withoutEmulationPrevention(nalUnit));
  reader.skip(8);
  const profileIdc = reader.bits(8);
  const constraints = reader.bits(8);
  const levelIdc = reader.bits(8);
  const id = reader.unsignedExpGolomb();
  let chromaFormatIdc = 1;
  let bitDepthLuma = 8;
  let bitDepthChroma = 8;
  let separateColourPlanes = false;
  if (HIGH_PROFILES.has(profileIdc)) {
    chromaFormatIdc = reader.unsignedExpGolomb();
    if (chromaFormatIdc === 3) separateColourPlanes = reader.flag();
    bitDepthLuma = 8 + reader.unsignedExpGolomb();
    bitDepthChroma = 8 + reader.unsignedExpGolomb();
    reader.skip(1);
    if (reader.flag()) {
      for (let list = 0; list < (chromaFormatIdc === 3 ? 12 : 8); list += 1) {
        if (reader.flag()) skipScalingList(reader, list < 6 ? 16 : 64);
      }
    }
  }
  reader.unsignedExpGolomb();
  const pictureOrderCountType = reader.unsignedExpGolomb();
  if (pictureOrderCountType === 0) {
    reader.unsignedExpGolomb();
  } else if (pictureOrderCountType === 1) {
    reader.skip(1);
    reader.signedExpGolomb();
    reader.signedExpGolomb();
    const cycle = reader.unsignedExpGolomb();
    if (cycle > 255) throw new MediaError('bitstream-malformed', `SPS: ${cycle} frames in a picture order count cycle`);
    for (let index = 0; index < cycle; index += 1) reader.signedExpGolomb();
  }
  reader.unsignedExpGolomb();
  reader.skip(1);
  const widthInMacroblocks = reader.unsignedExpGolomb() + 1;
  const heightInMapUnits = reader.unsignedExpGolomb() + 1;
  const frameMacroblocksOnly = reader.flag();
  if (!frameMacroblocksOnly) reader.skip(1);
  reader.skip(1);
  let cropHorizontal = 0;
  let cropVertical = 0;
  if (reader.flag()) {
    cropHorizontal = reader.unsignedExpGolomb() + reader.unsignedExpGolomb();
    cropVertical = reader.unsignedExpGolomb() + reader.unsignedExpGolomb();
  }
  const fieldFactor = frameMacroblocksOnly ? 1 : 2;
  const subsampled = !separateColourPlanes && (chromaFormatIdc === 1 || chromaFormatIdc === 2);
  const cropUnitX = subsampled ? 2 : 1;
  const cropUnitY = (!separateColourPlanes && chromaFormatIdc === 1 ? 2 : 1) * fieldFactor;
  const width = widthInMacroblocks * 16 - cropHorizontal * cropUnitX;
  const height = heightInMapUnits * 16 * fieldFactor - cropVertical * cropUnitY;
  if (!(width > 0 && height > 0 && width <= MAX_DIMENSION && height <= MAX_DIMENSION)) {
    throw new MediaError('bitstream-malformed', `SPS: picture of ${width}x${height}`);
  }
  return { id, profileIdc, constraints, levelIdc, chromaFormatIdc, bitDepthLuma, bitDepthChroma, width, height };
}

/** §7.3.2.1.1.1 */
function skipScalingList(reader: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let index = 0; index < size; index += 1) {
    if (next !== 0) next = (last + reader.signedExpGolomb() + 256) % 256;
    if (next !== 0) last = next;
  }
}

/**
 * The parameter sets that are in a frame, in order, as views.
 *
 * @param frameData - NAL units with 4-byte lengths
 * @throws MediaError `bitstream-malformed` when the lengths don't fit
 */
export function findParameterSets(frameData: Uint8Array): {
  readonly sequenceParameterSets: Uint8Array[];
  readonly pictureParameterSets: Uint8Array[];
} {
  const sequenceParameterSets: Uint8Array[] = [];
  const pictureParameterSets: Uint8Array[] = [];
  for (const nalUnit of lengthPrefixedNalUnits(frameData)) {
    const type = nalUnit[0]! & 0x1f;
    if (type === NAL_TYPE.sequenceParameterSet) sequenceParameterSets.push(nalUnit);
    else if (type === NAL_TYPE.pictureParameterSet) pictureParameterSets.push(nalUnit);
  }
  return { sequenceParameterSets, pictureParameterSets };
}

/**
 * Size and `avcC` (ISO/IEC 14496-15 §5.3.3.1.2) out of the parameter sets in a key frame; undefined when it has none.
 *
 * @param frameData - NAL units with 4-byte lengths
 * @throws MediaError `bitstream-malformed`
 */
export function h264Format(frameData: Uint8Array): VideoFormat | undefined {
  const { sequenceParameterSets, pictureParameterSets } = findParameterSets(frameData);
  const first = sequenceParameterSets[0];
  if (first === undefined || pictureParameterSets.length === 0) return undefined;
  const sps = parseSps(first);
  // Counts have 5 and 8 bits.
  const spsList = sequenceParameterSets.slice(0, 31);
  const ppsList = pictureParameterSets.slice(0, 255);
  const bytes: number[] = [1, sps.profileIdc, sps.constraints, sps.levelIdc, 0xff, 0xe0 | spsList.length];
  appendParameterSets(bytes, spsList);
  bytes.push(ppsList.length);
  appendParameterSets(bytes, ppsList);
  if (!PROFILES_WITHOUT_EXTENSION.has(sps.profileIdc)) {
    bytes.push(
      0xfc | (sps.chromaFormatIdc & 3),
      0xf8 | ((sps.bitDepthLuma - 8) & 7),
      0xf8 | ((sps.bitDepthChroma - 8) & 7),
      0,
    );
  }
  return { codec: 'h264', width: sps.width, height: sps.height, description: Uint8Array.from(bytes) };
}

function appendParameterSets(bytes: number[], nalUnits: readonly Uint8Array[]): void {
  for (const nalUnit of nalUnits) {
    if (nalUnit.byteLength > 0xffff) {
      throw new MediaError('bitstream-malformed', `parameter set of ${nalUnit.byteLength} bytes: avcC holds 65535`);
    }
    bytes.push(nalUnit.byteLength >> 8, nalUnit.byteLength & 0xff);
    for (const byte of nalUnit) bytes.push(byte);
  }
}
