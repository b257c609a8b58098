import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HybridMp4Writer, opusHead } from '@aircheck/media';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { UnfinishedFiles } from '../src/room/index.ts';
import { folderForTest } from './room-fixture.ts';

/** What a crash leaves of a second of sound. */
function cutOff(): Buffer {
  const head = opusHead({ channels: 2, preSkip: 0, inputSampleRate: 48_000 });
  const writer = new HybridMp4Writer({
    tracks: [{ kind: 'audio', codec: 'opus', timescale: 48_000, channels: 2, sampleRate: 48_000, description: head }],
    creationTime: 0,
  });
  const chunks: Uint8Array[] = [writer.header()];
  for (let packet = 0; packet < 50; packet++) {
    writer.addSample(0, { data: new Uint8Array(20), timestamp: 960 * packet, duration: 960, keyFrame: true });
  }
  chunks.push(...writer.cutFragment()!.chunks);
  return Buffer.concat(chunks);
}

async function crashed(bytes = cutOff()) {
  const disk = join(folderForTest(), 'disk');
  mkdirSync(disk);
  const path = join(disk, 'a.mp4');
  const notes = join(folderForTest(), 'notes');
  const unfinished = new UnfinishedFiles(notes, pino({ level: 'silent' }));
  const handle = await unfinished.create({ id: '1', path, startedAt: 0 });
  await handle.writeFile(bytes);
  await handle.close();
  return { disk, path, finishAll: () => unfinished.finishAll(), notes: () => readdirSync(notes) };
}

it('a file whose disk is away is finished when it is back', async () => {
  const { disk, path, finishAll, notes } = await crashed();
  renameSync(disk, `${disk} away`);
  expect(await finishAll()).toEqual([]);
  // What a disk is mounted at is there without it, too.
  mkdirSync(disk);
  expect(await finishAll()).toEqual([]);
  expect(notes()).toHaveLength(1);
  rmdirSync(disk);
  renameSync(`${disk} away`, disk);
  expect(await finishAll()).toMatchObject([{ path, durationMs: 1000 }]);
  expect(notes()).toEqual([]);
});

it('a file that the user has removed is forgotten', async () => {
  const { path, finishAll, notes } = await crashed();
  rmSync(path);
  expect(await finishAll()).toEqual([]);
  expect(notes()).toEqual([]);
});

it('a file without a whole fragment is removed', async () => {
  for (const length of [0, 20, 60]) {
    const { disk, finishAll, notes } = await crashed(cutOff().subarray(0, length));
    expect(await finishAll()).toEqual([]);
    expect([notes(), readdirSync(disk)]).toEqual([[], []]);
  }
});

it.each([
  ['another file at its path', true, cutOff()],
  [
    'what others have written into it',
    false,
    Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free'),
  ],
])('%s is not touched', async (_, replaced, bytes) => {
  const { path, finishAll, notes } = await crashed();
  if (replaced) rmSync(path);
  writeFileSync(path, bytes);
  expect(await finishAll()).toEqual([]);
  expect(readFileSync(path)).toEqual(bytes);
  expect(notes()).toEqual([]);
});
