import {
  buildSenderReport,
  parseRtcp,
  type RtcpPacket,
  serializeRtpPacket,
  type TransportFeedback,
} from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomIdentifiers, Sfu } from '../../src/sfu/index.ts';
import type { OfferedSource, WorkerEventName, WorkerEvents } from '../../src/worker/contract.ts';
import { FakeEngine, type FakeTransport } from './fake-engine.ts';
import { fixture } from './fixtures/index.ts';

const ROOM = 'default/room';
type Event = { [N in WorkerEventName]: { name: N; body: WorkerEvents[N] } }[WorkerEventName];

let engine: FakeEngine;
let events: Event[];
let sfu: Sfu;
let nowMs: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  engine = new FakeEngine();
  events = [];
  nowMs = 1000;
  sfu = new Sfu({
    engine,
    identifiers: randomIdentifiers,
    now: () => nowMs,
    emit: (name, body) => events.push({ name, body } as Event),
    logger: pino({ level: 'silent' }),
  });
});

afterEach(() => {
  sfu.close();
  vi.useRealTimers();
});

function publish(sdp: string, changes: { userId?: string; peerId?: string; tracks?: readonly OfferedSource[] } = {}) {
  const request = { roomKey: ROOM, userId: 'host', peerId: 'publisher', sdp, ...changes };
  const answer = sfu.publish(request);
  const transport = engine.peers.at(-1)!;
  if (transport.state === 'new') transport.become('connected');
  return { ...answer, transport };
}

const media = (userId = 'host') => sfu.participantMedia(ROOM, userId);

