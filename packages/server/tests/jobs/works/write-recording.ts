import { writeFile } from 'node:fs/promises';
import { HybridMp4Writer, h264Format, joinLengthPrefixed, opusHead } from '@aircheck/media';
import { type ClipOptions, encodeClip, readClip } from '@aircheck/testkit';

const TICKS = 90_000;

/** Clips one behind another as a recording would hold them: H.264 and Opus in a hybrid MP4. */
export async function writeRecording(path: string, ...parts: readonly ClipOptions[]): Promise<void> {
  const clips = await Promise.all(parts.map(async (part) => readClip(await encodeClip(part))));
  const formats = clips.map(({ pictures }) => h264Format(joinLengthPrefixed(pictures[0]!.nalUnits))!);
  const writer = new HybridMp4Writer({
    creationTime: 0,
    tracks: [
      { kind: 'video', timescale: TICKS, ...formats[0]! },
      {
        kind: 'audio',
        codec: 'opus',
        timescale: 48_000,
        sampleRate: 48_000,
        channels: 2,
        description: opusHead({ channels: 2, preSkip: 0, inputSampleRate: 48_000 }),
      },
    ],
  });
  const chunks = [writer.header()];
  let pictureTime = 0;
  let soundTime = 0;
  for (const [index, { options, pictures, sounds }] of clips.entries()) {
    writer.setVideoFormat(0, formats[index]!);
    for (const { nalUnits, keyFrame } of pictures) {
      const duration = TICKS / options.framesPerSecond;
      writer.addSample(0, { data: joinLengthPrefixed(nalUnits), keyFrame, timestamp: pictureTime, duration });
      pictureTime += duration;
    }
    for (const data of sounds) {
      writer.addSample(1, { data, keyFrame: true, timestamp: soundTime, duration: 960 });
      soundTime += 960;
    }
    chunks.push(...(writer.cutFragment()?.chunks ?? []));
  }
  const { append, patches } = writer.finalize();
  const bytes = Buffer.concat([...chunks, ...append]);
  for (const { offset, data } of patches) bytes.set(data, offset);
  await writeFile(path, bytes);
}
