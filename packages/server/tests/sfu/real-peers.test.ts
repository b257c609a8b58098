import type { ReceivedTrack } from '@aircheck/engine/receiving';
import { createTransportEngine, type TransportEngine } from '@aircheck/engine/transport';
import type { EncodedFrame } from '@aircheck/media';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomIdentifiers, Sfu } from '../../src/sfu/index.ts';
import type { WorkerEventName, WorkerEvents } from '../../src/worker/contract.ts';
import { DatachannelPeer, type PeerReport, type ReceivedPacket, SLICES } from './datachannel-peer.ts';

const ROOM = 'default/room';
type Event = { [N in WorkerEventName]: { name: N; body: WorkerEvents[N] } }[WorkerEventName];

let engine: TransportEngine;
let sfu: Sfu;
let events: Event[];

beforeEach(async () => {
  engine = await createTransportEngine({ host: '127.0.0.1', portRange: [0, 0], sockets: 2 });
  events = [];
  sfu = new Sfu({
    engine,
    identifiers: randomIdentifiers,
    now: () => performance.now(),
    emit: (name, body) => events.push({ name, body } as Event),
    logger: pino({ level: 'silent' }),
  });
});

afterEach(async () => {
  sfu.close();
  await engine.close();
});

async function publish(peer: DatachannelPeer, peerId: string, loseEvery: number) {
  peer.send({ type: 'publish', loseEvery });
  const { sdp, tracks } = sfu.publish({ roomKey: ROOM, userId: 'host', peerId, sdp: await peer.description() });
  peer.send({ type: 'answer', sdp });
  return tracks;
}

function trackOf(source: ReceivedTrack['source']): ReceivedTrack {
  return sfu
    .participantMedia(ROOM, 'host')
    .tracks()
    .find((track) => track.source === source)!;
}

/** Collects this many frames from now on. */
function collect(track: ReceivedTrack, count: number): Promise<EncodedFrame[]> {
  return new Promise((resolve) => {
    const frames: EncodedFrame[] = [];
    const stop = track.listen({
      onFrame: (frame) => {
        frames.push(frame);
        if (frames.length < count) return;
        stop();
        resolve(frames);
      },
      onSenderReport: () => {},
      onEnded: () => {},
    });
  });
}

/** Number of the picture, and which of its slices the frame has. */
function content({ data }: EncodedFrame): { readonly picture: number; readonly slices: number[] } {
  const slices: number[] = [];
  let picture = -1;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let offset = 0; offset < data.length; ) {
    const length = view.getUint32(offset);
    const nal = data.subarray(offset + 4, offset + 4 + length);
    if (nal[0] === 0x65 || nal[0] === 0x41) {
      picture = (nal[1]! << 8) | nal[2]!;
      slices.push(nal[3]!);
    }
    offset += 4 + length;
  }
  return { picture, slices };
}

const all = (reports: readonly PeerReport[]): ReceivedPacket[] =>
  reports.flatMap((report) => (report.type === 'received' ? report.packets : []));

