import { describe, expect, test } from 'vitest';
import { findParameterSets, joinLengthPrefixed } from '../../src/codecs/index.ts';
import type { EncodedFrame } from '../../src/frame.ts';
import { FrameAssembler, parseRtpPacket } from '../../src/rtp/index.ts';
import {
  assemble,
  capturedPackets,
  h264AccessUnits,
  h264Packets,
  packet,
  packetizeFrames,
  type TestPacket,
} from './streams.ts';

const units = h264AccessUnits();
const KEY_FRAMES = [0, 20, 40];

const range = (from: number, to = units.length): number[] => [...units.keys()].slice(from, to);

function indexOf(frame: EncodedFrame): number {
  return units.findIndex((unit) => Buffer.compare(unit, frame.data) === 0);
}

function push(
  assembler: FrameAssembler,
  packets: readonly TestPacket[],
  atMs: (index: number) => number,
): EncodedFrame[] {
  return packets.flatMap(({ bytes }, index) => [...assembler.push(parseRtpPacket(bytes), atMs(index))]);
}

describe('a stream of H.264 without loss', () => {
  test('comes out frame by frame as it was encoded, across the wrap of sequence number and timestamp', () => {
    const frames = assemble(
      'h264',
      h264Packets().map(({ bytes }) => bytes),
    );
    expect(frames.map(indexOf)).toEqual(units.map((_, index) => index));
    expect(frames.map((frame) => frame.keyFrame)).toEqual(units.map((_, index) => KEY_FRAMES.includes(index)));
    expect(frames.map((frame) => frame.rtpTimestamp)).toEqual(units.map((_, index) => 2 ** 32 - 9000 + index * 3000));
    expect(frames.every((frame) => frame.lostPacketsBefore === 0 && frame.lostFramesBefore === 0)).toBe(true);
  });

  test('as FFmpeg packetizes it comes out as it was encoded', () => {
    const frames = assemble('h264', capturedPackets('h264.rtp'));
    expect(frames.map(indexOf)).toEqual(units.map((_, index) => index));
  });

  test('gives each frame out with its last packet, and tells when its first one came', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const packets = h264Packets();
    let first = true;
    for (const [index, { bytes, frame }] of packets.entries()) {
      const out = assembler.push(parseRtpPacket(bytes), index * 10);
      const last = packets[index + 1]?.frame !== frame;
      expect(out.length).toBe(last ? 1 : 0);
      if (last) expect(out[0]!.arrivalMs).toBe(packets.findIndex((other) => other.frame === frame) * 10);
      expect(assembler.needsKeyFrame).toBe(first && !last);
      if (last) first = false;
    }
    expect(assembler.stats).toEqual({
      packets: packets.length,
      duplicates: 0,
      lostPackets: 0,
      lateRecovered: 0,
      framesOut: units.length,
      framesDropped: 0,
    });
  });

  test('ends its frames at a change of the timestamp where nothing is marked', () => {
    const packets = h264Packets().map(({ bytes }) =>
      Uint8Array.from(bytes, (byte, at) => (at === 1 ? byte & 0x7f : byte)),
    );
    expect(assemble('h264', packets).map(indexOf)).toEqual(units.map((_, index) => index));
  });

  test('is not disturbed by packets of padding alone', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const out: EncodedFrame[] = [];
    let sequenceNumber = 0;
    for (const { bytes, frame } of h264Packets()) {
      const { marker, timestamp, payload } = parseRtpPacket(bytes);
      out.push(...assembler.push(packet({ marker, timestamp, payload, sequenceNumber: sequenceNumber++ }), frame));
      // Also within a frame, and with the marker of the frame it follows.
      out.push(...assembler.push(packet({ marker, timestamp, sequenceNumber: sequenceNumber++, padding: 200 }), frame));
    }
    expect(out.map(indexOf)).toEqual(units.map((_, index) => index));
    expect(assembler.stats).toMatchObject({ lostPackets: 0, framesDropped: 0 });
  });
});

