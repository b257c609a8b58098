import { beforeAll, describe, expect, it } from 'vitest';
import { MediaError } from '../../src/errors.ts';
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

  it('plays up to its last fragment after every cut', async () => {
    for (const [index, { offset, byteLength }] of file.fragments.entries()) {
      if (index % 3 !== 0) continue;
      await withFile('cut.mp4', file.growing.subarray(0, offset + byteLength), async (path) => {
        expect(await decode(path)).toBe((index + 1) * 15);
      });
    }
  });

  it('tells of every fragment where it lies, its times, and whether a player can begin there', () => {
    let offset = file.headerLength;
    for (const [index, fragment] of file.fragments.entries()) {
      expect(fragment.offset).toBe(offset);
      expect(fragment.startSeconds).toBeCloseTo(index * 0.5, 1);
      expect(fragment.durationSeconds).toBeCloseTo(0.5, 1);
      // A key frame each second, a cut each half.
      expect(fragment.independent).toBe(index % 2 === 0);
      offset += fragment.byteLength;
    }
    expect(offset).toBe(file.growing.byteLength);
  });

  it('changes nothing of the growing file but the 16 bytes before its first moov', () => {
    const changed = [...file.growing.keys()].filter((index) => file.growing[index] !== file.finished[index]);
    expect(Math.min(...changed)).toBeGreaterThanOrEqual(36);
    expect(Math.max(...changed)).toBeLessThan(52);
  });

  it('counts the bytes it gave out', () => {
    const writer = new HybridMp4Writer({ tracks: [media.video], creationTime: CREATION_TIME });
    const header = writer.header();
    expect(writer.byteLength).toBe(header.byteLength);
    writer.addSample(0, media.videoSamples[0]!);
    expect(writer.byteLength).toBe(header.byteLength);
    const { append } = writer.finalize();
    expect(writer.byteLength).toBe(append.reduce((sum, part) => sum + part.byteLength, header.byteLength));
  });
});

describe('a hybrid MP4 with other codecs', () => {
  it.each(['vp9', 'av1'] as const)('keeps %s', async (codec) => {
    const media = await encodeMedia({ codec, seconds: 1 });
    const file = writeMp4(media);
    for (const bytes of [file.growing, file.finished]) {
      await withFile(`${codec}.mp4`, bytes, async (path) => {
        const { streams } = await probe(path);
        expect(streams[0]!.codec).toBe(codec);
        expectSamples(streams[0]!, media.videoSamples, '1/90000');
        expect(await decode(path)).toBe(30);
      });
    }
  });

  it('keeps AAC', async () => {
    const media = await encodeMedia({ audioCodec: 'aac', seconds: 1 });
    const file = writeMp4(media);
    for (const bytes of [file.growing, file.finished]) {
      await withFile('aac.mp4', bytes, async (path) => {
        const { streams } = await probe(path);
        expect(streams[1]!.codec).toBe('aac');
        expectSamples(streams[1]!, media.audioSamples, '1/48000');
        await decode(path);
      });
    }
  });

  it('refuses VP8', () => {
    const video = { kind: 'video', codec: 'vp8', timescale: 90000, width: 2, height: 2 } as const;
    const tracks = [{ ...video, description: new Uint8Array() }];
    expect(() => new HybridMp4Writer({ tracks, creationTime: 0 })).toThrowError(
      expect.objectContaining({ name: 'MediaError', code: 'container-unsupported' }),
    );
  });
});

