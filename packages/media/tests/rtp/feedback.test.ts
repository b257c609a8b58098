import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RtcpPacketConverter, type RtcpTransportLayerFeedback, type TransportWideCC } from 'werift-rtp';
import { MediaError } from '../../src/errors.ts';
import {
  NackGenerator,
  parseRtcp,
  parseRtpPacket,
  ReceptionStatistics,
  RetransmissionBuffer,
  SequenceUnwrapper,
  serializeRtpPacket,
  TimestampUnwrapper,
  TransportFeedbackGenerator,
  unwrapRtx,
  wrapRtx,
} from '../../src/rtp/index.ts';
import { capturedPackets } from './streams.ts';

describe('unwrapping', () => {
  test('takes each number as the nearest to the ones before', () => {
    const sequence = new SequenceUnwrapper();
    expect([65534, 65535, 1, 0, 65533, 2].map((each) => sequence.unwrap(each))).toEqual([
      65534, 65535, 65537, 65536, 65533, 65538,
    ]);
    const timestamp = new TimestampUnwrapper();
    const top = 2 ** 32;
    expect([top - 1, 5, top - 2, 2 ** 31, top - 1, 7].map((each) => timestamp.unwrap(each))).toEqual([
      top - 1,
      top + 5,
      top - 2,
      2 ** 31,
      top - 1,
      top + 7,
    ]);
  });

  test('keeps the low bits and the order of whatever advances by less than half a turn', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
        (first, steps) => {
          const unwrapper = new TimestampUnwrapper();
          let line = first;
          expect(unwrapper.unwrap(first)).toBe(first);
          for (const step of steps) {
            line += step;
            expect(unwrapper.unwrap(line % 2 ** 32)).toBe(line);
          }
        },
      ),
    );
  });
});

describe('requests for missing packets', () => {
  test('go out at once, again once a round trip, and end after a second', () => {
    const nack = new NackGenerator();
    nack.received(65534, 0);
    expect(nack.due(0)).toEqual([]);
    nack.received(1, 10);
    expect(nack.due(10, 100)).toEqual([65535, 0]);
    expect(nack.due(109, 100)).toEqual([]);
    expect(nack.due(110, 100)).toEqual([65535, 0]);
    nack.received(0, 150, true);
    expect(nack.due(211, 100)).toEqual([65535]);
    expect(nack.due(1009, 100)).toEqual([65535]);
    expect(nack.due(1010, 100)).toEqual([]);
    expect(nack.due(5000, 100)).toEqual([]);
    expect(nack.stats).toEqual({ requested: 6, recovered: 1, givenUp: 1 });
  });

  test('are never closer than 25 ms', () => {
    const nack = new NackGenerator();
    nack.received(0, 0);
    nack.received(2, 0);
    const asked = Array.from({ length: 1100 }, (_, ms) => nack.due(ms, 1)).filter((due) => due.length > 0);
    expect(asked.length).toBe(40);
  });

  test('are not made for what is only late, once it came', () => {
    const nack = new NackGenerator();
    for (const sequenceNumber of [0, 2, 1, 3]) nack.received(sequenceNumber, 0);
    expect(nack.due(0)).toEqual([]);
    expect(nack.stats.recovered).toBe(0);
  });

  test('are dropped when the sender begins anew, but not for an odd retransmission', () => {
    const nack = new NackGenerator();
    nack.received(0, 0);
    nack.received(3, 0);
    nack.received(30000, 1, true);
    expect(nack.due(1)).toEqual([1, 2]);
    nack.received(30000, 100);
    expect(nack.due(200)).toEqual([]);
    nack.received(30002, 200);
    expect(nack.due(200)).toEqual([30001]);
  });

  test('never grow beyond a bound', () => {
    const nack = new NackGenerator();
    for (let jump = 0; jump < 50; jump += 1) nack.received((jump * 2999) & 0xffff, 0);
    expect(nack.due(0).length).toBe(1000);
    expect(nack.stats.givenUp).toBe(49 * 2998 - 1000);
    // There is room again once those are given up, too.
    expect(nack.due(1000)).toEqual([]);
    nack.received((49 * 2999 + 2) & 0xffff, 1001);
    expect(nack.due(1001)).toEqual([(49 * 2999 + 1) & 0xffff]);
  });
});

