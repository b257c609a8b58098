import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EncodedFrame,
  FrameAssembler,
  HybridMp4Writer,
  OPUS_SILENCE,
  parseRtpPacket,
  type RtpCodec,
  type RtpPacket,
  serializeRtpPacket,
} from '@aircheck/media';
import { probeRecording, readRecording } from '@aircheck/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SegmentSnapshot } from '../../src/recorder/contract.ts';
import { journalFolder } from '../../src/recorder/journal.ts';
import type { RecordingSession } from '../../src/recorder/recording-session.ts';
import { capturedPackets, incomingTrack, mediaOf, play, soundPackets, startSession } from './live-session.ts';
import { ScriptedParticipant, ScriptedTrack } from './scripted-participant.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-failure-'));
  mkdirSync(journalFolder(folder), { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** Steps of the writers, of which those of the first recording fail from a certain call on. */
function failFrom(step: 'addSample' | 'cutFragment' | 'setVideoFormat', call: number): void {
  const original = HybridMp4Writer.prototype[step] as (...parameters: unknown[]) => undefined;
  let first: HybridMp4Writer | undefined;
  let calls = 0;
  vi.spyOn(HybridMp4Writer.prototype, step as 'addSample').mockImplementation(function (
    this: HybridMp4Writer,
    ...parameters
  ) {
    first ??= this;
    if (this === first && ++calls >= call) throw new Error('the table is full');
    return original.apply(this, parameters);
  });
}

describe('a recorder that fails at a packet', () => {
  it.each([
    ['addSample', 60],
    ['cutFragment', 6],
    ['setVideoFormat', 3],
  ] as const)('in %s ends that recording with a reason and what it has, and no other', async (step, call) => {
    const clock = { nowMs: 5000 };
    const picture = incomingTrack('h264', clock);
    const sound = incomingTrack('opus', clock);
    const failing = startSession(folder, mediaOf(picture, sound), clock, { recordingId: 'failing' });
    const other = startSession(folder, mediaOf(picture, sound), clock, { recordingId: 'other' });
    failFrom(step, call);
    play(
      clock,
      [failing.session, other.session],
      [
        { track: picture, packets: capturedPackets('h264') },
        { track: sound, packets: capturedPackets('opus') },
      ],
    );
    await vi.waitFor(() =>
      expect(failing.ends()).toEqual([
        { recordingId: 'failing', reason: 'storage-failed', detail: 'the recorder failed: the table is full' },
      ]),
    );
    const kept = failing.events.flatMap(({ name, body }) =>
      name === 'segment-closed' ? [(body as { segment: SegmentSnapshot }).segment] : [],
    );
    expect(kept).toHaveLength(1);
    const remains = await readRecording(join(folder, kept[0]!.path));
    expect(remains.errors).toEqual([]);
    expect(remains.pictures.length).toBeGreaterThan(10);
    expect(remains.pictures.length).toBeLessThan(60);

    const [segment] = await other.session.end('stopped');
    expect(other.ends()).toEqual([{ recordingId: 'other', reason: 'stopped' }]);
    const content = await readRecording(join(folder, segment!.path));
    expect(content.errors).toEqual([]);
    expect(content.pictures).toHaveLength(60);
  });

  it('with nothing in its file yet ends all the same', async () => {
    const clock = { nowMs: 5000 };
    const picture = incomingTrack('h264', clock);
    const { session, ends } = startSession(folder, mediaOf(picture), clock);
    failFrom('setVideoFormat', 1);
    play(clock, [session], [{ track: picture, packets: capturedPackets('h264') }]);
    await vi.waitFor(() => expect(ends()).toHaveLength(1));
    expect(ends()[0]).toMatchObject({ reason: 'storage-failed' });
    expect(await session.end('stopped')).toMatchObject([{ durationMs: 0 }]);
  });
});

describe('a disk that takes nothing', () => {
  it('ends the recording, which is never said to run, and says why', async () => {
    const clock = { nowMs: 5000 };
    const picture = incomingTrack('h264', clock);
    const handle = await open('/dev/full', 'r+');
    const { session, ends, events } = startSession(
      folder,
      mediaOf(picture),
      clock,
      {},
      {
        path: '/dev/full',
        handle,
        outgrown: () => {},
      },
    );
    play(clock, [session], [{ track: picture, packets: capturedPackets('h264') }]);
    await vi.waitFor(() => {
      clock.nowMs += 100;
      session.tick(clock.nowMs);
      expect(ends()).toMatchObject([
        { reason: 'storage-full', detail: expect.stringMatching(/no space is left.*ENOSPC/) },
      ]);
    });
    expect(await session.end('stopped')).toEqual([]);
    const states = events.filter(({ name }) => name === 'recording-state').map(({ body }) => body);
    expect(states).toMatchObject([{ state: 'finalizing' }]);
  });
});

describe('a file that grows', () => {
  it('is brought to the disk every so often, off the path of the packets, however long the disk takes', async () => {
    const clock = { nowMs: 5000 };
    const sound = incomingTrack('opus', clock);
    const path = join(folder, 'growing.mp4');
    const handle = await open(path, 'wx+');
    const synced: number[] = [];
    const hanging = Promise.withResolvers<void>();
    vi.spyOn(handle, 'datasync').mockImplementation(() => {
      synced.push(clock.nowMs);
      return hanging.promise;
    });
    const options = { media: 'audio' } as const;
    const { session } = startSession(folder, mediaOf(sound), clock, options, { path, handle, outgrown: () => {} });
    const second = async (): Promise<void> => {
      const before = statSync(path).size;
      play(clock, [session], [{ track: sound, packets: soundPackets(Array(50).fill(OPUS_SILENCE), 960) }]);
      await vi.waitFor(() => {
        expect(statSync(path).size).toBeGreaterThan(before + 40 * OPUS_SILENCE.byteLength);
        expect(session.current!.sizeBytes).toBe(statSync(path).size);
      });
    };
    await second();
    expect(synced).toEqual([]);
    await second();
    expect(synced).toHaveLength(1);
    // The disk hangs: it is not asked twice, and what comes is written all the same.
    const before = statSync(path).size;
    for (let count = 0; count < 5; count++) await second();
    expect(synced).toHaveLength(1);
    expect(statSync(path).size).toBeGreaterThan(before + 200 * OPUS_SILENCE.byteLength);
    hanging.resolve();
    await vi.waitFor(async () => {
      await second();
      expect(synced.length).toBeGreaterThan(1);
    });
    await session.end('stopped');
  });

  it('holds what came a second ago, also where packets are missing that nobody sends again', () => {
    const clock = { nowMs: 5000 };
    const picture = incomingTrack('h264', clock);
    const sound = incomingTrack('opus', clock);
    const { session } = startSession(folder, mediaOf(picture, sound), clock);
    let soundMs = 0;
    let writtenMs = 0;
    const { addSample, cutFragment } = HybridMp4Writer.prototype;
    vi.spyOn(HybridMp4Writer.prototype, 'addSample').mockImplementation(function (this: HybridMp4Writer, ...sample) {
      const [track, { timestamp, duration }] = sample;
      if (track === 1) soundMs = (timestamp + duration) / 48;
      addSample.apply(this, sample);
    });
    vi.spyOn(HybridMp4Writer.prototype, 'cutFragment').mockImplementation(function (this: HybridMp4Writer) {
      writtenMs = soundMs;
      return cutFragment.call(this);
    });
    // Of each 41 packets of sound one is lost: waits for them end at all moments between fragments of pictures.
    const packets = soundPackets(Array(3000).fill(OPUS_SILENCE), 960).filter((_, packet) => packet % 41 !== 40);
    const startMs = clock.nowMs;
    const lags: number[] = [];
    const watcher = {
      tick: (nowMs: number) => {
        session.tick(nowMs);
        if (nowMs > startMs + 1000 && nowMs < startMs + 60_000) lags.push(nowMs - startMs - writtenMs);
      },
    } as RecordingSession;
    play(
      clock,
      [watcher],
      [
        { track: picture, packets: repeated(capturedPackets('h264'), 30, 60 * 3000) },
        { track: sound, packets },
      ],
    );
    const { health, video } = session.current!;
    expect(health.lostPackets).toBeGreaterThan(60);
    expect(video!.frames).toBeGreaterThan(1700);
    expect(Math.max(...lags)).toBeGreaterThan(600);
    expect(Math.max(...lags)).toBeLessThan(1000);
  });
});

/** The same packets again and again, each time as many ticks later. */
function repeated(packets: readonly RtpPacket[], times: number, ticks: number): RtpPacket[] {
  return Array.from({ length: times }, (_, time) =>
    packets.map((packet) => {
      const { marker, payloadType, ssrc, payload } = packet;
      const sequenceNumber = (packet.sequenceNumber + time * packets.length) & 0xffff;
      const timestamp = (packet.timestamp + time * ticks) >>> 0;
      return parseRtpPacket(serializeRtpPacket({ marker, payloadType, sequenceNumber, timestamp, ssrc, payload }));
    }),
  ).flat();
}

/** A number from 0 up to 1, the same row for the same seed (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** With some of its first bytes changed, where sizes and profiles are. */
function damaged(data: Uint8Array, random: () => number): Uint8Array {
  const copy = data.slice();
  // Behind the length of the NAL unit, which the assembler vouches for.
  for (let change = 0; change < 3; change++) copy[4 + Math.floor(random() * 20)] = Math.floor(random() * 256);
  return copy;
}

function framesOf(codec: RtpCodec): EncodedFrame[] {
  const assembler = new FrameAssembler({ codec });
  return [...capturedPackets(codec).flatMap((packet) => assembler.push(packet, 0)), ...assembler.flush()];
}

describe('whatever order of frames, times, pauses and tracks', () => {
  const codecs = ['h264', 'vp8', 'vp9', 'av1'] as const;
  const frames = new Map(codecs.map((codec) => [codec, framesOf(codec)]));

  it.each([1, 2, 3, 4])('is recorded without a failure into files that can be read (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const clock = { nowMs: 5000 };
    const participant = new ScriptedParticipant();
    const { session, ends } = startSession(folder, participant, clock, { segmentMs: 4000, idleMs: 1e9 });
    let camera = new ScriptedTrack('camera', 'h264');
    const microphone = new ScriptedTrack('microphone', 'opus');
    const at = { picture: 0, sound: 0 };
    /** Mostly on in time, seldom anywhere. */
    const next = (before: number, step: number): number => {
      const chance = random();
      if (chance < 0.9) return before + step;
      if (chance < 0.94) return before - Math.floor(random() * 50 * step);
      return chance < 0.97 ? before + Math.floor(random() * 500 * step) : Math.floor(random() * 2 ** 40);
    };
    for (let step = 0; step < 1000; step++) {
      const chance = random();
      if (chance < 0.01) camera = new ScriptedTrack('camera', pick(codecs));
      if (chance < 0.02) {
        participant.setTracks(...(random() < 0.9 ? [camera] : []), ...(random() < 0.9 ? [microphone] : []));
      } else if (chance < 0.025) session.pause();
      else if (chance < 0.1) session.resume();
      clock.nowMs += random() < 0.98 ? random() * 20 : random() * 3000;
      const arrivalMs = clock.nowMs - (random() < 0.95 ? 0 : random() * 700);
      const lost = { lostPacketsBefore: random() < 0.95 ? 0 : 3, lostFramesBefore: random() < 0.97 ? 0 : 2 };
      if (random() < 0.5) {
        at.picture = next(at.picture, 3000);
        const frame = pick(frames.get(camera.codec as (typeof codecs)[number])!);
        const data = random() < 0.9 ? frame.data : damaged(frame.data, random);
        camera.send({ ...frame, data, rtpTimestamp: at.picture, arrivalMs, ...lost });
      } else {
        at.sound = next(at.sound, 960);
        microphone.send({ data: OPUS_SILENCE, keyFrame: true, rtpTimestamp: at.sound, arrivalMs, ...lost });
        if (random() < 0.02) microphone.sendReport(1.7e12 + random() * 1e9, Math.floor(random() * 2 ** 32), arrivalMs);
      }
      if (step % 5 === 0) session.tick(clock.nowMs);
    }
    const segments = await session.end('stopped');
    expect(ends()).toEqual([{ recordingId: 'rec', reason: 'stopped' }]);
    expect(segments.length).toBeGreaterThan(3);
    for (const segment of segments) {
      const { streams, errors } = await probeRecording(join(folder, segment.path));
      // The decoders' complaints are about the order of the pictures, the container's would be about the file.
      expect(errors.filter((line) => /^\[(?:mov|matroska)/.test(line))).toEqual([]);
      const counts = [segment.video?.frames, segment.audio?.packets].filter(
        (count) => count !== undefined && count > 0,
      );
      expect(streams.map(({ packets }) => packets).filter((packets) => packets > 0)).toEqual(counts);
    }
  });
});