function code(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof AircheckError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

/** Hands in a packet as Chromium sends it: mid in extension 4, transport-wide number in extension 3. */
function receive(
  transport: FakeTransport,
  fields: {
    payloadType: number;
    ssrc: number;
    sequenceNumber: number;
    mid?: string;
    transportSequenceNumber?: number;
    payload?: Uint8Array;
    arrivalMs?: number;
    /** Of abs-send-time, in ms. */
    sentMs?: number;
    delayed?: boolean;
  },
): void {
  const { mid, transportSequenceNumber, sentMs } = fields;
  const extensions = [
    ...(transportSequenceNumber === undefined ? [] : [{ id: 3, data: Uint8Array.of(0, transportSequenceNumber) }]),
    ...(sentMs === undefined ? [] : [{ id: 2, data: absSendTime(sentMs) }]),
    ...(mid === undefined ? [] : [{ id: 4, data: Buffer.from(mid) }]),
  ];
  const bytes = serializeRtpPacket({ timestamp: 0, payload: Uint8Array.of(0x41, 1), ...fields, extensions });
  transport.handlers.onRtp(Buffer.from(bytes), fields.arrivalMs ?? nowMs, fields.delayed ?? false);
}

function absSendTime(ms: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(Math.round((ms * 2 ** 18) / 1000) % 2 ** 24);
  return bytes.subarray(1);
}

/** RTCP that the SFU sent since the last call, after this much time. */
function feedback(transport: FakeTransport, afterMs = 60): RtcpPacket[] {
  nowMs += afterMs;
  transport.rtcp.length = 0;
  // One turn of the SFU's own timer.
  vi.advanceTimersByTime(25);
  return transport.rtcp.flatMap((bytes) => parseRtcp(bytes));
}

const started = (): string[] =>
  events.flatMap(({ name, body }) =>
    name === 'track-updated' ? [(body as WorkerEvents['track-updated']).track.source] : [],
  );

const withoutSsrcs = (sdp: string): string => sdp.replaceAll(/a=ssrc.*\r\n/g, '');
const h264Of = (answer: string): number => Number(/a=rtpmap:(\d+) H264/.exec(answer)![1]);

describe('packets of a publisher', () => {
  it('find their track by the SSRC of the offer', () => {
    const offer = fixture('chromium-publish');
    const { transport } = publish(offer);
    receive(transport, { payloadType: 111, ssrc: 1993701294, sequenceNumber: 1 });
    expect(started()).toEqual(['microphone']);
  });

  it('find their track by mid where the offer names no SSRC', () => {
    const { sdp, transport } = publish(withoutSsrcs(fixture('chromium-publish')), {
      tracks: [{ mid: '1', source: 'screen', muted: false }],
    });
    receive(transport, { payloadType: h264Of(sdp), ssrc: 5, sequenceNumber: 1, mid: '0' });
    expect(started()).toEqual([]);
    receive(transport, { payloadType: h264Of(sdp), ssrc: 5, sequenceNumber: 1, mid: '1' });
    expect(started()).toEqual(['screen']);
  });

  it('find their track by payload type where there is nothing else', () => {
    const { transport } = publish(withoutSsrcs(fixture('libdatachannel-publish')));
    receive(transport, { payloadType: 96, ssrc: 5, sequenceNumber: 1 });
    receive(transport, { payloadType: 111, ssrc: 6, sequenceNumber: 1 });
    expect(started()).toEqual(['camera', 'microphone']);
  });

  it('of further simulcast layers do not take the track over', () => {
    const { sdp, transport } = publish(fixture('chromium-simulcast'));
    let keyFrameRequests = 0;
    const payloadType = h264Of(sdp);
    media()
      .tracks()[0]!
      .listen({ onFrame: () => {}, onSenderReport: () => {}, onEnded: () => {} });
    for (let sequenceNumber = 0; sequenceNumber < 20; sequenceNumber++) {
      receive(transport, { payloadType, ssrc: 5, sequenceNumber, mid: '0' });
      receive(transport, { payloadType, ssrc: 6, sequenceNumber: 5000 + sequenceNumber, mid: '0' });
    }
    for (const packet of transport.rtcp.flatMap((bytes) => parseRtcp(bytes))) {
      if (packet.type === 'pli') {
        expect(packet.mediaSsrc).toBe(5);
        keyFrameRequests += 1;
      }
    }
    expect(keyFrameRequests).toBe(1);
  });

  it('are acknowledged in transport-cc, but for those that were dropped', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const sound = { payloadType: 111, ssrc: 1993701294 };
    receive(transport, { ...sound, sequenceNumber: 1, transportSequenceNumber: 10 });
    // No payload type of ours, then no stream of ours.
    receive(transport, { ...sound, payloadType: 63, sequenceNumber: 2, transportSequenceNumber: 11 });
    receive(transport, { payloadType: 50, ssrc: 99, sequenceNumber: 2, transportSequenceNumber: 12 });
    receive(transport, { ...sound, sequenceNumber: 3, transportSequenceNumber: 13 });
    const sent = feedback(transport);
    const [told] = sent.filter((packet) => packet.type === 'transport-feedback');
    const arrived = told!.packets.filter(({ arrivalMs }) => arrivalMs !== undefined);
    expect(arrived.map(({ sequenceNumber }) => sequenceNumber)).toEqual([10, 13]);
    expect(feedback(transport).filter(({ type }) => type === 'transport-feedback')).toEqual([]);
  });

  it('that were read late after a stall are reported as far apart as they were sent', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const sound = { payloadType: 111, ssrc: 1993701294 };
    // Sent 10 ms apart, over the wrap of the send time; the loop stands still from the third to the seventh.
    const reads = [0, 10, 70, 70, 70, 70, 70, 71, 80, 90];
    const delayed = [false, false, true, true, true, true, true, true, false, false];
    for (const [index, readMs] of reads.entries()) {
      receive(transport, {
        ...sound,
        sequenceNumber: index,
        transportSequenceNumber: index,
        arrivalMs: nowMs + readMs,
        sentMs: 63_970 + 10 * index,
        delayed: delayed[index]!,
      });
    }
    const [report] = feedback(transport, 100).filter(({ type }) => type === 'transport-feedback');
    const arrivals = (report as TransportFeedback).packets.map(({ arrivalMs }) => arrivalMs!);
    expect(arrivals.map((arrivalMs) => Math.round(arrivalMs - arrivals[0]!))).toEqual([
      0, 10, 20, 30, 40, 50, 60, 70, 80, 90,
    ]);
  });

  it('that are missing are asked for at once and once more, and reports tell of the loss', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const sound = { payloadType: 111, ssrc: 1993701294 };
    for (const sequenceNumber of [1, 2, 5]) receive(transport, { ...sound, sequenceNumber });
    transport.handlers.onRtcp(
      Buffer.from(
        buildSenderReport({ ssrc: sound.ssrc, ntpMs: 1.7e12, rtpTimestamp: 0, packetCount: 3, octetCount: 6 }),
      ),
      nowMs,
    );
    const asked = transport.rtcp.flatMap((bytes) => parseRtcp(bytes)).filter(({ type }) => type === 'nack');
    expect(asked).toMatchObject([{ mediaSsrc: sound.ssrc, sequenceNumbers: [3, 4] }]);
    const later = feedback(transport, 1100);
    expect(later.filter(({ type }) => type === 'receiver-report')).toMatchObject([
      { reports: [{ ssrc: sound.ssrc, packetsLost: 2, highestSequenceNumber: 5 }] },
    ]);
    receive(transport, { ...sound, sequenceNumber: 8 });
    expect(feedback(transport).filter(({ type }) => type === 'nack').length).toBeGreaterThan(0);
  });

  it('that are garbage or a flood cost nobody else anything', () => {
    const bad = publish(fixture('chromium-publish'), { userId: 'bad', peerId: 'bad' });
    const good = publish(fixture('libdatachannel-publish'), { userId: 'good', peerId: 'good' });
    for (let index = 0; index < 3000; index++) {
      const garbage = Buffer.from(Array.from({ length: index % 40 }, (_, at) => (index * 7 + at * 31) & 0xff));
      bad.transport.handlers.onRtp(garbage, nowMs, false);
      bad.transport.handlers.onRtcp(garbage, nowMs);
    }
    for (let index = 0; index < 30_000; index++) {
      receive(bad.transport, {
        payloadType: 111,
        ssrc: 1993701294,
        sequenceNumber: index & 0xffff,
        transportSequenceNumber: index & 0xff,
      });
    }
    receive(good.transport, { payloadType: 111, ssrc: 1111, sequenceNumber: 1 });
    expect(started()).toEqual(['microphone', 'microphone']);
    const blocks = feedback(bad.transport, 1100).flatMap((packet) =>
      packet.type === 'receiver-report' ? packet.reports : [],
    );
    // 2 s of 10,000 packets a second were taken, garbage among them.
    expect(blocks[0]!.highestSequenceNumber).toBeLessThan(20_000);
  });
});

