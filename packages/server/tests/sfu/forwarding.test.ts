import type { TrackUpstream } from '@aircheck/engine/receiving';
import { buildNack, parseRtcp, parseRtpPacket, type RtpPacket, serializeRtpPacket } from '@aircheck/media';
import { describe, expect, it } from 'vitest';
import { PublishedTrack } from '../../src/sfu/published-track.ts';
import type { SendParameters } from '../../src/sfu/sdp/subscriber-offer.ts';
import { SendingPeer } from '../../src/sfu/sending-peer.ts';
import { FakeTransport } from './fake-engine.ts';

/** H.264: an IDR slice, and a slice of a picture that refers to others. */
const KEY = Uint8Array.of(0x65, 0x88, 1, 2, 3);
const DELTA = Uint8Array.of(0x41, 0x9a, 4, 5, 6);

class Upstream implements TrackUpstream {
  requests = 0;
  requestKeyFrame(): void {
    this.requests += 1;
  }
}

function createTrack(kind: 'audio' | 'video') {
  const clock = { nowMs: 1000 };
  const started: string[] = [];
  const track = new PublishedTrack({
    trackId: 'track',
    userId: 'user',
    cname: 'clock-of-user',
    source: kind === 'audio' ? 'microphone' : 'camera',
    format: {
      kind,
      codec: kind === 'audio' ? 'opus' : 'h264',
      clockRate: kind === 'audio' ? 48_000 : 90_000,
      parameters: new Map(),
      ...(kind === 'audio' && { channels: 2 }),
    },
    muted: false,
    now: () => clock.nowMs,
    onStarted: ({ trackId }) => started.push(trackId),
  });
  return { track, clock, started };
}

function createReceiver(firstSequenceNumber = 500) {
  let transport: FakeTransport | undefined;
  const peer = new SendingPeer({
    createTransport: (handlers) => {
      transport = new FakeTransport({
        onRtp: (bytes, arrivalMs, delayed) => handlers.onRtp(bytes, arrivalMs, delayed),
        onRtcp: (bytes, arrivalMs) => handlers.onRtcp(bytes, arrivalMs),
        onState: (state) => peer.stateChanged(state),
      });
      return transport;
    },
    random16: () => firstSequenceNumber,
  });
  return { peer, transport: transport! };
}

const WITH_EVERYTHING: SendParameters = { payloadType: 96, rtxPayloadType: 97, transportWideCcId: 3 };
const STREAM = { ssrc: 1111, rtxSsrc: 2222 };

function packet(fields: {
  sequenceNumber: number;
  timestamp?: number;
  payload?: Uint8Array;
  marker?: boolean;
  ssrc?: number;
}): RtpPacket {
  return parseRtpPacket(
    serializeRtpPacket({
      payloadType: 108,
      timestamp: 0,
      ssrc: 42,
      payload: DELTA,
      // As of another transport: must not leak through.
      extensions: [
        { id: 3, data: Uint8Array.of(9, 9) },
        { id: 4, data: Uint8Array.of(48) },
      ],
      ...fields,
    }),
  );
}

const sequenceNumbers = (transport: FakeTransport): number[] =>
  transport.rtp.map((bytes) => parseRtpPacket(bytes).sequenceNumber);

