import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MediaError } from '../../src/errors.ts';
import { recoverWebm, WebmWriter } from '../../src/webm/index.ts';
import { decode, type EncodedMedia, encodeMedia, probe, withFile } from '../mp4/encoded-media.ts';
import {
  applyRecovery,
  CREATION_TIME,
  interleave,
  MemoryFile,
  type WrittenFile,
  writeSteps,
} from '../mp4/written-file.ts';

let media: EncodedMedia;
let file: WrittenFile;

beforeAll(async () => {
  media = await encodeMedia({ codec: 'vp8', seconds: 2, size: '64x48' });
  const writer = new WebmWriter({ tracks: [media.video, media.audio], creationTime: CREATION_TIME });
  file = writeSteps(writer, interleave(media), 0.5);
});

const recover = (bytes: Uint8Array) => recoverWebm(new MemoryFile(bytes).read, bytes.byteLength);

describe('the recovery of a WebM', () => {
  it('leaves a finished file as it is', async () => {
    const recovery = await recover(file.finished);
    expect(recovery.truncateTo).toBe(file.finished.byteLength);
    expect(recovery.finalization).toEqual({ append: [], patches: [] });
    expect(recovery.summary.finished).toBe(true);
    expect(recovery.summary.durationSeconds).toBeCloseTo(2, 2);
    expect(recovery.summary.tracks.map((track) => track.sampleCount)).toEqual([60, 100]);
  });

  it('finishes a file that lacks its index, or only the patch, as its writer would have', async () => {
    // But for the duration, to which the last picture adds a rounded length.
    const duration = Buffer.from(file.finished).indexOf(Buffer.from([0x44, 0x89, 0x88])) + 3;
    const withoutDuration = (bytes: Uint8Array) => Buffer.from(bytes).fill(0, duration, duration + 8);
    for (const bytes of [file.growing, file.appended]) {
      const recovered = applyRecovery(bytes, await recover(bytes));
      expect(withoutDuration(recovered).equals(withoutDuration(file.finished))).toBe(true);
    }
  });

  it('keeps every whole fragment of a file that was cut off at any byte', async () => {
    for (let length = 0; length <= file.appended.byteLength; length += 7) {
      const bytes = file.appended.subarray(0, length);
      if (length < file.headerLength) {
        await expect(recover(bytes)).rejects.toMatchObject({ name: 'MediaError', code: 'container-malformed' });
        continue;
      }
      const whole = file.fragments.filter(({ offset, byteLength }) => offset + byteLength <= length);
      const { truncateTo } = await recover(bytes);
      expect(truncateTo).toBe(file.headerLength + whole.reduce((sum, fragment) => sum + fragment.byteLength, 0));
    }
  });

  it('makes files that decode to their end', async () => {
    for (const share of [0.35, 0.6, 0.85]) {
      const bytes = file.growing.subarray(0, Math.floor(file.growing.byteLength * share));
      const recovery = await recover(bytes);
      await withFile('recovered.webm', applyRecovery(bytes, recovery), async (path) => {
        const pictures = await decode(path);
        expect(pictures).toBeGreaterThan(0);
        expect(pictures).toBe(recovery.summary.tracks[0]!.sampleCount);
        expect((await probe(path)).durationSeconds).toBeCloseTo(recovery.summary.durationSeconds, 2);
      });
    }
  });

  it('throws nothing but a MediaError at mutated files', async () => {
    const mutation = fc.record({ at: fc.nat(), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 8 }), fc.boolean(), async (mutations, front) => {
        const bytes = Uint8Array.from(file.finished);
        const reach = front ? 600 : bytes.byteLength;
        for (const { at, value } of mutations) bytes[at % reach] = value;
        try {
          const { truncateTo } = await recover(bytes);
          expect(truncateTo).toBeLessThanOrEqual(bytes.byteLength);
        } catch (error) {
          expect(error).toBeInstanceOf(MediaError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