describe('a stream of H.264 that loses packets', () => {
  const packets = h264Packets();

  test('waits for a missing packet and loses nothing when it comes in time', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const missing = packets[30]!;
    const first = push(assembler, [...packets.slice(0, 30), ...packets.slice(31)], (index) => index);
    expect(first.length).toBe(missing.frame);
    const rest = [...assembler.push(parseRtpPacket(missing.bytes), 600), ...assembler.flush()];
    expect([...first, ...rest].map(indexOf)).toEqual(units.map((_, index) => index));
    expect(assembler.stats).toMatchObject({ lateRecovered: 1, lostPackets: 0, framesDropped: 0 });
  });

  test('goes on at the next key frame when it does not come, and says what was left out', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 600 });
    const at = packets.findIndex(({ frame }) => frame === 5);
    const out = push(
      assembler,
      packets.filter((_, index) => index !== at),
      () => 0,
    );
    expect(out.length).toBe(5);
    expect(assembler.advance(599)).toEqual([]);
    expect(assembler.needsKeyFrame).toBe(false);
    out.push(...assembler.advance(600));
    expect(out.map(indexOf)).toEqual([0, 1, 2, 3, 4, ...range(20)]);
    expect(out[5]).toMatchObject({ keyFrame: true, lostPacketsBefore: 1, lostFramesBefore: 15 });
    expect(out.filter((frame) => frame.lostFramesBefore > 0).length).toBe(1);
    expect(assembler.stats).toMatchObject({ lostPackets: 1, framesDropped: 15, framesOut: 45 });
  });

  test('needs a key frame as soon as it has given up, and until it came', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const at = packets.findIndex(({ frame }) => frame === 5);
    for (const [index, { bytes, frame }] of packets.entries()) {
      if (index === at) continue;
      assembler.push(parseRtpPacket(bytes), index);
      const whole = packets[index + 1]?.frame !== frame;
      expect(assembler.needsKeyFrame).toBe(index > at ? frame < 20 || (frame === 20 && !whole) : frame === 0 && !whole);
    }
  });

  test('counts the frames of which nothing came by their timestamps', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const out = push(
      assembler,
      packets.filter(({ frame }) => frame < 17 || frame > 19),
      (index) => index,
    );
    const lost = packets.filter(({ frame }) => frame >= 17 && frame <= 19).length;
    expect(out.map(indexOf)).toEqual([...range(0, 17), ...range(20)]);
    expect(out[17]).toMatchObject({ keyFrame: true, lostPacketsBefore: lost, lostFramesBefore: 3 });
  });

  test('does not start at a key frame whose first packet is missing', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const at = packets.findIndex(({ frame }) => frame === 20);
    const out = push(
      assembler,
      packets.filter((_, index) => index !== at),
      (index) => index,
    );
    expect(out.map(indexOf)).toEqual([...range(0, 20), ...range(40)]);
    expect(out[20]).toMatchObject({ keyFrame: true, lostPacketsBefore: 1, lostFramesBefore: 20 });
  });

  test('has no use for what comes twice, or after it was given up', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const twice = packets.flatMap((entry) => [entry, entry]);
    expect(push(assembler, twice, (index) => index).map(indexOf)).toEqual([...units.keys()]);
    expect(assembler.stats).toMatchObject({ duplicates: packets.length, lostPackets: 0 });

    const late = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const out = push(late, [...packets.slice(0, 40), ...packets.slice(41), packets[40]!], (index) => index);
    expect(out.map(indexOf)).not.toContain(packets[40]!.frame);
    expect(late.stats).toMatchObject({ duplicates: 1, lostPackets: 1 });
  });

  test('takes the first packets in any order', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const [first, second, third] = packets;
    expect(packets.filter(({ frame }) => frame === 0).length).toBeGreaterThan(3);
    const out = push(assembler, [third!, first!, second!, ...packets.slice(3)], (index) => index);
    expect(out.map(indexOf)).toEqual([...units.keys()]);
    expect(assembler.stats).toMatchObject({ lateRecovered: 2, lostPackets: 0 });
  });

  test('never holds more packets than it may, however long it may wait', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 1e9, maxPackets: 16 });
    const out = push(
      assembler,
      packets.filter((_, index) => index !== 3),
      () => 0,
    );
    expect(out.map(indexOf)).toEqual([...range(20)]);
  });

  test('drops a frame that has more packets than it may', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxPackets: 16 });
    const [key, ...others] = [packets.filter(({ frame }) => frame === 0), packets.filter(({ frame }) => frame === 20)];
    const endless = Array.from({ length: 100 }, (_, index) =>
      packet({ sequenceNumber: index, timestamp: 7, payload: Uint8Array.of(0x7c, index === 0 ? 0x85 : 0x05, 1, 2) }),
    );
    for (const [index, each] of endless.entries()) expect(assembler.push(each, index)).toEqual([]);
    const next = packetizeFrames([[...(others[0] ?? key)].map(({ bytes }) => parseRtpPacket(bytes).payload)], {
      firstSequenceNumber: 100,
      ssrc: 1,
    });
    expect(push(assembler, next, () => 200).map(indexOf)).toEqual([20]);
    expect(assembler.stats).toMatchObject({ framesDropped: 1, framesOut: 1 });
  });

  test('wants a key frame soon after a hole shows, and gives it out when the hole is given up', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 600 });
    const lost = h264Packets().findIndex(({ frame }) => frame === 10);
    // The key frame, picture 20, comes while the hole is still waited for.
    const sent = h264Packets().filter(({ frame }, index) => index !== lost && frame < 22);
    push(assembler, sent, (index) => sent[index]!.frame * 33);
    expect(assembler.wantsKeyFrame(10 * 33 + 150)).toBe(false);
    expect(assembler.wantsKeyFrame(11 * 33 + 250)).toBe(true);
    const frames = assembler.advance(11 * 33 + 601);
    expect(frames.map(indexOf)).toEqual([20, 21]);
    expect(frames[0]!.lostFramesBefore).toBe(10);
    expect(assembler.wantsKeyFrame(2000)).toBe(false);
  });
});

