import { type FileHandle, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { newFileId } from '@aircheck/engine/file-id';
import type { ParticipantMedia } from '@aircheck/engine/receiving';
import { RecordingSession, type SegmentSnapshot } from '@aircheck/engine/recorder';
import type { EndReason, RecordingMedia, RecordingSource } from '@aircheck/protocol';
import type { AgentMedia } from './agent-media.ts';

/** How often a growing file is synced to the disk. */
const SYNC_MS = 2_000;
/** Never: a file ends when it is asked to, or with what it records. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

export interface RecordMp4Options {
  readonly userId: string;
  /** Absolute path; the file must not exist, its folder must. */
  readonly path: string;
  /** `camera` (with the microphone) when absent. */
  readonly source?: RecordingSource;
  /** `av` when absent. */
  readonly media?: RecordingMedia;
}

/** Why a file ended: as on the server, or since the stream became what one file cannot hold. */
export type FileEndReason = EndReason | 'format-changed';

/** A file that is finished. */
export interface RecordedFile {
  readonly reason: FileEndReason;
  readonly path: string;
  /** Milliseconds since 1970 at which the file was made. */
  readonly startedAt: number;
  /** 0 where nothing came: the file has been removed then. */
  readonly durationMs: number;
  readonly sizeBytes: number;
  /** For people, where something went wrong. */
  readonly detail?: string;
}

/** One account being recorded into one MP4 file. */
export class AgentRecording {
  readonly id: string;
  readonly userId: string;
  readonly source: RecordingSource;
  readonly path: string;
  /** Milliseconds since 1970 at which the file was made. */
  readonly startedAt: number;
  /** Resolves when the file is finished, whoever ended it; never rejects. */
  readonly ended: Promise<RecordedFile>;
  readonly #session: RecordingSession;
  readonly #handle: FileHandle;
  readonly #media: AgentMedia;
  readonly #finished = Promise.withResolvers<RecordedFile>();
  #outgrown: string | undefined;
  /** What was last heard of the file; undefined while it is empty. */
  #last: SegmentSnapshot | undefined;
  #whole = false;

  /**
   * Makes the file and begins to record into it.
   * @throws AircheckError as `UnfinishedFiles.create` does
   */
  static async start(
    options: RecordMp4Options & { readonly roomId: string },
    participant: ParticipantMedia,
    media: AgentMedia,
  ): Promise<AgentRecording> {
    const startedAt = Date.now();
    const id = newFileId(startedAt);
    const handle = await media.unfinished.create({ id, path: options.path, startedAt });
    return new AgentRecording({ ...options, id, startedAt }, handle, participant, media);
  }

  private constructor(
    options: RecordMp4Options & { readonly roomId: string; readonly id: string; readonly startedAt: number },
    handle: FileHandle,
    participant: ParticipantMedia,
    media: AgentMedia,
  ) {
    const { id, userId, roomId, path, source = 'camera', startedAt } = options;
    this.id = id;
    this.userId = userId;
    this.source = source;
    this.path = path;
    this.startedAt = startedAt;
    this.ended = this.#finished.promise;
    this.#handle = handle;
    this.#media = media;
    this.#session = new RecordingSession(
      {
        recordingId: id,
        appId: '',
        roomId,
        userId,
        source,
        media: options.media ?? 'av',
        fileName: path,
        segmentMs: NEVER_MS,
        idleMs: NEVER_MS,
      },
      participant,
      {
        recordingsFolder: dirname(path),
        onlyFile: {
          path,
          handle,
          outgrown: (detail) => {
            this.#outgrown = detail;
          },
        },
        syncMs: SYNC_MS,
        emit: (name, body) => {
          if ('segment' in body) this.#last = body.segment;
          if (name === 'segment-closed') this.#whole = true;
          if (name === 'recording-ended') void this.#end(body.reason, body.detail);
        },
        logger: media.logger,
        newFileId: () => id,
        now: () => performance.now(),
        wallClock: () => Date.now(),
      },
    );
  }

  /** As it stands now. */
  progress(): { readonly durationMs: number; readonly sizeBytes: number } {
    const { durationMs = 0, sizeBytes = 0 } = this.#session.current ?? this.#last ?? {};
    return { durationMs, sizeBytes };
  }

  /** To be called ten times a second. */
  tick(nowMs: number): void {
    this.#session.tick(nowMs);
  }

  /** Ends it; the first call decides the reason. */
  stop(reason: EndReason = 'stopped'): Promise<RecordedFile> {
    void this.#session.end(reason);
    return this.ended;
  }

  async #end(ended: EndReason, detail: string | undefined): Promise<void> {
    const { path, startedAt } = this;
    const problem = this.#outgrown ?? detail;
    try {
      await this.#handle.close();
      if (this.#last === undefined) await rm(path, { force: true });
      // What could not be finished is tried again at the next start.
      if (this.#last === undefined || this.#whole) await this.#media.unfinished.done(this.id);
    } catch (error) {
      this.#media.logger.warn({ err: error, path }, 'a file could not be put in order at its end');
    }
    this.#finished.resolve({
      reason: this.#outgrown === undefined ? ended : 'format-changed',
      path,
      startedAt,
      ...this.progress(),
      ...(problem !== undefined && { detail: problem }),
    });
  }
}