describe('a packet that we fail at', () => {
  it('costs its sender the connection, and nobody else anything', () => {
    const bad = publish(fixture('chromium-publish'), { userId: 'bad', peerId: 'bad' });
    const good = publish(fixture('libdatachannel-publish'), { userId: 'good', peerId: 'good' });
    const [microphone] = media('bad').tracks();
    microphone!.listen({
      onFrame: () => {
        throw new Error('out of order');
      },
      onSenderReport: () => {},
      onEnded: () => {},
    });
    receive(bad.transport, { payloadType: 111, ssrc: 1993701294, sequenceNumber: 1, payload: Uint8Array.of(0xf8, 1) });
    feedback(bad.transport);
    expect(bad.transport.state).toBe('closed');
    expect(events.at(-1)).toEqual({ name: 'peer-state', body: { peerId: 'bad', state: 'closed' } });
    expect(good.transport.state).toBe('connected');
  });
});

describe('an offer of the same publishing peer', () => {
  it('with a track more or less keeps the others, and ends what is gone', () => {
    const offer = fixture('chromium-publish');
    const first = publish(offer, { tracks: [{ mid: '0', source: 'microphone', muted: false }] });
    const [microphone] = media().tracks();
    let changes = 0;
    media().onTracksChanged(() => {
      changes += 1;
    });
    const second = publish(offer, {
      tracks: [
        { mid: '0', source: 'microphone', muted: true },
        { mid: '1', source: 'camera', muted: false },
      ],
    });
    expect(engine.peers).toHaveLength(1);
    expect(second.tracks[0]).toMatchObject({ trackId: first.tracks[0]!.trackId, muted: true });
    expect(media().tracks()[0]).toBe(microphone);
    expect(changes).toBe(1);
    let ended = false;
    microphone!.listen({ onFrame: () => {}, onSenderReport: () => {}, onEnded: () => (ended = true) });
    const third = publish(offer, { tracks: [{ mid: '1', source: 'camera', muted: false }] });
    expect(ended).toBe(true);
    expect(third.tracks.map(({ trackId }) => trackId)).toEqual([second.tracks[1]!.trackId]);
    expect(third.sdp).toContain('a=inactive');
    expect(third.sdp).toMatch(/^o=- \d+ 3 /m);
  });

  it('with new ICE credentials restarts ICE on the same transport', () => {
    const offer = fixture('chromium-publish');
    const first = publish(offer);
    const again = publish(offer.replaceAll('a=ice-ufrag:ftZD', 'a=ice-ufrag:neW1'));
    expect(engine.peers).toHaveLength(1);
    expect(first.transport.remotes.map(({ iceUfrag }) => iceUfrag)).toEqual(['ftZD', 'neW1']);
    expect(first.sdp).toContain('a=ice-ufrag:local0');
    expect(again.sdp).toContain('a=ice-ufrag:local1');
  });

  it('with another fingerprint gets a new transport', () => {
    const offer = fixture('chromium-publish');
    const first = publish(offer);
    publish(offer.replaceAll('BA:83:57', 'BA:83:58'));
    expect(engine.peers).toHaveLength(2);
    expect(first.transport.state).toBe('closed');
  });

  it('that is refused leaves everything as it was', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const tracks = media().tracks();
    expect(code(() => publish('v=0\r\n'))).toBe('sdp-invalid');
    expect(media().tracks()).toEqual(tracks);
    expect(transport.state).toBe('connected');
  });
});