describe('a forwarded packet', () => {
  it('has the own SSRC, payload type and sequence number, and keeps timestamp, marker and payload', () => {
    const { track } = createTrack('video');
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    track.push(
      new Upstream(),
      packet({ sequenceNumber: 7, timestamp: 4_000_000_000, payload: KEY, marker: true }),
      1,
      false,
    );
    const sent = parseRtpPacket(transport.rtp[0]!);
    expect(sent).toMatchObject({
      ssrc: 1111,
      payloadType: 96,
      sequenceNumber: 500,
      timestamp: 4_000_000_000,
      marker: true,
    });
    expect(Buffer.from(sent.payload)).toEqual(Buffer.from(KEY));
    expect(sent.extension(4)).toBeUndefined();
  });

  it('carries transport-wide sequence numbers that count over all tracks of the peer', () => {
    const video = createTrack('video').track;
    const audio = createTrack('audio').track;
    const { peer, transport } = createReceiver();
    peer.send(video, STREAM, WITH_EVERYTHING);
    peer.send(audio, { ssrc: 3333, rtxSsrc: 4444 }, { ...WITH_EVERYTHING, payloadType: 111, transportWideCcId: 5 });
    transport.become('connected');
    video.push(new Upstream(), packet({ sequenceNumber: 1, payload: KEY }), 1, false);
    audio.push(new Upstream(), packet({ sequenceNumber: 1 }), 1, false);
    const [first, second] = transport.rtp.map((bytes) => parseRtpPacket(bytes));
    expect([...first!.extension(3)!]).toEqual([0, 1]);
    expect([...second!.extension(5)!]).toEqual([0, 2]);
  });

  it('has no header extension where the receiver did not agree to one', () => {
    const { track } = createTrack('audio');
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, { ...WITH_EVERYTHING, transportWideCcId: undefined });
    transport.become('connected');
    track.push(new Upstream(), packet({ sequenceNumber: 1, timestamp: 77 }), 1, false);
    expect(transport.rtp[0]).toHaveLength(12 + DELTA.length);
    expect(parseRtpPacket(transport.rtp[0]!)).toMatchObject({ ssrc: 1111, timestamp: 77, headerLength: 12 });
  });

  it('goes to each receiver with that receiver’s own header', () => {
    const { track } = createTrack('audio');
    const receivers = [createReceiver(10), createReceiver(20), createReceiver(30)];
    receivers.forEach(({ peer, transport }, index) => {
      const transportWideCcId = index === 1 ? undefined : 3;
      peer.send(track, { ssrc: 100 + index, rtxSsrc: 200 + index }, { ...WITH_EVERYTHING, transportWideCcId });
      transport.become('connected');
    });
    track.push(new Upstream(), packet({ sequenceNumber: 1, payload: KEY }), 1, false);
    track.push(new Upstream(), packet({ sequenceNumber: 2, payload: DELTA }), 2, false);
    for (const [index, { transport }] of receivers.entries()) {
      const sent = transport.rtp.map((bytes) => parseRtpPacket(bytes));
      expect(sent.map(({ ssrc }) => ssrc)).toEqual([100 + index, 100 + index]);
      expect(sent[0]!.sequenceNumber).toBe(10 + 10 * index);
      expect(Buffer.from(sent[0]!.payload)).toEqual(Buffer.from(KEY));
      expect(Buffer.from(sent[1]!.payload)).toEqual(Buffer.from(DELTA));
    }
  });
});