describe('transport-wide feedback', () => {
  const read = (packet: Uint8Array | undefined) => {
    const [feedback] = parseRtcp(packet!);
    if (feedback?.type !== 'transport-feedback') throw new Error('not a transport feedback');
    return feedback;
  };

  test('stays short for a sender that skips thousands of numbers with each packet', () => {
    const generator = new TransportFeedbackGenerator();
    for (let index = 0; index < 1000; index += 1) generator.add((index * 4999) & 0xffff, index);
    const feedback = generator.build(1, 2);
    expect(feedback!.byteLength).toBeLessThan(1500);
    expect(read(feedback).packets.length).toBeLessThan(6000);
  });

  test('says of each packet when it came, or that it did not', () => {
    const generator = new TransportFeedbackGenerator();
    expect(generator.build(1, 2)).toBeUndefined();
    generator.add(65534, 1000);
    generator.add(65535, 1010.25);
    generator.add(1, 1005);
    const feedback = read(generator.build(1, 2));
    expect(feedback).toEqual({
      type: 'transport-feedback',
      senderSsrc: 1,
      mediaSsrc: 2,
      feedbackCount: 0,
      packets: [
        { sequenceNumber: 65534, arrivalMs: 1000 },
        { sequenceNumber: 65535, arrivalMs: 1010.25 },
        { sequenceNumber: 0, arrivalMs: undefined },
        { sequenceNumber: 1, arrivalMs: 1005 },
      ],
    });
    expect(generator.build(1, 2)).toBeUndefined();
  });

  test('begins where the last one ended, so that what is lost between is said', () => {
    const generator = new TransportFeedbackGenerator();
    generator.add(10, 0);
    generator.build(1, 2);
    generator.add(13, 20);
    const feedback = read(generator.build(1, 2));
    expect(feedback.feedbackCount).toBe(1);
    expect(feedback.packets.map(({ sequenceNumber, arrivalMs }) => [sequenceNumber, arrivalMs])).toEqual([
      [11, undefined],
      [12, undefined],
      [13, 20],
    ]);
  });

  test('tells of a late packet too, and does not take back what it said of its neighbours', () => {
    const generator = new TransportFeedbackGenerator();
    for (const [sequenceNumber, ms] of [
      [10, 0],
      [12, 1],
      [13, 2],
    ] as const)
      generator.add(sequenceNumber, ms);
    generator.build(1, 2);
    generator.add(11, 30);
    generator.add(14, 31);
    expect(read(generator.build(1, 2)).packets.map(({ arrivalMs }) => arrivalMs)).toEqual([30, 1, 2, 31]);
    generator.add(15, 32);
    expect(read(generator.build(1, 2)).packets).toEqual([{ sequenceNumber: 15, arrivalMs: 32 }]);
  });

  test('uses a new packet where no delta reaches', () => {
    const generator = new TransportFeedbackGenerator();
    generator.add(1, 0);
    generator.add(2, 60_000);
    expect(read(generator.build(1, 2)).packets).toEqual([{ sequenceNumber: 1, arrivalMs: 0 }]);
    expect(read(generator.build(1, 2)).packets).toEqual([{ sequenceNumber: 2, arrivalMs: 60_000 }]);
    expect(generator.build(1, 2)).toBeUndefined();
  });

  test('follows a sender that begins anew without telling of thousands of lost packets', () => {
    const generator = new TransportFeedbackGenerator();
    generator.add(1, 0);
    generator.build(1, 2);
    generator.add(30_000, 10);
    expect(read(generator.build(1, 2)).packets).toEqual([{ sequenceNumber: 30_000, arrivalMs: 10 }]);
  });

  test('accounts for every packet once reported, whatever arrives', () => {
    const arrivals = fc.array(
      fc.record({
        skip: fc.oneof(
          { weight: 8, arbitrary: fc.constant(0) },
          fc.integer({ min: 0, max: 40 }),
          fc.integer({ min: 0, max: 400 }),
        ),
        gapMs: fc.oneof(
          { weight: 5, arbitrary: fc.double({ min: 0, max: 60, noNaN: true }) },
          fc.double({ min: 0, max: 20_000, noNaN: true }),
        ),
        build: fc.boolean(),
      }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65535 }), arrivals, (first, steps) => {
        const generator = new TransportFeedbackGenerator();
        const sent = new Map<number, number>();
        const reported = new Map<number, number | undefined>();
        let line = first;
        let ms = 500;
        let next: number | undefined;
        const drain = (): void => {
          for (let packet = generator.build(1, 2); packet !== undefined; packet = generator.build(1, 2)) {
            expect(packet.byteLength % 4).toBe(0);
            expect(packet.byteLength).toBeLessThan(1400);
            const { packets } = read(packet);
            if (next !== undefined) expect(packets[0]!.sequenceNumber).toBe(next);
            for (const { sequenceNumber, arrivalMs } of packets) reported.set(sequenceNumber, arrivalMs);
            next = (packets.at(-1)!.sequenceNumber + 1) & 0xffff;
          }
        };
        for (const { skip, gapMs, build } of steps) {
          line += 1 + skip;
          ms += gapMs;
          generator.add(line & 0xffff, ms);
          sent.set(line & 0xffff, ms);
          if (build) drain();
        }
        drain();
        for (const [sequenceNumber, arrivalMs] of sent) {
          // A reference time has 24 bits of 64 ms, a delta counts 250 µs.
          expect(Math.abs(reported.get(sequenceNumber)! - arrivalMs)).toBeLessThanOrEqual(0.125);
        }
        expect([...reported].filter(([, arrivalMs]) => arrivalMs !== undefined).length).toBe(sent.size);
      }),
      { numRuns: 60 },
    );
  });

  test('has the deltas that another implementation reads', () => {
    const generator = new TransportFeedbackGenerator();
    const times = [64, 70.5, 70.5, 190, 150, 151];
    for (const [index, ms] of times.entries()) generator.add(100 + index, ms);
    const [packet] = RtcpPacketConverter.deSerialize(Buffer.from(generator.build(1, 2)!));
    const feedback = (packet as RtcpTransportLayerFeedback).feedback as TransportWideCC;
    expect(feedback).toMatchObject({ baseSequenceNumber: 100, packetStatusCount: 6, referenceTime: 1, fbPktCount: 0 });
    expect(feedback.recvDeltas.map(({ delta }) => delta / 1000)).toEqual([0, 6.5, 0, 119.5, -40, 1]);
  });
});

