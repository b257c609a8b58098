import { SAMPLE_RATE } from '../sample-rate.ts';
import type { Container } from '../start-options.ts';
import type { Capture } from './capture.ts';
import { DrawnPicture } from './drawn-picture.ts';
import type { Post } from './picture-feed.ts';
import type { RecordedTracks } from './recorded-tracks.ts';
import { SoundInputs } from './sound-inputs.ts';

/** How often MediaRecorder gives out what it has. */
const SLICE_MS = 500;
/** Where players can jump to. Left alone Chromium makes one in three seconds or more. */
const KEY_FRAME_INTERVAL_MS = 2000;

/** As in https://www.w3.org/TR/mediastream-recording/#mediarecorderoptions; browsers that do not know it leave it aside. */
interface RecorderOptions extends MediaRecorderOptions {
  readonly videoKeyFrameIntervalDuration: number;
}

/**
 * Best first. `avc3` keeps parameter sets in the samples (ISO/IEC 14496-15 §5.3.3), so that a picture may change its size;
 * with `avc1` Chromium writes files that end in errors there (https://crbug.com/40276507 brought the others).
 */
const MIME_TYPES: Readonly<Record<Container, readonly string[]>> = {
  mp4: [
    'video/mp4;codecs=avc3.42E01F,mp4a.40.2',
    'video/mp4;codecs=avc3.42E01F,opus',
    'video/mp4;codecs=avc1.42E01F,mp4a.40.2',
    'video/mp4',
  ],
  m4a: ['audio/mp4;codecs=mp4a.40.2', 'audio/mp4;codecs=opus', 'audio/mp4'],
  webm: ['video/webm;codecs=vp8,opus', 'video/webm'],
};

/** What MediaRecorder writes into a container in this browser; undefined when it can't. */
export function builtInMimeType(container: Container): string | undefined {
  if (typeof MediaRecorder !== 'function') return undefined;
  return MIME_TYPES[container].find((mimeType) => MediaRecorder.isTypeSupported(mimeType));
}

export interface BuiltInCaptureOptions {
  readonly mimeType: string;
  readonly video: boolean;
  readonly audio: boolean;
  readonly videoBitrateBps: number;
  readonly audioBitrateBps: number;
  /**
   * The picture that it began with is gone, and MediaRecorder takes no other: it fails with `InvalidModificationError` when
   * tracks come or go (https://developer.mozilla.org/docs/Web/API/MediaRecorder/error_event).
   */
  readonly onEnd: () => void;
  /** MediaRecorder has failed; what it has made until then comes with `end`. */
  readonly onError: (error: DOMException) => void;
}

/** Lets MediaRecorder encode, where there is no WebCodecs, and brings its bytes to the worker. */
export class BuiltInCapture implements Capture {
  readonly #options: BuiltInCaptureOptions;
  readonly #post: Post;
  readonly #context = new AudioContext({ sampleRate: SAMPLE_RATE });
  /** Of which the recorder hears the same track from beginning to end, whatever is switched. */
  readonly #sound = this.#context.createMediaStreamDestination();
  readonly #inputs = new SoundInputs(this.#context, this.#sound);
  #recorder: MediaRecorder | undefined;
  /** Resolves when the recorder has given out all it had. */
  #stopped: Promise<unknown> | undefined;
  #picture: MediaStreamTrack | undefined;
  /** In the place of a picture that was not there at the beginning. */
  #drawn: DrawnPicture | undefined;
  #tail: Promise<void> = Promise.resolve();
  #startedMs = 0;
  #pausedMs = 0;
  #pausedAtMs: number | undefined;

  constructor(options: BuiltInCaptureOptions, post: Post) {
    this.#options = options;
    this.#post = post;
    this.#context.resume().catch(() => {
      // It was closed before.
    });
  }

  /** @throws DOMException where MediaRecorder does not begin with them; there is nothing to be waited for at `end` then */
  setTracks({ video, audio }: RecordedTracks): void {
    this.#inputs.setTracks(audio);
    const changed = this.#options.video && video !== this.#picture;
    this.#picture = video;
    if (this.#recorder === undefined) this.#begin(video);
    else if (changed && this.#drawn !== undefined) this.#drawn.show(video);
    else if (changed) this.#options.onEnd();
  }

  refused(): void {
    // The worker is given bytes alone.
  }

  pause(): void {
    this.#recorder?.pause();
    this.#pausedAtMs = performance.now();
  }

  resume(): void {
    this.#recorder?.resume();
    this.#pausedMs += performance.now() - (this.#pausedAtMs ?? performance.now());
    this.#pausedAtMs = undefined;
  }

  async end(): Promise<void> {
    // By itself it stops when its tracks have ended, and when it has failed.
    if (this.#recorder !== undefined && this.#recorder.state !== 'inactive') this.#recorder.stop();
    await this.#stopped;
    await this.#tail;
    this.#inputs.setTracks([]);
    this.#drawn?.end();
    if (this.#context.state !== 'closed') await this.#context.close();
  }

  #begin(video: MediaStreamTrack | undefined): void {
    const { mimeType, videoBitrateBps, audioBitrateBps } = this.#options;
    if (this.#options.video && video === undefined) this.#drawn = new DrawnPicture();
    const picture = this.#options.video ? (this.#drawn?.track ?? video) : undefined;
    const sound = this.#options.audio ? this.#sound.stream.getTracks() : [];
    const stream = new MediaStream([...(picture === undefined ? [] : [picture]), ...sound]);
    const options: RecorderOptions = {
      mimeType,
      videoBitsPerSecond: videoBitrateBps,
      audioBitsPerSecond: audioBitrateBps,
      videoKeyFrameIntervalDuration: KEY_FRAME_INTERVAL_MS,
    };
    const recorder = new MediaRecorder(stream, options);
    recorder.ondataavailable = ({ data }) => {
      const durationMs = this.#durationMs();
      this.#tail = this.#tail.then(async () => {
        const bytes = await data.arrayBuffer();
        if (bytes.byteLength > 0) this.#post({ type: 'append', bytes, durationMs }, [bytes]);
      });
    };
    recorder.onerror = (event) => this.#options.onError((event as ErrorEvent).error);
    const stopped = new Promise((resolve) => recorder.addEventListener('stop', resolve, { once: true }));
    recorder.start(SLICE_MS);
    // One that did not start tells of no end either.
    this.#stopped = stopped;
    this.#recorder = recorder;
    this.#startedMs = performance.now();
  }

  #durationMs(): number {
    return (this.#pausedAtMs ?? performance.now()) - this.#startedMs - this.#pausedMs;
  }
}