describe('a participant', () => {
  it('gets a new track where a new connection publishes with another codec', () => {
    const before = publish(fixture('chromium-publish'));
    const ended: string[] = [];
    for (const track of media().tracks()) {
      track.listen({ onFrame: () => {}, onSenderReport: () => {}, onEnded: () => ended.push(track.source) });
    }
    const noH264 = fixture('chromium-publish').replaceAll('H264/90000', 'H261/90000');
    const after = publish(noH264, { peerId: 'next' });
    expect(after.tracks[0]!.trackId).toBe(before.tracks[0]!.trackId);
    expect(after.tracks[1]).toMatchObject({ codec: 'vp9', source: 'camera' });
    expect(ended).toEqual(['camera']);
    expect(before.transport.state).toBe('closed');
    expect(events.filter(({ name }) => name === 'peer-state').map(({ body }) => body)).toEqual([
      { peerId: 'publisher', state: 'connected' },
      { peerId: 'next', state: 'connected' },
    ]);
  });

  it('that never came is forgotten with the last who waited for it', () => {
    const stop = media('nobody').onTracksChanged(() => {});
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(1);
    stop();
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is muted without anything else happening', () => {
    const { tracks } = publish(fixture('chromium-publish'));
    const trackId = tracks[0]!.trackId;
    sfu.mute({ roomKey: ROOM, userId: 'host', trackId, muted: true });
    expect(media().tracks()[0]!.muted).toBe(true);
    expect(code(() => sfu.mute({ roomKey: ROOM, userId: 'other', trackId, muted: true }))).toBe('track-not-found');
  });

  it('keeps its tracks when its connection is closed, and loses them when it leaves', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const kept = media();
    sfu.closePeer('publisher');
    expect(transport.state).toBe('closed');
    expect(kept.tracks()).toHaveLength(2);
    sfu.leave(ROOM, 'host');
    expect(kept.tracks()).toEqual([]);
    expect(sfu.peerCount).toBe(0);
  });
});

