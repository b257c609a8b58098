import { describe, expect, test } from 'vitest';
import { type RtpCodec, videoFormat } from '../../src/codecs/index.ts';
import { parseVp9Header, superframeParts } from '../../src/codecs/vp9-header.ts';
import type { EncodedFrame } from '../../src/frame.ts';
import { FrameAssembler, parseRtpPacket } from '../../src/rtp/index.ts';
import { assemble, capturedPackets, ivfFrames, packet } from '../rtp/streams.ts';

/** IVF keeps AV1's temporal delimiters (two bytes at the beginning), which a container leaves out. */
function expectedFrames(codec: RtpCodec): Uint8Array[] {
  const frames = ivfFrames(`${codec}.ivf`);
  return codec === 'av1' ? frames.map((frame) => frame.slice(2)) : frames;
}

function pushAll(
  codec: RtpCodec,
  payloads: readonly (readonly [payload: number[], marker: boolean])[],
): {
  frames: EncodedFrame[];
  assembler: FrameAssembler;
} {
  const assembler = new FrameAssembler({ codec });
  let picture = 0;
  const frames = payloads.flatMap(([payload, marker], sequenceNumber) => {
    const fields = { sequenceNumber, timestamp: picture * 3000, marker, payload: Uint8Array.from(payload) };
    if (marker) picture += 1;
    return [...assembler.push(packet(fields), sequenceNumber)];
  });
  return { frames, assembler };
}

describe.each([
  ['vp8', [0, 15, 30]],
  ['vp9', [0, 15, 30]],
  ['av1', [0, 15]],
] as const)('a stream of %s as FFmpeg packetizes it', (codec, keyFrames) => {
  const expected = expectedFrames(codec);

  test('comes out as it was encoded', () => {
    const frames = assemble(codec, capturedPackets(`${codec}.rtp`));
    expect(frames.map(({ data }) => data)).toEqual(expected);
    expect([...frames.keys()].filter((index) => frames[index]!.keyFrame)).toEqual(keyFrames);
  });

  test('says its picture size in each key frame', () => {
    for (const index of keyFrames) {
      expect(videoFormat(codec, expected[index]!)).toMatchObject({ codec, width: 320, height: 240 });
    }
  });

  test('goes on at the next key frame after each single loss', () => {
    const packets = capturedPackets(`${codec}.rtp`).map(parseRtpPacket);
    const timestamps = [...new Set(packets.map(({ timestamp }) => timestamp))];
    for (let lost = 1; lost < packets.length; lost += 1) {
      const assembler = new FrameAssembler({ codec, maxWaitMs: 0 });
      const frames = packets.flatMap((each, index) => (index === lost ? [] : [...assembler.push(each, index)]));
      const damaged = timestamps.indexOf(packets[lost]!.timestamp);
      const resumes = keyFrames.find((key) => key > damaged) ?? expected.length;
      const kept = [...expected.keys()].filter((index) => index < damaged || index >= resumes);
      // What is lost at the very end nobody sees.
      expect(
        frames.map(({ data }) => data),
        `packet ${lost} lost`,
      ).toEqual(kept.map((index) => expected[index]));
    }
  });
});

describe('VP8 payload descriptors', () => {
  const keyFrame = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];

  test.each([
    ['the shortest', [0x10]],
    ['a 7-bit picture ID', [0x90, 0x80, 0x11]],
    ['a 15-bit picture ID', [0x90, 0x80, 0x91, 0x22]],
    ['all there is', [0x90, 0xf0, 0x91, 0x22, 0x33, 0x44]],
    ['a layer index without a picture ID', [0x90, 0x20, 0x40]],
  ])('with %s are taken off', (_name, descriptor) => {
    const { frames } = pushAll('vp8', [[[...descriptor, ...keyFrame], true]]);
    expect(frames.map(({ data, keyFrame: key }) => [[...data], key])).toEqual([[keyFrame, true]]);
  });

  test.each([
    ['that never end', [0x90, 0xf0, 0x91, 0x22, 0x33, 0x44]],
    ['of another partition at the start', [0x11, ...keyFrame]],
    ['that do not start', [0x00, ...keyFrame]],
    ['before a key frame without a start code', [0x10, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]],
  ])('%s are damage', (_name, payload) => {
    const { frames, assembler } = pushAll('vp8', [[payload, true]]);
    expect(frames).toEqual([]);
    expect(assembler.stats.framesDropped).toBe(1);
  });
});

