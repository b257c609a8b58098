import { BitReader } from './bit-reader.ts';
import type { AssembledFrame, Depacketizer } from './depacketizer.ts';
import { joinLengthPrefixed, lengthPrefixedNalUnits, NAL_TYPE, writeLength } from './h264-nal-units.ts';

/** Far more than encoders write; a larger one would be kept for as long as the stream lives. */
const MAX_PARAMETER_SET_LENGTH = 4096;
const NO_BYTES = new Uint8Array(0);

/**
 * H.264 (RFC 6184, packetization modes 0 and 1: single NAL units, STAP-A, FU-A). Interleaved packets (STAP-B, MTAP,
 * FU-B) were never negotiated and count as damage.
 *
 * Every key frame given out holds its parameter sets, so that a player can start at it: sets that came in packets of
 * their own, or only once, are put in front. Access unit delimiters are dropped, since they would have to stay first.
 */
export class H264Depacketizer implements Depacketizer {
  readonly #sequenceParameterSets = new Map<number, Uint8Array>();
  readonly #pictureParameterSets = new Map<number, Uint8Array>();
  /** Sets came in an access unit without a picture: the next picture takes them along. */
  #pending = false;
  #pendingSps = false;
  #lostSinceSps = false;
  #lastKeyFrameHadSps = false;

  startsFrame(payload: Uint8Array): boolean {
    let header = payload[0]!;
    let next = payload[1];
    if ((header & 0x1f) === NAL_TYPE.stapA) {
      header = payload[3] ?? 0;
      next = payload[4];
    } else if ((header & 0x1f) === NAL_TYPE.fuA) {
      if (next === undefined || (next & 0x80) === 0) return false;
      header = next;
      next = payload[2];
    }
    const type = header & 0x1f;
    // `first_mb_in_slice` is ue(v): a leading one is 0.
    if (type >= NAL_TYPE.slice && type <= NAL_TYPE.idrSlice) return next !== undefined && (next & 0x80) !== 0;
    return type >= NAL_TYPE.supplementalEnhancementInformation && type <= NAL_TYPE.accessUnitDelimiter;
  }

  packetsLost(): void {
    this.#lostSinceSps = true;
  }

