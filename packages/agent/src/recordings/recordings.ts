import { dirname } from 'node:path';
import {
  AGENT_SILENCE_MS,
  type AgentNotice,
  type AgentRequest,
  type AgentResults,
  type AgentWelcome,
  AircheckError,
  type AudioRecordClose,
  type AudioRecordStart,
  type EndReason,
  type Mp4Close,
  type Mp4Start,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { PageService } from '../door/index.ts';
import { MixRecording } from '../mix/index.ts';
import { decidePath, type PathSystem } from '../paths/index.ts';
import type { RecordedFile, UnfinishedFiles } from '../room/index.ts';
import type { Settings } from '../settings/index.ts';
import { version } from '../version.ts';
import { closeNotice, type NoticeFacts, startNotice } from './notices.ts';
import { type JoinedRoom, type JoinRoom, SharedRooms } from './shared-rooms.ts';

const PROGRESS_MS = 1000;

type StartRequest = Extract<AgentRequest, { type: 'record-mp4-start' | 'record-aac-start' }>;
type RecordRequest = Extract<AgentRequest, { type: `record-${string}` }>;

export interface RecordingsOptions {
  readonly settings: Pick<Settings, 'folders'>;
  readonly join: JoinRoom;
  readonly system: PathSystem;
  readonly unfinished: UnfinishedFiles;
  readonly logger: Logger;
  /** Tells the pages of an origin. Answers false when none is there. */
  readonly notify: (origin: string, notice: AgentNotice) => boolean;
  /** Something began, grew or ended. */
  readonly onChanged: () => void;
  readonly newId: () => string;
  /** Monotonic milliseconds, the scale of frames' arrival times. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** A file that is being written. */
interface Recording {
  readonly id: string;
  readonly startedAt: number;
  readonly ended: Promise<RecordedFile>;
  progress(): { readonly durationMs: number; readonly sizeBytes: number };
  stop(): Promise<RecordedFile>;
}

export interface Running extends NoticeFacts {
  readonly origin: string;
  readonly recording: Recording;
  /** Resolves once the file is finished and the room given back. */
  readonly closed: Promise<Mp4Close | AudioRecordClose>;
}

/** A recording that a page asked for, and that has not begun. */
interface Starting {
  readonly origin: string;
  readonly begun: Promise<unknown>;
  /** Who asked for it may not record any more, or is gone. */
  isGivenUp: boolean;
  /** Whether the room is joined: from now on there may be a file. */
  isJoined: boolean;
}

/** All that the agent records: one file for an account and one for the mix, in each call of each page's origin. */
export class Recordings implements PageService {
  readonly #options: RecordingsOptions;
  readonly #rooms: SharedRooms;
  /** By what may run but once. */
  readonly #running = new Map<string, Running>();
  readonly #starting = new Map<string, Starting>();
  readonly #graces = new Map<string, NodeJS.Timeout>();
  /** Closings that no page was there to hear of. */
  readonly #unheard = new Map<string, AgentNotice[]>();
  #progressTimer: NodeJS.Timeout | undefined;

  constructor(options: RecordingsOptions) {
    this.#options = options;
    this.#rooms = new SharedRooms(options.join);
  }

  get running(): readonly Running[] {
    return [...this.#running.values()];
  }

  welcome(origin: string): AgentWelcome {
    return {
      agentVersion: version,
      platform: process.platform,
      folders: [...this.#options.settings.folders],
      recordings: this.running
        .filter((one) => one.origin === origin)
        .map(({ id, kind, roomId, account, file, recording }) => ({
          recordingId: id,
          kind,
          roomId,
          account,
          file,
          startedAt: recording.startedAt,
        })),
    };
  }

  async record(origin: string, request: RecordRequest): Promise<AgentResults[RecordRequest['type']]> {
    const account = 'account' in request ? request.account : '';
    const key = JSON.stringify([origin, request.roomId, account]);
    if (request.type === 'record-mp4-stop' || request.type === 'record-aac-stop') {
      const running = this.#running.get(key);
      if (running === undefined) {
        const what = account === '' ? 'everybody together' : account;
        throw new AircheckError('recording-not-found', `${what} is not being recorded in ${request.roomId}`);
      }
      await running.recording.stop();
      return running.closed;
    }
    if (this.#running.has(key) || this.#starting.has(key)) {
      throw new AircheckError('recording-exists', `${account === '' ? 'The mix' : account} is being recorded already`);
    }
    const begun = Promise.withResolvers<void>();
    const starting: Starting = { origin, begun: begun.promise, isGivenUp: false, isJoined: false };
    this.#starting.set(key, starting);
    try {
      return await this.#start(starting, key, request);
    } finally {
      this.#starting.delete(key);
      begun.resolve();
    }
  }

  async renew(origin: string, { serverUrl, token, roomId }: Extract<AgentRequest, { type: 'renew' }>): Promise<void> {
    if (await this.#rooms.renew(origin, { serverUrl, token, roomId })) return;
    throw new AircheckError('recording-not-found', `Nothing is being recorded in ${roomId} for this user`);
  }

  async #start(starting: Starting, key: string, request: StartRequest): Promise<Mp4Start | AudioRecordStart> {
    const { settings, system, logger } = this.#options;
    const { origin } = starting;
    const kind = request.type === 'record-mp4-start' ? 'mp4' : 'aac';
    const path = await decidePath(request.path, kind, settings.folders, system);
    const { serverUrl, token, roomId } = request;
    const { room, leave } = await this.#rooms.enter(origin, { serverUrl, token, roomId });
    let callLost = false;
    const roomClosed = (_reason: EndReason, error: AircheckError | undefined) => {
      callLost = error !== undefined;
    };
    room.on('closed', roomClosed);
    try {
      if (starting.isGivenUp) {
        throw new AircheckError('agent-not-paired', 'Nobody was left to record for when the room had been joined');
      }
      starting.isJoined = true;
      const recording = await this.#begin(room, request, path);
      const { id } = recording;
      const account = request.type === 'record-mp4-start' ? request.account : '';
      const facts = { kind, id, roomId, account, file: path } as const;
      const closed = recording.ended.then((file) => {
        room.off('closed', roomClosed);
        return this.#ended(key, { ...facts, callLost }, origin, file, leave);
      });
      this.#running.set(key, { ...facts, origin, recording, closed });
      this.#progressTimer ??= setInterval(() => this.#tellProgress(), PROGRESS_MS);
      const notice = startNotice(facts, recording.startedAt);
      logger.info({ origin, account, path }, 'recording');
      this.#options.notify(origin, notice);
      this.#options.onChanged();
      return notice;
    } catch (error) {
      room.off('closed', roomClosed);
      await leave();
      throw error;
    }
  }

  async #begin(room: JoinedRoom, request: StartRequest, path: string): Promise<Recording> {
    const { unfinished, logger, newId, now, wallClock } = this.#options;
    if (request.type === 'record-aac-start') {
      return MixRecording.start({ id: newId(), path, room, unfinished, logger, now, wallClock });
    }
    const { account: userId, source, media } = request;
    return room.recordMp4({ userId, path, source, media });
  }

  async #ended(
    key: string,
    facts: NoticeFacts & { readonly callLost: boolean },
    origin: string,
    file: RecordedFile,
    leave: () => Promise<void>,
  ): Promise<Mp4Close | AudioRecordClose> {
    const { notify, onChanged, logger } = this.#options;
    this.#running.delete(key);
    if (this.#running.size === 0) {
      clearInterval(this.#progressTimer);
      this.#progressTimer = undefined;
    }
    const notice = closeNotice(facts, file, facts.callLost);
    const { path, reason, durationMs, sizeBytes, detail } = file;
    logger.info({ origin, path, reason, durationMs, sizeBytes, ...(detail !== undefined && { detail }) }, 'closed');
    if (!notify(origin, notice)) this.#unheard.set(origin, [...(this.#unheard.get(origin) ?? []), notice]);
    onChanged();
    await leave().catch((error: unknown) => logger.warn({ err: error }, 'the room was not left orderly'));
    return notice;
  }

  #tellProgress(): void {
    const { notify, system, onChanged } = this.#options;
    for (const { origin, id, file, recording } of this.running) {
      void system.freeBytes(dirname(file)).then((freeBytes) => {
        // Ended while the disk was asked: nothing follows the notice of that.
        if (!this.running.some((one) => one.id === id)) return;
        notify(origin, { type: 'progress', id, ...recording.progress(), freeBytes: freeBytes ?? null });
      });
    }
    onChanged();
  }

  /** A page of the origin is there: what runs goes on, and it hears what ended meanwhile. */
  pageCame(origin: string): void {
    clearTimeout(this.#graces.get(origin));
    this.#graces.delete(origin);
    const unheard = this.#unheard.get(origin) ?? [];
    this.#unheard.delete(origin);
    // After the answer that lets the page in.
    setImmediate(() => {
      for (const notice of unheard) this.#options.notify(origin, notice);
    });
  }

  /** The last page of the origin went: a reload brings it back, a closed tab does not. */
  pagesGone(origin: string): void {
    clearTimeout(this.#graces.get(origin));
    const end = () => {
      this.#graces.delete(origin);
      void this.#endOf(origin).then(() => this.#unheard.delete(origin));
    };
    this.#graces.set(origin, setTimeout(end, AGENT_SILENCE_MS));
  }

  unpaired(origin: string): void {
    void this.#endOf(origin);
  }

  /** Ends all of an origin, or of all of them; also what is just being started. */
  async #endOf(origin?: string): Promise<void> {
    const isMeant = (one: { readonly origin: string }) => origin === undefined || one.origin === origin;
    const stop = async ({ recording, closed }: Running) => {
      await recording.stop();
      await closed;
    };
    const startings = [...this.#starting].filter(([, one]) => isMeant(one));
    await Promise.all([
      ...this.running.filter(isMeant).map(stop),
      ...startings.map(async ([key, starting]) => {
        starting.isGivenUp = true;
        // A room that does not let in is not waited for: there is no file yet.
        if (!starting.isJoined) return;
        await starting.begun;
        const running = this.#running.get(key);
        if (running !== undefined) await stop(running);
      }),
    ]);
  }

  /** Finishes all files and leaves all rooms. */
  async close(): Promise<void> {
    for (const timer of this.#graces.values()) clearTimeout(timer);
    this.#graces.clear();
    await this.#endOf();
  }
}
