import type { Capture } from './capture.ts';
import { type Receivers, watchLipSync } from './lip-sync.ts';
import { feedPictures, type PictureFeed, type Post } from './picture-feed.ts';
import type { RecordedTracks } from './recorded-tracks.ts';
import { createSoundFeed, type SoundFeed } from './sound-feed.ts';

/** Pictures wait so long at most until it is known where they belong beside their sound. */
const LIP_SYNC_MS = 500;

export interface TrackCaptureOptions {
  readonly video: boolean;
  readonly audio: boolean;
  /** Several tracks' sound at once. */
  readonly mix: boolean;
}

/** Brings pictures and samples to the worker, which encodes them. */
export class TrackCapture implements Capture {
  readonly #video: boolean;
  readonly #sound: SoundFeed | undefined;
  readonly #post: Post;
  #picture: MediaStreamTrack | undefined;
  #pictures: PictureFeed | undefined;
  #receivers: Receivers | undefined;
  #endLipSync: (() => void) | undefined;
  /** Resolves when it is known how much longer sound waits than pictures. */
  #synchronized: Promise<void> = Promise.resolve();

  static async create({ video, audio, mix }: TrackCaptureOptions, post: Post): Promise<TrackCapture> {
    return new TrackCapture(video, audio ? await createSoundFeed(mix, post) : undefined, post);
  }

  private constructor(video: boolean, sound: SoundFeed | undefined, post: Post) {
    this.#video = video;
    this.#sound = sound;
    this.#post = post;
  }

  setTracks({ video, audio, receivers }: RecordedTracks): void {
    this.#sound?.setTracks(audio);
    if (!this.#video) return;
    this.#watchLipSync(receivers);
    if (video === this.#picture) {
      this.#pictures?.look();
      return;
    }
    this.#pictures?.end();
    this.#picture = video;
    this.#pictures = undefined;
    void this.#synchronized.then(() => {
      if (video === undefined || video !== this.#picture || this.#pictures !== undefined) return;
      this.#pictures = feedPictures(video, this.#post);
    });
  }

  refused(kind: 'video' | 'audio'): void {
    if (kind === 'video') this.#pictures?.refused();
    else this.#sound?.refused();
  }

  pause(): void {
    this.#post({ type: 'pause' });
  }

  resume(): void {
    this.#post({ type: 'resume' });
  }

  async end(): Promise<void> {
    this.setTracks({ video: undefined, audio: [] });
    this.#sound?.close();
  }

  #watchLipSync(receivers: Receivers | undefined): void {
    const { audio, video } = this.#receivers ?? {};
    if (audio === receivers?.audio && video === receivers?.video) return;
    this.#endLipSync?.();
    this.#receivers = receivers;
    this.#endLipSync = undefined;
    if (receivers === undefined) {
      this.#post({ type: 'lip-sync', lipSync: { soundWaitsMs: 0 } });
      return;
    }
    this.#synchronized = new Promise((resolve) => {
      const timer = setTimeout(resolve, LIP_SYNC_MS);
      const end = watchLipSync(receivers, (lipSync) => {
        this.#post({ type: 'lip-sync', lipSync });
        clearTimeout(timer);
        resolve();
      });
      this.#endLipSync = () => {
        clearTimeout(timer);
        end();
        resolve();
      };
    });
  }
}