describe('times in a hybrid MP4', () => {
  it('shows pictures in their order where they are decoded in another one', async () => {
    const media = await encodeMedia({ bFrames: 2, seconds: 2 });
    expect(media.videoSamples.some((sample) => sample.compositionOffset! < 0)).toBe(true);
    const delayed = media.videoSamples.map((sample) => ({
      ...sample,
      compositionOffset: sample.compositionOffset! + 6000,
    }));
    const file = writeMp4({ ...media, videoSamples: delayed });
    for (const bytes of [file.growing, file.finished]) {
      await withFile('reordered.mp4', bytes, async (path) => {
        const { streams } = await probe(path);
        expectSamples(streams[0]!, delayed, '1/90000');
        expect(await decode(path)).toBe(60);
      });
    }
    // Negative offsets are right in the finished file; in fragments ffmpeg 5 moves them so that none is below 0.
    await withFile('negative.mp4', writeMp4(media).finished, async (path) => {
      expectSamples((await probe(path)).streams[0]!, media.videoSamples, '1/90000');
      expect(await decode(path)).toBe(60);
    });
  });

  it('begins a track late that has its first sample late', async () => {
    const media = await encodeMedia({ seconds: 1 });
    const videoSamples = media.videoSamples.map((sample) => ({ ...sample, timestamp: sample.timestamp + 61234 }));
    const file = writeMp4({ ...media, videoSamples });
    for (const bytes of [file.growing, file.finished]) {
      await withFile('late.mp4', bytes, async (path) => {
        const { streams } = await probe(path);
        expectSamples(streams[0]!, videoSamples, '1/90000');
        expect(streams[1]!.packets[0]!.pts).toBe(0);
      });
    }
    await withFile('late.mp4', file.finished, async (path) => {
      expect((await probe(path)).durationSeconds).toBeCloseTo(61234 / 90000 + 1, 3);
    });
    expect(file.fragments[0]!.startSeconds).toBe(0);
  });

  it('keeps durations that differ from sample to sample', async () => {
    const media = await encodeMedia({ seconds: 1 });
    let timestamp = 0;
    const videoSamples = media.videoSamples.map((sample, index) => {
      const jittered = { ...sample, timestamp, duration: 3000 + ((index * 37) % 11) - 5 };
      timestamp += jittered.duration;
      return jittered;
    });
    const file = writeMp4({ ...media, videoSamples });
    for (const bytes of [file.growing, file.finished]) {
      await withFile('jitter.mp4', bytes, async (path) => {
        const { streams } = await probe(path);
        expectSamples(streams[0]!, videoSamples, '1/90000');
      });
    }
    await withFile('jitter.mp4', file.finished, async (path) => {
      const durations = (await probe(path)).streams[0]!.packets.map((packet) => packet.duration);
      expect(durations).toEqual(videoSamples.map((sample) => sample.duration));
    });
  });

  it('marks key frames in the middle of a fragment', async () => {
    const media = await encodeMedia({ seconds: 2, keyFrameInterval: 7 });
    const file = writeMp4(media, 1);
    await withFile('growing.mp4', file.growing, async (path) => {
      expectSamples((await probe(path)).streams[0]!, media.videoSamples, '1/90000');
    });
    await withFile('finished.mp4', file.finished, async (path) => {
      expectSamples((await probe(path)).streams[0]!, media.videoSamples, '1/90000');
    });
  });

  it('leaves a track out of the fragments that it has nothing for', async () => {
    const media = await encodeMedia({ seconds: 2 });
    const audioSamples = media.audioSamples.slice(0, 20);
    const file = writeMp4({ ...media, audioSamples });
    expect(file.fragments).toHaveLength(4);
    await withFile('silent.mp4', file.finished, async (path) => {
      const { streams } = await probe(path);
      expect(streams.map((stream) => stream.packets.length)).toEqual([60, 20]);
      expect(await decode(path)).toBe(60);
    });
  });
});

describe('pictures that change their size', () => {
  it('are all decoded, and have a sample entry for each size', async () => {
    const small = await encodeMedia({ size: '160x120', seconds: 1 });
    const large = await encodeMedia({ size: '320x240', seconds: 1 });
    const writer = new HybridMp4Writer({ tracks: [small.video, small.audio], creationTime: CREATION_TIME });
    const parts = [small, large, small, large];
    const steps = parts.flatMap((part, index) =>
      interleave(part)
        .filter((step) => step.track === 0)
        .map(({ sample, seconds }, position) => ({
          track: 0,
          sample: { ...sample, timestamp: sample.timestamp + index * 90000 },
          seconds: seconds + index,
          ...(position === 0 ? { before: () => writer.setVideoFormat(0, part.video) } : {}),
        })),
    );
    // Cuts that fall together with no change of size.
    const file = writeSteps(writer, steps, 0.7);
    for (const stage of ['growing', 'appended', 'finished'] as const) {
      await withFile(`${stage}.mp4`, file[stage], async (path) => {
        expect(await decode(path)).toBe(120);
        const { streams } = await probe(path);
        expect(streams[0]!.packets.map((packet) => packet.pts)).toEqual(steps.map((step) => step.sample.timestamp));
      });
    }
    const movie = file.finished.subarray(file.growing.byteLength);
    expect(Buffer.from(movie).toString('latin1').split('avcC')).toHaveLength(3);
    expect(Buffer.from(movie).readUInt32BE(Buffer.from(movie).indexOf('tkhd') + 80)).toBe(320 * 65536);
  });

  it('get no more than 255 sample entries', async () => {
    const { video, videoSamples } = await encodeMedia({ seconds: 1 });
    const writer = new HybridMp4Writer({ tracks: [video], creationTime: CREATION_TIME });
    writer.header();
    for (const [index, sample] of Array.from({ length: 600 }, () => videoSamples[0]!).entries()) {
      writer.setVideoFormat(0, { ...video, width: 2 + index });
      writer.addSample(0, { ...sample, timestamp: index * sample.duration });
    }
    const movie = Buffer.concat(writer.finalize().append).toString('latin1');
    expect(movie.slice(movie.lastIndexOf('moov')).split('avcC')).toHaveLength(256);
  });
});

