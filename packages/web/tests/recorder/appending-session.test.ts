import { HybridMp4Writer } from '@aircheck/media';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FACTS_FILE, mediaFileName, RESERVE_FILE } from '../../src/recorder/facts.ts';
import { AppendingSession } from '../../src/recorder/worker/appending-session.ts';
import type { FromWorker } from '../../src/recorder/worker-messages.ts';
import { MemoryHandle } from './memory-handle.ts';

const MiB = 1024 * 1024;
const HOUR_MS = 3600_000;

/** What browsers give to workers: files by name, in whatever folder. */
let files: Map<string, MemoryHandle>;
let quota: number;

beforeEach(() => {
  files = new Map();
  quota = 1024 * MiB;
  const folder = {
    getDirectoryHandle: async () => folder,
    getFileHandle: async (name: string) => {
      const file = files.get(name) ?? new MemoryHandle();
      files.set(name, file);
      return { createSyncAccessHandle: async () => file };
    },
    removeEntry: async (name: string) => void files.delete(name),
  };
  vi.stubGlobal('navigator', {
    storage: { getDirectory: async () => folder, estimate: async () => ({ quota, usage: 0 }) },
    locks: { request: async (_name: string, action: () => unknown) => action() },
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** A fragmented MP4 as browsers write them: without the room that our own writer leaves for a header. */
function fragmentedMp4(): Uint8Array<ArrayBuffer> {
  const description = Uint8Array.of(0, 2, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0);
  const sound = {
    kind: 'audio',
    codec: 'opus',
    timescale: 48_000,
    sampleRate: 48_000,
    channels: 2,
    description,
  } as const;
  const writer = new HybridMp4Writer({ tracks: [sound], creationTime: 0 });
  const header = writer.header();
  for (let packet = 0; packet < 250; packet++) {
    writer.addSample(0, { data: new Uint8Array(40), timestamp: packet * 960, duration: 960, keyFrame: true });
  }
  return Uint8Array.from(Buffer.concat([header.subarray(0, 36), header.subarray(52), ...writer.cutFragment()!.chunks]));
}

async function startSession() {
  const sent: FromWorker[] = [];
  const facts = {
    version: 1,
    id: 'r',
    fileName: 'Ann',
    container: 'mp4',
    roomId: 'room',
    startedAt: 0,
    writtenBy: 'media-recorder',
  } as const;
  const plan = { id: 'r', container: 'mp4', video: undefined, audio: undefined, facts, reserveBytes: MiB } as const;
  const session = new AppendingSession({ plan, mimeType: 'video/mp4', send: (message) => sent.push(message) });
  await session.start();
  return { session, ended: () => sent.find(({ type }) => type === 'ended') };
}

const savedFacts = () => JSON.parse(new TextDecoder().decode(files.get(FACTS_FILE)!.bytes));

it('keeps as much room as the index of what MediaRecorder has made will take, and ends when there is less', async () => {
  const { session, ended } = await startSession();
  const bytes = fragmentedMp4();
  await session.append(bytes, 2 * HOUR_MS);
  // Two hours of 30 pictures and 50 packets a second, 560 bytes a second.
  const indexBytes = 2 * 3600 * 560;
  expect(files.get(RESERVE_FILE)!.getSize()).toBeGreaterThan(indexBytes);
  expect(ended()).toBeUndefined();

  quota = indexBytes;
  await session.append(bytes.subarray(0, 0), 2 * HOUR_MS + 500);
  expect(ended()).toMatchObject({ reason: 'storage-full', durationMs: 5000, error: { code: 'storage-full' } });
  const sizeBytes = files.get(mediaFileName('mp4'))!.getSize();
  expect(sizeBytes).toBeGreaterThan(bytes.byteLength);
  expect(savedFacts().finished).toEqual({ durationMs: 5000, sizeBytes, reason: 'storage-full' });
  expect(files.has(RESERVE_FILE)).toBe(false);
});

it('gives the file out as it is where there is no room for its index', async () => {
  const { session, ended } = await startSession();
  const bytes = fragmentedMp4();
  await session.append(bytes, 5040);
  const media = files.get(mediaFileName('mp4'))!;
  media.room = bytes.byteLength + 100;
  await session.stop('stopped');
  const finished = { durationMs: 5040, sizeBytes: bytes.byteLength, reason: 'storage-full' };
  expect(ended()).toMatchObject({ ...finished, error: { code: 'storage-full' } });
  expect(savedFacts().finished).toEqual(finished);
  expect(Buffer.compare(media.bytes, bytes)).toBe(0);
});
