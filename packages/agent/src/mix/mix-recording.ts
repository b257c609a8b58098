import { type FileHandle, rm } from 'node:fs/promises';
import type { ReceivedTrack } from '@aircheck/engine/receiving';
import { SpoolFile } from '@aircheck/engine/recorder';
import { HybridMp4Writer } from '@aircheck/media';
import { AircheckError, type EndReason } from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { FileEndReason, RecordedFile, RoomViewer, UnfinishedFiles } from '../room/index.ts';
import { AAC_FRAME, AacEncoder } from './aac-encoder.ts';
import { finishCutOff } from './finish-cut-off.ts';
import { MIX_CHANNELS, MIX_RATE, SoundMixer } from './sound-mixer.ts';
import { Voice } from './voice.ts';

const TICK_MS = 100;
/** A fragment so often: what a kill may cost, with what the mix waits for. */
const FRAGMENT_MS = 500;
const SYNC_MS = 1000;
/** The mix stays so far behind: packets come through several hands and may be asked for again. */
const BEHIND_MS = 300;
/** A voice that stalls is waited for up to here; what it sends for times before is lost. A kill costs as much. */
const PATIENCE_MS = 1000;
/** Given out at once, where a step came late: a computer that was busy need not have room for all of it. */
const STEP_MS = 5000;
/** A computer that slept for longer is no longer in the room: the server has given its viewer up. */
const ASLEEP_MS = 60_000;
/** Music too sounds as it was sent. */
const BITRATE_BPS = 128_000;

/** The room's side of a mix. */
export type MixedRoom = Pick<RoomViewer, 'state' | 'participants' | 'mediaOf' | 'receive' | 'on' | 'off'>;

interface MixRecordingOptions {
  readonly id: string;
  /** Absolute; must not exist. */
  readonly path: string;
  readonly room: MixedRoom;
  readonly unfinished: UnfinishedFiles;
  readonly logger: Logger;
  /** Monotonic milliseconds, the scale of frames' arrival times. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/**
 * Everybody's sound in one M4A file, whoever comes and goes. The file grows in fragments and is whole whatever moment the
 * process ends at.
 */
export class MixRecording {
  readonly id: string;
  readonly path: string;
  /** Milliseconds since 1970 of the file's zero. */
  readonly startedAt: number;
  /** Resolves when the file is finished, whoever ended it; never rejects. */
  readonly ended: Promise<RecordedFile>;
  readonly #options: MixRecordingOptions;
  readonly #zeroMs: number;
  readonly #mixer = new SoundMixer();
  readonly #voices = new Map<ReceivedTrack, Voice>();
  readonly #watches = new Map<string, () => void>();
  readonly #endings: (() => void)[] = [];
  readonly #encoder: AacEncoder;
  readonly #file: SpoolFile;
  readonly #begun = Promise.withResolvers<void>();
  readonly #end = Promise.withResolvers<RecordedFile>();
  #writer: HybridMp4Writer | undefined;
  #writtenFrames = 0;
  #lastCutMs: number;
  #lastSyncMs: number;
  #lastTickMs: number;
  #stopping: Promise<RecordedFile> | undefined;

  /**
   * Begins a mix; resolves when its file is on the disk.
   * @throws AircheckError `file-exists`, `path-forbidden`, `storage-full`, `storage-failed`; `session-not-found` when the
   *   call ends before
   */
  static async start(options: MixRecordingOptions): Promise<MixRecording> {
    const { id, path, unfinished, wallClock } = options;
    const handle = await unfinished.create({ id, path, startedAt: wallClock() });
    const recording = new MixRecording(options, handle);
    try {
      await recording.#begun.promise;
    } catch (error) {
      await recording.#stop('storage-failed');
      // Nothing that anybody was told of: the path is free for another try.
      await rm(path, { force: true });
      await unfinished.done(id);
      throw error;
    }
    return recording;
  }

