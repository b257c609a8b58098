import { MediaError } from '../errors.ts';
import {
  type Bye,
  FEEDBACK_FORMAT,
  type FullIntraRequest,
  type Nack,
  NTP_EPOCH_OFFSET_MS,
  type ReceiverEstimatedMaximumBitrate,
  type ReportBlock,
  RTCP_TYPE,
  type RtcpPacket,
  type SenderReport,
  type SourceDescription,
} from './rtcp-packet.ts';
import { parseTransportFeedback } from './transport-feedback-parser.ts';

const HEADER_LENGTH = 4;
const REPORT_BLOCK_LENGTH = 24;
const REMB_IDENTIFIER = 0x52454d42;
const CNAME = 1;

/**
 * Parses a compound RTCP packet (RFC 3550 §6.1; reduced-size ones, RFC 5506, too) into its packets, in order.
 *
 * @param options.skipTransportFeedback - gives transport-wide feedback out as `unknown`: 36 bytes of it may tell of 65535
 *   packets, which takes milliseconds to read
 * @throws MediaError `packet-malformed` when any packet in it is cut short or contradicts itself
 */
export function parseRtcp(bytes: Uint8Array, options?: { readonly skipTransportFeedback: boolean }): RtcpPacket[] {
  const packets: RtcpPacket[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  while (offset < bytes.byteLength) {
    require(offset + HEADER_LENGTH <= bytes.byteLength, 'header', offset);
    const first = view.getUint8(offset);
    require(first >> 6 === 2, 'version', offset);
    const length = (view.getUint16(offset + 2) + 1) * 4;
    require(offset + length <= bytes.byteLength, 'length', offset);
    let bodyLength = length - HEADER_LENGTH;
    if ((first & 0x20) !== 0) {
      const padding = view.getUint8(offset + length - 1);
      require(padding > 0 && padding <= bodyLength, 'padding', offset);
      bodyLength -= padding;
    }
    const body = new DataView(bytes.buffer, bytes.byteOffset + offset + HEADER_LENGTH, bodyLength);
    packets.push(parseBody(view.getUint8(offset + 1), first & 0x1f, body, options?.skipTransportFeedback === true));
    offset += length;
  }
  return packets;
}

function parseBody(packetType: number, format: number, body: DataView, skipTransportFeedback: boolean): RtcpPacket {
  switch (packetType) {
    case RTCP_TYPE.senderReport:
      return parseSenderReport(format, body);
    case RTCP_TYPE.receiverReport:
      require(body.byteLength >= 4, 'receiver report', body.byteOffset);
      return { type: 'receiver-report', ssrc: body.getUint32(0), reports: parseReportBlocks(format, body, 4) };
    case RTCP_TYPE.sourceDescription:
      return parseSourceDescription(format, body);
    case RTCP_TYPE.bye:
      return parseBye(format, body);
    case RTCP_TYPE.transportLayerFeedback:
      require(body.byteLength >= 8, 'feedback', body.byteOffset);
      if (format === FEEDBACK_FORMAT.nack) return parseNack(body);
      if (format === FEEDBACK_FORMAT.transportFeedback && !skipTransportFeedback) return parseTransportFeedback(body);
      break;
    case RTCP_TYPE.payloadSpecificFeedback:
      require(body.byteLength >= 8, 'feedback', body.byteOffset);
      if (format === FEEDBACK_FORMAT.pli) {
        return { type: 'pli', senderSsrc: body.getUint32(0), mediaSsrc: body.getUint32(4) };
      }
      if (format === FEEDBACK_FORMAT.fir) return parseFullIntraRequest(body);
      if (format === FEEDBACK_FORMAT.applicationLayer && isRemb(body)) return parseRemb(body);
      break;
    default:
  }
  return { type: 'unknown', packetType, format };
}

function parseSenderReport(reportCount: number, body: DataView): SenderReport {
  require(body.byteLength >= 24, 'sender report', body.byteOffset);
  const seconds = body.getUint32(4);
  const fraction = body.getUint32(8);
  return {
    type: 'sender-report',
    ssrc: body.getUint32(0),
    ntpMs: seconds * 1000 + (fraction * 1000) / 2 ** 32 - NTP_EPOCH_OFFSET_MS,
    compactNtp: body.getUint32(6),
    rtpTimestamp: body.getUint32(12),
    packetCount: body.getUint32(16),
    octetCount: body.getUint32(20),
    reports: parseReportBlocks(reportCount, body, 24),
  };
}

function parseReportBlocks(count: number, body: DataView, start: number): ReportBlock[] {
  require(start + count * REPORT_BLOCK_LENGTH <= body.byteLength, 'report blocks', body.byteOffset);
  const blocks: ReportBlock[] = [];
  for (let index = 0; index < count; index += 1) {
    const offset = start + index * REPORT_BLOCK_LENGTH;
    const lost = body.getUint32(offset + 4);
    blocks.push({
      ssrc: body.getUint32(offset),
      fractionLost: lost >>> 24,
      packetsLost: (lost << 8) >> 8,
      highestSequenceNumber: body.getUint32(offset + 8),
      jitter: body.getUint32(offset + 12),
      lastSenderReport: body.getUint32(offset + 16),
      delaySinceLastSenderReport: body.getUint32(offset + 20),
    });
  }
  return blocks;
}

function parseSourceDescription(count: number, body: DataView): SourceDescription {
  const chunks: { ssrc: number; cname: string | undefined }[] = [];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    require(offset + 4 <= body.byteLength, 'source description', body.byteOffset);
    const ssrc = body.getUint32(offset);
    offset += 4;
    let cname: string | undefined;
    for (;;) {
      require(offset < body.byteLength, 'source description', body.byteOffset);
      const item = body.getUint8(offset);
      if (item === 0) break;
      require(offset + 2 <= body.byteLength, 'source description item', body.byteOffset);
      const length = body.getUint8(offset + 1);
      require(offset + 2 + length <= body.byteLength, 'source description item', body.byteOffset);
      if (item === CNAME) cname = decodeText(body, offset + 2, length);
      offset += 2 + length;
    }
    // Items end with at least one zero byte, and the chunk on a 32-bit boundary (RFC 3550 §6.5).
    offset = (offset & ~3) + 4;
    chunks.push({ ssrc, cname });
  }
  return { type: 'source-description', chunks };
}

