/** Seconds from 1900 (NTP) to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;

export interface SenderReport {
  readonly ssrc: number;
  /** Milliseconds since 1970, with fraction. */
  readonly wallMs: number;
  /** What the RTP clock says at that very time. */
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
  readonly cname: string;
}

/** A sender report with a CNAME behind it (RFC 3550 §6.4.1, §6.5.1). */
export function senderReport(report: SenderReport): Buffer {
  const name = Buffer.from(report.cname);
  const chunkBytes = 4 * Math.ceil((4 + 2 + name.length + 1) / 4);
  const bytes = Buffer.alloc(28 + 4 + chunkBytes);
  bytes.writeUInt32BE(0x80c80006, 0);
  bytes.writeUInt32BE(report.ssrc, 4);
  const seconds = report.wallMs / 1000 + NTP_EPOCH_SECONDS;
  bytes.writeUInt32BE(Math.floor(seconds), 8);
  bytes.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32), 12);
  bytes.writeUInt32BE(report.rtpTimestamp % 2 ** 32, 16);
  bytes.writeUInt32BE(report.packets % 2 ** 32, 20);
  bytes.writeUInt32BE(report.octets % 2 ** 32, 24);
  bytes.writeUInt32BE(0x81ca0000 + chunkBytes / 4, 28);
  bytes.writeUInt32BE(report.ssrc, 32);
  bytes[36] = 1;
  bytes[37] = name.length;
  name.copy(bytes, 38);
  return bytes;
}

export type Feedback =
  | { readonly type: 'nack'; readonly ssrc: number; readonly sequenceNumbers: readonly number[] }
  | { readonly type: 'key-frame-request'; readonly ssrc: number };

/** The NACKs (RFC 4585 §6.2.1), PLIs (§6.3.1) and FIRs (RFC 5104 §4.3.1) of a compound packet. */
export function parseFeedback(compound: Buffer): Feedback[] {
  const feedback: Feedback[] = [];
  for (let at = 0; at + 12 <= compound.length; ) {
    const format = compound.readUInt8(at) & 31;
    const packetType = compound.readUInt8(at + 1);
    const end = Math.min(compound.length, at + 4 * (compound.readUInt16BE(at + 2) + 1));
    const ssrc = compound.readUInt32BE(at + 8);
    if (packetType === 205 && format === 1) {
      const sequenceNumbers: number[] = [];
      for (let item = at + 12; item + 4 <= end; item += 4) {
        const first = compound.readUInt16BE(item);
        const following = compound.readUInt16BE(item + 2);
        sequenceNumbers.push(first);
        for (let bit = 0; bit < 16; bit += 1) {
          if ((following & (1 << bit)) !== 0) sequenceNumbers.push((first + bit + 1) & 0xffff);
        }
      }
      feedback.push({ type: 'nack', ssrc, sequenceNumbers });
    } else if (packetType === 206 && format === 1) feedback.push({ type: 'key-frame-request', ssrc });
    else if (packetType === 206 && format === 4 && at + 16 <= end) {
      feedback.push({ type: 'key-frame-request', ssrc: compound.readUInt32BE(at + 12) });
    }
    at = end;
  }
  return feedback;
}

/** True for RTCP on a port shared with RTP (RFC 5761 §4). */
export function isRtcp(packet: Buffer): boolean {
  const type = packet[1] ?? 0;
  return type >= 192 && type <= 223;
}

/** Asks for a key frame. */
export function pictureLossIndication(senderSsrc: number, mediaSsrc: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(0x81ce0002, 0);
  bytes.writeUInt32BE(senderSsrc, 4);
  bytes.writeUInt32BE(mediaSsrc, 8);
  return bytes;
}

/** A receiver report without blocks (RFC 3550 §6.4.2). */
export function receiverReport(senderSsrc: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(0x80c90001, 0);
  bytes.writeUInt32BE(senderSsrc, 4);
  return bytes;
}
