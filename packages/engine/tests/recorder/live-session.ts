import { readFileSync } from 'node:fs';
import { parseRtpPacket, type RtpCodec, type RtpPacket, serializeRtpPacket } from '@aircheck/media';
import { pino } from 'pino';
import { IncomingTrack, type ParticipantMedia, type TrackUpstream } from '../../src/receiving/index.ts';
import type { RecorderEvents, StartRecordingOptions } from '../../src/recorder/contract.ts';
import { RecordingSession } from '../../src/recorder/recording-session.ts';
import type { OnlyFile } from '../../src/recorder/segment-files.ts';

/** The clock of one test. */
export interface TestClock {
  nowMs: number;
}

/** One session on a participant's media, and all that it tells. */
export function startSession(
  folder: string,
  media: ParticipantMedia,
  clock: TestClock,
  options: Partial<StartRecordingOptions> = {},
  onlyFile?: OnlyFile,
) {
  const events: { name: string; body: unknown }[] = [];
  const { recordingId = 'rec' } = options;
  let fileIds = 0;
  const session = new RecordingSession(
    {
      recordingId,
      appId: 'default',
      roomId: 'room',
      userId: 'host',
      source: 'camera',
      media: 'av',
      fileName: 'test',
      segmentMs: 3_600_000,
      idleMs: 60_000,
      ...options,
    },
    media,
    {
      recordingsFolder: folder,
      ...(onlyFile !== undefined && { onlyFile }),
      syncMs: 2000,
      emit: (name, body) => events.push({ name, body }),
      logger: pino({ level: 'silent' }),
      newFileId: () => `${recordingId}${fileIds++}`,
      now: () => clock.nowMs,
      wallClock: () => 1_700_000_000_000 + clock.nowMs,
    },
  );
  const ends = () =>
    events.flatMap(({ name, body }) => (name === 'recording-ended' ? [body as RecorderEvents['recording-ended']] : []));
  return { session, events, ends };
}

/** Packets of a capture of a real sender: each behind its 16-bit length. */
export function capturedPackets(codec: RtpCodec): RtpPacket[] {
  const bytes = readFileSync(new URL(`../../../media/tests/fixtures/${codec}.rtp`, import.meta.url));
  const packets: RtpPacket[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    const length = bytes.readUInt16BE(offset);
    packets.push(parseRtpPacket(bytes.subarray(offset + 2, offset + 2 + length)));
    offset += 2 + length;
  }
  return packets;
}

/** Sound packets of this length each, end to end but for what `at` moves. */
export function soundPackets(
  data: readonly Uint8Array[],
  samples: number,
  at: (packet: number) => number = (packet) => packet * samples,
): RtpPacket[] {
  return data.map((payload, packet) =>
    parseRtpPacket(
      serializeRtpPacket({
        payloadType: 111,
        sequenceNumber: (65_500 + packet) & 0xffff,
        timestamp: (2 ** 32 - 4800 + at(packet)) >>> 0,
        ssrc: 7,
        payload,
      }),
    ),
  );
}

export function incomingTrack(codec: RtpCodec, clock: TestClock): IncomingTrack {
  const audio = codec === 'opus';
  return new IncomingTrack({
    trackId: codec,
    userId: 'host',
    source: audio ? 'microphone' : 'camera',
    format: {
      kind: audio ? 'audio' : 'video',
      codec,
      clockRate: audio ? 48_000 : 90_000,
      parameters: new Map(),
      ...(audio && { channels: 2 }),
    },
    muted: false,
    now: () => clock.nowMs,
    onStarted: () => {},
  });
}

/** A participant with these tracks for good. */
export function mediaOf(...tracks: readonly IncomingTrack[]): ParticipantMedia {
  return { tracks: () => tracks, onTracksChanged: () => () => {} };
}

/** Lets packets arrive at the times that their timestamps say, and time go by between them. */
export function play(
  clock: TestClock,
  sessions: readonly RecordingSession[],
  streams: readonly { readonly track: IncomingTrack; readonly packets: readonly RtpPacket[] }[],
): void {
  const startMs = clock.nowMs;
  const arrivals = streams.flatMap(({ track, packets }) => {
    const upstream: TrackUpstream = { requestKeyFrame: () => {} };
    return packets.map((packet) => {
      const elapsed = (packet.timestamp - packets[0]!.timestamp) | 0;
      return { track, packet, upstream, atMs: startMs + (elapsed * 1000) / track.clockRate };
    });
  });
  arrivals.sort((a, b) => a.atMs - b.atMs);
  const passUntil = (untilMs: number): void => {
    while (clock.nowMs < untilMs) {
      clock.nowMs = Math.min(untilMs, clock.nowMs + 25);
      for (const { track } of streams) track.tick(clock.nowMs);
      for (const session of sessions) session.tick(clock.nowMs);
    }
  };
  for (const { track, packet, upstream, atMs } of arrivals) {
    passUntil(atMs);
    track.push(upstream, packet, atMs, false);
  }
  passUntil(clock.nowMs + 700);
}