function parseBye(count: number, body: DataView): Bye {
  require(count * 4 <= body.byteLength, 'bye', body.byteOffset);
  const ssrcs = Array.from({ length: count }, (_, index) => body.getUint32(index * 4));
  let reason: string | undefined;
  if (count * 4 < body.byteLength) {
    const length = body.getUint8(count * 4);
    require(count * 4 + 1 + length <= body.byteLength, 'bye reason', body.byteOffset);
    reason = decodeText(body, count * 4 + 1, length);
  }
  return { type: 'bye', ssrcs, reason };
}

function parseNack(body: DataView): Nack {
  require((body.byteLength - 8) % 4 === 0, 'nack', body.byteOffset);
  const sequenceNumbers: number[] = [];
  for (let offset = 8; offset < body.byteLength; offset += 4) {
    const first = body.getUint16(offset);
    sequenceNumbers.push(first);
    const bitmask = body.getUint16(offset + 2);
    for (let bit = 0; bit < 16; bit += 1) {
      if ((bitmask & (1 << bit)) !== 0) sequenceNumbers.push((first + bit + 1) & 0xffff);
    }
  }
  return { type: 'nack', senderSsrc: body.getUint32(0), mediaSsrc: body.getUint32(4), sequenceNumbers };
}

function parseFullIntraRequest(body: DataView): FullIntraRequest {
  require((body.byteLength - 8) % 8 === 0, 'fir', body.byteOffset);
  const requests: { ssrc: number; commandSequenceNumber: number }[] = [];
  for (let offset = 8; offset < body.byteLength; offset += 8) {
    requests.push({ ssrc: body.getUint32(offset), commandSequenceNumber: body.getUint8(offset + 4) });
  }
  return { type: 'fir', senderSsrc: body.getUint32(0), requests };
}

function isRemb(body: DataView): boolean {
  return body.byteLength >= 16 && body.getUint32(8) === REMB_IDENTIFIER;
}

function parseRemb(body: DataView): ReceiverEstimatedMaximumBitrate {
  const count = body.getUint8(12);
  require(16 + count * 4 <= body.byteLength, 'remb', body.byteOffset);
  const exponent = body.getUint8(13) >> 2;
  const mantissa = body.getUint32(12) & 0x3ffff;
  return {
    type: 'remb',
    senderSsrc: body.getUint32(0),
    bitrateBps: mantissa * 2 ** exponent,
    ssrcs: Array.from({ length: count }, (_, index) => body.getUint32(16 + index * 4)),
  };
}

function decodeText(body: DataView, offset: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(body.buffer, body.byteOffset + offset, length));
}

function require(condition: boolean, what: string, offset: number): asserts condition {
  if (!condition) throw new MediaError('packet-malformed', `RTCP ${what} at ${offset} does not fit`);
}
