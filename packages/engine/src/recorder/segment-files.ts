import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RecorderEventName, RecorderEvents, SegmentSnapshot, StartRecordingOptions } from './contract.ts';
import { thisWriter, writeJournal } from './journal.ts';
import { salvageSegment } from './recovery.ts';
import { Segment, type SegmentLayout } from './segment.ts';
import { SpoolFile } from './spool-file.ts';

/** Told with a name and what belongs to it. */
export type Emit = (
  ...event: { [N in RecorderEventName]: [name: N, body: RecorderEvents[N]] }[RecorderEventName]
) => void;

/** The one file that a recording is to become, at a place that somebody else chose. */
export interface OnlyFile {
  /** Absolute. */
  readonly path: string;
  /** New and empty; closed when the recording ends. */
  readonly handle: FileHandle;
  /** The media became what the file cannot hold, and the recording ends. @param detail - what, for people */
  outgrown(detail: string): void;
}

export interface RecorderContext {
  readonly recordingsFolder: string;
  /**
   * Given: the recording is one MP4 file, always with a track of sound, and ends where another segment would begin. Its
   * journal is its owner's to keep.
   */
  readonly onlyFile?: OnlyFile;
  readonly syncMs: number;
  readonly emit: Emit;
  readonly logger: Logger;
  readonly newFileId: () => string;
  /** Monotonic milliseconds, the scale of frames' arrival times. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** The files of one recording: opens and finishes segments, keeps their journals, and tells of each. */
export class SegmentFiles {
  readonly #recording: StartRecordingOptions;
  readonly #context: RecorderContext;
  readonly #startedAt: number;
  readonly #finished: SegmentSnapshot[] = [];
  readonly #finishing = new Set<Promise<void>>();
  /** Journals are written one after another: an old note must not take the place of a newer one. */
  #journals: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(recording: StartRecordingOptions, context: RecorderContext) {
    this.#recording = recording;
    this.#context = context;
    this.#startedAt = context.wallClock();
  }

  /**
   * @param zeroMs - position in the recording of the segment's beginning
   * @param arrivalMs - when the media at that position arrived
   */
  open(layout: SegmentLayout, zeroMs: number, arrivalMs: number): Segment {
    const { recordingsFolder, onlyFile, newFileId, now, wallClock } = this.#context;
    const { recordingId } = this.#recording;
    const fileId = newFileId();
    const segmentIndex = this.#count;
    const segment = new Segment({
      place: (extension) => {
        if (onlyFile !== undefined) return { path: onlyFile.path, file: new SpoolFile(onlyFile.path, onlyFile.handle) };
        const path = join(recordingId, `${String(segmentIndex).padStart(4, '0')}-${fileId}.${extension}`);
        return { path, file: new SpoolFile(join(recordingsFolder, path)) };
      },
      recordingId,
      fileId,
      segmentIndex,
      layout,
      zeroMs,
      startedAt: Math.round(wallClock() - Math.max(0, now() - arrivalMs)),
    });
    this.#count += 1;
    const snapshot = segment.snapshot();
    void this.#note(snapshot, false);
    this.#context.emit('segment-opened', { segment: snapshot });
    return segment;
  }

  /** Notes how a growing segment stands, and tells of it. */
  progress(segment: Segment): void {
    const snapshot = segment.snapshot();
    void this.#note(snapshot, false);
    this.#context.emit('segment-progress', { segment: snapshot });
  }

  /** Finishes a segment's file, beside all else. */
  finish(segment: Segment): void {
    const work = this.#finishFile(segment)
      .then((snapshot) => {
        this.#finished.push(snapshot);
        this.#context.emit('segment-closed', { segment: snapshot });
      })
      .catch((error: unknown) =>
        this.#context.logger.error({ err: error, path: segment.path }, 'segment could not be finished'),
      );
    this.#finishing.add(work);
    void work.finally(() => this.#finishing.delete(work));
  }

  /** All segments, oldest first, once each is finished. */
  async allFinished(): Promise<SegmentSnapshot[]> {
    await Promise.all(this.#finishing);
    return this.#finished.sort((a, b) => a.segmentIndex - b.segmentIndex);
  }

  async #finishFile(segment: Segment): Promise<SegmentSnapshot> {
    try {
      await segment.finish();
      await segment.file.close();
      const snapshot = segment.snapshot();
      await this.#note(snapshot, true);
      return snapshot;
    } catch (error) {
      this.#context.logger.error({ err: error, path: segment.path }, 'segment is finished with what it has');
      await segment.file.close();
      return salvageSegment(this.#context.recordingsFolder, segment.snapshot());
    }
  }

  #note(segment: SegmentSnapshot, closed: boolean): Promise<void> {
    if (this.#context.onlyFile !== undefined) return this.#journals;
    const journal = {
      version: 1,
      recording: this.#recording,
      recordingStartedAt: this.#startedAt,
      segment,
      closed,
    } as const;
    this.#journals = this.#journals
      .then(async () => writeJournal(this.#context.recordingsFolder, { ...journal, ...(await thisWriter()) }))
      .catch((error: unknown) => this.#context.logger.warn({ err: error }, 'journal could not be written'));
    return this.#journals;
  }
}
