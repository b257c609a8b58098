import { AircheckError } from '@aircheck/protocol/errors';
import type { Room } from '../core/index.ts';
import {
  encodesAac,
  hasPrivateFiles,
  hasWebCodecs,
  type RecorderCapabilities,
  recorderCapabilities,
} from './capabilities.ts';
import { builtInMimeType, keepSoundFlowing } from './capture/index.ts';
import { ClientRecording } from './client-recording.ts';
import type { Keeper } from './keeper.ts';
import { RecordingKeeper } from './keeping/index.ts';
import { onceSpaceIsLow } from './low-space.ts';
import { type Container, planRecording, type RecordingPlan, type StartOptions } from './start-options.ts';
import type { StoredRecording } from './stored-recording.ts';

export interface BrowserRecorderOptions {
  /** Milliseconds since 1970; the browser's when absent. */
  readonly clock?: () => number;
  /**
   * Is called once for each recording when the browser says that less than 512 MiB are left of what it gives to this origin.
   * Chromium never says so (https://chromestatus.com/feature/4977371751645184).
   */
  readonly onStorageLow?: (recording: ClientRecording, freeBytes: number) => void;
}

/**
 * Records in the browser: one participant of a room, the sound of all, or any tracks. Files grow in the origin's private
 * file system, so that memory stays flat and a crash costs a second at most.
 *
 * ```ts
 * const recorder = new BrowserRecorder(room);
 * const recording = await recorder.start({ source: { userId: 'ann' }, fileName: 'Ann' });
 * const stored = await recording.stop();
 * await stored.save();
 * ```
 */
export class BrowserRecorder {
  readonly #room: Room;
  readonly #options: BrowserRecorderOptions;
  readonly #keeper: Keeper;
  readonly #recordings = new Set<ClientRecording>();
  /** What is being started or recorded, so that nothing is recorded twice. */
  readonly #taken = new Set<string>();

  constructor(room: Room, options: BrowserRecorderOptions = {}) {
    this.#room = room;
    this.#options = options;
    this.#keeper = new RecordingKeeper({ api: room.api });
    keepSoundFlowing(room);
  }

  /** What this browser can do. */
  static capabilities(): Promise<RecorderCapabilities> {
    return recorderCapabilities();
  }

  /** What is recorded in this page now. */
  get recordings(): readonly ClientRecording[] {
    return [...this.#recordings];
  }

  /**
   * Begins a recording; resolves when its first half second is on the disk.
   * @throws AircheckError `participant-not-found`, `track-not-found` when there is nothing to record, `recording-exists`
   * when the same is being recorded, `storage-full`, `codec-unsupported`, `browser-unsupported`, `file-name-missing`,
   * `request-invalid`
   */
  async start(options: StartOptions): Promise<ClientRecording> {
    const plan = planRecording(options, await encodesAac());
    await this.#requireTracks(plan);
    requireStorage();
    const key = recordedKey(plan);
    if (key !== undefined && this.#taken.has(key)) {
      throw new AircheckError('recording-exists', 'This is being recorded in this page already', { input: 'source' });
    }
    if (key !== undefined) this.#taken.add(key);
    // Without it a browser that runs out of space may delete what is recorded here. It may refuse; that is no failure.
    void navigator.storage.persist?.();
    try {
      const { upload = false } = options;
      const recording = await ClientRecording.start({
        id: crypto.randomUUID(),
        room: this.#room,
        plan,
        startedAt: (this.#options.clock ?? Date.now)(),
        keeper: this.#keeper,
        builtInMimeType: hasWebCodecs() ? undefined : requireBuiltIn(plan.container),
        upload: upload === true ? {} : upload === false ? undefined : upload,
      });
      this.#watch(recording, key);
      return recording;
    } catch (error) {
      if (key !== undefined) this.#taken.delete(key);
      throw error;
    }
  }

  /** What closed or crashed tabs left, and what was recorded and not removed, newest first; made whole if it was not. */
  listRecoverable(): Promise<StoredRecording[]> {
    return this.#keeper.listRecoverable();
  }

  #watch(recording: ClientRecording, key: string | undefined): void {
    this.#recordings.add(recording);
    recording.on(
      'progress',
      onceSpaceIsLow((freeBytes) => this.#options.onStorageLow?.(recording, freeBytes)),
    );
    recording.on('state', (state) => {
      if (state !== 'stopped' && state !== 'failed') return;
      this.#recordings.delete(recording);
      if (key !== undefined) this.#taken.delete(key);
    });
  }

  /** Subscribes to what is to be recorded and is not received yet. */
  async #requireTracks({ source, recordingSource }: RecordingPlan): Promise<void> {
    if (!('userId' in source) || source.userId === this.#room.self.userId) return;
    const participant = this.#room.participants.find(({ userId }) => userId === source.userId);
    if (participant === undefined) {
      throw new AircheckError('participant-not-found', `${source.userId} is not in the room`, {
        input: 'source.userId',
      });
    }
    const wanted = participant.tracks.filter((track) => track.kind === 'audio' || track.source === recordingSource);
    if (wanted.length === 0) {
      throw new AircheckError('track-not-found', `${source.userId} sends neither picture nor sound`, {
        input: 'source.userId',
      });
    }
    const received = new Set(this.#room.remoteTracks.map(({ trackId }) => trackId));
    const missing = wanted.filter(({ trackId }) => !received.has(trackId));
    await Promise.all(missing.map(({ trackId }) => this.#room.subscribe(trackId, true)));
  }
}

/** Names what is recorded; undefined for the page's own tracks, of which it knows what it does. */
function recordedKey({ source, recordingSource, container }: RecordingPlan): string | undefined {
  if ('mix' in source) return 'mix';
  return 'userId' in source ? `${source.userId} ${recordingSource} ${container}` : undefined;
}

function requireBuiltIn(container: Container): string {
  const mimeType = builtInMimeType(container);
  if (mimeType !== undefined) return mimeType;
  throw new AircheckError('codec-unsupported', `This browser does not record ${container}`, { input: 'container' });
}

function requireStorage(): void {
  if (hasPrivateFiles()) return;
  throw new AircheckError('browser-unsupported', 'This browser keeps no files for this page', {
    hint: 'Serve the page over HTTPS',
  });
}
