import { describe, expect, test } from 'vitest';
import {
  type GenericNack,
  PictureLossIndication,
  type ReceiverEstimatedMaxBitrate,
  RtcpPacketConverter,
  type RtcpPayloadSpecificFeedback,
  type RtcpRrPacket,
  type RtcpSourceDescriptionPacket,
  RtcpSrPacket,
  type RtcpTransportLayerFeedback,
} from 'werift-rtp';
import { MediaError } from '../../src/errors.ts';
import {
  buildBye,
  buildFir,
  buildNack,
  buildPli,
  buildReceiverReport,
  buildSenderReport,
  buildSourceDescription,
  parseRtcp,
  TransportFeedbackGenerator,
} from '../../src/rtp/index.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const byWerift = (packet: Uint8Array) => RtcpPacketConverter.deSerialize(Buffer.from(packet))[0]!;

const block = {
  ssrc: 0xaabbccdd,
  fractionLost: 25,
  packetsLost: 1234,
  highestSequenceNumber: 0x0002ffff,
  jitter: 77,
  lastSenderReport: 0x11223344,
  delaySinceLastSenderReport: 65536,
};
const weriftBlock = {
  ssrc: 0xaabbccdd,
  fractionLost: 25,
  packetsLost: 1234,
  highestSequence: 0x0002ffff,
  jitter: 77,
  lsr: 0x11223344,
  dlsr: 65536,
};

describe('RTCP that is written here is read by another implementation:', () => {
  test('sender report', () => {
    const ntpMs = Date.UTC(2026, 10, 21, 12, 0, 0, 250);
    const packet = buildSenderReport({
      ssrc: 1,
      ntpMs,
      rtpTimestamp: 2,
      packetCount: 3,
      octetCount: 4,
      reports: [block],
    });
    const read = byWerift(packet) as RtcpSrPacket;
    expect(read).toBeInstanceOf(RtcpSrPacket);
    expect(read.senderInfo).toMatchObject({ rtpTimestamp: 2, packetCount: 3, octetCount: 4 });
    expect(Number(read.senderInfo.ntpTimestamp) / 2 ** 32).toBeCloseTo(ntpMs / 1000 + 2_208_988_800, 3);
    expect(read.reports[0]).toMatchObject(weriftBlock);
  });

  test('receiver report', () => {
    const read = byWerift(buildReceiverReport(7, [block, { ...block, ssrc: 5 }])) as RtcpRrPacket;
    expect(read.ssrc).toBe(7);
    expect(read.reports.length).toBe(2);
    expect(read.reports[0]).toMatchObject(weriftBlock);
  });

  test.each(['', 'a', 'ab', 'abc', 'abcd', 'an@example.org'])('source description with the name "%s"', (cname) => {
    const packet = buildSourceDescription(9, cname);
    expect(packet.byteLength % 4).toBe(0);
    const read = byWerift(packet) as RtcpSourceDescriptionPacket;
    expect(read.chunks.map(({ source, items }) => [source, items[0]?.text])).toEqual([[9, cname]]);
    expect(parseRtcp(packet)).toEqual([{ type: 'source-description', chunks: [{ ssrc: 9, cname }] }]);
  });

  test('NACK', () => {
    const lost = [65530, 65535, 0, 10, 11, 26, 28, 500];
    const read = (byWerift(buildNack(1, 2, lost)) as RtcpTransportLayerFeedback).feedback as GenericNack;
    expect(read).toMatchObject({ senderSsrc: 1, mediaSourceSsrc: 2 });
    expect(read.lost.map((each) => each & 0xffff)).toEqual(lost);
  });

  test('PLI and FIR', () => {
    const pli = (byWerift(buildPli(1, 2)) as RtcpPayloadSpecificFeedback).feedback;
    expect(pli).toMatchObject({ senderSsrc: 1, mediaSsrc: 2 });
    expect(pli).toBeInstanceOf(PictureLossIndication);
    expect(parseRtcp(buildFir(1, 2, 200))).toEqual([
      { type: 'fir', senderSsrc: 1, requests: [{ ssrc: 2, commandSequenceNumber: 200 }] },
    ]);
    expect(Buffer.from(buildFir(1, 2, 200)).toString('hex')).toBe('84ce00040000000100000000' + '00000002c8000000');
  });
});

