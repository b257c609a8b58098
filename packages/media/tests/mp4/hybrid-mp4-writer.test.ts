import { beforeAll, describe, expect, it } from 'vitest';
import { HybridMp4Writer } from '../../src/mp4/index.ts';
import { decode, type EncodedMedia, encodeMedia, type ProbedStream, probe, withFile } from './encoded-media.ts';
import { CREATION_TIME, interleave, type WrittenFile, writeMp4, writeSteps } from './written-file.ts';

function expectSamples(stream: ProbedStream, samples: EncodedMedia['videoSamples'], timeBase: string): void {
  expect(stream.timeBase).toBe(timeBase);
  expect(stream.packets.map(({ pts, size, keyFrame }) => ({ pts, size, keyFrame }))).toEqual(
    samples.map(({ timestamp, compositionOffset = 0, data, keyFrame }) => ({
      pts: timestamp + compositionOffset,
      size: data.byteLength,
      keyFrame,
    })),
  );
}

describe('a hybrid MP4 of H.264 and Opus', () => {
  let media: EncodedMedia;
  let file: WrittenFile;

  beforeAll(async () => {
    media = await encodeMedia();
    file = writeMp4(media);
  });

  it('holds every sample with its time while it grows, between append and patch, and when it is finished', async () => {
    for (const stage of ['growing', 'appended', 'finished'] as const) {
      await withFile(`${stage}.mp4`, file[stage], async (path) => {
        const { streams } = await probe(path);
        expect(streams.map((stream) => stream.codec)).toEqual(['h264', 'opus']);
        expectSamples(streams[0]!, media.videoSamples, '1/90000');
        expectSamples(streams[1]!, media.audioSamples, '1/48000');
        expect(await decode(path)).toBe(media.videoSamples.length);
      });
    }
  });

  it('is exactly as long as its samples when it is finished', async () => {
    await withFile('finished.mp4', file.finished, async (path) => {
      const { durationSeconds, streams } = await probe(path);
      const audioSeconds = media.audioSamples.length * 0.02;
      expect(streams[0]!.durationSeconds).toBeCloseTo(media.videoSamples.length / 30, 5);
      expect(streams[1]!.durationSeconds).toBeCloseTo(audioSeconds, 5);
      expect(durationSeconds).toBeCloseTo(Math.max(audioSeconds, media.videoSamples.length / 30), 5);
    });
  });
});