describe('a receiver may ask for lost packets', () => {
  const feedbackLines = (sdp: string): string[][] =>
    sdp
      .split(/^(?=m=)/m)
      .slice(1)
      .map((section) => [...section.matchAll(/^a=rtcp-fb:\d+ (.*)\r$/gm)].map(([, value]) => value!));
  const video = ['nack', 'nack pli', 'ccm fir', 'transport-cc'];

  it('of pictures, which go out again as RTX, and not of sound', () => {
    const trackIds = publish(fixture('chromium-publish')).tracks.map(({ trackId }) => trackId);
    const { sdp: offer } = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds });
    expect(feedbackLines(offer)).toEqual([['transport-cc'], video]);
    expect(offer).toMatch(/a=rtpmap:\d+ rtx\/90000/);
    const { sdp: answer } = sfu.view({ roomKey: ROOM, peerId: 'viewer', sdp: fixture('chromium-view'), trackIds });
    expect(feedbackLines(answer)).toEqual([['transport-cc'], video]);
  });

  it('only where it takes RTX', () => {
    const trackIds = publish(fixture('chromium-publish')).tracks.map(({ trackId }) => trackId);
    const withoutRtx = fixture('chromium-view').replaceAll(' rtx/90000', ' ulpfec/90000');
    const { sdp } = sfu.view({ roomKey: ROOM, peerId: 'viewer', sdp: withoutRtx, trackIds });
    expect(feedbackLines(sdp)).toEqual([['transport-cc'], ['nack pli', 'ccm fir', 'transport-cc']]);
  });
});

describe('a WHIP or WHEP session', () => {
  it('restarts ICE with the credentials of a PATCH', () => {
    const { transport } = publish(fixture('chromium-publish'));
    const local = sfu.restartIce({ peerId: 'publisher', iceUfrag: 'abcd', icePwd: 'p'.repeat(22) });
    expect(local.iceUfrag).toBe('local1');
    expect(transport.remotes.at(-1)).toMatchObject({ iceUfrag: 'abcd', setup: 'active' });
    expect(code(() => sfu.restartIce({ peerId: 'none', iceUfrag: 'abcd', icePwd: 'p' }))).toBe('session-not-found');
  });

  it('is answered with the tracks on the m-lines of their kinds', () => {
    const { tracks } = publish(fixture('chromium-publish'));
    const trackIds = tracks.map(({ trackId }) => trackId).reverse();
    const { sdp } = sfu.view({ roomKey: ROOM, peerId: 'viewer', sdp: fixture('chromium-view'), trackIds });
    expect(sdp.match(/^a=sendonly/gm)).toHaveLength(2);
    const [, audio, video] = sdp.split(/^(?=m=)/m) as [string, string, string];
    expect(audio).toContain(`a=msid:host ${trackIds[1]}`);
    expect(video).toContain(`a=msid:host ${trackIds[0]}`);
    expect(video).toMatch(/a=rtpmap:\d+ H264\/90000/);
    expect(video).toMatch(/a=fmtp:\d+ .*packetization-mode=1;profile-level-id=42/);
    expect(video).toMatch(/a=ssrc-group:FID \d+ \d+/);
  });

  it('is refused with the codec it would need', () => {
    const { tracks } = publish(fixture('chromium-publish'));
    const sdp = fixture('chromium-view').replaceAll('H264/90000', 'H261/90000');
    const trackIds = tracks.map(({ trackId }) => trackId);
    expect(() => sfu.view({ roomKey: ROOM, peerId: 'viewer', sdp, trackIds })).toThrow(
      expect.objectContaining({ code: 'codec-unsupported', hint: expect.stringContaining('H264/90000') }),
    );
    expect(sfu.peerCount).toBe(1);
    expect(code(() => sfu.view({ roomKey: ROOM, peerId: 'viewer', sdp, trackIds: ['gone'] }))).toBe('track-not-found');
  });
});

