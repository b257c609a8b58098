/** All sound is encoded at this rate, in samples per second: Opus knows no other, and it is what browsers decode to. */
export const SAMPLE_RATE = 48_000;
