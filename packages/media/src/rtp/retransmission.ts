import { MediaError } from '../errors.ts';
import { parseRtpPacket, type RtpPacket } from './rtp-packet.ts';

/** Length of the original sequence number at the head of the payload (RFC 4588 §4). */
const ORIGINAL_SEQUENCE_NUMBER_LENGTH = 2;

/** The last packets sent, to be sent again when they are asked for. */
export class RetransmissionBuffer {
  readonly #packets: ({ readonly sequenceNumber: number; readonly bytes: Uint8Array } | undefined)[];

  /** @param options.packets - how many are kept, at most 32768 */
  constructor(options: { readonly packets: number }) {
    if (!(options.packets >= 1 && options.packets <= 32768)) {
      throw new MediaError('argument-invalid', `${options.packets} packets: expected 1 to 32768`);
    }
    // A power of two divides 2^16, so that a place does not change where sequence numbers wrap.
    this.#packets = new Array<undefined>(2 ** Math.ceil(Math.log2(options.packets))).fill(undefined);
  }

  /** @param bytes - kept as they are, not copied */
  add(sequenceNumber: number, bytes: Uint8Array): void {
    this.#packets[sequenceNumber & (this.#packets.length - 1)] = { sequenceNumber, bytes };
  }

  /** The packet's bytes, if it is still kept. */
  get(sequenceNumber: number): Uint8Array | undefined {
    const entry = this.#packets[sequenceNumber & (this.#packets.length - 1)];
    return entry?.sequenceNumber === sequenceNumber ? entry.bytes : undefined;
  }
}

/**
 * The original packet out of a retransmitted one (RFC 4588 §4), with its header extensions as they came.
 *
 * @param packet - of the retransmission stream
 * @param mediaSsrc - SSRC of the original stream
 * @param mediaPayloadType - payload type of the original stream
 * @throws MediaError `packet-malformed` when it holds no original, as padding that probes for bandwidth
 */
export function unwrapRtx(packet: RtpPacket, mediaSsrc: number, mediaPayloadType: number): RtpPacket {
  const { bytes, headerLength, payload } = packet;
  if (payload.byteLength < ORIGINAL_SEQUENCE_NUMBER_LENGTH) {
    throw new MediaError('packet-malformed', `retransmission with a payload of ${payload.byteLength} bytes`);
  }
  const original = new Uint8Array(headerLength + payload.byteLength - ORIGINAL_SEQUENCE_NUMBER_LENGTH);
  original.set(bytes.subarray(0, headerLength));
  original.set(payload.subarray(ORIGINAL_SEQUENCE_NUMBER_LENGTH), headerLength);
  original[0] = original[0]! & ~0x20;
  original[1] = (original[1]! & 0x80) | (mediaPayloadType & 0x7f);
  original[2] = payload[0]!;
  original[3] = payload[1]!;
  writeSsrc(original, mediaSsrc);
  return parseRtpPacket(original);
}

/**
 * A packet to be sent again, as one of the retransmission stream (RFC 4588 §4), without padding.
 *
 * @param stream.sequenceNumber - the retransmission stream's own next one
 */
export function wrapRtx(
  packet: RtpPacket,
  stream: { readonly ssrc: number; readonly payloadType: number; readonly sequenceNumber: number },
): Uint8Array {
  const { bytes, headerLength, payload } = packet;
  const wrapped = new Uint8Array(headerLength + ORIGINAL_SEQUENCE_NUMBER_LENGTH + payload.byteLength);
  wrapped.set(bytes.subarray(0, headerLength));
  wrapped.set(payload, headerLength + ORIGINAL_SEQUENCE_NUMBER_LENGTH);
  wrapped[0] = wrapped[0]! & ~0x20;
  wrapped[1] = (wrapped[1]! & 0x80) | (stream.payloadType & 0x7f);
  wrapped[2] = stream.sequenceNumber >> 8;
  wrapped[3] = stream.sequenceNumber;
  writeSsrc(wrapped, stream.ssrc);
  wrapped[headerLength] = packet.sequenceNumber >> 8;
  wrapped[headerLength + 1] = packet.sequenceNumber;
  return wrapped;
}

function writeSsrc(bytes: Uint8Array, ssrc: number): void {
  bytes[8] = ssrc >>> 24;
  bytes[9] = ssrc >>> 16;
  bytes[10] = ssrc >>> 8;
  bytes[11] = ssrc;
}
