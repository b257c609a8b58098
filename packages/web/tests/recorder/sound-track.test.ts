import { expect, it } from 'vitest';
import { RecordingTime } from '../../src/recorder/worker/recording-time.ts';
import { SoundTrack } from '../../src/recorder/worker/sound-track.ts';

const BLOCK = 480;
const BLOCK_MS = 10;

/** A track that gets blocks of a steady source, which stands still when it is told to. */
function soundTrack() {
  const time = new RecordingTime();
  time.begin(1000);
  let encoded = 0;
  const track = new SoundTrack({
    time,
    channels: 1,
    primingSamples: 0,
    encode: (_planes, samples) => {
      encoded += samples;
    },
  });
  let atMs = 1000;
  return {
    track,
    get encodedMs() {
      return encoded / 48;
    },
    push(blocks: number) {
      for (let block = 0; block < blocks; block += 1) {
        track.push([new Float32Array(BLOCK).fill(0.5)], atMs, atMs + BLOCK_MS);
        atMs += BLOCK_MS;
      }
    },
    standStill(ms: number) {
      atMs += ms;
    },
    finish() {
      track.finish(atMs);
    },
    lengthMs: () => atMs - 1000,
  };
}

it('tells how much earlier than it came sound is written, and stretches it until that is little', () => {
  const sound = soundTrack();
  sound.push(20);
  expect(sound.track.earlyMs).toBeCloseTo(0, 1);
  sound.standStill(15);
  sound.push(300);
  expect(sound.track.earlyMs).toBeGreaterThan(8);
  expect(sound.track.earlyMs).toBeLessThan(15);
  sound.push(600);
  expect(sound.track.earlyMs).toBeLessThan(5.1);
  expect(sound.track.silenceMs).toBe(0);
  sound.finish();
  expect(sound.encodedMs).toBeCloseTo(sound.lengthMs(), 1);
});

it('is silent for as long as a source stood still, where that is too long to be stretched, and is not early then', () => {
  const sound = soundTrack();
  sound.push(20);
  sound.standStill(60);
  sound.push(1);
  expect(sound.track.silenceMs).toBeCloseTo(60, 1);
  expect(sound.track.earlyMs).toBe(0);
  sound.push(20);
  sound.finish();
  expect(sound.encodedMs).toBeCloseTo(sound.lengthMs(), 1);
});