describe('a publisher of libdatachannel', () => {
  it('comes in whole though 3 % of its packets are lost on their first way', async () => {
    using peer = new DatachannelPeer();
    const tracks = await publish(peer, 'peer', 33);
    expect(tracks.map(({ source, codec }) => [source, codec])).toEqual([
      ['microphone', 'opus'],
      ['camera', 'h264'],
    ]);
    const [pictures, sounds] = await Promise.all([
      collect(trackOf('camera'), 100),
      collect(trackOf('microphone'), 100),
    ]);
    const first = content(pictures[0]!).picture;
    expect(pictures[0]!.keyFrame).toBe(true);
    for (const [index, frame] of pictures.entries()) {
      expect(content(frame)).toEqual({ picture: first + index, slices: Array.from({ length: SLICES }, (_, at) => at) });
    }
    expect(sounds).toHaveLength(100);
    const { lostPackets, recoveredPackets } = trackOf('camera').stats;
    expect(lostPackets).toBe(0);
    expect(recoveredPackets).toBeGreaterThanOrEqual(15);
    expect(events.filter(({ name }) => name === 'track-updated')).toHaveLength(2);
    expect(events).toContainEqual({ name: 'peer-state', body: { peerId: 'peer', state: 'connected' } });
  });

  it('is asked for a key frame when somebody begins to listen, and sends one', async () => {
    using peer = new DatachannelPeer();
    await publish(peer, 'peer', 0);
    // Listening from the start gets the encoder's own first key frame.
    await collect(trackOf('camera'), 10);
    const before = peer.reports.filter(({ type }) => type === 'key-frame-requested').length;
    const [frame] = await collect(trackOf('camera'), 1);
    expect(frame!.keyFrame).toBe(true);
    await peer.until('request', (reports) =>
      reports.filter(({ type }) => type === 'key-frame-requested').length > before ? true : undefined,
    );
  });

  it('goes on in the same tracks when it comes back with a new connection', async () => {
    using former = new DatachannelPeer();
    const before = await publish(former, 'first', 0);
    const track = trackOf('camera');
    const frames: EncodedFrame[] = [];
    let ended = false;
    track.listen({
      onFrame: (frame) => {
        frames.push(frame);
      },
      onSenderReport: () => {},
      onEnded: () => {
        ended = true;
      },
    });
    await collect(track, 10);
    using next = new DatachannelPeer();
    const after = await publish(next, 'second', 0);
    expect(after.map(({ trackId }) => trackId)).toEqual(before.map(({ trackId }) => trackId));
    await collect(track, 30);
    expect(ended).toBe(false);
    const steps = frames.slice(1).map((frame, index) => frame.rtpTimestamp - frames[index]!.rtpTimestamp);
    for (const step of steps) expect(step).toBeGreaterThan(0);
    // The pause while the new connection was made lies between two frames, and in no other place.
    expect(steps.filter((step) => step !== 3600).length).toBe(1);
    sfu.leave(ROOM, 'host');
    expect(ended).toBe(true);
  });
});

describe('a subscriber of libdatachannel', () => {
  it('gets all tracks from a key frame on, without a hole, and lost packets again', async () => {
    using publisher = new DatachannelPeer();
    const tracks = await publish(publisher, 'publisher', 0);
    await collect(trackOf('camera'), 5);
    using subscriber = new DatachannelPeer();
    const trackIds = tracks.map(({ trackId }) => trackId);
    const offer = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds });
    expect(offer.tracks.map(({ userId, trackId }) => [userId, trackId])).toEqual(trackIds.map((id) => ['host', id]));
    subscriber.send({ type: 'receive', sdp: offer.sdp });
    const answer = await subscriber.description();
    sfu.subscribeAnswer({ peerId: 'subscriber', revision: offer.revision, sdp: answer });

    const videoSsrcs = /a=ssrc-group:FID (\d+) (\d+)/.exec(offer.sdp)!.slice(1).map(Number);
    const [ssrc, rtxSsrc] = videoSsrcs as [number, number];
    const packets = await subscriber.until('pictures and a retransmission', (reports) => {
      const received = all(reports);
      const enough = received.filter((packet) => packet.ssrc === ssrc).length > 100;
      return enough && received.some((packet) => packet.ssrc === rtxSsrc) ? received : undefined;
    });
    const video = packets.filter((packet) => packet.ssrc === ssrc);
    // A sequence parameter set: the key frame begins.
    expect(video[0]!.head[0]).toBe(0x67);
    const sequence = video.map(({ sequenceNumber }) => sequenceNumber);
    expect(sequence).toEqual(sequence.map((_, index) => (sequence[0]! + index) & 0xffff));
    const again = packets.find((packet) => packet.ssrc === rtxSsrc)!;
    const lost = video[19]!;
    expect(again.head).toEqual([lost.sequenceNumber >> 8, lost.sequenceNumber & 0xff, ...lost.head.slice(0, 6)]);
    expect(packets.some((packet) => packet.ssrc !== ssrc && packet.ssrc !== rtxSsrc)).toBe(true);
    // Nothing has changed: nothing to negotiate.
    expect(sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds }).sdp).toBe('');
    const less = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds: trackIds.slice(0, 1) });
    expect(less.sdp.match(/^a=(sendonly|inactive)/gm)).toEqual(['a=sendonly', 'a=inactive']);
  });
});