describe('RTCP is read', () => {
  test('as it was written, in compound packets', () => {
    const report = { ssrc: 1, ntpMs: 1_790_000_000_123.25, rtpTimestamp: 0xfffffffe, packetCount: 3, octetCount: 4 };
    const parts = [
      buildSenderReport({ ...report, reports: [{ ...block, packetsLost: -5 }] }),
      buildReceiverReport(7, []),
      buildSourceDescription(9, 'room'),
      buildNack(1, 2, [65535, 0]),
      buildPli(1, 2),
      buildBye([1, 2]),
    ];
    const read = parseRtcp(new Uint8Array(Buffer.concat(parts)));
    expect(read.map(({ type }) => type)).toEqual([
      'sender-report',
      'receiver-report',
      'source-description',
      'nack',
      'pli',
      'bye',
    ]);
    const [senderReport] = read;
    if (senderReport?.type !== 'sender-report') throw new Error('no sender report');
    expect(senderReport.ntpMs).toBeCloseTo(report.ntpMs, 3);
    expect(senderReport).toMatchObject({ rtpTimestamp: 0xfffffffe, reports: [{ ...block, packetsLost: -5 }] });
    expect(read.slice(3)).toEqual([
      { type: 'nack', senderSsrc: 1, mediaSsrc: 2, sequenceNumbers: [65535, 0] },
      { type: 'pli', senderSsrc: 1, mediaSsrc: 2 },
      { type: 'bye', ssrcs: [1, 2], reason: undefined },
    ]);
  });

  test('without transport-wide feedback where that is not wanted', () => {
    const generator = new TransportFeedbackGenerator();
    generator.add(1, 10);
    const bytes = new Uint8Array(Buffer.concat([generator.build(1, 2)!, buildPli(1, 2)]));
    expect(parseRtcp(bytes).map(({ type }) => type)).toEqual(['transport-feedback', 'pli']);
    expect(parseRtcp(bytes, { skipTransportFeedback: true })).toMatchObject([
      { type: 'unknown', packetType: 205, format: 15 },
      { type: 'pli' },
    ]);
  });

  test('with the NTP time and its middle bits', () => {
    // 0x83aa7e80 is 1970; half a second more.
    const [report] = parseRtcp(bytes('80c80006 00000001 83aa7e80 80000000 00000002 00000003 00000004'));
    expect(report).toMatchObject({ ntpMs: 500, compactNtp: 0x7e808000 });
  });

  test('with the bitrate of a REMB', () => {
    const packet = bytes('8fce0006 00000001 00000000 52454d42 0212dc6c 00000005 00000006');
    const [read] = parseRtcp(packet);
    expect(read).toEqual({ type: 'remb', senderSsrc: 1, bitrateBps: 3_000_000, ssrcs: [5, 6] });
    const other = (byWerift(packet) as RtcpPayloadSpecificFeedback).feedback as ReceiverEstimatedMaxBitrate;
    expect(Number(other.bitrate)).toBe(3_000_000);
  });

  test('with the reason of a goodbye, and past padding', () => {
    expect(parseRtcp(bytes('81cb0003 00000001 04 6c656674 000000'))).toEqual([
      { type: 'bye', ssrcs: [1], reason: 'left' },
    ]);
    expect(parseRtcp(bytes('a0c90002 00000007 00000004'))).toEqual([{ type: 'receiver-report', ssrc: 7, reports: [] }]);
  });

  test('even where it is of a kind unknown here', () => {
    expect(parseRtcp(bytes('80cf0001 00000001'))).toEqual([{ type: 'unknown', packetType: 207, format: 0 }]);
    expect(parseRtcp(bytes('85cd0002 00000001 00000002'))).toEqual([{ type: 'unknown', packetType: 205, format: 5 }]);
    expect(parseRtcp(bytes('8fce0003 00000001 00000002 41424344'))).toEqual([
      { type: 'unknown', packetType: 206, format: 15 },
    ]);
  });

  test.each([
    ['a header cut short', '80c8'],
    ['another version', '40c90001 00000001'],
    ['a length beyond the end', '80c90002 00000001'],
    ['more padding than body', 'a0c90001 00000008'],
    ['a sender report without its fields', '80c80001 00000001'],
    ['report blocks missing', '81c90001 00000001'],
    ['a feedback without SSRCs', '81cd0001 00000001'],
    ['half a FIR entry', '84ce0003 00000001 00000000 00000002'],
    ['an item beyond the end', '81ca0002 00000001 01090000'],
    ['items that never end', '81ca0002 00000001 01026161'],
    ['a goodbye without its sources', '82cb0001 00000001'],
    ['a reason beyond the end', '80cb0001 09616263'],
    ['too many REMB sources', '8fce0004 00000001 00000000 52454d42 09000000'],
    ['a transport feedback cut short', '8fcd0003 00000001 00000002 00010001'],
    ['a status chunk missing', '8fcd0004 00000001 00000002 00010001 00000000'],
    ['an empty run', '8fcd0005 00000001 00000002 00010001 00000000 20002000'],
    ['a delta missing', '8fcd0005 00000001 00000002 00010003 00000000 20030101'],
  ])('unless it has %s', (_name, text) => {
    expect(() => parseRtcp(bytes(text))).toThrow(MediaError);
  });

  test('unless there is more of it than a packet holds', () => {
    expect(() => buildReceiverReport(1, new Array(32).fill(block))).toThrow(MediaError);
    expect(() => buildBye(new Array(32).fill(1))).toThrow(MediaError);
    expect(() => buildSourceDescription(1, 'a'.repeat(256))).toThrow(MediaError);
  });
});
