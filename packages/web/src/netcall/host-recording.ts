import type { Recording } from '@aircheck/protocol';
import { AircheckError, type Room } from '../core/index.ts';

/** A recording begins with both, sound and picture, where both come within this time: else it would be in two files. */
const waitForOtherMs = 3_000;

/**
 * The server recording of a live host (`liveEnable`, `rtmpUrl`, `rtmpRecord: true`): what the host sends, from the first
 * sound and picture to leaving. The server ends it by itself when the host leaves, also when its page crashes.
 */
export class HostRecording {
  readonly #room: Room;
  readonly #video: boolean;
  readonly #failed: (error: unknown) => void;
  #state: 'waiting' | 'starting' | 'started' = 'waiting';
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
    room.on('local-track-added', () => this.#look());
    room.on('recording', ({ recordingId, state }) => {
      // It ends by itself when nothing was sent for a minute; what is sent later begins another file.
      if (recordingId !== this.#recordingId || (state !== 'ready' && state !== 'failed')) return;
      this.#state = 'waiting';
      this.#look();
    });
    room.on('closed', () => clearTimeout(this.#timer));
    this.#look();
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
      this.#state = 'waiting';
      if (this.#room.state !== 'closed') this.#failed(error);
    }
  }

  #liveOne(): Recording | undefined {
    const { self, recordings } = this.#room;
    return recordings.find(({ userId, state }) => userId === self.userId && state !== 'ready' && state !== 'failed');
  }
}
