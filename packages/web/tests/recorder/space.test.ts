import { afterEach, describe, expect, it, vi } from 'vitest';
import { storageSpace } from '../../src/recorder/keeping/storage.ts';
import { onceSpaceIsLow } from '../../src/recorder/low-space.ts';

const MiB = 1024 * 1024;

describe('space that the browser gives', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it.each([
    [
      { quota: 1000, usage: 300 },
      { usedBytes: 300, freeBytes: 700 },
    ],
    // Quotas shrink with the disk's space.
    [
      { quota: 200, usage: 300 },
      { usedBytes: 300, freeBytes: 0 },
    ],
    [{}, { usedBytes: 0, freeBytes: 0 }],
  ])('is what is left of its quota: %o', async (estimate, space) => {
    vi.stubGlobal('navigator', { storage: { estimate: async () => estimate } });
    await expect(storageSpace()).resolves.toEqual(space);
  });

  it('is told once when less than 512 MiB are left', () => {
    const told: number[] = [];
    const progressed = onceSpaceIsLow((freeBytes) => told.push(freeBytes));
    for (const mebibytes of [900, 512]) progressed({ freeBytes: mebibytes * MiB });
    expect(told).toEqual([]);
    for (const mebibytes of [511, 300, 800, 200]) progressed({ freeBytes: mebibytes * MiB });
    expect(told).toEqual([511 * MiB]);
  });
});