describe('a sender that starts anew', () => {
  const before = h264Packets().filter(({ frame }) => frame < 25);

  test.each([
    ['with another SSRC', { ssrc: 99, firstSequenceNumber: 7 }],
    ['far ahead', { firstSequenceNumber: 12000 }],
    ['far behind', { firstSequenceNumber: 50000 }],
    ['a little behind', { firstSequenceNumber: 65000 }],
  ])('%s is followed from its next key frame on', (_name, options) => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const again = h264Packets({ firstTimestamp: 12345, ...options });
    const out = push(assembler, [...before, ...again], (index) => index);
    const restart = out.findIndex((frame, index) => index > 0 && indexOf(frame) <= indexOf(out[index - 1]!));
    const frames = out.map(indexOf);
    expect(frames.slice(0, restart)).toEqual([...range(0, 25)]);
    expect(KEY_FRAMES).toContain(frames[restart]);
    expect(frames.slice(restart)).toEqual([...range(frames[restart]!)]);
    expect(out.at(-1)!.rtpTimestamp % 2 ** 32).toBe(12345 + 59 * 3000);
  });

  test('is not a single stray packet', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    const packets = h264Packets();
    const stray = h264Packets({ ssrc: 99, firstSequenceNumber: 7 });
    const out = push(
      assembler,
      packets.flatMap((entry, index) => (index % 10 === 5 ? [entry, stray[index * 2 - 10]!] : [entry])).filter(Boolean),
      (index) => index,
    );
    expect(out.map(indexOf)).toEqual([...units.keys()]);
  });
});

describe('parameter sets of H.264', () => {
  const [key, delta] = [units[0]!, units[1]!];
  const { sequenceParameterSets, pictureParameterSets } = findParameterSets(key);
  const sets = [sequenceParameterSets[0]!, pictureParameterSets[0]!];
  const withoutSets = (unit: Uint8Array): Uint8Array[] =>
    [...nalUnits(unit)].filter((nal) => ![7, 8].includes(nal[0]! & 31));
  const whole = (unit: Uint8Array): Uint8Array => joinLengthPrefixed([...sets, ...withoutSets(unit)]);

  function* nalUnits(unit: Uint8Array): Generator<Uint8Array> {
    for (let offset = 0; offset < unit.byteLength; ) {
      const length = new DataView(unit.buffer, unit.byteOffset + offset).getUint32(0);
      yield unit.subarray(offset + 4, offset + 4 + length);
      offset += 4 + length;
    }
  }

  test('that come in packets and with a timestamp of their own are joined to the key frame behind them', () => {
    const packets = packetizeFrames([[sets[0]!], [sets[1]!], withoutSets(key), withoutSets(delta)]);
    const frames = assemble(
      'h264',
      packets.map(({ bytes }) => bytes),
    );
    expect(frames.map(({ data }) => data)).toEqual([whole(key), joinLengthPrefixed(withoutSets(delta))]);
    expect(frames[1]!.lostFramesBefore).toBe(0);
  });

  test('that were sent once are put into each later key frame', () => {
    const packets = packetizeFrames([[...sets, ...withoutSets(key)], withoutSets(units[20]!), withoutSets(units[40]!)]);
    const frames = assemble(
      'h264',
      packets.map(({ bytes }) => bytes),
    );
    expect(frames.map(({ data }) => data)).toEqual([whole(key), whole(units[20]!), whole(units[40]!)]);
    expect(frames.every(({ keyFrame }) => keyFrame)).toBe(true);
  });

  test('that never came leave nothing to decode', () => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    expect(push(assembler, packetizeFrames([withoutSets(key), withoutSets(delta)]), () => 0)).toEqual([]);
    expect(assembler.needsKeyFrame).toBe(true);
  });

  test('that were lost with the packets before a key frame are not taken from an older one', () => {
    const assembler = new FrameAssembler({ codec: 'h264', maxWaitMs: 0 });
    const packets = packetizeFrames([
      [...sets, ...withoutSets(key)],
      [...sets, ...withoutSets(units[20]!)],
      [units[40]!.subarray(4)],
    ]);
    const frame20 = packets.filter(({ frame }) => frame === 1);
    const out = push(assembler, [...packets.filter(({ frame }) => frame === 0), ...frame20.slice(2)], (index) => index);
    expect(out.length).toBe(1);
    expect(assembler.needsKeyFrame).toBe(true);
  });

  test('and an access unit delimiter in front do not stand in the way of each other', () => {
    const delimiter = Uint8Array.of(9, 0xf0);
    const packets = packetizeFrames([
      [delimiter, ...sets, ...withoutSets(key)],
      [delimiter, ...withoutSets(units[20]!)],
    ]);
    const frames = assemble(
      'h264',
      packets.map(({ bytes }) => bytes),
    );
    expect(frames.map(({ data }) => data)).toEqual([whole(key), whole(units[20]!)]);
  });
});

