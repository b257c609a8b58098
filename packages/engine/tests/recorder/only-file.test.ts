import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeClip, readClip, readRecording } from '@aircheck/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StartRecordingOptions } from '../../src/recorder/contract.ts';
import { capturedPackets, incomingTrack, play, startSession, type TestClock } from './live-session.ts';
import { lengthPrefixed, ScriptedParticipant, ScriptedTrack } from './scripted-participant.ts';

let folder: string;
let clock: TestClock;
const participant = () => new ScriptedParticipant();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'aircheck-only-file-'));
  clock = { nowMs: 5000 };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function startInto(media: ScriptedParticipant, options: Partial<StartRecordingOptions> = {}) {
  const path = join(folder, 'asked for.mp4');
  const outgrown: string[] = [];
  const handle = await open(path, 'wx+');
  const started = startSession('/nowhere', media, clock, options, {
    path,
    handle,
    outgrown: (detail) => outgrown.push(detail),
  });
  const read = async () => {
    await started.session.end('stopped');
    await handle.close();
    expect(readdirSync(folder)).toEqual(['asked for.mp4']);
    const content = await readRecording(path);
    expect(content.errors).toEqual([]);
    return content;
  };
  return { ...started, outgrown, read };
}

describe('a recording that is to be one file', () => {
  it('has a track of sound also where there is none, so that sound may come later', async () => {
    const media = participant();
    const picture = incomingTrack('h264', clock);
    const sound = incomingTrack('opus', clock);
    media.setTracks(picture);
    const { session, outgrown, read } = await startInto(media);
    const pictures = { track: picture, packets: capturedPackets('h264') };
    play(clock, [session], [pictures]);
    media.setTracks(picture, sound);
    play(clock, [session], [pictures, { track: sound, packets: capturedPackets('opus') }]);
    expect(outgrown).toEqual([]);
    const content = await read();
    expect(content.pictures).toHaveLength(120);
    expect(content.streams.map(({ codec }) => codec)).toEqual(['h264', 'opus']);
    expect(content.audioHoles).toEqual([]);
  });

  it('with no sound at all is silent to its end', async () => {
    const media = participant();
    const picture = incomingTrack('h264', clock);
    media.setTracks(picture);
    const { session, read } = await startInto(media);
    play(clock, [session], [{ track: picture, packets: capturedPackets('h264') }]);
    const { streams, durationMs } = await read();
    expect(streams.map(({ codec }) => codec)).toEqual(['h264', 'opus']);
    expect(streams[1]!.packets).toBeGreaterThanOrEqual(Math.floor(durationMs / 20) - 1);
  });

  it('waits for a picture beside the first sound', async () => {
    const media = participant();
    const picture = incomingTrack('h264', clock);
    const sound = incomingTrack('opus', clock);
    media.setTracks(sound);
    const { session, outgrown, read } = await startInto(media);
    play(clock, [session], [{ track: sound, packets: capturedPackets('opus').slice(0, 50) }]);
    media.setTracks(sound, picture);
    play(clock, [session], [{ track: picture, packets: capturedPackets('h264') }]);
    expect(outgrown).toEqual([]);
    expect((await read()).pictures).toHaveLength(60);
  });

  it('that began before there was anything to record waits from the first sound on', async () => {
    const media = participant();
    const { session, outgrown, read } = await startInto(media);
    for (let tick = 0; tick < 50; tick++) {
      clock.nowMs += 100;
      session.tick(clock.nowMs);
    }
    const picture = incomingTrack('h264', clock);
    const sound = incomingTrack('opus', clock);
    media.setTracks(sound, picture);
    play(clock, [session], [{ track: sound, packets: capturedPackets('opus').slice(0, 25) }]);
    play(clock, [session], [{ track: picture, packets: capturedPackets('h264') }]);
    expect(outgrown).toEqual([]);
    const { pictures, streams } = await read();
    expect(pictures).toHaveLength(60);
    expect(streams.map(({ codec }) => codec)).toEqual(['h264', 'opus']);
  });

  it('goes on in the file with a picture of another size', async () => {
    const media = participant();
    const camera = new ScriptedTrack('camera', 'h264');
    media.setTracks(camera);
    const { session, outgrown, read } = await startInto(media);
    let rtpTimestamp = 0;
    for (const [width, height] of [
      [640, 360],
      [320, 180],
      [640, 360],
    ] as const) {
      const { pictures } = readClip(await encodeClip({ seconds: 1, width, height }));
      for (const { nalUnits, keyFrame } of pictures) {
        clock.nowMs += 1000 / 30;
        rtpTimestamp += 3000;
        const data = lengthPrefixed(nalUnits);
        camera.send({
          data,
          keyFrame,
          rtpTimestamp,
          arrivalMs: clock.nowMs,
          lostPacketsBefore: 0,
          lostFramesBefore: 0,
        });
        session.tick(clock.nowMs);
      }
    }
    expect(session.current?.health.resolutionChanges).toMatchObject([
      { width: 320, height: 180 },
      { width: 640, height: 360 },
    ]);
    expect(outgrown).toEqual([]);
    const { pictures } = await read();
    const second = Array.from({ length: 30 }, (_, counter) => counter);
    expect(pictures.map(({ counter }) => counter)).toEqual([...second, ...second, ...second]);
  });

  it.each([
    ['another codec', 'h264', 'vp9', 60],
    ['VP8, which MP4 does not hold', 'vp8', 'vp8', 0],
  ] as const)('ends with %s', async (_, first, second, pictures) => {
    const media = participant();
    const sound = incomingTrack('opus', clock);
    const camera = incomingTrack(first, clock);
    media.setTracks(sound);
    const { session, outgrown, ends, read } = await startInto(media);
    play(clock, [session], [{ track: sound, packets: capturedPackets('opus').slice(0, 25) }]);
    media.setTracks(camera, sound);
    play(clock, [session], [{ track: camera, packets: capturedPackets(first) }]);
    const other = incomingTrack(second, clock);
    media.setTracks(other, sound);
    play(clock, [session], [{ track: other, packets: capturedPackets(second) }]);
    expect(outgrown).toHaveLength(1);
    await expect.poll(ends).toMatchObject([{ reason: 'stopped' }]);
    expect((await read()).pictures).toHaveLength(pictures);
  });

  it('ends when a picture comes to sound that was begun alone, and goes on with a picture that comes back', async () => {
    const media = participant();
    const picture = incomingTrack('h264', clock);
    media.setTracks(picture);
    const { session, outgrown, read } = await startInto(media);
    const pictures = { packets: capturedPackets('h264') };
    play(clock, [session], [{ track: picture, ...pictures }]);
    const again = incomingTrack('h264', clock);
    media.setTracks(again);
    play(clock, [session], [{ track: again, ...pictures }]);
    expect(outgrown).toEqual([]);
    expect((await read()).pictures).toHaveLength(120);
    rmSync(join(folder, 'asked for.mp4'));

    const other = participant();
    const sound = incomingTrack('opus', clock);
    const sounds = { track: sound, packets: capturedPackets('opus') };
    other.setTracks(sound);
    const late = await startInto(other);
    play(clock, [late.session], [sounds]);
    play(clock, [late.session], [sounds]);
    const camera = incomingTrack('h264', clock);
    other.setTracks(sound, camera);
    play(clock, [late.session], [{ track: camera, ...pictures }]);
    expect(late.outgrown).toEqual(['a picture came, and the file was begun without one']);
    expect((await late.read()).streams.map(({ codec }) => codec)).toEqual(['opus']);
  });
});
