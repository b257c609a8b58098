import { AircheckError } from '@aircheck/protocol/errors';
import { type RecordingFacts, recordingLockName } from '../facts.ts';
import type { GrowingRecording, Keeper } from '../keeper.ts';
import type { StoredRecording, Upload, UploadOptions } from '../stored-recording.ts';
import { GrowingSource, RecordingUpload } from '../upload/index.ts';
import { KeptRecording, type Uploader, uploadApi } from './kept-recording.ts';
import { storageError } from './run-task.ts';
import { mediaFile, readFacts, recordingFolder, recordingsFolder } from './storage.ts';

/** A file that is no larger holds a header at most. */
const HEADER_BYTES = 4096;

/** Keeps recordings in the origin's private file system, and sends them into the library. */
export class RecordingKeeper implements Keeper {
  readonly #uploader: Uploader | undefined;

  /** @param uploader - without it, recordings can be saved, but not uploaded unless `upload` names a server */
  constructor(uploader?: Uploader) {
    this.#uploader = uploader;
  }

  /**
   * What closed or crashed tabs left, and what was recorded and not removed, newest first; not what is being written now,
   * here or in another tab. Files without their end are made whole.
   * @throws AircheckError `storage-failed`
   */
  async listRecoverable(): Promise<StoredRecording[]> {
    const recordings: KeptRecording[] = [];
    try {
      const all = await recordingsFolder();
      if (all === undefined) return [];
      const { held = [], pending = [] } = await navigator.locks.query();
      const locked = new Set([...held, ...pending].map(({ name }) => name));
      for await (const entry of all.values()) {
        if (entry.kind !== 'directory' || locked.has(recordingLockName(entry.name))) continue;
        const recording = await this.#read(entry as FileSystemDirectoryHandle);
        if (recording !== undefined && (await madeWhole(recording))) recordings.push(recording);
      }
    } catch (error) {
      throw storageError(error as Error);
    }
    return recordings.sort((a, b) => b.startedAt - a.startedAt);
  }

  async open(id: string): Promise<StoredRecording> {
    const folder = await recordingFolder(id).catch((error) => {
      throw storageError(error);
    });
    const recording = folder && (await this.#read(folder));
    if (recording === undefined) {
      throw new AircheckError('recording-not-found', `There is no recording ${id} in this browser`, { input: 'id' });
    }
    await recording.finish();
    return recording;
  }

  /** @internal */
  uploadGrowing(recording: GrowingRecording, options: UploadOptions): Upload {
    const { facts, finished } = recording;
    return new RecordingUpload({
      facts,
      source: new GrowingSource(recording),
      api: uploadApi(options, this.#uploader),
      options,
      recording: finished,
    });
  }

  async #read(folder: FileSystemDirectoryHandle): Promise<KeptRecording | undefined> {
    const facts: RecordingFacts | undefined = await readFacts(folder);
    const file = facts && (await (await mediaFile(folder, facts.container))?.getFile());
    return file && new KeptRecording({ ...facts, id: folder.name }, file.size, this.#uploader);
  }
}

/** @returns false when there is nothing in it, or somebody has just begun to write it */
async function madeWhole(recording: KeptRecording): Promise<boolean> {
  try {
    await recording.finish();
  } catch (error) {
    const { code } = error as AircheckError;
    if (code === 'recording-state' || code === 'recording-not-found') return false;
    // It can be played up to its last fragment, whatever keeps it from getting its end: a full disk for instance.
    return recording.sizeBytes > 0;
  }
  if (recording.durationMs > 0 || recording.sizeBytes > HEADER_BYTES) return true;
  // The tab went before the first half second was written.
  await recording.remove();
  return false;
}