describe('payloads that are not H.264', () => {
  const key = packetizeFrames([...units.slice(0, 1).map((unit) => [...split(unit)])]);

  function* split(unit: Uint8Array): Generator<Uint8Array> {
    for (let offset = 0; offset < unit.byteLength; ) {
      const length = new DataView(unit.buffer, unit.byteOffset + offset).getUint32(0);
      yield unit.subarray(offset + 4, offset + 4 + length);
      offset += 4 + length;
    }
  }

  test.each([
    ['forbidden bit', [0x81, 0x80]],
    ['type 0', [0x60, 1, 2]],
    ['STAP-A with a length beyond its end', [0x78, 0, 9, 0x41]],
    ['STAP-A with an empty unit', [0x78, 0, 0, 0x41]],
    ['STAP-A in STAP-A', [0x78, 0, 2, 0x78, 1]],
    ['STAP-B', [0x79, 0, 0, 0, 2, 0x41, 1]],
    ['MTAP16', [0x7a, 0, 0, 0, 2, 0x41, 1]],
    ['MTAP24', [0x7b, 0, 0, 0, 2, 0x41, 1]],
    ['FU-B', [0x7d, 0x81, 0, 0, 1]],
    ['type 30', [0x7e, 1, 1]],
    ['FU-A without a start', [0x7c, 0x41, 1, 1]],
    ['FU-A without an end', [0x7c, 0x81, 1, 1]],
    ['FU-A of nothing', [0x7c, 0x81]],
    ['FU-A of a STAP-A', [0x7c, 0xd8, 1, 1]],
  ])('(%s) are damage, counted as a dropped frame', (_name, payload) => {
    const assembler = new FrameAssembler({ codec: 'h264' });
    expect(push(assembler, key, () => 0).length).toBe(1);
    const sequenceNumber = (65500 + key.length) & 0xffff;
    const garbage = packet({
      sequenceNumber,
      timestamp: 5,
      ssrc: 0x1234,
      marker: true,
      payload: Uint8Array.from(payload),
    });
    expect(assembler.push(garbage, 1)).toEqual([]);
    expect(assembler.needsKeyFrame).toBe(true);
    expect(assembler.stats).toMatchObject({ framesDropped: 1, lostPackets: 0 });
  });
});

describe('a stream of Opus', () => {
  const packets = capturedPackets('opus.rtp');
  const payloads = packets.map((bytes) => parseRtpPacket(bytes).payload);

  test('comes out packet by packet', () => {
    const frames = assemble('opus', packets);
    expect(frames.map(({ data }) => data)).toEqual(payloads.map((payload) => payload.slice()));
    expect(frames.every(({ keyFrame }) => keyFrame)).toBe(true);
  });

  test('goes on right behind a loss and says how many packets were lost', () => {
    const assembler = new FrameAssembler({ codec: 'opus', maxWaitMs: 100 });
    const out = packets.flatMap((bytes, index) =>
      index === 10 || index === 11 ? [] : [...assembler.push(parseRtpPacket(bytes), index * 20)],
    );
    expect(out.map(({ data }) => data)).toEqual(
      payloads.filter((_, index) => index !== 10 && index !== 11).map((p) => p.slice()),
    );
    expect(out[10]).toMatchObject({ lostPacketsBefore: 2, lostFramesBefore: 2 });
    expect(assembler.needsKeyFrame).toBe(false);
  });

  test('keeps the holes that DTX leaves in the timestamps', () => {
    const assembler = new FrameAssembler({ codec: 'opus' });
    const at = (sequenceNumber: number, timestamp: number) =>
      assembler.push(packet({ sequenceNumber, timestamp, payload: Uint8Array.of(0xf8, 0xff, 0xfe) }), timestamp / 48);
    expect([at(1, 960), at(2, 1920), at(3, 21120)].flat().map((frame) => frame.rtpTimestamp)).toEqual([
      960, 1920, 21120,
    ]);
    expect(assembler.stats).toMatchObject({ framesDropped: 0, framesOut: 3 });
  });
});
