import {
  bitstreamParameters,
  formatParameters,
  type NegotiableCodec,
  type TrackFormat,
} from '@aircheck/engine/receiving';
import { AircheckError } from '@aircheck/protocol';

/** Dynamic payload types (RFC 3551 §6), then those that RFC 5761 §4 leaves free as well. */
const FREE_PAYLOAD_TYPES = [...range(96, 127), ...range(35, 63)];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/**
 * Payload types of one subscribing peer connection. In a bundle one payload type means one codec with one set of
 * parameters, on whatever m-line (RFC 8843 §7.1).
 */
export class PayloadTypes {
  readonly #codecs = new Map<string, NegotiableCodec>();

  /**
   * The codec as this connection names it.
   * @param used - payload types that m-lines still name
   * @throws AircheckError `internal` when all payload types are in use
   */
  codecFor(format: TrackFormat, used: ReadonlySet<number>): NegotiableCodec {
    const parameters = bitstreamParameters(format);
    const key = `${format.codec} ${formatParameters(parameters)}`;
    const known = this.#codecs.get(key);
    if (known !== undefined) return known;
    const payloadType = this.#take(used);
    const codec: NegotiableCodec = {
      codec: format.codec,
      payloadType,
      clockRate: format.clockRate,
      ...(format.channels !== undefined && { channels: format.channels }),
      parameters,
      ...(format.kind === 'video' && { rtxPayloadType: this.#take(used, payloadType) }),
      feedback: new Set(),
    };
    this.#codecs.set(key, codec);
    return codec;
  }

  #take(used: ReadonlySet<number>, other?: number): number {
    const isFree = (payloadType: number): boolean =>
      payloadType !== other && ![...this.#codecs.values()].some((codec) => payloadTypesOf(codec).includes(payloadType));
    const free = FREE_PAYLOAD_TYPES.find(isFree) ?? this.#release(used);
    if (free === undefined) throw new AircheckError('internal', 'No payload type is left for another codec');
    return free;
  }

  /** Forgets a codec that no m-line names any more. */
  #release(used: ReadonlySet<number>): number | undefined {
    for (const [key, codec] of this.#codecs) {
      if (used.has(codec.payloadType)) continue;
      this.#codecs.delete(key);
      return codec.payloadType;
    }
    return undefined;
  }
}

function payloadTypesOf({ payloadType, rtxPayloadType }: NegotiableCodec): readonly (number | undefined)[] {
  return [payloadType, rtxPayloadType];
}