describe('VP9 payload descriptors', () => {
  /** Profile 0 key frame of 320x240. */
  const header = [0x82, 0x49, 0x83, 0x42, 0x00, 0x13, 0xf0, 0x0e, 0xf0];
  /** Inter frame that says a size of 640x480 (profile 0, shown, no references' size). */
  const upper = [0x86, 0x00, 0x00, 0x00, 0x01, 0x3f, 0x80, 0xef, 0x80];

  test.each([
    ['the shortest', [0x0c]],
    ['a 7-bit picture ID', [0x8c, 0x11]],
    ['a 15-bit picture ID', [0x8c, 0x91, 0x22]],
    ['layers in non-flexible mode', [0xac, 0x91, 0x22, 0x00, 0x07]],
    ['layers in flexible mode', [0xbc, 0x91, 0x22, 0x00]],
    ['a scalability structure', [0x8e, 0x11, 0x18, 1, 64, 0, 240, 1, 0x04, 0x01]],
    ['a structure of two layers', [0x8e, 0x11, 0x30, 0, 160, 0, 120, 1, 64, 0, 240]],
  ])('with %s are taken off', (_name, descriptor) => {
    const { frames } = pushAll('vp9', [[[...descriptor, ...header], true]]);
    expect(frames.map(({ data, keyFrame }) => [[...data], keyFrame])).toEqual([[header, true]]);
  });

  test('of several layers make one superframe, whose size is that of the highest layer', () => {
    const { frames } = pushAll('vp9', [
      [[0xa8, 0x11, 0x00, 0x00, ...header.slice(0, 4)], false],
      [[0xa4, 0x11, 0x00, 0x00, ...header.slice(4)], false],
      [[0xac, 0x11, 0x03, 0x00, ...upper], true],
    ]);
    expect(frames.length).toBe(1);
    expect(superframeParts(frames[0]!.data).map((part) => [...part])).toEqual([header, upper]);
    expect(parseVp9Header(Uint8Array.from(upper)).keyFrame).toBe(false);
    expect(frames[0]!.keyFrame).toBe(true);
    expect(videoFormat('vp9', frames[0]!.data)).toMatchObject({ width: 640, height: 480 });
  });

  test.each([
    ['that never end', [[[0x8e, 0x11, 0xf8, 1], true]]],
    ['with more than three references', [[[0xf0, 0x11, 0x01, 0x01, 0x01, 0x01], true]]],
    ['without a start', [[[0x04, ...header], true]]],
    ['without an end', [[[0x08, ...header], true]]],
    [
      'that start twice',
      [
        [[0x08, ...header], false],
        [[0x0c, ...header], true],
      ],
    ],
    ['before what is not VP9', [[[0x0c, 1, 2, 3], true]]],
  ] as [string, [number[], boolean][]][])('%s are damage', (_name, payloads) => {
    const { frames, assembler } = pushAll('vp9', payloads);
    expect(frames).toEqual([]);
    expect(assembler.stats.framesDropped).toBe(1);
  });
});

describe('AV1 aggregation headers', () => {
  const temporalUnit = expectedFrames('av1')[0]!;
  // Sequence header (type 1) and frame (type 6) with the sizes that the low-overhead format wants.
  const sequenceHeader = [...temporalUnit.slice(0, 2 + temporalUnit[1]!)];
  const sequencePayload = sequenceHeader.slice(2);
  const framePayload = [0x10, 1, 2, 3, 4, 5];
  const bare = [
    [0x08, ...sequencePayload],
    [0x30, ...framePayload],
  ];
  const expected = [...sequenceHeader, 0x32, framePayload.length, ...framePayload];
  const sized = (obu: number[]): number[] => [obu.length, ...obu];

  test.each([
    ['each OBU behind its length (W = 0)', [[[0x08, ...sized(bare[0]!), ...sized(bare[1]!)], true]]],
    ['the last OBU without a length (W = 2)', [[[0x28, ...sized(bare[0]!), ...bare[1]!], true]]],
    ['a temporal delimiter (W = 3)', [[[0x38, 2, 0x12, 0x00, ...sized(bare[0]!), ...bare[1]!], true]]],
    ['OBUs that have sizes of their own', [[[0x28, ...sized(sequenceHeader), 0x32, 6, ...framePayload], true]]],
    [
      'an OBU in two packets',
      [
        [[0x68, ...sized(bare[0]!), ...bare[1]!.slice(0, 3)], false],
        [[0x90, ...bare[1]!.slice(3)], true],
      ],
    ],
    [
      'an OBU in three packets, cut within its header',
      [
        [[0x68, ...sized(bare[0]!), 0x30], false],
        [[0xd0, ...bare[1]!.slice(1, 4)], false],
        [[0x90, ...bare[1]!.slice(4)], true],
      ],
    ],
  ] as [string, [number[], boolean][]][])('with %s give the temporal unit', (_name, payloads) => {
    const { frames } = pushAll('av1', payloads);
    expect(frames.map(({ data, keyFrame }) => [[...data], keyFrame])).toEqual([[expected, true]]);
  });

  test('keep the extension of a layer', () => {
    const { frames } = pushAll('av1', [[[0x28, ...sized(bare[0]!), 0x34, 0x08, ...framePayload], true]]);
    expect([...frames[0]!.data]).toEqual([...sequenceHeader, 0x36, 0x08, framePayload.length, ...framePayload]);
  });

  test.each([
    ['with a length beyond the end', [[[0x08, 90, 1, 2], true]]],
    ['with a length that never ends', [[[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], true]]],
    ['that go on with nothing', [[[0x88, 0x30, 0x10], true]]],
    ['that end within an OBU', [[[0x58, 0x30, 0x10], true]]],
    ['before an OBU with the forbidden bit', [[[0x18, 0x8a, 0x10], true]]],
    ['before an OBU whose size is too large', [[[0x18, 0x0a, 0x10, 1], true]]],
  ] as [string, [number[], boolean][]][])('%s are damage', (_name, payloads) => {
    const { frames, assembler } = pushAll('av1', payloads);
    expect(frames).toEqual([]);
    expect(assembler.stats.framesDropped).toBe(1);
  });
});