describe('a hybrid MP4 writer that is misused', () => {
  const audio = {
    kind: 'audio',
    codec: 'opus',
    timescale: 48000,
    sampleRate: 48000,
    channels: 2,
    description: Uint8Array.of(0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0),
  } as const;
  const sample = { data: Uint8Array.of(1), timestamp: 0, duration: 960, keyFrame: true };
  const started = () => {
    const writer = new HybridMp4Writer({ tracks: [audio], creationTime: CREATION_TIME });
    writer.header();
    return writer;
  };
  const refused: [string, () => unknown][] = [
    ['no track', () => new HybridMp4Writer({ tracks: [], creationTime: 0 })],
    ['a timescale of 0', () => new HybridMp4Writer({ tracks: [{ ...audio, timescale: 0 }], creationTime: 0 })],
    [
      'a sample before the header',
      () => new HybridMp4Writer({ tracks: [audio], creationTime: 0 }).addSample(0, sample),
    ],
    ['a second header', () => started().header()],
    ['a track that is not there', () => started().addSample(1, sample)],
    ['a time with a fraction', () => started().addSample(0, { ...sample, timestamp: 0.5 })],
    ['a time below 0', () => started().addSample(0, { ...sample, timestamp: -1 })],
    ['a duration that is no number', () => started().addSample(0, { ...sample, duration: Number.NaN })],
    [
      'a hole between samples',
      () => {
        const writer = started();
        writer.addSample(0, sample);
        writer.addSample(0, { ...sample, timestamp: 961 });
      },
    ],
    [
      'a sample behind the end',
      () => {
        const writer = started();
        writer.finalize();
        writer.addSample(0, sample);
      },
    ],
    [
      'a picture format for sound',
      () => started().setVideoFormat(0, { codec: 'h264', width: 2, height: 2, description: new Uint8Array() }),
    ],
  ];

  it.each(refused)('refuses %s', (_name, misuse) => {
    expect(misuse).toThrowError(MediaError);
    expect(misuse).toThrowError(expect.objectContaining({ code: 'argument-invalid' }));
  });

  it('gives out no fragment when nothing was added, and finishes an empty file', () => {
    const writer = started();
    expect(writer.cutFragment()).toBeUndefined();
    expect(writer.finalize().append).toHaveLength(1);
  });
});

/** Ninety minutes of pictures whose times jitter, as a camera's do, and of sound. */
function writeNinetyMinutes(): HybridMp4Writer {
  const video = { kind: 'video', codec: 'h264', timescale: 90000, width: 1280, height: 720 } as const;
  const description = Uint8Array.of(1, 0x42, 0xe0, 0x1f, 0xff, 0xe1, 0, 0, 1, 0, 0);
  const opus = { kind: 'audio', codec: 'opus', timescale: 48000, sampleRate: 48000, channels: 2 } as const;
  const writer = new HybridMp4Writer({
    tracks: [
      { ...video, description },
      { ...opus, description: Uint8Array.of(0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0) },
    ],
    creationTime: CREATION_TIME,
  });
  writer.header();
  const data = new Uint8Array(100);
  let videoTime = 0;
  for (let second = 0; second < 5400; second++) {
    for (let index = 0; index < 30; index++) {
      const duration = 2990 + ((index * 7) % 20);
      writer.addSample(0, { data, timestamp: videoTime, duration, keyFrame: index === 0 });
      videoTime += duration;
    }
    for (let index = 0; index < 50; index++) {
      const timestamp = (second * 50 + index) * 960;
      writer.addSample(1, { data, timestamp, duration: 960, keyFrame: true });
    }
    writer.cutFragment();
  }
  return writer;
}

describe('ninety minutes', () => {
  it('are indexed in a moov of a few megabytes', () => {
    const { append } = writeNinetyMinutes().finalize();
    const moovBytes = append.reduce((sum, part) => sum + part.byteLength, 0);
    expect(moovBytes).toBeGreaterThan(1_000_000);
    expect(moovBytes).toBeLessThan(5_000_000);
  });
});
