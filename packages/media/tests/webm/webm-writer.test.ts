import { beforeAll, describe, expect, it } from 'vitest';
import { WebmWriter } from '../../src/webm/index.ts';
import { decode, type EncodedMedia, encodeMedia, probe, withFile } from '../mp4/encoded-media.ts';
import { CREATION_TIME, interleave, type WrittenFile, writeSteps } from '../mp4/written-file.ts';

function write(media: EncodedMedia, cutSeconds = 0.5): WrittenFile {
  const writer = new WebmWriter({ tracks: [media.video, media.audio], creationTime: CREATION_TIME });
  return writeSteps(writer, interleave(media), cutSeconds);
}

describe.each(['vp8', 'vp9', 'av1'] as const)('a WebM of %s and Opus', (codec) => {
  let media: EncodedMedia;
  let file: WrittenFile;

  beforeAll(async () => {
    media = await encodeMedia({ codec, seconds: 2 });
    file = write(media);
  });

  it('holds every sample with its time while it grows, before the patch, and when it is finished', async () => {
    for (const stage of ['growing', 'appended', 'finished'] as const) {
      await withFile(`${stage}.webm`, file[stage], async (path) => {
        const { streams } = await probe(path);
        expect(streams.map((stream) => stream.codec)).toEqual([codec, 'opus']);
        for (const [index, samples] of [media.videoSamples, media.audioSamples].entries()) {
          const { timescale } = index === 0 ? media.video : media.audio;
          expect(streams[index]!.packets.map(({ pts, size, keyFrame }) => ({ pts, size, keyFrame }))).toEqual(
            samples.map(({ timestamp, data, keyFrame }) => ({
              pts: Math.round((timestamp * 1000) / timescale),
              size: data.byteLength,
              keyFrame,
            })),
          );
        }
        expect(await decode(path)).toBe(60);
      });
    }
  });

  it('says its length, and can be sought, when it is finished', async () => {
    await withFile('finished.webm', file.finished, async (path) => {
      expect((await probe(path)).durationSeconds).toBeCloseTo(2, 3);
      const { streams } = await probe(path, '-read_intervals', '1.2%');
      expect(streams[0]!.packets[0]!.pts).toBe(1000);
    });
    // Each key frame has a cue, and each cue leads to the cluster with its key frame.
    const bytes = Buffer.from(file.finished);
    const segmentStart = bytes.indexOf(Buffer.from([0x18, 0x53, 0x80, 0x67])) + 12;
    const cues = bytes.subarray(bytes.lastIndexOf(Buffer.from([0x1c, 0x53, 0xbb, 0x6b])));
    const positions: number[] = [];
    const cueTrack = Buffer.from([0xf7, 0x81, 0x01, 0xf1]);
    for (let at = cues.indexOf(cueTrack); at >= 0; at = cues.indexOf(cueTrack, at + 1)) {
      positions.push(cues.readUIntBE(at + 5, cues[at + 4]! & 0x0f));
    }
    expect(positions).toHaveLength(2);
    for (const position of positions) expect(bytes.readUInt32BE(segmentStart + position)).toBe(0x1f43b675);
  });
});

describe('a WebM', () => {
  it('says the largest size that its pictures had', async () => {
    const small = await encodeMedia({ codec: 'vp8', size: '160x120', seconds: 1 });
    const large = await encodeMedia({ codec: 'vp8', size: '320x240', seconds: 1 });
    const writer = new WebmWriter({ tracks: [small.video], creationTime: CREATION_TIME });
    const steps = [small, large].flatMap((part, index) =>
      part.videoSamples.map((sample, position) => ({
        track: 0,
        sample: { ...sample, timestamp: sample.timestamp + index * 90000 },
        seconds: sample.timestamp / 90000 + index,
        ...(position === 0 ? { before: () => writer.setVideoFormat(0, part.video) } : {}),
      })),
    );
    const file = writeSteps(writer, steps, 0.7);
    for (const stage of ['growing', 'finished'] as const) {
      await withFile(`${stage}.webm`, file[stage], async (path) => expect(await decode(path)).toBe(60));
    }
    const width = Buffer.from(file.finished).indexOf(Buffer.from([0xb0, 0x84]));
    expect(Buffer.from(file.finished).readUInt32BE(width + 2)).toBe(320);
  });

  it('splits a cut that is longer than a cluster can be', async () => {
    const { audio, audioSamples } = await encodeMedia({ codec: 'vp8', seconds: 1 });
    const writer = new WebmWriter({ tracks: [audio], creationTime: CREATION_TIME });
    expect(writer.mimeType).toBe('audio/webm');
    const steps = Array.from({ length: 4000 }, (_, index) => ({
      track: 0,
      sample: { ...audioSamples[index % 50]!, timestamp: index * 960 },
      seconds: index * 0.02,
    }));
    const { fragments, finished } = writeSteps(writer, steps, 1000);
    expect(fragments).toHaveLength(1);
    expect(fragments[0]).toMatchObject({ startSeconds: 0, durationSeconds: 80, independent: true });
    await withFile('long.webm', finished, async (path) => {
      const packets = (await probe(path)).streams[0]!.packets;
      expect(packets.map((packet) => packet.pts)).toEqual(steps.map((_, index) => index * 20));
    });
  });

  it('refuses H.264 and AAC', async () => {
    const { video, audio } = await encodeMedia({ codec: 'h264', audioCodec: 'aac', seconds: 1 });
    for (const track of [video, audio]) {
      expect(() => new WebmWriter({ tracks: [track], creationTime: 0 })).toThrowError(
        expect.objectContaining({ name: 'MediaError', code: 'container-unsupported' }),
      );
    }
  });
});
