import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const HOURS = 3;
const MAX_MIB = 64;
/** What the index grows by while 15 minutes are recorded; arrays double at times. The media of that are 160 MiB. */
const MAX_STEP_MIB = 8;

interface Measured {
  /** What was held at the beginning, and every 15 minutes. */
  readonly samples: readonly number[];
  /** At the end, with the index that is written then. */
  readonly atLast: number;
  readonly diskBytes: number;
  readonly sizeBytes: number;
  readonly mimeType: string;
}

/** In a process of its own: what others leave in memory here is not its. */
async function measure(container: 'mp4' | 'webm'): Promise<Measured> {
  const program = fileURLToPath(new URL('recording-memory.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program, container, String(HOURS)]);
  return JSON.parse(stdout) as Measured;
}

describe('the file of a recording', () => {
  it.each([
    ['mp4', 'video/mp4; codecs="avc1.42c01f, opus"'],
    ['webm', 'video/webm; codecs="vp8, opus"'],
  ] as const)('takes less than 64 MiB of memory for three hours of %s, the end included', async (container, type) => {
    const { samples, atLast, diskBytes, sizeBytes, mimeType } = await measure(container);
    expect([diskBytes, mimeType]).toEqual([sizeBytes, type]);
    // All of the media went to the disk.
    expect(sizeBytes).toBeGreaterThan(HOURS * 3600 * (30 * 6000 + 50 * 160));
    expect(samples.length).toBe(HOURS * 4);
    const [first] = samples as [number, ...number[]];
    const steps = samples.slice(1).map((sample, index) => sample - samples[index]!);
    expect(Math.max(...steps), String(samples)).toBeLessThan(MAX_STEP_MIB);
    expect(Math.max(atLast, ...samples) - first, String(samples)).toBeLessThan(MAX_MIB);
  });
});
