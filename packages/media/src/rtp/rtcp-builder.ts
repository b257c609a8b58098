import { MediaError } from '../errors.ts';
import { FEEDBACK_FORMAT, NTP_EPOCH_OFFSET_MS, type ReportBlock, RTCP_TYPE } from './rtcp-packet.ts';

/** Report and source counts have 5 bits (RFC 3550 §6.4.1). */
const MAX_COUNT = 31;

/** Starts an RTCP packet of `bodyLength` bytes after its header, a multiple of 4. */
function startPacket(packetType: number, format: number, bodyLength: number): DataView {
  const view = new DataView(new ArrayBuffer(4 + bodyLength));
  view.setUint8(0, 0x80 | format);
  view.setUint8(1, packetType);
  view.setUint16(2, bodyLength / 4);
  return view;
}

function asBytes(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

function checkCount(what: string, count: number): void {
  if (count > MAX_COUNT) throw new MediaError('argument-invalid', `${count} ${what}: one packet holds ${MAX_COUNT}`);
}

function writeReportBlocks(view: DataView, start: number, reports: readonly ReportBlock[]): void {
  let offset = start;
  for (const report of reports) {
    view.setUint32(offset, report.ssrc);
    const packetsLost = Math.max(-0x800000, Math.min(0x7fffff, report.packetsLost));
    view.setUint32(offset + 4, ((report.fractionLost & 0xff) << 24) | (packetsLost & 0xffffff));
    view.setUint32(offset + 8, report.highestSequenceNumber);
    view.setUint32(offset + 12, report.jitter);
    view.setUint32(offset + 16, report.lastSenderReport);
    view.setUint32(offset + 20, report.delaySinceLastSenderReport);
    offset += 24;
  }
}

/**
 * Sender report (RFC 3550 §6.4.1). A compound packet needs a source description behind it.
 *
 * @param report.ntpMs - the sender's wall clock, milliseconds since 1970
 */
export function buildSenderReport(report: {
  readonly ssrc: number;
  readonly ntpMs: number;
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  readonly octetCount: number;
  readonly reports?: readonly ReportBlock[];
}): Uint8Array {
  const reports = report.reports ?? [];
  checkCount('report blocks', reports.length);
  const view = startPacket(RTCP_TYPE.senderReport, reports.length, 24 + reports.length * 24);
  const ntpMs = report.ntpMs + NTP_EPOCH_OFFSET_MS;
  const seconds = Math.floor(ntpMs / 1000);
  view.setUint32(4, report.ssrc);
  view.setUint32(8, seconds);
  view.setUint32(12, Math.floor(((ntpMs - seconds * 1000) / 1000) * 2 ** 32));
  view.setUint32(16, report.rtpTimestamp);
  view.setUint32(20, report.packetCount);
  view.setUint32(24, report.octetCount);
  writeReportBlocks(view, 28, reports);
  return asBytes(view);
}

/** Receiver report (RFC 3550 §6.4.2), 31 blocks at most. A compound packet needs a source description behind it. */
export function buildReceiverReport(ssrc: number, reports: readonly ReportBlock[]): Uint8Array {
  checkCount('report blocks', reports.length);
  const view = startPacket(RTCP_TYPE.receiverReport, reports.length, 4 + reports.length * 24);
  view.setUint32(4, ssrc);
  writeReportBlocks(view, 8, reports);
  return asBytes(view);
}

/** Source description with one chunk that holds a CNAME (RFC 3550 §6.5.1). */
export function buildSourceDescription(ssrc: number, cname: string): Uint8Array {
  const text = new TextEncoder().encode(cname);
  if (text.byteLength > 255) throw new MediaError('argument-invalid', `CNAME of ${text.byteLength} bytes: at most 255`);
  const view = startPacket(RTCP_TYPE.sourceDescription, 1, 4 + Math.ceil((2 + text.byteLength + 1) / 4) * 4);
  view.setUint32(4, ssrc);
  view.setUint8(8, 1);
  view.setUint8(9, text.byteLength);
  const bytes = asBytes(view);
  bytes.set(text, 10);
  return bytes;
}

/** Goodbye (RFC 3550 §6.6). */
export function buildBye(ssrcs: readonly number[]): Uint8Array {
  checkCount('sources', ssrcs.length);
  const view = startPacket(RTCP_TYPE.bye, ssrcs.length, ssrcs.length * 4);
  for (const [index, ssrc] of ssrcs.entries()) view.setUint32(4 + index * 4, ssrc);
  return asBytes(view);
}

/**
 * Generic NACK (RFC 4585 §6.2.1).
 *
 * @param sequenceNumbers - ascending, modulo 2^16; neighbours share one entry
 */
export function buildNack(senderSsrc: number, mediaSsrc: number, sequenceNumbers: readonly number[]): Uint8Array {
  const entries: { first: number; bitmask: number }[] = [];
  for (const sequenceNumber of sequenceNumbers) {
    const last = entries.at(-1);
    const distance = last === undefined ? 0 : (sequenceNumber - last.first) & 0xffff;
    if (last !== undefined && distance >= 1 && distance <= 16) last.bitmask |= 1 << (distance - 1);
    else entries.push({ first: sequenceNumber & 0xffff, bitmask: 0 });
  }
  const view = startPacket(RTCP_TYPE.transportLayerFeedback, FEEDBACK_FORMAT.nack, 8 + entries.length * 4);
  view.setUint32(4, senderSsrc);
  view.setUint32(8, mediaSsrc);
  for (const [index, { first, bitmask }] of entries.entries()) {
    view.setUint16(12 + index * 4, first);
    view.setUint16(14 + index * 4, bitmask);
  }
  return asBytes(view);
}

/** Picture loss indication (RFC 4585 §6.3.1). */
export function buildPli(senderSsrc: number, mediaSsrc: number): Uint8Array {
  const view = startPacket(RTCP_TYPE.payloadSpecificFeedback, FEEDBACK_FORMAT.pli, 8);
  view.setUint32(4, senderSsrc);
  view.setUint32(8, mediaSsrc);
  return asBytes(view);
}

/**
 * Full intra request (RFC 5104 §4.3.1).
 *
 * @param commandSequenceNumber - 8 bits, one more for each new request; a repetition keeps it
 */
export function buildFir(senderSsrc: number, mediaSsrc: number, commandSequenceNumber: number): Uint8Array {
  const view = startPacket(RTCP_TYPE.payloadSpecificFeedback, FEEDBACK_FORMAT.fir, 16);
  view.setUint32(4, senderSsrc);
  // The SSRC of the media source is not used and zero (§4.3.1.2); the entry names it.
  view.setUint32(12, mediaSsrc);
  view.setUint8(16, commandSequenceNumber);
  return asBytes(view);
}