  assemble(payloads: readonly Uint8Array[]): AssembledFrame | 'empty' | 'damaged' {
    const found = measure(payloads);
    if (found === undefined) return 'damaged';
    if (found.types === 0) return 'empty';
    const hasPicture = (found.types & PICTURE_TYPES) !== 0;
    const keyFrame = (found.types & (1 << NAL_TYPE.idrSlice)) !== 0;
    const hasSps = (found.types & (1 << NAL_TYPE.sequenceParameterSet)) !== 0;
    const hasPps = (found.types & (1 << NAL_TYPE.pictureParameterSet)) !== 0;
    if (hasSps) this.#lostSinceSps = false;

    if (!hasPicture) {
      if (!hasSps && !hasPps) return 'empty';
      const data = new Uint8Array(found.length);
      write(payloads, data, 0);
      this.#remember(data);
      this.#pending = true;
      this.#pendingSps ||= hasSps;
      return 'empty';
    }
    if (keyFrame) {
      const ownSps = hasSps || this.#pendingSps;
      // Its parameter sets were among what got lost, and they may be others than the ones before.
      if (!ownSps && this.#lostSinceSps && this.#lastKeyFrameHadSps) return 'damaged';
      this.#lastKeyFrameHadSps = ownSps;
    }
    const prefix = this.#pending || (keyFrame && !(hasSps && hasPps)) ? this.#rememberedSets() : NO_BYTES;
    const data = new Uint8Array(prefix.byteLength + found.length);
    data.set(prefix);
    write(payloads, data, prefix.byteLength);
    if (hasSps || hasPps) this.#remember(data);
    this.#pending = false;
    this.#pendingSps = false;
    const decodable = this.#sequenceParameterSets.size > 0 && this.#pictureParameterSets.size > 0;
    return keyFrame && !decodable ? 'damaged' : { data, keyFrame };
  }

  #remember(data: Uint8Array): void {
    for (const nalUnit of lengthPrefixedNalUnits(data)) {
      const type = nalUnit[0]! & 0x1f;
      if (type !== NAL_TYPE.sequenceParameterSet && type !== NAL_TYPE.pictureParameterSet) continue;
      const isSps = type === NAL_TYPE.sequenceParameterSet;
      const id = parameterSetId(nalUnit, isSps);
      if (id === undefined || nalUnit.byteLength > MAX_PARAMETER_SET_LENGTH) continue;
      (isSps ? this.#sequenceParameterSets : this.#pictureParameterSets).set(id, nalUnit.slice());
    }
  }

  #rememberedSets(): Uint8Array {
    return joinLengthPrefixed([...this.#sequenceParameterSets.values(), ...this.#pictureParameterSets.values()]);
  }
}

/** Bit mask of the NAL unit types that hold slices: 1 to 5. */
const PICTURE_TYPES = 0b111110;

/** Id of a set (ISO/IEC 14496-10 §7.4.2), which says what an earlier one it takes the place of; undefined when out of range. */
function parameterSetId(nalUnit: Uint8Array, isSps: boolean): number | undefined {
  const start = isSps ? 4 : 1;
  // The id has at most 17 bits.
  if (nalUnit.byteLength < start + 3) return undefined;
  const reader = new BitReader(nalUnit.subarray(start, start + 3));
  let zeros = 0;
  while (zeros < 9 && !reader.flag()) zeros += 1;
  if (zeros === 9) return undefined;
  const id = 2 ** zeros - 1 + reader.bits(zeros);
  return id <= (isSps ? 31 : 255) ? id : undefined;
}

/**
 * Length of the access unit with 4-byte lengths, and the NAL unit types in it as a bit mask; undefined when the payloads
 * are not what RFC 6184 §5.6–5.8 says.
 */
function measure(payloads: readonly Uint8Array[]): { length: number; types: number } | undefined {
  let length = 0;
  let types = 0;
  let fragmentType = 0;
  for (const payload of payloads) {
    const header = payload[0]!;
    const type = header & 0x1f;
    if ((header & 0x80) !== 0) return undefined;
    if (type === NAL_TYPE.fuA) {
      if (payload.byteLength < 3) return undefined;
      const fuHeader = payload[1]!;
      const nalType = fuHeader & 0x1f;
      if ((fuHeader & 0x80) !== 0) {
        if (fragmentType !== 0 || !isNalUnitType(nalType)) return undefined;
        length += 5;
        types |= 1 << nalType;
        fragmentType = nalType;
      } else if (nalType !== fragmentType) {
        return undefined;
      }
      length += payload.byteLength - 2;
      if ((fuHeader & 0x40) !== 0) fragmentType = 0;
    } else if (fragmentType !== 0) {
      return undefined;
    } else if (type === NAL_TYPE.stapA) {
      let offset = 1;
      while (offset < payload.byteLength) {
        if (offset + 3 > payload.byteLength) return undefined;
        const nalLength = (payload[offset]! << 8) | payload[offset + 1]!;
        const nalHeader = payload[offset + 2]!;
        const nalType = nalHeader & 0x1f;
        if (nalLength === 0 || offset + 2 + nalLength > payload.byteLength) return undefined;
        if ((nalHeader & 0x80) !== 0 || !isNalUnitType(nalType)) return undefined;
        if (nalType !== NAL_TYPE.accessUnitDelimiter) {
          length += 4 + nalLength;
          types |= 1 << nalType;
        }
        offset += 2 + nalLength;
      }
    } else if (!isNalUnitType(type)) {
      return undefined;
    } else if (type !== NAL_TYPE.accessUnitDelimiter) {
      length += 4 + payload.byteLength;
      types |= 1 << type;
    }
  }
  return fragmentType === 0 ? { length, types } : undefined;
}

function isNalUnitType(type: number): boolean {
  return type >= 1 && type <= 23;
}

/** Writes what {@link measure} has accepted. */
function write(payloads: readonly Uint8Array[], data: Uint8Array, start: number): void {
  let offset = start;
  let fragmentStart = 0;
  for (const payload of payloads) {
    const header = payload[0]!;
    const type = header & 0x1f;
    if (type === NAL_TYPE.fuA) {
      const fuHeader = payload[1]!;
      if ((fuHeader & 0x80) !== 0) {
        fragmentStart = offset;
        data[offset + 4] = (header & 0x60) | (fuHeader & 0x1f);
        offset += 5;
      }
      data.set(payload.subarray(2), offset);
      offset += payload.byteLength - 2;
      if ((fuHeader & 0x40) !== 0) writeLength(data, fragmentStart, offset - fragmentStart - 4);
    } else if (type === NAL_TYPE.stapA) {
      let from = 1;
      while (from < payload.byteLength) {
        const nalLength = (payload[from]! << 8) | payload[from + 1]!;
        from += 2;
        if ((payload[from]! & 0x1f) !== NAL_TYPE.accessUnitDelimiter) {
          writeLength(data, offset, nalLength);
          data.set(payload.subarray(from, from + nalLength), offset + 4);
          offset += 4 + nalLength;
        }
        from += nalLength;
      }
    } else if (type !== NAL_TYPE.accessUnitDelimiter) {
      writeLength(data, offset, payload.byteLength);
      data.set(payload, offset + 4);
      offset += 4 + payload.byteLength;
    }
  }
}
