import { mkdirSync } from 'node:fs';
import { AircheckError, type EndReason } from '@aircheck/protocol';
import type { Logger } from 'pino';
import { newFileId } from '../file-id.ts';
import type { ParticipantMedia } from '../receiving/index.ts';
import type { SegmentSnapshot, StartRecordingOptions } from './contract.ts';
import { journalFolder } from './journal.ts';
import { RecordingSession } from './recording-session.ts';
import type { Emit } from './segment-files.ts';

const TICK_MS = 100;
/** Ended recordings that are still remembered, so that a second stop gets the same answer. */
const REMEMBERED = 200;

interface RecorderOptions {
  readonly recordingsFolder: string;
  /** How often a growing file is synced to the disk. */
  readonly syncMs: number;
  readonly emit: Emit;
  readonly logger: Logger;
}

/** All recordings of one media worker. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #sessions = new Map<string, RecordingSession>();
  readonly #ended = new Map<string, Promise<SegmentSnapshot[]>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
    mkdirSync(journalFolder(options.recordingsFolder), { recursive: true });
  }

  /** Recordings that run. */
  get liveCount(): number {
    return this.#sessions.size;
  }

  /** @throws AircheckError `recording-exists` for an id in use */
  start(options: StartRecordingOptions, media: ParticipantMedia): void {
    if (this.#sessions.has(options.recordingId)) {
      throw new AircheckError('recording-exists', `recording ${options.recordingId} runs already`);
    }
    const session = new RecordingSession(options, media, {
      ...this.#options,
      newFileId: () => newFileId(),
      now: () => performance.now(),
      wallClock: () => Date.now(),
    });
    this.#sessions.set(options.recordingId, session);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  #tick(): void {
    const now = performance.now();
    for (const session of this.#sessions.values()) {
      session.tick(now);
      if (session.ended) void this.#forget(session, session.end('stopped'));
    }
  }

  async #forget(session: RecordingSession, end: Promise<SegmentSnapshot[]>): Promise<SegmentSnapshot[]> {
    const { recordingId } = session.options;
    this.#sessions.delete(recordingId);
    this.#ended.set(recordingId, end);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value!);
    if (this.#sessions.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    return end;
  }

  /**
   * Ends a recording.
   * @returns its segments once their files are finished; for an ended one what it ended with
   * @throws AircheckError `recording-not-found`
   */
  stop(recordingId: string, reason: EndReason): Promise<SegmentSnapshot[]> {
    const session = this.#sessions.get(recordingId);
    if (session !== undefined) return this.#forget(session, session.end(reason));
    const ended = this.#ended.get(recordingId);
    if (ended !== undefined) return ended;
    throw new AircheckError('recording-not-found', `recording ${recordingId} does not run here`);
  }

  /** @throws AircheckError `recording-not-found`, `recording-state` */
  pause(recordingId: string): void {
    if (!this.#running(recordingId).pause()) {
      throw new AircheckError('recording-state', `recording ${recordingId} is not running`);
    }
  }

  /** @throws AircheckError `recording-not-found`, `recording-state` */
  resume(recordingId: string): void {
    if (!this.#running(recordingId).resume()) {
      throw new AircheckError('recording-state', `recording ${recordingId} is not paused`);
    }
  }

  #running(recordingId: string): RecordingSession {
    const session = this.#sessions.get(recordingId);
    if (session === undefined) {
      throw new AircheckError('recording-not-found', `recording ${recordingId} does not run here`);
    }
    return session;
  }

  /** Ends the recordings of a participant, or of a whole room where no user is named. Resolves when all are finished. */
  async endOf(
    participant: { readonly appId: string; readonly roomId: string; readonly userId?: string },
    reason: EndReason,
  ): Promise<void> {
    const ends: Promise<unknown>[] = [];
    for (const { options } of this.#sessions.values()) {
      if (options.appId !== participant.appId || options.roomId !== participant.roomId) continue;
      if (participant.userId !== undefined && options.userId !== participant.userId) continue;
      ends.push(this.stop(options.recordingId, reason));
    }
    await Promise.all(ends);
  }

  /** Ends all recordings and waits for their files. */
  async drain(reason: EndReason = 'drained'): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((recordingId) => this.stop(recordingId, reason)));
  }
}