describe('the sequence of forwarded packets', () => {
  it('begins with a key frame, which is asked for when the receiver connects', () => {
    const { track, clock } = createTrack('video');
    const upstream = new Upstream();
    track.push(upstream, packet({ sequenceNumber: 1 }), 1000, false);
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, WITH_EVERYTHING);
    expect(upstream.requests).toBe(0);
    transport.become('connected');
    expect(upstream.requests).toBe(1);
    track.push(upstream, packet({ sequenceNumber: 2 }), 1001, false);
    expect(transport.rtp).toHaveLength(0);
    // Not answered: asked again, not before 300 ms are over.
    clock.nowMs = 1200;
    track.tick(clock.nowMs);
    expect(upstream.requests).toBe(1);
    clock.nowMs = 1301;
    track.tick(clock.nowMs);
    expect(upstream.requests).toBe(2);
    track.push(upstream, packet({ sequenceNumber: 3, payload: KEY }), 1302, false);
    track.push(upstream, packet({ sequenceNumber: 4 }), 1303, false);
    expect(sequenceNumbers(transport)).toEqual([500, 501]);
    clock.nowMs = 2000;
    track.tick(clock.nowMs);
    expect(upstream.requests).toBe(2);
  });

  it('keeps holes and late packets where they are, over the wrap', () => {
    const { track } = createTrack('audio');
    const { peer, transport } = createReceiver(0x7fff);
    const upstream = new Upstream();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    for (const sequenceNumber of [65_533, 65_535, 1, 0, 65_534]) {
      track.push(upstream, packet({ sequenceNumber }), 1, false);
    }
    expect(sequenceNumbers(transport)).toEqual([0x7fff, 0x8001, 0x8003, 0x8002, 0x8000]);
  });

  it('sends a packet that came twice once', () => {
    const { track } = createTrack('audio');
    const { peer, transport } = createReceiver();
    const upstream = new Upstream();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    track.push(upstream, packet({ sequenceNumber: 5 }), 1, false);
    track.push(upstream, packet({ sequenceNumber: 5 }), 1, true);
    expect(sequenceNumbers(transport)).toEqual([500]);
  });

  it('goes on to a receiver that is not heard for a while', () => {
    const { track } = createTrack('video');
    const { peer, transport } = createReceiver();
    const upstream = new Upstream();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    track.push(upstream, packet({ sequenceNumber: 10, payload: KEY }), 1, false);
    transport.become('disconnected');
    track.push(upstream, packet({ sequenceNumber: 11 }), 2, false);
    transport.become('connected');
    track.push(upstream, packet({ sequenceNumber: 12 }), 3, false);
    expect(sequenceNumbers(transport)).toEqual([500, 501, 502]);
    transport.become('failed');
    track.push(upstream, packet({ sequenceNumber: 13, payload: KEY }), 4, false);
    expect(transport.rtp).toHaveLength(3);
  });

  it('has no hole and no jump in time where another stream takes the track over', () => {
    const { track, started } = createTrack('video');
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    const first = new Upstream();
    track.push(first, packet({ sequenceNumber: 10, timestamp: 900_000, payload: KEY }), 1000, false);
    track.push(first, packet({ sequenceNumber: 11, timestamp: 903_000 }), 1033, false);
    const second = new Upstream();
    // 2 s later; the new encoder begins with any sequence number and timestamp.
    track.push(second, packet({ sequenceNumber: 40_000, timestamp: 5, payload: KEY }), 3033, false);
    track.push(second, packet({ sequenceNumber: 40_001, timestamp: 3005 }), 3066, false);
    const sent = transport.rtp.map((bytes) => parseRtpPacket(bytes));
    expect(sent.map(({ sequenceNumber }) => sequenceNumber)).toEqual([500, 501, 502, 503]);
    expect(sent.map(({ timestamp }) => timestamp)).toEqual([900_000, 903_000, 1_083_000, 1_086_000]);
    expect(started).toEqual(['track']);
  });
});

describe('a sender whose sequence numbers jump', () => {
  it('is followed with its second packet, without a hole and with its own time if that went on', () => {
    const { track } = createTrack('audio');
    const { peer, transport } = createReceiver();
    const upstream = new Upstream();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    track.push(upstream, packet({ sequenceNumber: 30_000, timestamp: 0 }), 1000, false);
    // 20 s of loss, then a restart of the sender.
    track.push(upstream, packet({ sequenceNumber: 40_000, timestamp: 960_000 }), 21_010, false);
    track.push(upstream, packet({ sequenceNumber: 40_001, timestamp: 960_960 }), 21_025, false);
    track.push(upstream, packet({ sequenceNumber: 7, timestamp: 123_456 }), 22_000, false);
    track.push(upstream, packet({ sequenceNumber: 8, timestamp: 124_416 }), 22_025, false);
    const sent = transport.rtp.map((bytes) => parseRtpPacket(bytes));
    expect(sent.map(({ sequenceNumber }) => sequenceNumber)).toEqual([500, 501, 502]);
    expect(sent.map(({ timestamp }) => timestamp)).toEqual([0, 960_960, 960_960 + 48_000]);
  });
});

