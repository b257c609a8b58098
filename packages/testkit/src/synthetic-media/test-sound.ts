import { EVENT_MS } from './marker.ts';

export const SAMPLE_RATE = 48_000;
export const OPUS_PACKET_MS = 20;
export const BEEP_HZ = 1000;
/** libopus delays its output by 312 samples; reading that far ahead puts beep n at exactly n seconds of packet time. */
const ENCODER_DELAY_SAMPLES = 312;

/**
 * Sound of the synthetic host: a 1 kHz beep of 100 ms at each full second over a faint hum, so that silence that a
 * recorder wrote into a gap can be told from what was sent.
 * @param firstSample - position on the 48 kHz media clock
 * @returns interleaved stereo, signed 16 bit
 */
export function testSound(firstSample: number, samples: number): Buffer {
  const pcm = Buffer.alloc(samples * 4);
  for (let index = 0; index < samples; index += 1) {
    const position = firstSample + index + ENCODER_DELAY_SAMPLES;
    const inSecond = position % SAMPLE_RATE;
    const seconds = inSecond / SAMPLE_RATE;
    let level = 0.02 * Math.sin(2 * Math.PI * 220 * seconds);
    if (inSecond < (SAMPLE_RATE * EVENT_MS) / 1000) level += 0.5 * Math.sin(2 * Math.PI * BEEP_HZ * seconds);
    const value = Math.round(level * 32_767);
    pcm.writeInt16LE(value, index * 4);
    pcm.writeInt16LE(value, index * 4 + 2);
  }
  return pcm;
}