describe('reception statistics', () => {
  test('count loss since the beginning and since the last report', () => {
    const statistics = new ReceptionStatistics({ clockRate: 90_000 });
    for (let index = 0; index < 100; index += 1) {
      if (index % 10 !== 9) statistics.add((65_500 + index) & 0xffff, index * 900, index * 10);
    }
    statistics.add((65_500 + 100) & 0xffff, 90_000, 1000);
    const report = statistics.reportBlock(5, 1000);
    expect(report).toMatchObject({ ssrc: 5, packetsLost: 10, fractionLost: Math.floor((10 * 256) / 101), jitter: 0 });
    expect(report.highestSequenceNumber).toBe(65_600);
    statistics.add((65_500 + 101) & 0xffff, 90_900, 1010);
    expect(statistics.reportBlock(5, 1010)).toMatchObject({ packetsLost: 10, fractionLost: 0 });
  });

  test('say nothing lost where a packet came twice', () => {
    const statistics = new ReceptionStatistics({ clockRate: 90_000 });
    for (const sequenceNumber of [1, 2, 2]) statistics.add(sequenceNumber, 0, 0);
    expect(statistics.reportBlock(5, 0)).toMatchObject({ packetsLost: -1, fractionLost: 0 });
  });

  test('estimate jitter as RFC 3550 does', () => {
    const statistics = new ReceptionStatistics({ clockRate: 8000 });
    let expected = 0;
    let lateBefore = 0;
    for (let index = 0; index < 50; index += 1) {
      const late = index % 2 === 0 ? 0 : 5;
      statistics.add(index, index * 160, index * 20 + late);
      if (index > 0) expected += (Math.abs(late - lateBefore) * 8 - expected) / 16;
      lateBefore = late;
    }
    expect(statistics.reportBlock(1, 0).jitter).toBe(Math.floor(expected));
    expect(expected).toBeGreaterThan(30);
  });

  test('tell how long ago the last sender report came', () => {
    const statistics = new ReceptionStatistics({ clockRate: 90_000 });
    expect(statistics.reportBlock(1, 9000)).toMatchObject({ lastSenderReport: 0, delaySinceLastSenderReport: 0 });
    statistics.receivedSenderReport(0xcafe, 1000);
    expect(statistics.reportBlock(1, 1500)).toMatchObject({
      lastSenderReport: 0xcafe,
      delaySinceLastSenderReport: 32768,
    });
  });

  test('begin anew with a sender that does', () => {
    const statistics = new ReceptionStatistics({ clockRate: 90_000 });
    for (let index = 0; index < 10; index += 1) statistics.add(index, 0, 0);
    for (let index = 0; index < 10; index += 1) statistics.add(40_000 + index, 0, 0);
    expect(statistics.reportBlock(1, 0)).toMatchObject({ packetsLost: 0, highestSequenceNumber: 40_009 });
  });
});

