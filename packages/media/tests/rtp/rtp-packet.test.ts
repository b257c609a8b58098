import { describe, expect, test } from 'vitest';
import { RtpPacket as WeriftPacket } from 'werift-rtp';
import { MediaError } from '../../src/errors.ts';
import { isRtcp, parseRtpPacket, serializeRtpPacket } from '../../src/rtp/index.ts';
import { capturedPackets } from './streams.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const FIXED = '8060 1234 01020304 0a0b0c0d';

describe('an RTP packet', () => {
  test.each(['h264.rtp', 'vp8.rtp', 'vp9.rtp', 'opus.rtp'])(
    'of %s is read as another implementation reads it',
    (name) => {
      for (const packet of capturedPackets(name)) {
        const { header, payload } = WeriftPacket.deSerialize(Buffer.from(packet));
        const parsed = parseRtpPacket(packet);
        expect(parsed).toMatchObject({
          marker: header.marker,
          payloadType: header.payloadType,
          sequenceNumber: header.sequenceNumber,
          timestamp: header.timestamp,
          ssrc: header.ssrc,
          headerLength: header.payloadOffset,
        });
        expect(Buffer.compare(parsed.payload, payload)).toBe(0);
      }
    },
  );

  test('is written as another implementation reads it, with header extensions of either form', () => {
    for (const data of [Uint8Array.of(1, 2, 3), new Uint8Array(40).fill(7)]) {
      const written = serializeRtpPacket({
        marker: true,
        payloadType: 111,
        sequenceNumber: 65535,
        timestamp: 0xfffffff0,
        ssrc: 0xdeadbeef,
        payload: Uint8Array.of(9, 8, 7),
        extensions: [
          { id: 3, data: Uint8Array.of(0, 5) },
          { id: 1, data },
        ],
      });
      const { header, payload } = WeriftPacket.deSerialize(Buffer.from(written));
      expect(header).toMatchObject({ marker: true, payloadType: 111, sequenceNumber: 65535, ssrc: 0xdeadbeef });
      expect(header.timestamp).toBe(0xfffffff0);
      expect(header.extensions.map(({ id, payload: value }) => [id, [...value]])).toEqual([
        [3, [0, 5]],
        [1, [...data]],
      ]);
      expect([...payload]).toEqual([9, 8, 7]);
      const parsed = parseRtpPacket(written);
      expect([...parsed.extension(3)!]).toEqual([0, 5]);
      expect([...parsed.extension(1)!]).toEqual([...data]);
      expect(parsed.extension(2)).toBeUndefined();
    }
  });

  test('lies anywhere in a larger buffer', () => {
    const pool = new Uint8Array(64);
    pool.set(bytes(`${FIXED} aabb`), 17);
    const packet = parseRtpPacket(pool.subarray(17, 31));
    expect(packet).toMatchObject({ sequenceNumber: 0x1234, timestamp: 0x01020304, ssrc: 0x0a0b0c0d });
    expect([...packet.payload]).toEqual([0xaa, 0xbb]);
  });

  test('has its contributing sources and its padding taken off', () => {
    const packet = parseRtpPacket(bytes('a2e0 0001 00000002 00000003 11111111 22222222 aabbcc 0002'));
    expect(packet).toMatchObject({ marker: true, payloadType: 0x60, headerLength: 20 });
    expect([...packet.payload]).toEqual([0xaa, 0xbb, 0xcc]);
  });

  test('of padding alone has no payload', () => {
    expect(parseRtpPacket(bytes('a060 0001 00000002 00000003 000003')).payload.byteLength).toBe(0);
  });

  test.each([
    ['shorter than a header', '8060 1234 01020304 0a0b0c'],
    ['of another version', '4060 1234 01020304 0a0b0c0d'],
    ['whose sources are missing', '8160 1234 01020304 0a0b0c0d 0000'],
    ['whose extension has no header', '9060 1234 01020304 0a0b0c0d be'],
    ['whose extension is cut short', '9060 1234 01020304 0a0b0c0d bede0002 00000000'],
    ['with padding of nothing', 'a060 1234 01020304 0a0b0c0d 0000'],
    ['with more padding than payload', 'a060 1234 01020304 0a0b0c0d 0003'],
    ['that says it has padding but ends', 'a060 1234 01020304 0a0b0c0d'],
  ])('%s is malformed', (_name, text) => {
    expect(() => parseRtpPacket(bytes(text))).toThrow(MediaError);
  });

  test.each([
    ['an element that reaches past the end', 'bede0001 10aa 25bb', { 1: 'aa', 2: undefined }],
    ['padding between elements', 'bede0002 10aa 0000 20bb 0000', { 1: 'aa', 2: 'bb' }],
    ['id 15, which ends all', 'bede0002 f0aa 10bb 20cc 0000', { 1: undefined, 2: undefined }],
    ['an empty two-byte element', '10000001 0100 0200', { 1: '', 2: '' }],
    ['a two-byte element cut short', '10000001 0101 aa02', { 1: 'aa', 2: undefined }],
    ['an unknown profile', 'abcd0001 10aa 20bb', { 1: undefined }],
  ])('with %s gives out what is there', (_name, extension, expected) => {
    const packet = parseRtpPacket(bytes(`9060 1234 01020304 0a0b0c0d ${extension} ffff`));
    for (const [id, value] of Object.entries(expected)) {
      const data = packet.extension(Number(id));
      expect(data && Buffer.from(data).toString('hex')).toBe(value);
    }
  });

  test('is told from RTCP', () => {
    expect(isRtcp(bytes('80c8 0006'))).toBe(true);
    expect(isRtcp(bytes('81ce 0002'))).toBe(true);
    expect(isRtcp(bytes(FIXED))).toBe(false);
    expect(isRtcp(bytes('80ff 1234 01020304'))).toBe(false);
    expect(isRtcp(bytes('16fe fd00'))).toBe(false);
    expect(isRtcp(new Uint8Array(0))).toBe(false);
  });

  test('cannot be written with what has no place in it', () => {
    const fields = { payloadType: 96, sequenceNumber: 0, timestamp: 0, ssrc: 0, payload: new Uint8Array(0) };
    expect(() => serializeRtpPacket({ ...fields, padding: 256 })).toThrow(MediaError);
    expect(() => serializeRtpPacket({ ...fields, extensions: [{ id: 0, data: new Uint8Array(1) }] })).toThrow(
      MediaError,
    );
    expect(() => serializeRtpPacket({ ...fields, extensions: [{ id: 1, data: new Uint8Array(256) }] })).toThrow(
      MediaError,
    );
  });
});
