import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { counterBreaks, type EncodedClip, encodeClip, readClip, readRecording, syncEvents } from '@aircheck/testkit';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SegmentSnapshot, StartRecordingOptions } from '../../src/recorder/contract.ts';
import { journalFolder, listJournals } from '../../src/recorder/journal.ts';
import { RecordingSession } from '../../src/recorder/recording-session.ts';
import { lengthPrefixed, ScriptedParticipant, ScriptedTrack } from './scripted-participant.ts';

const FRAME_MS = 1000 / 30;
const KEY_FRAME_SECONDS = 2;

let clip: EncodedClip;
let folder: string;

beforeAll(async () => {
  clip = readClip(await encodeClip({ seconds: 10, keyFrameSeconds: KEY_FRAME_SECONDS }));
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-session-'));
  mkdirSync(journalFolder(folder), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Plays the clip into a session on a clock of its own, much faster than time. */
class Stage {
  readonly camera = new ScriptedTrack('camera', 'h264');
  readonly microphone = new ScriptedTrack('microphone', 'opus');
  readonly participant = new ScriptedParticipant();
  readonly events: { name: string; body: unknown }[] = [];
  readonly session: RecordingSession;
  nowMs = 50_000;
  #fileIds = 0;
  #nextPicture = 0;
  #nextSound = 0;
  readonly #startMs = this.nowMs;
  #tickedMs = this.nowMs;

  constructor(options: Partial<StartRecordingOptions> = {}, tracks?: readonly ScriptedTrack[]) {
    this.participant.setTracks(...(tracks ?? [this.camera, this.microphone]));
    this.session = new RecordingSession(
      {
        recordingId: 'rec',
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
      this.participant,
      {
        recordingsFolder: folder,
        syncMs: 2000,
        emit: (name, body) => this.events.push({ name, body }),
        logger: pino({ level: 'silent' }),
        newFileId: () => `100000000000000000${this.#fileIds++}`,
        now: () => this.nowMs,
        wallClock: () => 1_700_000_000_000 + this.nowMs,
      },
    );
  }

  /** Lets media of that length arrive; `drop` says which pictures (by counter) and sound packets (by number) don't. */
  play(
    durationMs: number,
    drop: { picture?: (counter: number) => boolean; sound?: (packet: number) => boolean } = {},
  ): void {
    const untilMs = this.nowMs + durationMs;
    let lostPictures = 0;
    let lostSound = 0;
    while (true) {
      const pictureMs = this.#startMs + 40 + this.#nextPicture * FRAME_MS;
      const soundMs = this.#startMs + 20 + this.#nextSound * 20;
      const nextMs = Math.min(pictureMs, soundMs);
      if (nextMs > untilMs) break;
      while (this.#tickedMs + 100 <= nextMs) this.#tick(this.#tickedMs + 100);
      this.nowMs = nextMs;
      if (pictureMs <= soundMs) {
        const counter = this.#nextPicture++;
        if (drop.picture?.(counter)) {
          lostPictures += 1;
          continue;
        }
        const picture = clip.pictures[counter % clip.pictures.length]!;
        const data = lengthPrefixed(picture.nalUnits);
        const rtpTimestamp = 1_000_000 + counter * 3000;
        const lost = { lostPacketsBefore: lostPictures, lostFramesBefore: lostPictures };
        this.camera.send({ data, keyFrame: picture.keyFrame, rtpTimestamp, arrivalMs: nextMs, ...lost });
        lostPictures = 0;
      } else {
        const packet = this.#nextSound++;
        if (drop.sound?.(packet)) {
          lostSound += 1;
          continue;
        }
        const data = clip.sounds[packet % clip.sounds.length]!;
        const rtpTimestamp = 7000 + packet * 960;
        const lost = { lostPacketsBefore: lostSound, lostFramesBefore: 0 };
        this.microphone.send({ data, keyFrame: true, rtpTimestamp, arrivalMs: nextMs, ...lost });
        lostSound = 0;
      }
    }
    this.#tick(untilMs);
  }

  /** Lets time go by while what is sent in it arrives nowhere. */
  silence(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    while (this.#startMs + 40 + this.#nextPicture * FRAME_MS <= untilMs) this.#nextPicture += 1;
    while (this.#startMs + 20 + this.#nextSound * 20 <= untilMs) this.#nextSound += 1;
    while (this.nowMs < untilMs) this.#tick(Math.min(untilMs, this.nowMs + 100));
  }

  #tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.#tickedMs = nowMs;
    this.session.tick(nowMs);
  }

  async stop(): Promise<SegmentSnapshot[]> {
    return this.session.end('stopped');
  }
}

async function contentOf(segment: SegmentSnapshot) {
  const content = await readRecording(join(folder, segment.path));
  expect(content.errors).toEqual([]);
  return content;
}

describe('a recording session', () => {
  it('writes every picture and every sound packet from its first key frame on', async () => {
    const stage = new Stage();
    stage.play(9000);
    const [segment] = await stage.stop();
    const content = await contentOf(segment!);
    expect(content.pictures[0]?.counter).toBe(0);
    expect(counterBreaks(content)).toEqual([]);
    expect(content.pictures.length).toBe(segment!.video?.frames);
    expect(content.pictures.length).toBeGreaterThanOrEqual(268);
    expect(content.silences).toEqual([]);
    expect(segment!.health).toMatchObject({ gapCount: 0, lostFrames: 0, silenceMs: 0 });
    expect(Math.abs(content.durationMs - 9000)).toBeLessThan(60);
    for (const { offsetMs } of syncEvents(content)) expect(Math.abs(offsetMs)).toBeLessThan(40);
    expect((await listJournals(folder)).journals).toMatchObject([
      { closed: true, segment: { fileId: segment!.fileId } },
    ]);
  });

  it('can be read while it grows, but for the last second', async () => {
    const stage = new Stage();
    stage.play(5000);
    const opened = stage.events.find(({ name }) => name === 'segment-opened')?.body as { segment: SegmentSnapshot };
    await expect
      .poll(async () => (await readRecording(join(folder, opened.segment.path))).pictures.length, { timeout: 15_000 })
      .toBeGreaterThan(120);
    await stage.stop();
  });

  it('cuts segments at key frames, and loses and doubles nothing at the joint', async () => {
    const stage = new Stage({ segmentMs: 4000 });
    stage.play(9500);
    const segments = await stage.stop();
    expect(segments.length).toBe(3);
    const contents = await Promise.all(segments.map(contentOf));
    const counters = contents.flatMap(({ pictures }) => pictures.map(({ counter }) => counter));
    expect(counters).toEqual(counters.map((_, index) => index));
    for (const segment of segments) expect(segment.durationMs).toBeLessThanOrEqual(4020);
    const packets = segments.reduce((sum, segment) => sum + (segment.audio?.packets ?? 0), 0);
    expect(packets).toBeGreaterThanOrEqual(472);
    expect(packets).toBeLessThanOrEqual(475);
    for (const content of contents) expect(content.silences).toEqual([]);
  });

  it('puts silence where sound was lost, keeps the picture in sync, and says so', async () => {
    const stage = new Stage();
    stage.play(8000, { sound: (packet) => packet >= 100 && packet < 125 });
    const [segment] = await stage.stop();
    const content = await contentOf(segment!);
    expect(segment!.health.silenceMs).toBe(500);
    expect(segment!.health.gaps).toMatchObject([{ kind: 'audio', durationMs: 500, reason: 'loss' }]);
    expect(content.silences.length).toBe(1);
    expect(content.silences[0]!.toMs - content.silences[0]!.fromMs).toBeCloseTo(500, -2);
    const events = syncEvents(content);
    expect(events.length).toBeGreaterThanOrEqual(6);
    for (const { offsetMs } of events) expect(Math.abs(offsetMs)).toBeLessThan(40);
  });

  it('lets the picture stand where pictures were lost, and says for how long', async () => {
    const stage = new Stage();
    stage.play(8000, { picture: (counter) => counter >= 70 && counter < 120 });
    const [segment] = await stage.stop();
    const content = await contentOf(segment!);
    expect(segment!.health.lostFrames).toBe(50);
    expect(segment!.health.frozenMs).toBeCloseTo((50 * 1000) / 30, -1);
    expect(counterBreaks(content)).toMatchObject([{ from: 69, to: 120 }]);
    const [before, after] = [69, 120].map((counter) => content.pictures.find((picture) => picture.counter === counter));
    expect(after!.ptsMs - before!.ptsMs).toBeCloseTo((51 * 1000) / 30, -1);
  });

  it('goes on without a hole after a pause', async () => {
    const stage = new Stage();
    stage.play(3000);
    expect(stage.session.pause()).toBe(true);
    expect(stage.session.pause()).toBe(false);
    stage.silence(3000);
    expect(stage.session.resume()).toBe(true);
    stage.play(4000);
    const segments = await stage.stop();
    expect(segments.length).toBe(1);
    const content = await contentOf(segments[0]!);
    expect(content.durationMs).toBeGreaterThan(6500);
    expect(content.durationMs).toBeLessThan(7100);
    const steps = content.pictures.slice(1).map(({ ptsMs }, index) => ptsMs - content.pictures[index]!.ptsMs);
    expect(Math.max(...steps)).toBeLessThan(60);
    for (const { offsetMs } of syncEvents(content)) expect(Math.abs(offsetMs)).toBeLessThan(45);
  });

  it('keeps the time of the room over a broken connection', async () => {
    const stage = new Stage();
    stage.play(2500);
    stage.silence(3500);
    stage.play(3500);
    const [segment] = await stage.stop();
    const content = await contentOf(segment!);
    expect(Math.abs(content.durationMs - 9500)).toBeLessThan(80);
    expect(segment!.health.gaps).toContainEqual(expect.objectContaining({ kind: 'audio', reason: 'absent' }));
    expect(segment!.health.gaps).toContainEqual(expect.objectContaining({ kind: 'video', reason: 'absent' }));
    const after = content.pictures.find(({ counter }) => (counter ?? 0) > 100);
    expect(Math.abs(after!.ptsMs - (after!.counter! * 1000) / 30)).toBeLessThan(50);
  });

  it('ends by itself when nothing came for the idle time', async () => {
    const stage = new Stage({ idleMs: 5000 });
    stage.play(1000);
    stage.silence(4800);
    expect(stage.session.ended).toBe(false);
    stage.silence(400);
    expect(stage.session.ended).toBe(true);
    // The first reason counts; its files are finished before the folder goes.
    await stage.stop();
    expect(stage.events.at(-1)).toMatchObject({ name: 'recording-ended', body: { reason: 'idle' } });
  });

  it('begins with sound alone when the announced picture does not come, and takes it in when it does', async () => {
    const stage = new Stage();
    stage.play(5000, { picture: () => true });
    stage.play(4500);
    const segments = await stage.stop();
    expect(segments.map(({ video, audio }) => [video?.codec, audio?.codec])).toEqual([
      [undefined, 'opus'],
      ['h264', 'opus'],
    ]);
    const [sound, both] = await Promise.all(segments.map(contentOf));
    expect(sound!.durationMs + both!.durationMs).toBeGreaterThan(9300);
    expect(counterBreaks(both!)).toEqual([]);
  });

  it('begins a new segment when sound is added', async () => {
    const stage = new Stage({}, []);
    stage.participant.setTracks(stage.camera);
    stage.play(3000);
    stage.participant.setTracks(stage.camera, stage.microphone);
    stage.play(5000);
    const segments = await stage.stop();
    expect(segments.map(({ audio }) => audio?.codec)).toEqual([undefined, 'opus']);
    const contents = await Promise.all(segments.map(contentOf));
    const counters = contents.flatMap(({ pictures }) => pictures.map(({ counter }) => counter));
    expect(counters).toEqual(counters.map((_, index) => index));
  });

  it('records sound alone where that is asked for', async () => {
    const stage = new Stage({ media: 'audio' });
    stage.play(4000);
    const [segment] = await stage.stop();
    expect(segment).toMatchObject({
      video: null,
      audio: { codec: 'opus', packets: 200 },
      mimeType: expect.stringContaining('audio/mp4'),
    });
    expect((await contentOf(segment!)).silences).toEqual([]);
  });

  it('asks for a key frame at once and at least every four seconds', async () => {
    const stage = new Stage();
    expect(stage.camera.keyFrameRequests).toBe(1);
    stage.play(500);
    const before = stage.camera.keyFrameRequests;
    stage.silence(4200);
    expect(stage.camera.keyFrameRequests).toBeGreaterThan(before);
    await stage.stop();
  });

  it('asks for key frames only while none has come', async () => {
    const stage = new Stage();
    stage.play(1000);
    const before = stage.camera.keyFrameRequests;
    stage.play(3000);
    expect(stage.camera.keyFrameRequests).toBe(before);
    await stage.stop();
  });
});