describe('retransmission', () => {
  test('finds the last packets by their numbers, and no older ones', () => {
    const buffer = new RetransmissionBuffer({ packets: 100 });
    for (let index = 0; index < 300; index += 1)
      buffer.add((65_400 + index) & 0xffff, Uint8Array.of(index & 0xff, index >> 8));
    for (let index = 200; index < 300; index += 1) {
      expect([...buffer.get((65_400 + index) & 0xffff)!]).toEqual([index & 0xff, index >> 8]);
    }
    expect(buffer.get(65_400)).toBeUndefined();
    expect(buffer.get((65_400 + 300) & 0xffff)).toBeUndefined();
    expect(() => new RetransmissionBuffer({ packets: 0 })).toThrow(MediaError);
  });

  test('gives the packet back as it was sent, header extensions and all', () => {
    for (const bytes of [
      ...capturedPackets('h264.rtp').slice(0, 5),
      serializeRtpPacket({
        payloadType: 96,
        sequenceNumber: 65535,
        timestamp: 9,
        ssrc: 77,
        payload: Uint8Array.of(1, 2, 3),
        extensions: [{ id: 3, data: Uint8Array.of(0, 1) }],
      }),
    ]) {
      const original = parseRtpPacket(bytes);
      const sent = parseRtpPacket(wrapRtx(original, { ssrc: 5, payloadType: 97, sequenceNumber: 513 }));
      expect(sent).toMatchObject({ ssrc: 5, payloadType: 97, sequenceNumber: 513, timestamp: original.timestamp });
      expect(unwrapRtx(sent, original.ssrc, original.payloadType).bytes).toEqual(bytes);
    }
  });

  test('leaves padding off', () => {
    const bytes = serializeRtpPacket({
      payloadType: 96,
      sequenceNumber: 4,
      timestamp: 9,
      ssrc: 7,
      payload: Uint8Array.of(1),
      padding: 8,
    });
    const sent = parseRtpPacket(wrapRtx(parseRtpPacket(bytes), { ssrc: 5, payloadType: 97, sequenceNumber: 1 }));
    expect([...sent.payload]).toEqual([0, 4, 1]);
    const probe = serializeRtpPacket({
      payloadType: 97,
      sequenceNumber: 4,
      timestamp: 9,
      ssrc: 7,
      payload: new Uint8Array(0),
      padding: 8,
    });
    expect(() => unwrapRtx(parseRtpPacket(probe), 7, 96)).toThrow(MediaError);
  });
});
