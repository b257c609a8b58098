import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { videoFormat } from '../../src/codecs/index.ts';
import { MediaError } from '../../src/errors.ts';
import { HybridMp4Writer, Mp4FragmentIndex, readMp4Summary, recoverMp4 } from '../../src/mp4/index.ts';
import { decode, type EncodedMedia, encodeMedia, probe, withFile } from './encoded-media.ts';
import { applyRecovery, CREATION_TIME, MemoryFile, type WrittenFile, writeMp4, writeSteps } from './written-file.ts';

let media: EncodedMedia;
let file: WrittenFile;

beforeAll(async () => {
  media = await encodeMedia({ seconds: 2, size: '64x48' });
  // Starts that differ and lengths that do, so that nothing is right by accident.
  let timestamp = 4321;
  const videoSamples = media.videoSamples.map((sample, index) => {
    const jittered = { ...sample, timestamp, duration: 3000 + ((index * 37) % 11) - 5 };
    timestamp += jittered.duration;
    return jittered;
  });
  media = { ...media, videoSamples };
  file = writeMp4(media);
});

const recover = (bytes: Uint8Array) => recoverMp4(new MemoryFile(bytes).read, bytes.byteLength);
const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe('the recovery of a hybrid MP4', () => {
  it('leaves a finished file as it is', async () => {
    const recovery = await recover(file.finished);
    expect(recovery.truncateTo).toBe(file.finished.byteLength);
    expect(recovery.finalization).toEqual({ append: [], patches: [] });
    expect(recovery.summary.tracks.map((track) => track.sampleCount)).toEqual([60, 100]);
  });

  it('appends nothing where only the patch is missing', async () => {
    const recovery = await recover(file.appended);
    expect(recovery.finalization.append).toEqual([]);
    expect(equal(applyRecovery(file.appended, recovery), file.finished)).toBe(true);
  });

  it('rebuilds the index that the writer would have written, byte for byte', async () => {
    expect(equal(applyRecovery(file.growing, await recover(file.growing)), file.finished)).toBe(true);
  });

  it('rebuilds an index with sound, key frames inside of fragments and pictures out of order', async () => {
    const reordered = await encodeMedia({ seconds: 2, size: '64x48', bFrames: 2, keyFrameInterval: 7 });
    for (const audioCodec of ['opus', 'aac'] as const) {
      const { audio, audioSamples } = await encodeMedia({ seconds: 2, size: '64x48', audioCodec });
      const written = writeMp4({ ...reordered, audio, audioSamples }, 0.9);
      expect(equal(applyRecovery(written.growing, await recover(written.growing)), written.finished)).toBe(true);
    }
  });

  it('finds the picture formats again in the key frames', async () => {
    const sizes = await Promise.all(['64x48', '128x96'].map((size) => encodeMedia({ seconds: 1, size })));
    const [small, large] = sizes.map(({ videoSamples }) => ({
      format: videoFormat('h264', videoSamples[0]!.data)!,
      samples: videoSamples,
    }));
    const { format } = small!;
    const writer = new HybridMp4Writer({
      tracks: [{ ...format, kind: 'video', timescale: 90000 }],
      creationTime: CREATION_TIME,
    });
    const steps = [small!, large!, small!, large!].flatMap((part, index) =>
      part.samples.map((sample, position) => ({
        track: 0,
        sample: { ...sample, timestamp: sample.timestamp + index * 90000 },
        seconds: sample.timestamp / 90000 + index,
        ...(position === 0 ? { before: () => writer.setVideoFormat(0, part.format) } : {}),
      })),
    );
    const written = writeSteps(writer, steps, 0.7);
    const recovery = await recover(written.growing);
    expect(recovery.summary.tracks[0]).toMatchObject({ width: 128, height: 96 });
    expect(equal(applyRecovery(written.growing, recovery), written.finished)).toBe(true);
  });

  it('keeps every whole fragment of a file that was cut off at any byte', async () => {
    const samples = { videoSamples: media.videoSamples.slice(0, 9), audioSamples: media.audioSamples.slice(0, 18) };
    const small = writeMp4({ ...media, ...samples }, 0.1);
    expect(small.fragments).toHaveLength(4);
    // The first picture is late, the others a thirtieth of a second apart.
    const pictures = [0, 2, 5, 8, 9];
    for (let length = 0; length <= small.appended.byteLength; length++) {
      const bytes = small.appended.subarray(0, length);
      if (length < small.headerLength) {
        await expect(recover(bytes)).rejects.toMatchObject({ name: 'MediaError', code: 'container-malformed' });
        continue;
      }
      const { truncateTo, summary, finalization } = await recover(bytes);
      const whole = small.fragments.filter(({ offset, byteLength }) => offset + byteLength <= length);
      const fragmentsEnd = small.headerLength + whole.reduce((sum, fragment) => sum + fragment.byteLength, 0);
      expect(truncateTo).toBe(length === small.appended.byteLength ? length : fragmentsEnd);
      expect(summary.tracks[0]!.sampleCount).toBe(pictures[whole.length]);
      expect(finalization.patches).toHaveLength(1);
    }
  });

  it('makes files that decode to their end and are as long as what they hold', async () => {
    for (const share of [0.4, 0.6, 0.9]) {
      const length = Math.floor(file.headerLength + (file.growing.byteLength - file.headerLength) * share);
      const bytes = file.growing.subarray(0, length);
      const recovery = await recover(bytes);
      await withFile('recovered.mp4', applyRecovery(bytes, recovery), async (path) => {
        const { durationSeconds, streams } = await probe(path);
        const pictures = streams[0]!.packets;
        expect(pictures.map((packet) => packet.pts)).toEqual(
          media.videoSamples.slice(0, recovery.summary.tracks[0]!.sampleCount).map((sample) => sample.timestamp),
        );
        expect(durationSeconds).toBeCloseTo(recovery.summary.durationSeconds, 3);
        expect(await decode(path)).toBe(pictures.length);
      });
    }
  });

  it('finishes a finished file again that lost its end', async () => {
    const bytes = file.finished.subarray(0, file.finished.byteLength - 40);
    expect(equal(applyRecovery(bytes, await recover(bytes)), file.finished)).toBe(true);
    // Cut inside the last fragment, which has the last picture alone.
    const shorter = file.finished.subarray(0, file.growing.byteLength - 40);
    const recovered = applyRecovery(shorter, await recover(shorter));
    await withFile('shorter.mp4', recovered, async (path) => expect(await decode(path)).toBe(59));
  });

  it('cuts off what a power cut left instead of a fragment', async () => {
    for (const rest of [new Uint8Array(5000), new Uint8Array(3), Uint8Array.from({ length: 3000 }, (_, i) => i * 7)]) {
      const bytes = Buffer.concat([file.growing, rest]);
      const recovery = await recover(bytes);
      expect(recovery.truncateTo).toBe(file.growing.byteLength);
      expect(equal(applyRecovery(bytes, recovery), file.finished)).toBe(true);
    }
  });

  it('does not believe a fragment that claims four thousand million samples', async () => {
    for (const flags of [0x000001, 0x000201, 0x000f01]) {
      const bytes = Buffer.from(file.growing);
      const run = bytes.indexOf('trun');
      bytes.writeUInt32BE(flags, run + 4);
      bytes.writeUInt32BE(0xffffffff, run + 8);
      const { truncateTo, summary } = await recover(bytes);
      expect(truncateTo).toBe(file.headerLength);
      expect(summary.durationSeconds).toBe(0);
    }
  });

  it('refuses what is no hybrid MP4', async () => {
    await expect(recover(Buffer.from('not an MP4 at all'))).rejects.toMatchObject({ code: 'container-malformed' });
    // Without the box that would become the media data's header.
    const fragmented = Buffer.concat([file.growing.subarray(0, 36), file.growing.subarray(52)]);
    await expect(recover(fragmented)).rejects.toMatchObject({ code: 'container-unsupported' });
  });

  it('throws nothing but a MediaError at mutated files, and neither hangs nor eats memory', async () => {
    const mutation = fc.record({ at: fc.nat(), value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)) });
    const stages = fc.constantFrom('growing' as const, 'appended' as const, 'finished' as const);
    const places = fc.constantFrom('start' as const, 'end' as const, 'anywhere' as const);
    await fc.assert(
      fc.asyncProperty(
        stages,
        places,
        fc.array(mutation, { minLength: 1, maxLength: 8 }),
        async (stage, place, list) => {
          const bytes = Uint8Array.from(file[stage]);
          const { byteLength } = bytes;
          const reach = place === 'anywhere' ? byteLength : Math.min(3000, byteLength);
          for (const { at, value } of list) bytes[place === 'end' ? byteLength - 1 - (at % reach) : at % reach] = value;
          const readers = [
            async () => {
              const { truncateTo } = await recover(bytes);
              expect(truncateTo).toBeLessThanOrEqual(byteLength);
            },
            async () => void (await readMp4Summary(new MemoryFile(bytes).read, byteLength)),
            () => new Mp4FragmentIndex(new MemoryFile(bytes).read).update(byteLength),
          ];
          for (const read of readers) {
            try {
              await read();
            } catch (error) {
              if (!(error instanceof MediaError)) throw error;
            }
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});

describe('the summary of an MP4', () => {
  it('is the same while it grows and when it is finished', async () => {
    for (const stage of ['growing', 'appended', 'finished'] as const) {
      const bytes = file[stage];
      const summary = await readMp4Summary(new MemoryFile(bytes).read, bytes.byteLength);
      const [video, audio] = summary.tracks;
      expect(summary.finished).toBe(stage === 'finished');
      expect(video).toMatchObject({ kind: 'video', codec: 'h264', width: 64, height: 48, sampleCount: 60 });
      expect(video!.startSeconds).toBeCloseTo(4321 / 90000, 9);
      expect(video!.byteLength).toBe(media.videoSamples.reduce((sum, sample) => sum + sample.data.byteLength, 0));
      expect(Buffer.from(video!.description).equals(Buffer.from(media.video.description))).toBe(true);
      expect(audio).toMatchObject({ kind: 'audio', codec: 'opus', sampleRate: 48000, channels: 1, sampleCount: 100 });
      expect(audio).toMatchObject({ startSeconds: 0, durationSeconds: 2 });
      const last = media.videoSamples.at(-1)!;
      expect(summary.durationSeconds).toBeCloseTo((last.timestamp + last.duration) / 90000, 6);
    }
  });

  it('has the AudioSpecificConfig of AAC, and the largest of several sizes', async () => {
    const aac = await encodeMedia({ seconds: 1, size: '64x48', audioCodec: 'aac' });
    const writer = new HybridMp4Writer({ tracks: [aac.video, aac.audio], creationTime: CREATION_TIME });
    const steps = aac.videoSamples.map((sample, index) => ({
      ...{ track: 0, sample, seconds: sample.timestamp / 90000 },
      before: () => writer.setVideoFormat(0, { ...aac.video, width: index === 20 ? 640 : 64 }),
    }));
    // A track without a sample would be left out.
    const [sample] = aac.audioSamples;
    const { finished } = writeSteps(
      writer,
      [...steps, { track: 1, sample: sample!, seconds: 1, before: () => {} }],
      0.5,
    );
    const { tracks } = await readMp4Summary(new MemoryFile(finished).read, finished.byteLength);
    expect(tracks[0]).toMatchObject({ width: 640, height: 48 });
    expect(Buffer.from(tracks[1]!.description).equals(Buffer.from(aac.audio.description))).toBe(true);
  });

  it('reads what another program wrote', async () => {
    await withFile('in.mp4', file.finished, async (path) => {
      for (const flags of [[], ['-movflags', '+faststart'], ['-movflags', '+frag_keyframe+empty_moov']]) {
        const out = `${path}.out.mp4`;
        const { status } = spawnSync('ffmpeg', ['-y', '-v', 'error', '-i', path, '-c', 'copy', ...flags, out]);
        expect(status).toBe(0);
        const bytes = await readFile(out);
        const { tracks } = await readMp4Summary(new MemoryFile(bytes).read, bytes.byteLength);
        expect(tracks.map(({ codec, sampleCount }) => [codec, sampleCount])).toEqual([
          ['h264', 60],
          ['opus', 100],
        ]);
      }
    });
  });
});