describe('a subscriber', () => {
  it('is offered nothing while there is nothing', () => {
    expect(sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds: ['gone'] }).sdp).toBe('');
    expect(engine.peers).toHaveLength(0);
  });

  it('has its m-lines kept and used again, with the codec and the streams of the new track', () => {
    const host = publish(fixture('chromium-publish')).tracks.map(({ trackId }) => trackId);
    const vp9 = fixture('chromium-publish').replaceAll('H264/90000', 'H261/90000');
    const guest = publish(vp9, { userId: '嘉宾', peerId: 'guest' }).tracks.map(({ trackId }) => trackId);
    const offers = [host, [], guest, [...guest, ...host]].map((trackIds) =>
      sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds }),
    );
    const directions = offers.map(({ sdp }) => sdp.match(/^a=(?:sendonly|inactive)/gm));
    expect(directions).toEqual([
      ['a=sendonly', 'a=sendonly'],
      ['a=inactive', 'a=inactive'],
      ['a=sendonly', 'a=sendonly'],
      ['a=sendonly', 'a=sendonly', 'a=sendonly', 'a=sendonly'],
    ]);
    expect(offers.map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
    expect(offers[2]!.tracks.map(({ mid, trackId }) => [mid, trackId])).toEqual([
      ['0', guest[0]],
      ['1', guest[1]],
    ]);
    expect(offers[2]!.sdp).toContain(`a=msid:${encodeURIComponent('嘉宾')} ${guest[1]}`);
    // In a bundle a payload type means one codec.
    const names = new Map<string, string>();
    for (const [, payloadType, name] of offers[3]!.sdp.matchAll(/^a=rtpmap:(\d+) (\S+)/gm)) {
      expect(names.get(payloadType!) ?? name).toBe(name);
      names.set(payloadType!, name!);
    }
    expect([...names.values()].filter((name) => name !== 'rtx/90000').sort()).toEqual([
      'H264/90000',
      'VP9/90000',
      'opus/48000/2',
    ]);
  });

  it('is not sent what its answer does not take, and an answer to an older offer counts for nothing', () => {
    const { tracks, transport: publisher } = publish(fixture('chromium-publish'));
    const trackIds = tracks.map(({ trackId }) => trackId);
    const older = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds: trackIds.slice(0, 1) });
    const offer = sfu.subscribe({ roomKey: ROOM, peerId: 'subscriber', trackIds });
    const subscriber = engine.peers.at(-1)!;
    const answer = offer.sdp
      .replace('a=ice-lite\r\n', '')
      .replaceAll('a=setup:actpass', 'a=setup:active')
      .replace('a=sendonly', 'a=recvonly')
      .replace('a=sendonly', 'a=inactive');
    sfu.subscribeAnswer({ peerId: 'subscriber', revision: older.revision, sdp: answer });
    expect(subscriber.remotes).toEqual([]);
    sfu.subscribeAnswer({ peerId: 'subscriber', revision: offer.revision, sdp: answer });
    expect(subscriber.remotes).toMatchObject([{ setup: 'active' }]);
    subscriber.become('connected');
    receive(publisher, { payloadType: 111, ssrc: 1993701294, sequenceNumber: 1 });
    const videoSsrc = Number(/a=ssrc-group:FID (\d+)/.exec(fixture('chromium-publish'))![1]);
    receive(publisher, {
      payloadType: h264Of(publish(fixture('chromium-publish')).sdp),
      ssrc: videoSsrc,
      sequenceNumber: 1,
      payload: Uint8Array.of(0x67, 1),
    });
    expect(started()).toEqual(['microphone', 'camera']);
    expect(subscriber.rtp).toHaveLength(1);
    sfu.closePeer('subscriber');
    expect(subscriber.state).toBe('closed');
  });
});
