/**
 * The packet being sent. Its payload is written once for all receivers; for each of them only the header before it is
 * written anew:
 *
 * ```
 *  8  RTP header of a packet without extension
 *  0  RTP header of a packet with extension          20  payload
 * 12  extension block: 0xBEDE, length 1, one element
 * ```
 *
 * One buffer serves the whole process: a transport has let go of it when `sendRtp` returns.
 */
const packet = Buffer.allocUnsafe(65_536);

const RTP_HEADER = 12;
const EXTENSION_BLOCK = 8;
const PAYLOAD_OFFSET = RTP_HEADER + EXTENSION_BLOCK;
/** RFC 4588 §4: the original sequence number comes before the payload. */
const ORIGINAL_SEQUENCE_NUMBER = 2;
/** Larger ones don't come over UDP. */
const MAX_PAYLOAD = packet.length - PAYLOAD_OFFSET - ORIGINAL_SEQUENCE_NUMBER;

const VERSION = 0x80;
const EXTENSION = 0x10;

let withExtension: Buffer = packet;
let withoutExtension: Buffer = packet;

/** Header fields that differ from receiver to receiver. */
export interface OutgoingHeader {
  payloadType: number;
  ssrc: number;
  sequenceNumber: number;
  timestamp: number;
  marker: boolean;
  /** Id of the transport-wide congestion control extension (RFC 8285 one-byte header); undefined: no extension. */
  transportWideCcId: number | undefined;
  transportSequenceNumber: number;
}

/**
 * Loads the payload of the packets to come.
 * @returns false when it is too large to be sent
 */
export function loadPayload(payload: Uint8Array): boolean {
  if (payload.length > MAX_PAYLOAD) return false;
  packet.set(payload, PAYLOAD_OFFSET);
  setViews(payload.length);
  return true;
}

/** Like {@link loadPayload}, for a retransmission (RFC 4588 §4). */
export function loadRetransmission(originalSequenceNumber: number, payload: Uint8Array): boolean {
  if (payload.length > MAX_PAYLOAD) return false;
  packet[PAYLOAD_OFFSET] = originalSequenceNumber >> 8;
  packet[PAYLOAD_OFFSET + 1] = originalSequenceNumber;
  packet.set(payload, PAYLOAD_OFFSET + ORIGINAL_SEQUENCE_NUMBER);
  setViews(payload.length + ORIGINAL_SEQUENCE_NUMBER);
  return true;
}

function setViews(payloadLength: number): void {
  const end = PAYLOAD_OFFSET + payloadLength;
  withExtension = packet.subarray(0, end);
  withoutExtension = packet.subarray(EXTENSION_BLOCK, end);
}

/** Writes a header before the loaded payload; the view is valid until the next call of this module. */
export function writeHeader(header: OutgoingHeader): Buffer {
  const { sequenceNumber, timestamp, ssrc, transportWideCcId } = header;
  const start = transportWideCcId === undefined ? EXTENSION_BLOCK : 0;
  packet[start] = transportWideCcId === undefined ? VERSION : VERSION | EXTENSION;
  packet[start + 1] = header.marker ? header.payloadType | 0x80 : header.payloadType;
  packet[start + 2] = sequenceNumber >> 8;
  packet[start + 3] = sequenceNumber;
  packet[start + 4] = timestamp >>> 24;
  packet[start + 5] = timestamp >>> 16;
  packet[start + 6] = timestamp >>> 8;
  packet[start + 7] = timestamp;
  packet[start + 8] = ssrc >>> 24;
  packet[start + 9] = ssrc >>> 16;
  packet[start + 10] = ssrc >>> 8;
  packet[start + 11] = ssrc;
  if (transportWideCcId === undefined) return withoutExtension;
  const { transportSequenceNumber } = header;
  packet[12] = 0xbe;
  packet[13] = 0xde;
  packet[14] = 0;
  packet[15] = 1;
  packet[16] = (transportWideCcId << 4) | 1;
  packet[17] = transportSequenceNumber >> 8;
  packet[18] = transportSequenceNumber;
  packet[19] = 0;
  return withExtension;
}
