import { describe, expect, test } from 'vitest';
import { OPUS_SILENCE, opusHead, opusPacketDuration, packetizeH264, packetizeOpus } from '../../src/codecs/index.ts';
import { MediaError } from '../../src/errors.ts';
import { parseRtpPacket } from '../../src/rtp/index.ts';
import { assemble, capturedPackets, h264AccessUnits, packetizeFrames } from '../rtp/streams.ts';

describe('H.264 payloads', () => {
  const units = h264AccessUnits();

  test.each([16, 100, 500, 1200, 60000])('of %i bytes at most come together again as they were', (maxLength) => {
    const payloads = units.map((unit) => packetizeH264(unit, maxLength));
    expect(Math.max(...payloads.flat().map((payload) => payload.byteLength))).toBeLessThanOrEqual(maxLength);
    const frames = assemble(
      'h264',
      packetizeFrames(payloads).map(({ bytes }) => bytes),
    );
    expect(frames.map(({ data }) => data)).toEqual(units);
  });

  test('use single NAL units, STAP-A and FU-A', () => {
    const types = new Set(units.flatMap((unit) => packetizeH264(unit, 400)).map((payload) => payload[0]! & 0x1f));
    expect(types).toEqual(new Set([1, 24, 28]));
  });

  test('need lengths that fit', () => {
    expect(() => packetizeH264(Uint8Array.of(0, 0, 0, 9, 1), 1200)).toThrow(MediaError);
    expect(() => packetizeH264(units[0]!, 2)).toThrow(MediaError);
  });
});

describe('Opus', () => {
  test.each([
    ['SILK 10 ms', [0x00], 480],
    ['SILK 60 ms twice', [0x19], 5760],
    ['hybrid 20 ms', [0x68], 960],
    ['CELT 2.5 ms', [0x80], 120],
    ['CELT 20 ms', [0xf8], 960],
    ['CELT 20 ms, two frames of different size', [0xfa], 1920],
    ['CELT 20 ms, six frames', [0xfb, 6], 5760],
  ])('packets of %s are that long', (_name, packet, samples) => {
    expect(opusPacketDuration(Uint8Array.from(packet), 48000)).toBe(samples);
    expect(opusPacketDuration(Uint8Array.from(packet), 24000)).toBe(samples / 2);
  });

  test.each([
    ['nothing in them', []],
    ['a missing frame count', [0xfb]],
    ['no frames', [0xfb, 0]],
    ['more than 120 ms', [0xfb, 7]],
  ])('packets with %s are malformed', (_name, packet) => {
    expect(() => opusPacketDuration(Uint8Array.from(packet), 48000)).toThrow(MediaError);
    expect(() => packetizeOpus(Uint8Array.from(packet))).toThrow(MediaError);
  });

  test('packets of a real encoder last as long as their timestamps say', () => {
    const packets = capturedPackets('opus.rtp').map(parseRtpPacket);
    for (const [index, packet] of packets.slice(0, -1).entries()) {
      const step = (packets[index + 1]!.timestamp - packet.timestamp) >>> 0;
      expect(opusPacketDuration(packet.payload, 48000)).toBe(step);
    }
    expect(opusPacketDuration(OPUS_SILENCE, 48000)).toBe(960);
  });

  test('heads are what dOps holds', () => {
    const head = opusHead({ channels: 2, preSkip: 312, inputSampleRate: 48000 });
    expect(Buffer.from(head).toString('hex')).toBe('000201380000bb80000000');
    expect(() => opusHead({ channels: 6, preSkip: 0, inputSampleRate: 48000 })).toThrow(MediaError);
  });
});
