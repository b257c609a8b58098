import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import { type Journal, listJournals, removeJournal, writersGone } from '@aircheck/engine/recorder';
import { MediaError } from '@aircheck/media';
import { AircheckError, type EndReason, FileName, type RecordingState } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { RecordingRow } from '../db/index.ts';
import type { AssetOwner, Library } from '../library/index.ts';
import { ownerOf, type RecordingStore, type StateChanges } from './recording-store.ts';

/** Makes a file that was cut off whole again, and says what is in it; throws when there is nothing to play in it. */
export type RecoverSegment = (recordingsFolder: string, segment: SegmentSnapshot) => Promise<SegmentSnapshot>;

interface RecordingRecoveryOptions {
  readonly store: RecordingStore;
  readonly library: Library;
  readonly recordingsFolder: string;
  readonly recoverSegment: RecoverSegment;
  readonly transition: (row: RecordingRow, to: RecordingState, changes?: StateChanges) => Promise<boolean>;
  readonly finish: (row: RecordingRow, reason: EndReason) => Promise<void>;
  readonly logger: Logger;
}

/** A recording whose writer is gone, with the journals of its unfinished files. */
export interface Remains {
  readonly recordingId: string;
  readonly journals: readonly Journal[];
}

/** Finishes recordings whose media worker, or whose whole server, was killed. */
export class RecordingRecovery {
  readonly #options: RecordingRecoveryOptions;

  constructor(options: RecordingRecoveryOptions) {
    this.#options = options;
  }

  /** What is left of these recordings, or of all that the database or the disk knows as unfinished. */
  async find(recordingIds: readonly string[] | undefined): Promise<Remains[]> {
    const { store, recordingsFolder, logger } = this.#options;
    const rows = await store.unfinished(recordingIds);
    const listed = async () => {
      const { journals, unreadable } = await listJournals(recordingsFolder);
      if (unreadable.length > 0) logger.warn({ unreadable }, 'journals that cannot be read are left alone');
      return journals.filter(({ recording }) => recordingIds?.includes(recording.recordingId) ?? true);
    };
    // The workers of a killed server may still be finishing their files, which also changes the journals.
    await writersGone(await listed());
    const remains = new Map<string, Journal[]>(rows.map((row) => [row.recording_id, []]));
    for (const journal of await listed()) {
      const { recordingId } = journal.recording;
      const found = remains.get(recordingId);
      if (found === undefined) remains.set(recordingId, [journal]);
      else found.push(journal);
    }
    return [...remains].map(([recordingId, found]) => ({ recordingId, journals: found }));
  }

  /** Finishes the files of one recording and then itself. A file that the disk does not give is tried again next time. */
  async finish({ recordingId, journals }: Remains): Promise<void> {
    const { store, library, logger } = this.#options;
    try {
      const [journal] = journals;
      if (journal !== undefined && (await store.row(recordingId)) === undefined) await store.insert(rowOf(journal));
      const row = await store.requireRow(recordingId);
      await this.#options.transition(row, 'interrupted');
      await library.interrupt(recordingId);

      const files = (await library.ofRecordings([recordingId])).get(recordingId) ?? [];
      const done = new Set(files.filter(({ asset }) => asset.state === 'ready').map(({ asset }) => asset.fileId));
      const owner = ownerOf(row);
      for (const { segment, closed } of journals) {
        if (!done.has(segment.fileId)) await this.#finishFile(owner, segment, closed);
        done.add(segment.fileId);
        await removeJournal(this.#options.recordingsFolder, segment.fileId);
      }
      for (const { asset, path } of files) {
        if (done.has(asset.fileId) || asset.state !== 'interrupted') continue;
        const { startedAt, ...rest } = asset;
        await this.#finishFile(owner, { ...rest, recordingId, path, startedAt: Date.parse(startedAt) }, false);
      }
      await this.#options.finish(row, 'interrupted');
    } catch (error) {
      logger.error({ err: error, recordingId }, 'a recording cannot be recovered now; the next start tries again');
    }
  }

  async #finishFile(owner: AssetOwner, known: SegmentSnapshot, closed: boolean): Promise<void> {
    const { library, recordingsFolder, logger } = this.#options;
    if (closed) return library.save(owner, known, 'ready');
    try {
      const segment = await this.#options.recoverSegment(recordingsFolder, known);
      await library.save(owner, segment, 'ready');
      logger.info({ fileId: segment.fileId, durationMs: segment.durationMs }, 'file recovered');
    } catch (error) {
      if (!isBeyondRecovery(error)) throw error;
      // Cut off before there was anything to play.
      await library.save(owner, known, 'failed');
      logger.warn({ err: error, fileId: known.fileId }, 'there is nothing to recover in a file');
    }
  }
}

/** Whether the file is missing or has nothing whole in it, as against a fault of the disk that may be gone next time. */
function isBeyondRecovery(error: unknown): boolean {
  if (error instanceof MediaError) return true;
  const cause = error instanceof AircheckError ? error.cause : error;
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** The row of a recording that the database has lost; tags and class were known to it alone. */
function rowOf({ recording, recordingStartedAt }: Journal): RecordingRow {
  return {
    recording_id: recording.recordingId,
    app_id: recording.appId,
    room_id: recording.roomId,
    user_id: recording.userId,
    source: recording.source,
    media: recording.media,
    file_name: FileName.parse(recording.fileName),
    tags: '[]',
    class_id: 0,
    segment_seconds: Math.round(recording.segmentMs / 1000),
    idle_seconds: Math.round(recording.idleMs / 1000),
    state: 'interrupted',
    end_reason: null,
    detail: null,
    created_at: Math.round(recordingStartedAt),
    started_at: Math.round(recordingStartedAt),
    ended_at: null,
    process: null,
  };
}
