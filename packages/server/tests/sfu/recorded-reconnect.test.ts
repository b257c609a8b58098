import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { journalFolder } from '@aircheck/engine/recorder';
import { buildSenderReport, serializeRtpPacket } from '@aircheck/media';
import { readRecording } from '@aircheck/testkit';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RecordingSession } from '../../../engine/src/recorder/recording-session.ts';
import { capturedPackets, startSession, type TestClock } from '../../../engine/tests/recorder/live-session.ts';
import { randomIdentifiers, Sfu } from '../../src/sfu/index.ts';
import type { PublishedTrack } from '../../src/sfu/published-track.ts';
import { FakeEngine, type FakeTransport } from './fake-engine.ts';
import { fixture } from './fixtures/index.ts';

const ROOM = 'default/room';
/** Length of the captured picture and sound, which are sent by every connection. */
const PLAYED_MS = 2000;

let folder: string;
let engine: FakeEngine;
let sfu: Sfu;
let clock: TestClock;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-reconnect-'));
  mkdirSync(journalFolder(folder), { recursive: true });
  clock = { nowMs: 5000 };
  engine = new FakeEngine();
  sfu = new Sfu({
    engine,
    identifiers: randomIdentifiers,
    now: () => clock.nowMs,
    emit: () => {},
    logger: pino({ level: 'silent' }),
  });
});
afterEach(() => {
  sfu.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One connection of the same sender: same wall clock; SSRCs, sequence numbers and timestamps from anywhere. */
interface Connection {
  readonly transport: FakeTransport;
  readonly videoPayloadType: number;
  readonly offset: number;
}

function connect(peerId: string, offer: string, offset: number): Connection {
  const { sdp, tracks } = sfu.publish({ roomKey: ROOM, userId: 'host', peerId, sdp: offer });
  expect(tracks.map(({ source }) => source)).toEqual(['microphone', 'camera']);
  const transport = engine.peers.at(-1)!;
  if (transport.state !== 'connected') transport.become('connected');
  return { transport, videoPayloadType: Number(/a=rtpmap:(\d+) H264/.exec(sdp)![1]), offset };
}

/** Time goes by, and packets arrive on a connection, with a sender report of each track in between. */
function play(session: RecordingSession, connection: Connection | undefined, durationMs: number): void {
  const startMs = clock.nowMs;
  const pictures = capturedPackets('h264').map((packet) => ({ packet, video: true, ssrc: 100 }));
  // The capture of the sound is half as long as that of the picture.
  const capture = capturedPackets('opus').slice(0, 50);
  const sounds = [...capture, ...capture].map((packet) => ({ packet, video: false, ssrc: 200 }));
  const arrivals =
    connection === undefined
      ? []
      : [
          ...pictures.map((sent) => {
            const ticks = (sent.packet.timestamp - pictures[0]!.packet.timestamp) | 0;
            return { ...sent, ticks, atMs: startMs + ticks / 90 };
          }),
          ...sounds.map((sent, index) => ({ ...sent, ticks: index * 960, atMs: startMs + index * 20 })),
        ].sort((a, b) => a.atMs - b.atMs);
  const sequenceNumbers = { true: connection?.offset ?? 0, false: connection?.offset ?? 0 };
  let nextTickMs = startMs;
  const passUntil = (untilMs: number): void => {
    for (; nextTickMs <= untilMs; nextTickMs += 25) {
      clock.nowMs = nextTickMs;
      for (const track of sfu.participantMedia(ROOM, 'host').tracks()) (track as PublishedTrack).tick(nextTickMs);
      session.tick(nextTickMs);
    }
    clock.nowMs = untilMs;
  };
  let reported = false;
  for (const { packet, video, ssrc, ticks, atMs } of arrivals) {
    passUntil(atMs);
    const { transport, videoPayloadType, offset } = connection!;
    const timestampOf = (of: number): number => (of + offset * 65_537) >>> 0;
    const bytes = serializeRtpPacket({
      payloadType: video ? videoPayloadType : 111,
      ssrc: ssrc + offset,
      sequenceNumber: sequenceNumbers[`${video}`]++ & 0xffff,
      timestamp: timestampOf(ticks),
      marker: packet.marker,
      payload: packet.payload,
      extensions: [{ id: 4, data: Buffer.from(video ? '1' : '0') }],
    });
    transport.handlers.onRtp(Buffer.from(bytes), atMs, false);
    if (reported || atMs < startMs + 500) continue;
    reported = true;
    for (const [reportedSsrc, reportedRate] of [
      [100 + offset, 90_000],
      [200 + offset, 48_000],
    ] as const) {
      const rtpTimestamp = timestampOf(Math.round(((atMs - startMs) * reportedRate) / 1000));
      const report = { ssrc: reportedSsrc, ntpMs: 1.7e12 + atMs, rtpTimestamp, packetCount: 1, octetCount: 1 };
      transport.handlers.onRtcp(Buffer.from(buildSenderReport(report)), atMs);
    }
  }
  passUntil(startMs + durationMs);
}

const offer = fixture('chromium-publish').replaceAll(/a=ssrc.*\r\n/g, '');

it.each([
  ['a new peer connection', () => connect('second', offer.replaceAll('BA:83:57', 'BA:83:58'), 30_000), 2],
  ['a restart of ICE', () => connect('first', offer.replaceAll('a=ice-ufrag:ftZD', 'a=ice-ufrag:neW1'), 30_000), 1],
])('a recording goes on in its file, at its place in time, through %s', async (_, reconnect, peers) => {
  const first = connect('first', offer, 60_000);
  const { session, events } = startSession(folder, sfu.participantMedia(ROOM, 'host'), clock);
  play(session, first, PLAYED_MS);
  play(session, undefined, 1500);
  const tracksBefore = sfu.participantMedia(ROOM, 'host').tracks();
  const second = reconnect();
  expect(sfu.participantMedia(ROOM, 'host').tracks()).toEqual(tracksBefore);
  expect(engine.peers).toHaveLength(peers);
  play(session, second, PLAYED_MS);
  const segments = await session.end('stopped');
  expect(segments).toHaveLength(1);
  expect(events.filter(({ name }) => name === 'segment-opened')).toHaveLength(1);
  const [segment] = segments;
  const content = await readRecording(join(folder, segment!.path));
  expect(content.errors).toEqual([]);
  expect(content.streams.map(({ kind }) => kind)).toEqual(['video', 'audio']);
  // Both captures whole; the last picture of the first one stands until the second begins.
  expect(content.pictures).toHaveLength(120);
  const times = content.pictures.map(({ ptsMs }) => ptsMs);
  const resumedAtMs = PLAYED_MS + 1500;
  expect(Math.abs(times[60]! - resumedAtMs)).toBeLessThan(25);
  expect(Math.abs(times[119]! - (resumedAtMs + (59 * 1000) / 30))).toBeLessThan(40);
  expect(content.audioHoles).toEqual([]);
  expect(Math.abs(content.durationMs - (2 * PLAYED_MS + 1500))).toBeLessThan(40);
  expect(segment!.health.silenceMs).toBeGreaterThan(1400);
  expect(segment!.health.silenceMs).toBeLessThan(1600);
  expect(segment!.health.gaps.filter(({ kind }) => kind === 'video')).toMatchObject([{ reason: 'absent' }]);
});
