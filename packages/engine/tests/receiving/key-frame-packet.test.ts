import { describe, expect, it } from 'vitest';
import { startsKeyFrame } from '../../src/receiving/key-frame-packet.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('the first packet of a key frame', () => {
  it('of H.264 has a sequence parameter set or begins an IDR picture', () => {
    expect(startsKeyFrame('h264', bytes('67 42 c0 1f'))).toBe(true);
    expect(startsKeyFrame('h264', bytes('65 88 84'))).toBe(true);
    // STAP-A: access unit delimiter, then a sequence parameter set; and one of two slices.
    expect(startsKeyFrame('h264', bytes('78 0002 09f0 0004 6742c01f'))).toBe(true);
    expect(startsKeyFrame('h264', bytes('78 0002 419a 0002 419b'))).toBe(false);
    // FU-A of an IDR slice: first and middle fragment; and of another slice.
    expect(startsKeyFrame('h264', bytes('7c 85 88'))).toBe(true);
    expect(startsKeyFrame('h264', bytes('7c 05 88'))).toBe(false);
    expect(startsKeyFrame('h264', bytes('5c 81 9a'))).toBe(false);
    expect(startsKeyFrame('h264', bytes('41 9a'))).toBe(false);
    expect(startsKeyFrame('h264', bytes('68 ce 38 80'))).toBe(false);
  });

  it('of VP8 begins partition 0 of a frame whose P bit is clear', () => {
    expect(startsKeyFrame('vp8', bytes('10 00'))).toBe(true);
    expect(startsKeyFrame('vp8', bytes('10 01'))).toBe(false);
    expect(startsKeyFrame('vp8', bytes('00 00'))).toBe(false);
    // With a picture id of 15 bits, TL0PICIDX and TID before the frame.
    expect(startsKeyFrame('vp8', bytes('90 e0 8001 05 20 50'))).toBe(true);
    expect(startsKeyFrame('vp8', bytes('90 e0 8001 05 20 51'))).toBe(false);
  });

  it('of VP9 begins a frame of the lowest layer that is not predicted', () => {
    expect(startsKeyFrame('vp9', bytes('88 8001 00'))).toBe(true);
    expect(startsKeyFrame('vp9', bytes('c8 8001 00'))).toBe(false);
    expect(startsKeyFrame('vp9', bytes('80 8001 00'))).toBe(false);
    expect(startsKeyFrame('vp9', bytes('a8 8001 00'))).toBe(true);
    expect(startsKeyFrame('vp9', bytes('a8 8001 02'))).toBe(false);
  });

  it('of AV1 begins a coded video sequence', () => {
    expect(startsKeyFrame('av1', bytes('18 0a'))).toBe(true);
    expect(startsKeyFrame('av1', bytes('10 0a'))).toBe(false);
  });

  it('is never an empty payload, as probes have it', () => {
    for (const codec of ['h264', 'vp8', 'vp9', 'av1'] as const) {
      expect(startsKeyFrame(codec, new Uint8Array())).toBe(false);
    }
  });
});
