import { readFileSync } from 'node:fs';
import { annexBNalUnits, joinLengthPrefixed, packetizeH264, type RtpCodec } from '../../src/codecs/index.ts';
import type { EncodedFrame } from '../../src/frame.ts';
import { FrameAssembler, parseRtpPacket, type RtpPacket, serializeRtpPacket } from '../../src/rtp/index.ts';

const fixtures = new URL('../fixtures/', import.meta.url);

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, fixtures)));
}

/** Packets of a capture: each behind its 16-bit length. */
export function capturedPackets(name: string): Uint8Array[] {
  const bytes = fixture(name);
  const packets: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    const length = (bytes[offset]! << 8) | bytes[offset + 1]!;
    packets.push(bytes.slice(offset + 2, offset + 2 + length));
    offset += 2 + length;
  }
  return packets;
}

/** Frames of an IVF file: 32 bytes of header, then 12 bytes before each frame. */
export function ivfFrames(name: string): Uint8Array[] {
  const bytes = fixture(name);
  const view = new DataView(bytes.buffer);
  const frames: Uint8Array[] = [];
  for (let offset = 32; offset < bytes.byteLength; ) {
    const length = view.getUint32(offset, true);
    frames.push(bytes.slice(offset + 12, offset + 12 + length));
    offset += 12 + length;
  }
  return frames;
}

/** Access units of the H.264 fixture, with 4-byte lengths: a new one begins where a slice is the picture's first. */
export function h264AccessUnits(name = 'h264.h264'): Uint8Array[] {
  const units: Uint8Array[][] = [[]];
  for (const nalUnit of annexBNalUnits(fixture(name))) {
    const isSlice = (nalUnit[0]! & 0x1f) <= 5;
    const hasSlice = units.at(-1)!.some((other) => (other[0]! & 0x1f) <= 5);
    if (hasSlice && (!isSlice || (nalUnit[1]! & 0x80) !== 0)) units.push([]);
    units.at(-1)!.push(nalUnit);
  }
  return units.map(joinLengthPrefixed);
}

export interface TestPacket {
  readonly bytes: Uint8Array;
  readonly frame: number;
}

/** Packets of frames at 30 per second, from a sequence number and timestamp that soon wrap. */
export function packetizeFrames(
  frames: readonly (readonly Uint8Array[])[],
  options: { firstSequenceNumber?: number; firstTimestamp?: number; ssrc?: number } = {},
): TestPacket[] {
  const { firstSequenceNumber = 65500, firstTimestamp = 2 ** 32 - 9000, ssrc = 0x1234 } = options;
  const packets: TestPacket[] = [];
  for (const [frame, payloads] of frames.entries()) {
    for (const [index, payload] of payloads.entries()) {
      const bytes = serializeRtpPacket({
        marker: index === payloads.length - 1,
        payloadType: 96,
        sequenceNumber: (firstSequenceNumber + packets.length) & 0xffff,
        timestamp: (firstTimestamp + frame * 3000) >>> 0,
        ssrc,
        payload,
      });
      packets.push({ bytes, frame });
    }
  }
  return packets;
}

export function h264Packets(options: Parameters<typeof packetizeFrames>[1] = {}): TestPacket[] {
  return packetizeFrames(
    h264AccessUnits().map((unit) => packetizeH264(unit, 600)),
    options,
  );
}

/** Pushes packets one after another, 1 ms apart. */
export function assemble(codec: RtpCodec, packets: readonly Uint8Array[], startMs = 0): EncodedFrame[] {
  const assembler = new FrameAssembler({ codec });
  const frames: EncodedFrame[] = [];
  for (const [index, bytes] of packets.entries()) {
    frames.push(...assembler.push(parseRtpPacket(bytes), startMs + index));
  }
  frames.push(...assembler.flush());
  return frames;
}

export function packet(fields: Partial<Parameters<typeof serializeRtpPacket>[0]>): RtpPacket {
  return parseRtpPacket(
    serializeRtpPacket({
      payloadType: 96,
      sequenceNumber: 0,
      timestamp: 0,
      ssrc: 1,
      payload: new Uint8Array(0),
      ...fields,
    }),
  );
}
