import { join } from 'node:path';
import { counterBreaks, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { expect, test } from 'vitest';
import { doWork, newFolder, SMALL, sourceOf, writeRecording } from './clips.ts';

const SPEC = {
  container: 'mp4',
  video: { codec: 'h264', bitrateBps: 600_000 },
  audio: { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 },
} as const;

test('a recording becomes H.264 and AAC with every picture, in sync', async () => {
  const recording = join(await newFolder(), 'recording.mp4');
  await writeRecording(recording, SMALL);
  const { folder, result, percents } = await doWork('transcode', { source: sourceOf(recording), spec: SPEC });
  const content = await readRecording(join(folder, result.files[0]!.name));
  console.log(
    content.streams,
    content.durationMs,
    content.errors,
    content.flashesMs,
    content.beepsMs,
    percents.length,
    result.files[0],
  );
  expect(content.errors).toEqual([]);
  expect(counterBreaks(content)).toEqual([]);
  expect(content.pictures).toHaveLength(75);
  expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);
});
