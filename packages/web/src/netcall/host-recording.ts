import type { EndReason, Recording } from '@aircheck/protocol';
import { AircheckError, isFinal, type Room } from '../core/index.ts';

/** A recording begins with both, sound and picture, where both come within this time: else it would be in two files. */
const waitForOtherMs = 3_000;
/** How often is looked whether media flows again. */
const lookForMediaMs = 1_000;

/** Ends that somebody wanted: nothing is recorded after them. */
const wanted: readonly (EndReason | null)[] = ['stopped', 'left', 'room-closed'];
/** Ends that a new start would meet again, unless something else is sent. */
const lasting: readonly (EndReason | null)[] = ['storage-full', 'storage-failed'];

/**
 * The server recording of a live host (`liveEnable`, `rtmpUrl`, `rtmpRecord: true`): what the host sends, from the first
 * sound and picture to leaving. The server ends it by itself when the host leaves, also when its page crashes. What comes
 * after a silence or a restart of the server begins another file; after a stop by whoever it was, nothing does.
 */
export class HostRecording {
  readonly #room: Room;
  readonly #video: boolean;
  readonly #failed: (error: unknown) => void;
  /** `silent`: until media flows again; `over`: for good. */
  #state: 'waiting' | 'starting' | 'started' | 'silent' | 'over' = 'waiting';
  #recordingId: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param video - the channel has pictures
   * @param failed - the server refused to record
   */
  constructor(room: Room, video: boolean, failed: (error: unknown) => void) {
    this.#room = room;
    this.#video = video;
    this.#failed = failed;
    room.on('local-track-added', () => {
      if (this.#state === 'silent') this.#state = 'waiting';
      this.#look();
    });
    room.on('recording', (recording) => this.#heard(recording));
    room.on('closed', () => {
      this.#state = 'over';
      clearTimeout(this.#timer);
    });
    this.#look();
  }

  #heard({ recordingId, state, endReason }: Recording): void {
    if (recordingId !== this.#recordingId || this.#state !== 'started' || !isFinal(state)) return;
    if (wanted.includes(endReason)) this.#state = 'over';
    else if (lasting.includes(endReason)) this.#state = 'waiting';
    else {
      this.#state = 'silent';
      void this.#untilMedia();
    }
  }

  /** Rates are averages since the last look: the first one may be of what was sent before the silence. */
  async #untilMedia(first = true): Promise<void> {
    const { sent } = await this.#room.statistics().catch(() => ({ sent: new Map<unknown, { bitrateBps: number }>() }));
    if (this.#state !== 'silent') return;
    const flows = this.#room.state === 'connected' && [...sent.values()].some(({ bitrateBps }) => bitrateBps > 0);
    if (flows && !first) {
      this.#state = 'waiting';
      this.#look();
    } else {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#untilMedia(false), lookForMediaMs);
    }
  }

  #look(): void {
    if (this.#state !== 'waiting' || this.#room.state === 'closed') return;
    clearTimeout(this.#timer);
    const { localTracks } = this.#room;
    if (localTracks.length === 0) return;
    const sound = localTracks.some(({ kind }) => kind === 'audio');
    const picture = localTracks.some(({ kind }) => kind === 'video');
    if (sound && (picture || !this.#video)) void this.#start();
    else this.#timer = setTimeout(() => void this.#start(), waitForOtherMs);
  }

  async #start(): Promise<void> {
    const { localTracks } = this.#room;
    if (this.#state !== 'waiting' || localTracks.length === 0) return;
    this.#state = 'starting';
    const pictures = localTracks.filter(({ kind }) => kind === 'video').map(({ source }) => source);
    try {
      const { recordingId } = await this.#room.startRecording({
        fileName: `${this.#room.self.userId}-${this.#room.roomId}`,
        source: pictures.includes('screen') && !pictures.includes('camera') ? 'screen' : 'camera',
        media: this.#video ? 'av' : 'audio',
      });
      this.#recordingId = recordingId;
      this.#state = 'started';
    } catch (error) {
      // The page was loaded anew, or somebody else began it: the host is recorded.
      const live = this.#liveOne();
      if (live !== undefined && error instanceof AircheckError && error.code === 'recording-exists') {
        this.#recordingId = live.recordingId;
        this.#state = 'started';
        return;
      }
      if (this.#room.state === 'closed') return;
      this.#state = 'waiting';
      this.#failed(error);
    }
  }

  #liveOne(): Recording | undefined {
    const { self, recordings } = this.#room;
    return recordings.find(({ userId, state }) => userId === self.userId && !isFinal(state));
  }
}
