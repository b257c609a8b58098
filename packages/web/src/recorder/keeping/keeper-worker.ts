import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { FACTS_FILE, type FinishedFacts, mediaFileName, RESERVE_FILE, type RecordingFacts } from '../facts.ts';
import { finishFile } from '../worker/finish-file.ts';
import { openFile, type SyncAccessHandle, writeText } from '../worker/private-file.ts';
import type { KeeperAnswer, KeeperRequest } from './keeper-messages.ts';
import { recordingFolder, UPLOAD_NOTE_FILE } from './storage.ts';

/** Read at once, in bytes. */
const HASH_STEP = 2 ** 20;
/** A tab that has just gone may hold its file for that long, in milliseconds. */
const RELEASE_MS = 10_000;
const RELEASE_STEP_MS = 50;

/** One task a worker. */
self.onmessage = async ({ data }: MessageEvent<KeeperRequest>) => {
  const answer = await run(data).then(
    (result): KeeperAnswer => ({ result }),
    (error: Error): KeeperAnswer => ({ error: { name: error.name, message: error.message } }),
  );
  self.postMessage(answer);
};

function run(request: KeeperRequest): Promise<FinishedFacts | string | undefined> {
  switch (request.task) {
    case 'finish':
      return finish(request.input);
    case 'hash':
      return hash(request.input.file);
    case 'note': {
      const { id, note } = request.input;
      return writeJson(id, UPLOAD_NOTE_FILE, note);
    }
  }
}

async function finish(facts: RecordingFacts): Promise<FinishedFacts> {
  const { id, container } = facts;
  const finished = await withFile(id, mediaFileName(container), async (file, folder) => {
    // It was kept for just this.
    await whenReleased(() => folder.removeEntry(RESERVE_FILE)).catch(ignoreMissing);
    return finishFile(file, container);
  });
  const all: FinishedFacts = { ...finished, reason: 'recovered' };
  if (finished.durationMs > 0) await writeJson(id, FACTS_FILE, { ...facts, finished: all });
  return all;
}

function ignoreMissing(error: Error): void {
  if (error.name !== 'NotFoundError') throw error;
}

async function hash(file: File): Promise<string> {
  const digest = sha256.create();
  for (let offset = 0; offset < file.size; offset += HASH_STEP) {
    digest.update(new Uint8Array(await file.slice(offset, offset + HASH_STEP).arrayBuffer()));
  }
  return bytesToHex(digest.digest());
}

async function writeJson(id: string, name: string, content: unknown): Promise<undefined> {
  await withFile(id, name, (file) => writeText(file, content === undefined ? '' : JSON.stringify(content)));
}

/** Does something with a file of a recording that nobody else may touch meanwhile. */
async function withFile<Result>(
  id: string,
  name: string,
  action: (file: SyncAccessHandle, folder: FileSystemDirectoryHandle) => Result | Promise<Result>,
): Promise<Result> {
  const folder = await recordingFolder(id);
  if (folder === undefined) throw new DOMException(`There is no recording ${id}`, 'NotFoundError');
  const file = await whenReleased(() => openFile(folder, name));
  try {
    return await action(file, folder);
  } finally {
    file.close();
  }
}

/** Tries again while somebody still has the file. */
async function whenReleased<Result>(action: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + RELEASE_MS;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if ((error as DOMException).name !== 'NoModificationAllowedError' || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, RELEASE_STEP_MS));
    }
  }
}