  private constructor(options: MixRecordingOptions, handle: FileHandle) {
    this.#options = options;
    this.id = options.id;
    this.path = options.path;
    this.startedAt = options.wallClock();
    this.#zeroMs = this.#lastCutMs = this.#lastSyncMs = this.#lastTickMs = options.now();
    this.ended = this.#end.promise;
    this.#file = new SpoolFile(options.path, handle);
    this.#encoder = new AacEncoder({
      bitrateBps: BITRATE_BPS,
      onDescription: (description) => this.#open(description),
      onUnit: (unit) => this.#write(unit),
      onFailed: (error) => this.#fail(error),
    });
    const { room } = options;
    this.#endings.push(
      room.receive((_userId, track) => track.kind === 'audio'),
      () => room.off('participants', this.#selectVoices).off('closed', this.#roomClosed),
    );
    room.on('participants', this.#selectVoices).on('closed', this.#roomClosed);
    const timer = setInterval(() => this.#tick(), TICK_MS);
    this.#endings.push(() => clearInterval(timer));
    this.#selectVoices();
    // While the file was made the call may have ended.
    if (room.state === 'closed') void this.#stop('left');
  }

  /** As it stands now. */
  progress(): { readonly durationMs: number; readonly sizeBytes: number } {
    return { durationMs: (this.#writtenFrames * 1000) / MIX_RATE, sizeBytes: this.#file.writtenBytes };
  }

  /** Ends it; may be called twice. */
  stop(): Promise<RecordedFile> {
    return this.#stop('stopped');
  }

  readonly #roomClosed = (reason: EndReason): void => void this.#stop(reason);

  /** Takes those in who came, and lets those go who left. */
  readonly #selectVoices = (): void => {
    const { room, logger } = this.#options;
    const present = new Set(room.participants.map(({ userId }) => userId));
    for (const userId of present) {
      if (this.#watches.has(userId)) continue;
      this.#watches.set(
        userId,
        room.mediaOf(userId).onTracksChanged(() => this.#selectVoices()),
      );
    }
    for (const [userId, stopWatching] of this.#watches) {
      if (present.has(userId)) continue;
      stopWatching();
      this.#watches.delete(userId);
    }
    const tracks = new Set([...present].flatMap((userId) => room.mediaOf(userId).tracks().filter(isVoice)));
    for (const [track, voice] of this.#voices) {
      if (tracks.has(track)) continue;
      voice.end();
      this.#voices.delete(track);
    }
    for (const track of tracks) {
      if (this.#voices.has(track)) continue;
      const failed = (error: unknown) =>
        logger.error({ err: error, trackId: track.trackId }, 'a voice stays out of the mix');
      this.#voices.set(track, new Voice(track, this.#mixer, this.#zeroMs, failed));
    }
  };

  #tick(): void {
    const now = this.#options.now();
    if (now - this.#lastTickMs > ASLEEP_MS) {
      void this.#stop('idle', 'the computer slept');
      return;
    }
    this.#lastTickMs = now;
    this.#giveOut(this.#horizonMs(now));
    if (now - this.#lastCutMs >= FRAGMENT_MS) {
      this.#lastCutMs = now;
      this.#cut();
    }
    if (now - this.#lastSyncMs >= SYNC_MS) {
      this.#lastSyncMs = now;
      void this.#file.sync();
    }
    const { error } = this.#file;
    if (error !== undefined) {
      this.#begun.reject(error);
      void this.#stop(error.code === 'storage-full' ? 'storage-full' : 'storage-failed', error.message);
    }
  }

  /** Gives the mix out up to a time, or one step of it. @returns whether that was all */
  #giveOut(untilMs: number): boolean {
    const until = this.#positionAt(untilMs);
    const step = Math.min(until, this.#mixer.position + (STEP_MS * MIX_RATE) / 1000);
    this.#encoder.add(this.#mixer.take(step));
    return step === until;
  }

  /** Up to when the mix is complete: every voice that lately spoke has been heard, or has been waited for long enough. */
  #horizonMs(now: number): number {
    let horizonMs = now - BEHIND_MS;
    for (const voice of this.#voices.values()) {
      const { endPosition } = voice;
      if (endPosition === undefined || now - voice.lastArrivalMs > PATIENCE_MS) continue;
      horizonMs = Math.min(horizonMs, this.#zeroMs + (endPosition * 1000) / MIX_RATE);
    }
    return Math.max(horizonMs, now - PATIENCE_MS);
  }

  #positionAt(timeMs: number): number {
    return Math.max(0, Math.floor(((timeMs - this.#zeroMs) * MIX_RATE) / 1000));
  }

  #open(description: Uint8Array): void {
    if (this.#writer !== undefined) return;
    this.#writer = new HybridMp4Writer({
      tracks: [
        { kind: 'audio', codec: 'aac', timescale: MIX_RATE, sampleRate: MIX_RATE, channels: MIX_CHANNELS, description },
      ],
      creationTime: this.startedAt,
    });
    this.#file.append([this.#writer.header()]);
  }

  #write(unit: Uint8Array): void {
    this.#writer?.addSample(0, { data: unit, timestamp: this.#writtenFrames, duration: AAC_FRAME, keyFrame: true });
    this.#writtenFrames += AAC_FRAME;
  }

  #cut(): void {
    const fragment = this.#writer?.cutFragment();
    if (fragment === undefined) return;
    this.#file.append(fragment.chunks);
    this.#file.flush().then(this.#begun.resolve, this.#begun.reject);
  }

  #fail(error: unknown): void {
    this.#options.logger.error({ err: error, path: this.path }, 'the mix failed');
    this.#begun.reject(error);
    void this.#stop('storage-failed', error instanceof Error ? error.message : String(error));
  }

  #stop(reason: FileEndReason, detail?: string): Promise<RecordedFile> {
    this.#stopping ??= this.#finish(reason, detail).then((file) => {
      this.#end.resolve(file);
      return file;
    });
    return this.#stopping;
  }

  async #finish(reason: FileEndReason, detail: string | undefined): Promise<RecordedFile> {
    const { unfinished, logger, now } = this.#options;
    // Whoever waits for the beginning; of no effect when it has begun.
    this.#begun.reject(new AircheckError('session-not-found', 'The call is over'));
    for (const end of [...this.#endings, ...this.#watches.values()]) end();
    for (const voice of this.#voices.values()) voice.end();
    // Of a time in which the computer slept there is nothing to be heard.
    const nowMs = now();
    const endMs = nowMs - this.#lastTickMs > ASLEEP_MS ? this.#lastTickMs : nowMs;
    while (!this.#giveOut(endMs));
    let problem = detail;
    let extent = this.progress();
    try {
      await this.#encoder.finish();
      if (this.#writer !== undefined) await this.#file.finalize(this.#writer.finalize());
      await this.#file.close();
      extent = this.progress();
      await unfinished.done(this.id);
    } catch (error) {
      problem ??= error instanceof Error ? error.message : String(error);
      await this.#file.close();
      try {
        extent = await finishCutOff(this.path);
        await unfinished.done(this.id);
      } catch (cutOff) {
        // What is on the disk plays, and the next start tries again.
        logger.error({ err: cutOff, path: this.path }, 'the mix could not be finished');
      }
    }
    return {
      reason,
      path: this.path,
      startedAt: this.startedAt,
      ...extent,
      ...(problem !== undefined && { detail: problem }),
    };
  }
}

function isVoice(track: ReceivedTrack): boolean {
  return track.kind === 'audio' && track.codec === 'opus';
}
