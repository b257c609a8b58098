import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import { removeJournal } from '@aircheck/engine/recorder';
import {
  AircheckError,
  type AssetState,
  type EndReason,
  type ErrorCode,
  type Participant,
  type Recording,
  type RecordingList,
  type RecordingProcess,
  type RecordingState,
  type RoomType,
  type ServerNotification,
  StartRecordingRequest,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import { listedFor, type Principal, requireRecording, requireSight } from '../apps/index.ts';
import type { Clock } from '../clock.ts';
import type { Database, RecordingRow } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { Library } from '../library/index.ts';
import { SerialTasks } from '../serial-tasks.ts';
import type { WorkerEvents } from '../worker/contract.ts';
import type { MediaWorkers } from '../worker/index.ts';
import { ProgressBatch } from './progress-batch.ts';
import { ownerOf, type RecordingFilter, RecordingStore, type StateChanges } from './recording-store.ts';
import { RecordingRecovery, type RecoverSegment } from './recovery.ts';
import { isFinal, isTaking } from './states.ts';

/** How long a stop waits for an end that others bring about (recovery, another stop), in milliseconds. */
const endTimeoutMs = 60_000;

/** How often, and how long after the former time in milliseconds, a step that the database refused is tried again. */
const stepAttempts = 600;
const stepRetryMs = 1000;

/** Bytes that a recording must find on the disk to begin: the first seconds. With less it would end as soon as it began. */
const startBytes = 256 * 1024;

/** States of a file that came to its end, wherever it has gone since. */
const wholeStates: readonly AssetState[] = ['ready', 'recycled', 'deleting'];

/** What recordings ask of the rooms. */
export interface RecordedRooms {
  type(appId: string, roomId: string): Promise<RoomType | undefined>;
  participant(appId: string, roomId: string, userId: string): Participant | undefined;
  broadcast(appId: string, roomId: string, notification: ServerNotification): void;
}

export interface RecordingsOptions {
  readonly db: Database;
  readonly library: Library;
  readonly outbox: Outbox;
  readonly workers: Pick<MediaWorkers, 'request' | 'on' | 'onWorkerLost'>;
  readonly rooms: RecordedRooms;
  readonly config: {
    readonly recordingsFolder: string;
    readonly segmentSeconds: number;
    readonly idleSeconds: number;
  };
  readonly recoverSegment: RecoverSegment;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface InWorker {
  /** The room, which is in one worker as a whole. */
  readonly roomKey: string;
  /** Files that are whole and in the library. The worker tells of them again when it stops; they may be deleted by then. */
  readonly saved: Set<string>;
}

/** The life of every recording, from the request to the finished files; the media workers do the recording itself. */
export class Recordings {
  readonly #options: RecordingsOptions;
  readonly #store: RecordingStore;
  readonly #recovery: RecordingRecovery;
  readonly #progress: ProgressBatch;
  /** Steps of one recording are taken one after another, in the order in which they were told. */
  readonly #steps = new SerialTasks();
  /** Recordings that a media worker has. */
  readonly #inWorker = new Map<string, InWorker>();
  readonly #endListeners = new Map<string, Set<() => void>>();
  readonly #unlisten: readonly (() => void)[];
  readonly #closing = new AbortController();

  constructor(options: RecordingsOptions) {
    this.#options = options;
    this.#store = new RecordingStore(options.db, options.library, options.outbox);
    this.#recovery = new RecordingRecovery({
      store: this.#store,
      library: options.library,
      recordingsFolder: options.config.recordingsFolder,
      recoverSegment: options.recoverSegment,
      transition: (row, to, changes) => this.#transition(row, to, changes),
      finish: (row, reason) => this.#finish(row, reason),
      logger: options.logger,
    });
    this.#progress = new ProgressBatch(
      (segments) => options.library.saveProgress(segments),
      (error) => options.logger.error({ err: error }, 'the progress of recordings cannot be written down'),
    );
    const { workers } = options;
    this.#unlisten = [
      workers.on('recording-state', (event) => this.#later(event.recordingId, () => this.#onState(event))),
      workers.on('segment-opened', ({ segment }) =>
        this.#later(segment.recordingId, () => this.#saveSegment(segment, 'recording')),
      ),
      workers.on('segment-progress', ({ segment }) => this.#progress.add(segment)),
      workers.on('segment-closed', ({ segment }) =>
        this.#later(segment.recordingId, () => this.#saveSegment(segment, 'ready')),
      ),
      workers.on('recording-ended', (event) => this.#later(event.recordingId, () => this.#onEnded(event))),
      workers.onWorkerLost((roomKeys) => this.#onWorkerLost(roomKeys)),
    ];
  }

  /**
   * Starts to record a participant.
   * @throws AircheckError `room-not-found`, `participant-not-found`, `track-not-found`, `room-pair`,
   *   `recording-exists`, `recording-forbidden`, `forbidden`, `storage-full`
   */
  async start(principal: Principal, roomId: string, input: StartRecordingRequest): Promise<Recording> {
    const request = StartRecordingRequest.parse(input);
    const { appId } = principal;
    requireRecording(principal, roomId, request.userId);
    await this.#requireMedia(appId, roomId, request);
    await this.#requireSpace();

    const { config, clock, workers } = this.#options;
    const row: RecordingRow = {
      recording_id: randomUUID(),
      app_id: appId,
      room_id: roomId,
      user_id: request.userId,
      source: request.source,
      media: request.media,
      file_name: request.fileName,
      tags: JSON.stringify(request.tags),
      // A class that is not there (any more) must not keep anybody from recording.
      class_id: await this.#options.library.classes.orDefault(appId, request.classId),
      segment_seconds: request.segmentSeconds ?? config.segmentSeconds,
      idle_seconds: request.idleSeconds ?? config.idleSeconds,
      state: 'starting',
      end_reason: null,
      detail: null,
      created_at: clock.now(),
      started_at: null,
      ended_at: null,
      process: Object.values(request.process ?? {}).includes(true) ? JSON.stringify(request.process) : null,
    };
    await this.#store.insert(row);
    const recordingId = row.recording_id;
    const roomKey = roomKeyOf(row);
    this.#inWorker.set(recordingId, { roomKey, saved: new Set() });
    try {
      await workers.request(roomKey, 'startRecording', {
        roomKey,
        recordingId,
        appId,
        roomId,
        userId: request.userId,
        source: request.source,
        media: request.media,
        fileName: request.fileName,
        segmentMs: row.segment_seconds * 1000,
        idleMs: row.idle_seconds * 1000,
      });
    } catch (error) {
      await this.#startFailed(row, error);
      throw error;
    }
    const recording = await this.#describe(recordingId);
    this.#tell(row.app_id, recording);
    return recording;
  }

  /**
   * Ends a recording and waits for its files. Of several at once the first one ends it, the others are told so.
   * @returns the recording in its final state
   * @throws AircheckError `recording-not-found`, `recording-stopped`, `forbidden`, `recording-forbidden`
   */
  async stop(principal: Principal, recordingId: string, reason: EndReason = 'stopped'): Promise<Recording> {
    const row = await this.#permitted(principal, recordingId);
    const mine = await this.#steps.run(recordingId, () => this.#transition(row, 'finalizing'));
    if (!mine) {
      await this.#ended(recordingId);
      throw new AircheckError('recording-stopped', `The recording ${recordingId} has been stopped already`);
    }
    try {
      const { segments } = await this.#options.workers.request(roomKeyOf(row), 'stopRecording', {
        recordingId,
        reason,
      });
      await this.#steps.run(recordingId, () => this.#finishWith(row, segments, reason));
    } catch (error) {
      // With the worker gone, recovery brings it to its end.
      if (isCode(error, 'recording-not-found')) await this.#finishForgotten(recordingId);
      else if (!isCode(error, 'worker-lost')) throw error;
    }
    await this.#ended(recordingId);
    return this.#describe(recordingId);
  }

  /** @throws AircheckError `recording-not-found`, `recording-state`, `forbidden`, `recording-forbidden` */
  pause(principal: Principal, recordingId: string): Promise<Recording> {
    return this.#change(principal, recordingId, 'pauseRecording', 'paused');
  }

  /** @throws AircheckError `recording-not-found`, `recording-state`, `forbidden`, `recording-forbidden` */
  resume(principal: Principal, recordingId: string): Promise<Recording> {
    return this.#change(principal, recordingId, 'resumeRecording', 'recording');
  }

  /** @throws AircheckError `recording-not-found`, `forbidden` for another room's */
  async get(principal: Principal, recordingId: string): Promise<Recording> {
    const row = await this.#store.requireRow(recordingId, principal.appId);
    requireSight(principal, { roomId: row.room_id, userId: row.user_id });
    return this.#describe(recordingId);
  }

  /** What players have to know of a recording. @throws AircheckError `recording-not-found` */
  async played(recordingId: string): Promise<{ readonly appId: string; readonly ended: boolean }> {
    const { app_id: appId, state } = await this.#store.requireRow(recordingId);
    return { appId, ended: isFinal(state as RecordingState) };
  }

  /** One page, newest first; a user sees its own room's, with a user token and without a room its own. */
  async list(principal: Principal, filter: RecordingFilter): Promise<RecordingList> {
    return this.#store.list(principal.appId, { ...filter, ...listedFor(principal, filter) });
  }

  /** What is to be made of the files of a recording. @param db - the transaction in which one became ready */
  processOf(recordingId: string, db: Database): Promise<RecordingProcess | undefined> {
    return this.#store.processOf(recordingId, db);
  }

  /** Recordings of rooms that have not ended, oldest first. */
  live(appId: string, roomIds: readonly string[]): Promise<Recording[]> {
    return this.#store.live(appId, roomIds);
  }

  /** Finishes all that an earlier run of the server left; to be called before media workers have recordings. */
  async recover(): Promise<void> {
    await this.#recover(undefined);
  }

  /** Writes down what the media workers told last; to be called after they have ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#progress.flush();
    await this.#steps.idle();
    for (const unlisten of this.#unlisten) unlisten();
  }

  /** The one place where a recording changes its state: in the database, and told to the room. */
  async #transition(row: RecordingRow, to: RecordingState, changes: StateChanges = {}): Promise<boolean> {
    const recording = await this.#store.move(row.recording_id, to, changes);
    if (recording === undefined) return false;
    const { recording_id: recordingId, app_id: appId } = row;
    this.#options.logger.info({ recordingId, state: to, ...changes }, 'recording');
    if (isFinal(to)) {
      this.#inWorker.delete(recordingId);
      for (const listener of this.#endListeners.get(recordingId) ?? []) listener();
    }
    this.#tell(appId, recording);
    return true;
  }

  async #finishWith(row: RecordingRow, segments: readonly SegmentSnapshot[], reason: EndReason): Promise<void> {
    for (const segment of segments) await this.#saveSegment(segment, 'ready');
    await this.#finish(row, reason);
  }

  /** Brings a recording whose files are finished to its final state. */
  async #finish(row: RecordingRow, reason: EndReason, detail?: string): Promise<void> {
    const { recording_id: recordingId } = row;
    // A file that its writer could not finish, as on a disk that fails for good, is recovered by the next start.
    await this.#options.library.interrupt(recordingId);
    const files = (await this.#options.library.ofRecordings([recordingId])).get(recordingId) ?? [];
    const whole = files.filter(({ asset }) => wholeStates.includes(asset.state));
    const last = whole.at(-1)?.asset.endedAt ?? null;
    // After a crash nobody knows when it ended but the file.
    const endedAt = reason === 'interrupted' && last !== null ? Date.parse(last) : this.#options.clock.now();
    // A file that has been deleted since was there all the same.
    const failed = whole.length === 0 && !this.#inWorker.get(recordingId)?.saved.size;
    const nothingCame = failed && reason !== 'storage-full' && reason !== 'storage-failed';
    await this.#transition(row, 'finalizing');
    await this.#transition(row, failed ? 'failed' : 'ready', {
      endedAt,
      endReason: nothingCame ? 'no-media' : reason,
      ...(detail !== undefined && { detail }),
    });
  }

  async #requireMedia(appId: string, roomId: string, request: { userId: string; source: string; media: string }) {
    const { rooms } = this.#options;
    const type = await rooms.type(appId, roomId);
    if (type === undefined) throw new AircheckError('room-not-found', `There is no room ${roomId}`);
    if (type === 'pair') throw new AircheckError('room-pair', `Room ${roomId} is a pair room, which is not recorded`);
    const { userId, source, media } = request;
    const participant = rooms.participant(appId, roomId, userId);
    if (participant === undefined) {
      throw new AircheckError('participant-not-found', `${userId} is not in room ${roomId}`, { input: 'body.userId' });
    }
    const published = participant.tracks.some((track) =>
      media === 'audio' ? track.kind === 'audio' : track.kind === 'video' && track.source === source,
    );
    if (!published) {
      throw new AircheckError('track-not-found', `${userId} publishes no ${media === 'audio' ? 'sound' : source}`, {
        hint: `Published now: ${participant.tracks.map((track) => track.source).join(', ') || 'nothing'}`,
      });
    }
  }

  async #requireSpace(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#options.config.recordingsFolder);
    if (bavail * bsize >= startBytes) return;
    throw new AircheckError('storage-full', 'The disk of the recordings has no room left', {
      hint: 'Delete files that are not needed any more, and empty the recycle bin',
    });
  }

  async #startFailed(row: RecordingRow, error: unknown): Promise<void> {
    const { recording_id: recordingId } = row;
    if (error instanceof AircheckError && error.fault === 'caller') {
      this.#inWorker.delete(recordingId);
      await this.#steps.run(recordingId, () => this.#store.delete(row, this.#options.clock.now(), error.message));
      return;
    }
    if (isCode(error, 'worker-lost')) return this.#recover([recordingId]);
    // Whether the worker began is not known: end it there, and keep what there is.
    try {
      const { segments } = await this.#options.workers.request(roomKeyOf(row), 'stopRecording', {
        recordingId,
        reason: 'interrupted',
      });
      await this.#steps.run(recordingId, () => this.#finishWith(row, segments, 'interrupted'));
    } catch (cause) {
      if (isCode(cause, 'recording-not-found')) await this.#finishForgotten(recordingId);
      else this.#options.logger.warn({ err: cause, recordingId }, 'cannot stop a recording whose start failed');
    }
  }

  async #permitted(principal: Principal, recordingId: string): Promise<RecordingRow> {
    const row = await this.#store.requireRow(recordingId, principal.appId);
    requireRecording(principal, row.room_id, row.user_id);
    return row;
  }

  async #change(
    principal: Principal,
    recordingId: string,
    request: 'pauseRecording' | 'resumeRecording',
    to: RecordingState,
  ): Promise<Recording> {
    const row = await this.#permitted(principal, recordingId);
    const from: RecordingState = to === 'paused' ? 'recording' : 'paused';
    const state = row.state as RecordingState;
    if (!isTaking(state) || state !== from) {
      throw new AircheckError('recording-state', `The recording is ${state}; that takes one that is ${from}`);
    }
    await this.#options.workers.request(roomKeyOf(row), request, { recordingId });
    await this.#steps.run(recordingId, () => this.#transition(row, to));
    return this.#describe(recordingId);
  }

  async #onState({ recordingId, state, at }: WorkerEvents['recording-state']): Promise<void> {
    const row = await this.#store.row(recordingId);
    if (row === undefined) return;
    if (state !== 'recording') await this.#transition(row, state);
    // Told of a while after the first frame: a stop may have come between.
    else if (!(await this.#transition(row, state, { startedAt: at }))) await this.#store.noteStart(recordingId, at);
  }

  async #onEnded({ recordingId, reason, detail }: WorkerEvents['recording-ended']): Promise<void> {
    const row = await this.#store.row(recordingId);
    if (row !== undefined) await this.#finish(row, reason, detail);
  }

  async #saveSegment(segment: SegmentSnapshot, state: 'recording' | 'ready'): Promise<void> {
    const row = await this.#store.row(segment.recordingId);
    if (row === undefined) return;
    const saved = this.#inWorker.get(segment.recordingId)?.saved;
    if (state === 'ready') this.#progress.drop(segment.fileId);
    if (!saved?.has(segment.fileId)) await this.#options.library.save(ownerOf(row), segment, state);
    if (state !== 'ready') return;
    saved?.add(segment.fileId);
    // From here on the database knows all that the journal does.
    await removeJournal(this.#options.config.recordingsFolder, segment.fileId);
  }

  #onWorkerLost(roomKeys: readonly string[]): void {
    const lost = new Set(roomKeys);
    const recordingIds = [...this.#inWorker].filter(([, { roomKey }]) => lost.has(roomKey)).map(([id]) => id);
    void this.#recover(recordingIds).catch((error: unknown) =>
      this.#options.logger.error({ err: error, recordingIds }, 'recordings of a lost worker cannot be recovered'),
    );
  }

  async #recover(recordingIds: readonly string[] | undefined): Promise<void> {
    await this.#progress.flush();
    const batch = await this.#recovery.find(recordingIds);
    await Promise.all(batch.map((item) => this.#steps.run(item.recordingId, () => this.#recovery.finish(item))));
  }

  /**
   * Finishes a recording that its worker knows nothing of (any more): what was told of its end could not be written down.
   * One whose files are being written is left to its writer.
   */
  async #finishForgotten(recordingId: string): Promise<void> {
    for (const remains of await this.#recovery.find([recordingId])) {
      if (remains.journals.some(({ closed }) => !closed)) continue;
      await this.#steps.run(recordingId, () => this.#recovery.finish(remains));
    }
  }

  /** Resolves when the recording is in its final state. */
  async #ended(recordingId: string): Promise<void> {
    const listeners = this.#endListeners.get(recordingId) ?? new Set();
    this.#endListeners.set(recordingId, listeners);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = globalThis.setTimeout(
      () => reject(new AircheckError('timeout', `The recording ${recordingId} does not come to its end`)),
      endTimeoutMs,
    );
    listeners.add(resolve);
    try {
      // It may have ended before anyone listened.
      if (!isFinal((await this.#store.requireRow(recordingId)).state as RecordingState)) await promise;
    } finally {
      clearTimeout(timer);
      listeners.delete(resolve);
      if (listeners.size === 0) this.#endListeners.delete(recordingId);
    }
  }

  #later(recordingId: string, step: () => Promise<void>): void {
    this.#steps
      .run(recordingId, () => this.#writeDown(recordingId, step))
      .catch((error: unknown) =>
        this.#options.logger.error({ err: error, recordingId }, 'a step of a recording cannot be written down'),
      );
  }

  /**
   * Takes a step that a worker told of. Nobody tells it again: where the database refuses it, as on a full disk, it is
   * tried again until the database has room or the server ends (recovery then finishes the recording).
   */
  async #writeDown(recordingId: string, step: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await step();
      } catch (error) {
        if (attempt >= stepAttempts || this.#closing.signal.aborted) throw error;
        if (attempt === 1)
          this.#options.logger.warn({ err: error, recordingId }, 'a step of a recording is tried again');
        // Closing ends the wait at once: the last attempt is made then.
        await setTimeout(stepRetryMs, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  async #describe(recordingId: string): Promise<Recording> {
    const [recording] = await this.#store.toRecordings([await this.#store.requireRow(recordingId)]);
    return recording!;
  }

  #tell(appId: string, recording: Recording): void {
    this.#options.rooms.broadcast(appId, recording.roomId, { type: 'recording', recording });
  }
}

function isCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof AircheckError && error.code === code;
}

function roomKeyOf(row: RecordingRow): string {
  return `${row.app_id}/${row.room_id}`;
}
