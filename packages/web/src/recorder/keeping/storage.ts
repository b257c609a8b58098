import { FACTS_FILE, mediaFileName, RECORDINGS_FOLDER, type RecordingFacts } from '../facts.ts';
import type { Container } from '../start-options.ts';

/** Beside a recording's file: how far its upload has come. */
export const UPLOAD_NOTE_FILE = 'upload.json';

/** What is left of an upload when its tab is gone: enough to go on with it. */
export interface UploadNote {
  /** The server that has it, as in {@link RestClient.baseUrl}. */
  readonly baseUrl: string;
  readonly uploadId: string;
}

/** How much of what the browser gives to this origin is used, and how much it can take more. */
export interface StorageSpace {
  readonly usedBytes: number;
  readonly freeBytes: number;
}

export async function storageSpace(): Promise<StorageSpace> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { usedBytes: usage, freeBytes: Math.max(0, quota - usage) };
}

/** The folder of all recordings; undefined when nothing was ever recorded. */
export function recordingsFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  return missingAsUndefined(async () => {
    const root = await navigator.storage.getDirectory();
    return root.getDirectoryHandle(RECORDINGS_FOLDER);
  });
}

/** A recording's folder; undefined when there is none. */
export function recordingFolder(id: string): Promise<FileSystemDirectoryHandle | undefined> {
  return missingAsUndefined(async () => (await recordingsFolder())?.getDirectoryHandle(id));
}

export function mediaFile(
  folder: FileSystemDirectoryHandle,
  container: Container,
): Promise<FileSystemFileHandle | undefined> {
  return missingAsUndefined(() => folder.getFileHandle(mediaFileName(container)));
}

/**
 * What is known of a recording. Where a crash left no facts that can be read, the file is worth more than they are: it gets
 * what can be told without them.
 * @returns undefined when the folder holds no recording
 */
export async function readFacts(folder: FileSystemDirectoryHandle): Promise<RecordingFacts | undefined> {
  const facts = await readJson<RecordingFacts>(folder, FACTS_FILE);
  if (facts?.version === 1) return facts;
  for (const container of ['mp4', 'm4a', 'webm'] as const) {
    const file = await (await mediaFile(folder, container))?.getFile();
    if (file === undefined) continue;
    return {
      version: 1,
      id: folder.name,
      fileName: folder.name,
      container,
      mimeType: container === 'm4a' ? 'audio/mp4' : `video/${container}`,
      roomId: '',
      startedAt: file.lastModified,
      writtenBy: 'aircheck',
    };
  }
  return undefined;
}

export function readUploadNote(folder: FileSystemDirectoryHandle): Promise<UploadNote | undefined> {
  return readJson<UploadNote>(folder, UPLOAD_NOTE_FILE);
}

/** @returns undefined when it is not there or was cut off */
async function readJson<Content>(folder: FileSystemDirectoryHandle, name: string): Promise<Content | undefined> {
  const file = await missingAsUndefined(async () => (await folder.getFileHandle(name)).getFile());
  if (file === undefined) return undefined;
  try {
    return JSON.parse(await file.text()) as Content;
  } catch {
    return undefined;
  }
}

async function missingAsUndefined<Found>(find: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await find();
  } catch (error) {
    if ((error as DOMException).name === 'NotFoundError') return undefined;
    throw error;
  }
}
