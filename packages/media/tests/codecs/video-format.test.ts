import { describe, expect, test } from 'vitest';
import {
  annexBToLengthPrefixed,
  codecString,
  findParameterSets,
  h264Format,
  joinLengthPrefixed,
  lengthPrefixedNalUnits,
  parseSps,
  videoFormat,
} from '../../src/codecs/index.ts';
import { MediaError } from '../../src/errors.ts';
import { h264AccessUnits, ivfFrames } from '../rtp/streams.ts';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** Parameter sets in an `avcC` that holds one of each. */
function setsOf(avcC: Uint8Array): [sps: Uint8Array, pps: Uint8Array] {
  const spsLength = (avcC[6]! << 8) | avcC[7]!;
  const ppsStart = 8 + spsLength + 3;
  const ppsLength = (avcC[ppsStart - 2]! << 8) | avcC[ppsStart - 1]!;
  return [avcC.slice(8, 8 + spsLength), avcC.slice(ppsStart, ppsStart + ppsLength)];
}

describe('the codec configuration is the one that FFmpeg writes for the same stream', () => {
  test('of VP9', () => {
    const format = videoFormat('vp9', ivfFrames('vp9.ivf')[0]!)!;
    expect(hex(format.description)).toBe('010000000014820202020000');
    expect(format).toMatchObject({ codec: 'vp9', width: 320, height: 240 });
    expect(codecString(format)).toBe('vp09.00.20.08');
  });

  test('of AV1', () => {
    const format = videoFormat('av1', ivfFrames('av1.ivf')[0]!.subarray(2))!;
    expect(hex(format.description)).toBe('81000c000a0b000000043cffbcdaf90040');
    expect(format).toMatchObject({ codec: 'av1', width: 320, height: 240 });
    expect(codecString(format)).toBe('av01.0.00M.08');
  });

  test('of VP8, which has none', () => {
    const format = videoFormat('vp8', ivfFrames('vp8.ivf')[0]!)!;
    expect(format).toEqual({ codec: 'vp8', width: 320, height: 240, description: new Uint8Array(0) });
    expect(codecString(format)).toBe('vp8');
  });

  test.each([
    [
      'baseline',
      320,
      240,
      'avc1.42c00d',
      '0142c00dffe100186742c00dd90141fb0110000003001000000303c8f142a48001000468cb8cb2',
    ],
    [
      'high, cropped to 1080 lines',
      1920,
      1080,
      'avc1.640028',
      '01640028ffe1001b67640028acd940780227e5c044000003000400000300f03c60c65801000668ebe3cb22c0fdf8f800',
    ],
    [
      'main, cropped both ways',
      638,
      358,
      'avc1.4d401e',
      '014d401effe10019674d401eeca05017f5360220000003002000000781e2c5b2c001000568ebe3cb20',
    ],
    [
      'high 4:2:2, 10 bits',
      1280,
      720,
      'avc1.7a001f',
      '017a001fffe1001a677a001fb6cd9405005bb0110000030001000003003c0f18319601000668ebe3cb22c0fefafa00',
    ],
    [
      'high 4:4:4',
      640,
      478,
      'avc1.f4001e',
      '01f4001effe1001967f4001e919b281407bf780880000003008000001e078b16cb01000668ebe3c44844fff8f800',
    ],
    [
      'interlaced',
      1920,
      1080,
      'avc1.640028',
      '01640028ffe1001a67640028acd94078044fde0220000003002000000783e2c5b2c001000668fba3cb22c0fdf8f800',
    ],
    [
      'gray',
      640,
      360,
      'avc1.64001e',
      '0164001effe1001b6764001ef3650280bfe27016c8000003000800000301e078b16cb001000668ebe3cb22c0fcf8f800',
    ],
    [
      'with scaling matrices',
      352,
      288,
      'avc1.64000d',
      '0164000dffe100196764000dacd9416096c044000003000400000300f03c50a65801000768ebe3cb3002c0fdf8f800',
    ],
  ])('of H.264 %s', (_name, width, height, name, avcC) => {
    const format = h264Format(joinLengthPrefixed(setsOf(bytes(avcC))))!;
    expect(format).toMatchObject({ codec: 'h264', width, height });
    expect(hex(format.description)).toBe(avcC);
    expect(codecString(format)).toBe(name);
  });

  test('of AAC by its object type', () => {
    expect(codecString({ codec: 'aac', description: Uint8Array.of(0x11, 0x90) })).toBe('mp4a.40.2');
    expect(codecString({ codec: 'aac', description: Uint8Array.of(0xf8, 0x80) })).toBe('mp4a.40.36');
    expect(codecString({ codec: 'opus', description: new Uint8Array(11) })).toBe('opus');
  });
});

describe('what a frame does not say', () => {
  test('is no format', () => {
    const keyless = h264AccessUnits()[1]!;
    expect(videoFormat('h264', keyless)).toBeUndefined();
    expect(videoFormat('vp8', ivfFrames('vp8.ivf')[1]!)).toBeUndefined();
    expect(videoFormat('vp9', ivfFrames('vp9.ivf')[1]!)).toBeUndefined();
    expect(videoFormat('av1', ivfFrames('av1.ivf')[1]!.subarray(2))).toBeUndefined();
  });

  test('or says in a way that cannot be read is none either, while the reader itself throws', () => {
    const sps = findParameterSets(h264AccessUnits()[0]!).sequenceParameterSets[0]!;
    const broken = joinLengthPrefixed([sps.subarray(0, 6), Uint8Array.of(0x68, 1, 2)]);
    expect(videoFormat('h264', broken)).toBeUndefined();
    expect(() => h264Format(broken)).toThrow(MediaError);
    expect(() => parseSps(sps.subarray(0, 6))).toThrow(MediaError);
    expect(() => parseSps(Uint8Array.of(0x68, 1, 2, 3))).toThrow(MediaError);
  });

  test('because a parameter set is too large for avcC is refused', () => {
    const sps = findParameterSets(h264AccessUnits()[0]!).sequenceParameterSets[0]!;
    const huge = new Uint8Array(300_000).fill(0x55);
    huge.set(sps);
    expect(() => h264Format(joinLengthPrefixed([huge, Uint8Array.of(0x68, 1)]))).toThrow(MediaError);
  });
});

describe('NAL units', () => {
  test('between start codes of either length get lengths, without the zeros behind them', () => {
    const stream = bytes('00000001' + '6742' + '000001' + '6800000301' + '0000' + '00000001' + '65880000' + '000001');
    expect(hex(annexBToLengthPrefixed(stream))).toBe(
      '00000002' + '6742' + '00000005' + '6800000301' + '00000002' + '6588',
    );
  });

  test('whose length reaches past the end, or is nothing, are malformed', () => {
    expect(() => [...lengthPrefixedNalUnits(bytes('000000056588'))]).toThrow(MediaError);
    expect(() => [...lengthPrefixedNalUnits(bytes('00000000'))]).toThrow(MediaError);
    expect(() => [...lengthPrefixedNalUnits(bytes('0000'))]).toThrow(MediaError);
    expect(() => [...lengthPrefixedNalUnits(bytes('ffffffff6588'))]).toThrow(MediaError);
  });
});
