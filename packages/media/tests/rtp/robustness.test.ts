import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { obus } from '../../src/codecs/av1-obu.ts';
import {
  annexBToLengthPrefixed,
  codecString,
  h264Format,
  lengthPrefixedNalUnits,
  opusPacketDuration,
  packetizeH264,
  parseAv1SequenceHeader,
  parseSps,
  type RtpCodec,
  videoFormat,
} from '../../src/codecs/index.ts';
import { parseVp9Header } from '../../src/codecs/vp9-header.ts';
import { MediaError } from '../../src/errors.ts';
import type { EncodedFrame } from '../../src/frame.ts';
import {
  buildNack,
  buildReceiverReport,
  buildSourceDescription,
  FrameAssembler,
  parseRtcp,
  parseRtpPacket,
  type RtpPacket,
  TransportFeedbackGenerator,
  unwrapRtx,
} from '../../src/rtp/index.ts';
import { assemble, capturedPackets, h264AccessUnits, h264Packets, ivfFrames } from './streams.ts';

const CODECS: readonly RtpCodec[] = ['h264', 'vp8', 'vp9', 'av1', 'opus'];

/** Runs what may fail with a MediaError and nothing else. */
function onlyMediaErrors(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
}

/** Damages bytes: some are overwritten, and the end may be cut off. */
function damaged(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      bytes: source,
      changes: fc.array(fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }), early: fc.boolean() }), {
        maxLength: 6,
      }),
      cut: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat()),
    })
    .map(({ bytes, changes, cut }) => {
      const copy = bytes.slice(0, bytes.byteLength - (cut % (bytes.byteLength + 1)));
      // Headers stand at the beginning: half of the changes go there.
      for (const { at, value, early } of changes)
        copy[at % (early ? Math.min(24, copy.byteLength) : copy.byteLength)] = value;
      return copy;
    });
}

