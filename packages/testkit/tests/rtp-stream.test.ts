import { parseRtcp, parseRtpPacket } from '@aircheck/media';
import { describe, expect, test } from 'vitest';
import { parseFeedback } from '../src/publisher/rtcp.ts';
import { h264Payloads } from '../src/publisher/rtp-packetizer.ts';
import { RtpStream, type RtpStreamOptions } from '../src/publisher/rtp-stream.ts';

function openStream(options: Partial<RtpStreamOptions> = {}): { stream: RtpStream; sent: Buffer[] } {
  const sent: Buffer[] = [];
  const stream = new RtpStream({
    payloadType: 102,
    rtxPayloadType: 103,
    ssrc: 0xdeadbeef,
    rtxSsrc: 0xcafebabe,
    clockRate: 90_000,
    cname: 'host',
    impairment: {},
    answerNacks: true,
    send: (packet) => sent.push(packet),
    ...options,
  });
  return { stream, sent };
}

const payloads = [Buffer.from([1, 2, 3]), Buffer.from([4, 5])];

describe('an outgoing RTP stream, read by the product’s own parser', () => {
  test('numbers packets on, marks the last of a frame, and keeps its clock', () => {
    const { stream, sent } = openStream();
    stream.sendFrame(0, payloads, true);
    stream.sendFrame(100, payloads, true);
    const packets = sent.map((bytes) => parseRtpPacket(bytes));
    expect(packets.map(({ marker }) => marker)).toEqual([false, true, false, true]);
    const first = packets[0]!;
    expect(packets.map(({ sequenceNumber }) => (sequenceNumber - first.sequenceNumber + 65_536) % 65_536)).toEqual([
      0, 1, 2, 3,
    ]);
    expect(packets.map(({ timestamp }) => (timestamp - first.timestamp + 2 ** 32) % 2 ** 32)).toEqual([
      0, 0, 9000, 9000,
    ]);
    expect(packets.every(({ ssrc, payloadType }) => ssrc === 0xdeadbeef && payloadType === 102)).toBe(true);
    expect(Buffer.from(packets[3]!.payload)).toEqual(payloads[1]);
  });

  test('answers a NACK by RTX with the original number in front (RFC 4588)', () => {
    const { stream, sent } = openStream();
    stream.sendFrame(0, payloads, true);
    const lost = parseRtpPacket(sent[1]!);
    stream.answerNack([lost.sequenceNumber, (lost.sequenceNumber + 1000) & 0xffff]);
    expect(sent).toHaveLength(3);
    const again = parseRtpPacket(sent[2]!);
    expect(again).toMatchObject({ ssrc: 0xcafebabe, payloadType: 103, timestamp: lost.timestamp, marker: true });
    const original = Buffer.alloc(2);
    original.writeUInt16BE(lost.sequenceNumber);
    expect(Buffer.from(again.payload)).toEqual(Buffer.concat([original, payloads[1]!]));
  });

  test('repeats the very packet where the receiver takes no RTX, and nothing where NACKs are not answered', () => {
    const plain = openStream({ rtxPayloadType: undefined });
    plain.stream.sendFrame(0, payloads, true);
    plain.stream.answerNack([plain.sent[0]!.readUInt16BE(2)]);
    expect(plain.sent[2]).toEqual(plain.sent[0]);
    const deaf = openStream({ answerNacks: false });
    deaf.stream.sendFrame(0, payloads, true);
    deaf.stream.answerNack([deaf.sent[0]!.readUInt16BE(2)]);
    expect(deaf.sent).toHaveLength(2);
    expect(deaf.stream.nackedPackets).toBe(1);
  });

  test('tells its clock in sender reports', () => {
    const { stream, sent } = openStream();
    stream.sendFrame(0, payloads, true);
    const wallMs = 1_700_000_000_123.25;
    const [report, description] = parseRtcp(stream.report(wallMs, 1000));
    expect(report).toMatchObject({ type: 'sender-report', ssrc: 0xdeadbeef, packetCount: 2, octetCount: 5 });
    if (report?.type !== 'sender-report') return;
    expect(Math.abs(report.ntpMs - wallMs)).toBeLessThan(0.01);
    const first = parseRtpPacket(sent[0]!);
    expect((report.rtpTimestamp - first.timestamp + 2 ** 32) % 2 ** 32).toBe(90_000);
    expect(description?.type).toBe('source-description');
  });
});

describe('feedback', () => {
  test('is read from NACKs with a bit mask, PLIs and FIRs', () => {
    const nack = Buffer.from('81cd000300000001deadbeef00100003', 'hex');
    const pli = Buffer.from('81ce000200000001deadbeef', 'hex');
    const fir = Buffer.from('84ce00040000000100000000deadbeef01000000', 'hex');
    expect(parseFeedback(Buffer.concat([nack, pli, fir]))).toEqual([
      { type: 'nack', ssrc: 0xdeadbeef, sequenceNumbers: [16, 17, 18] },
      { type: 'key-frame-request', ssrc: 0xdeadbeef },
      { type: 'key-frame-request', ssrc: 0xdeadbeef },
    ]);
  });
});

describe('H.264 payloads', () => {
  test('hold parameter sets in one STAP-A and cut large NAL units into FU-A', () => {
    const slice = Buffer.alloc(3000, 7);
    slice[0] = 0x65;
    const [sets, ...fragments] = h264Payloads([Buffer.from([0x67, 1, 2]), Buffer.from([0x68, 3]), slice]);
    expect(sets).toEqual(Buffer.from([0x78, 0, 3, 0x67, 1, 2, 0, 2, 0x68, 3]));
    expect(fragments.map((payload) => payload[0])).toEqual([0x7c, 0x7c, 0x7c]);
    expect(fragments.map((payload) => payload[1])).toEqual([0x85, 0x05, 0x45]);
    expect(Math.max(...fragments.map(({ length }) => length))).toBeLessThanOrEqual(1200);
    expect(Buffer.concat(fragments.map((payload) => payload.subarray(2)))).toEqual(slice.subarray(1));
  });
});