describe('a packet that the receiver lost', () => {
  function withLoss(send: SendParameters) {
    const { track } = createTrack('video');
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, send);
    transport.become('connected');
    const upstream = new Upstream();
    const payloads = [KEY, DELTA, Uint8Array.of(0x41, 7)];
    payloads.forEach((payload, index) => {
      track.push(
        upstream,
        packet({ sequenceNumber: 90 + index, timestamp: 3000, payload, marker: index === 2 }),
        1,
        false,
      );
    });
    transport.rtp.length = 0;
    const ask = (lost: number[], nowMs: number): void =>
      transport.handlers.onRtcp(Buffer.from(buildNack(1, STREAM.ssrc, lost)), nowMs);
    return { transport, ask };
  }

  it('is sent again as RTX with the original sequence number', () => {
    const { transport, ask } = withLoss(WITH_EVERYTHING);
    ask([501, 502], 10);
    const resent = transport.rtp.map((bytes) => parseRtpPacket(bytes));
    expect(resent.map(({ ssrc, payloadType }) => [ssrc, payloadType])).toEqual([
      [2222, 97],
      [2222, 97],
    ]);
    expect(resent[1]!.sequenceNumber).toBe((resent[0]!.sequenceNumber + 1) & 0xffff);
    expect([...resent[0]!.payload]).toEqual([501 >> 8, 501 & 0xff, ...DELTA]);
    expect(resent[1]).toMatchObject({ timestamp: 3000, marker: true });
    expect([...resent[0]!.extension(3)!]).toEqual([0, 4]);
  });

  it('is not sent again where RTX was not agreed on: one sequence number is sent once', () => {
    const { transport, ask } = withLoss({ ...WITH_EVERYTHING, rtxPayloadType: undefined });
    ask([501], 10);
    expect(transport.rtp).toHaveLength(0);
  });

  it('is not sent again on and on to a receiver that asks for everything all the time', () => {
    const { track } = createTrack('video');
    const { peer, transport } = createReceiver();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    const upstream = new Upstream();
    const all = Array.from({ length: 1000 }, (_, index) => 500 + index);
    for (const index of all.keys()) {
      const payload = index === 0 ? KEY : Buffer.alloc(1200, DELTA);
      track.push(upstream, packet({ sequenceNumber: index, payload }), 1, false);
    }
    let bytes = 0;
    for (let nowMs = 100; nowMs < 10_100; nowMs += 20) {
      transport.rtp.length = 0;
      transport.handlers.onRtcp(Buffer.from(buildNack(1, STREAM.ssrc, all)), nowMs);
      bytes += transport.rtp.reduce((sum, { length }) => sum + length, 0);
    }
    // 20 Mbit/s over 10 s and a burst of 2 s, with headers; it had asked for 480 Mbit/s.
    expect(bytes * 8).toBeGreaterThan(230_000_000);
    expect(bytes * 8).toBeLessThan(250_000_000);
  });

  it('is sent again only once in a while, and not when it was never sent', () => {
    const { transport, ask } = withLoss(WITH_EVERYTHING);
    ask([501], 10);
    ask([501], 12);
    expect(transport.rtp).toHaveLength(1);
    ask([501], 60);
    expect(transport.rtp).toHaveLength(2);
    ask([499, 503, 9000], 70);
    expect(transport.rtp).toHaveLength(2);
  });
});

describe('reports', () => {
  it('of the sender go to the receivers with the own SSRC and counts, and the participant’s name', () => {
    const { track } = createTrack('audio');
    const { peer, transport } = createReceiver();
    const upstream = new Upstream();
    peer.send(track, STREAM, WITH_EVERYTHING);
    transport.become('connected');
    track.push(upstream, packet({ sequenceNumber: 1, timestamp: 100 }), 1, false);
    track.senderReport(upstream, 1_700_000_000_000, 90, 1);
    expect(parseRtcp(transport.rtcp[0]!)).toMatchObject([
      { type: 'sender-report', ssrc: 1111, rtpTimestamp: 90, packetCount: 1, octetCount: DELTA.length },
      { type: 'source-description', chunks: [{ ssrc: 1111, cname: 'clock-of-user' }] },
    ]);
  });
});