describe('whatever bytes come, nothing but a MediaError is thrown', () => {
  const feedback = new TransportFeedbackGenerator();
  for (let index = 0; index < 60; index += 1) feedback.add(index * 2, index * (index % 7) * 9);
  const rtcp = [
    buildNack(1, 2, [3, 4, 90]),
    buildReceiverReport(1, []),
    buildSourceDescription(1, 'somebody'),
    feedback.build(1, 2)!,
  ];

  test('by parsers of packets', () => {
    const packets = capturedPackets('vp9.rtp');
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      damaged(fc.constantFrom(...packets)),
      damaged(fc.constantFrom(...rtcp)),
      damaged(fc.shuffledSubarray(rtcp).map((parts) => new Uint8Array(Buffer.concat(parts)))),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        onlyMediaErrors(() => parseRtcp(bytes));
        onlyMediaErrors(() => {
          const packet = parseRtpPacket(bytes);
          for (let id = 0; id < 256; id += 15) packet.extension(id);
          unwrapRtx(packet, 1, 96);
        });
      }),
      { numRuns: 3000 },
    );
  });

  test('by readers of bitstreams', () => {
    const key = h264AccessUnits()[0]!;
    const sps = [...lengthPrefixedNalUnits(key)].find((nalUnit) => (nalUnit[0]! & 0x1f) === 7)!;
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      damaged(fc.constantFrom(key, sps, ivfFrames('vp9.ivf')[0]!, ivfFrames('av1.ivf')[0]!, ivfFrames('vp8.ivf')[0]!)),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        for (const run of [parseSps, h264Format, parseVp9Header, parseAv1SequenceHeader, annexBToLengthPrefixed]) {
          onlyMediaErrors(() => run(bytes));
        }
        onlyMediaErrors(() => [...obus(bytes)]);
        onlyMediaErrors(() => packetizeH264(bytes, 100));
        onlyMediaErrors(() => opusPacketDuration(bytes, 48000));
        for (const codec of ['h264', 'vp8', 'vp9', 'av1'] as const) {
          const format = videoFormat(codec, bytes);
          if (format !== undefined) expect(codecString(format)).toMatch(/^[a-z0-9]+(\.[0-9A-Za-z]+)*$/);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('and the assembler throws nothing at all', () => {
    const step = fc.record({
      packet: fc.nat(),
      sequenceNumber: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, fc.integer({ min: 0, max: 65535 })),
      random: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { freq: 3 }),
      flip: fc.option(fc.record({ at: fc.nat(), value: fc.integer({ min: 0, max: 255 }) }), { freq: 2 }),
    });
    const captures = Object.fromEntries(CODECS.map((codec) => [codec, capturedPackets(`${codec}.rtp`)]));
    fc.assert(
      fc.property(fc.constantFrom(...CODECS), fc.array(step, { maxLength: 150 }), (codec, steps) => {
        const assembler = new FrameAssembler({ codec, maxWaitMs: 20, maxPackets: 16 });
        const packets = captures[codec]!;
        let ms = 0;
        let frames = 0;
        for (const [index, { packet, sequenceNumber, random, flip }] of steps.entries()) {
          const bytes = packets[(index + (packet % 3)) % packets.length]!.slice();
          if (sequenceNumber !== undefined) bytes.set([sequenceNumber >> 8, sequenceNumber & 0xff], 2);
          if (random !== null) bytes.set(random.subarray(0, bytes.byteLength - 12), 12);
          if (flip !== null) bytes[2 + (flip.at % (bytes.byteLength - 2))] = flip.value;
          let parsed: RtpPacket;
          try {
            parsed = parseRtpPacket(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MediaError);
            continue;
          }
          ms += 5;
          frames += assembler.push(parsed, ms).length;
        }
        frames += assembler.advance(ms + 1000).length + assembler.flush().length;
        expect(assembler.stats.framesOut).toBe(frames);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a damaged way from sender to receiver', () => {
  const units = h264AccessUnits();
  const keys = new Set([0, 20, 40]);
  const streams = Object.fromEntries(
    CODECS.map((codec) => {
      const packets = codec === 'h264' ? h264Packets().map(({ bytes }) => bytes) : capturedPackets(`${codec}.rtp`);
      return [codec, { packets, original: assemble(codec, packets) }];
    }),
  );

  interface Fate {
    readonly lost: boolean;
    readonly delayMs: number;
    readonly duplicate: number | null;
  }
  const fates = (count: number, maxDelayMs: number, loss: number): fc.Arbitrary<Fate[]> =>
    fc.array(
      fc.record({
        lost: fc.integer({ min: 0, max: 99 }).map((value) => value < loss),
        delayMs: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: maxDelayMs })),
        duplicate: fc.option(fc.integer({ min: 0, max: maxDelayMs }), { freq: 10 }),
      }),
      { minLength: count, maxLength: count },
    );

  /** What arrives when, of packets that were sent 5 ms apart; so many at the beginning come as they were sent. */
  function arrivals(
    packets: readonly Uint8Array[],
    fate: readonly Fate[],
    safe: number,
  ): { bytes: Uint8Array; ms: number }[] {
    return packets
      .flatMap((bytes, index) => {
        const { lost, delayMs, duplicate } = fate[index]!;
        if (index < safe) return [{ bytes, ms: index * 5 }];
        if (lost) return [];
        const first = { bytes, ms: index * 5 + delayMs };
        return duplicate === null ? [first] : [first, { bytes, ms: index * 5 + duplicate }];
      })
      .sort((a, b) => a.ms - b.ms);
  }

  function receive(codec: RtpCodec, arriving: readonly { bytes: Uint8Array; ms: number }[], maxWaitMs: number) {
    const assembler = new FrameAssembler({ codec, maxWaitMs });
    const frames: EncodedFrame[] = [];
    for (const { bytes, ms } of arriving) frames.push(...assembler.push(parseRtpPacket(bytes), ms));
    frames.push(...assembler.flush());
    return { frames, assembler };
  }

  test.each(CODECS)('that only reorders, delays and repeats costs %s nothing', (codec) => {
    const { packets, original } = streams[codec]!;
    fc.assert(
      fc.property(fates(packets.length, 599, 0), (fate) => {
        const { frames, assembler } = receive(codec, arrivals(packets, fate, 1), 600);
        expect(frames.map(({ data, rtpTimestamp }) => ({ data, rtpTimestamp }))).toEqual(
          original.map(({ data, rtpTimestamp }) => ({ data, rtpTimestamp })),
        );
        expect(assembler.stats).toMatchObject({ lostPackets: 0, framesDropped: 0 });
      }),
      { numRuns: 25 },
    );
  });

  test.each(CODECS)(
    'that loses packets leaves of %s whole frames in order, each with all that it refers to',
    (codec) => {
      const { packets, original } = streams[codec]!;
      // Two frames tell how far apart frames are, and so how many fell into a hole.
      const safe = packets.findIndex(
        (bytes) => parseRtpPacket(bytes).timestamp === original[2]!.rtpTimestamp % 2 ** 32,
      );
      expect(safe).toBeGreaterThan(1);
      const places = new Map(original.map(({ rtpTimestamp }, index) => [rtpTimestamp, index]));
      fc.assert(
        fc.property(fates(packets.length, 150, 5), (fate) => {
          const { frames, assembler } = receive(codec, arrivals(packets, fate, safe), 60);
          let last = -1;
          for (const frame of frames) {
            const place = places.get(frame.rtpTimestamp)!;
            expect(frame.data).toEqual(original[place]!.data);
            expect(frame.keyFrame).toBe(original[place]!.keyFrame);
            expect(place).toBeGreaterThan(last);
            if (place !== last + 1 && last >= 0) {
              expect(frame.keyFrame).toBe(true);
              expect(frame.lostFramesBefore).toBe(place - last - 1);
              expect(frame.lostPacketsBefore).toBeGreaterThan(0);
            }
            last = place;
          }
          const { lostPackets, packets: received, duplicates } = assembler.stats;
          expect(lostPackets + received - duplicates).toBeLessThanOrEqual(packets.length);
        }),
        { numRuns: 25 },
      );
    },
  );

  test('that flips bits gives out only key frames after damage, and never throws', () => {
    const { packets } = streams.h264!;
    const frameOf = h264Packets().map(({ frame }) => frame);
    const flips = fc.array(fc.record({ packet: fc.nat(packets.length - 1), bit: fc.nat(7) }), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(flips, (chosen) => {
        // The NAL header's forbidden bit is what tells damage that no checksum does.
        const bad = new Set(chosen.map(({ packet }) => packet));
        const sent = packets.map((bytes, index) => {
          const copy = bytes.slice();
          if (bad.has(index)) copy[12] = copy[12]! | 0x80;
          return copy;
        });
        const badFrames = new Set([...bad].map((index) => frameOf[index]!));
        let decodable = false;
        const expected = [...units.keys()].filter((frame) => {
          decodable = badFrames.has(frame) ? false : decodable || keys.has(frame);
          return decodable;
        });
        const { frames, assembler } = receive(
          'h264',
          sent.map((bytes, index) => ({ bytes, ms: index })),
          60,
        );
        expect(frames.map(({ data }) => data)).toEqual(expected.map((frame) => units[frame]));
        expect(assembler.stats.framesDropped).toBe(units.length - expected.length);
      }),
      { numRuns: 100 },
    );
  });
});
