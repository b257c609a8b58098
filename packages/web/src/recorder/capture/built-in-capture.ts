import { AircheckError } from '@aircheck/protocol/errors';
import type { Container } from '../start-options.ts';
import type { Capture } from './capture.ts';
import { pullSound } from './flowing-sound.ts';
import type { Post } from './picture-feed.ts';
import type { RecordedTracks } from './recorded-tracks.ts';

/** How often MediaRecorder gives out what it has. */
const SLICE_MS = 500;

/**
 * Best first. `avc3` keeps parameter sets in the samples, so that a picture may change its size; with `avc1` Chromium writes
 * files that end in errors there.
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
  /** MediaRecorder ends when a track of its stream is replaced. */
  readonly onEnd: () => void;
}

/** Lets MediaRecorder encode, where there is no WebCodecs, and brings its bytes to the worker. */
export class BuiltInCapture implements Capture {
  readonly #options: BuiltInCaptureOptions;
  readonly #post: Post;
  readonly #context = new AudioContext({ sampleRate: 48_000 });
  /** Of which the recorder hears the same track from beginning to end, whatever is switched. */
  readonly #sound = this.#context.createMediaStreamDestination();
  readonly #inputs = new Map<MediaStreamTrack, () => void>();
  #recorder: MediaRecorder | undefined;
  #picture: MediaStreamTrack | undefined;
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

  /** @throws AircheckError `track-not-found` when there is no picture to begin with */
  setTracks({ video, audio }: RecordedTracks): void {
    this.#mix(audio);
    if (this.#recorder === undefined) this.#begin(video);
    else if (this.#options.video && video !== this.#picture) this.#options.onEnd();
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
    const recorder = this.#recorder;
    if (recorder !== undefined && recorder.state !== 'inactive') {
      const stopped = new Promise((resolve) => recorder.addEventListener('stop', resolve, { once: true }));
      recorder.stop();
      await stopped;
    }
    await this.#tail;
    this.#mix([]);
    if (this.#context.state !== 'closed') await this.#context.close();
  }

  #begin(video: MediaStreamTrack | undefined): void {
    const { mimeType, videoBitrateBps, audioBitrateBps } = this.#options;
    if (this.#options.video && video === undefined) {
      throw new AircheckError('track-not-found', 'There is no picture yet', { input: 'source' });
    }
    this.#picture = video;
    const pictures = this.#options.video ? [video!] : [];
    const stream = new MediaStream([...pictures, ...(this.#options.audio ? this.#sound.stream.getTracks() : [])]);
    const recorder = new MediaRecorder(stream, {
      mimeType,
      videoBitsPerSecond: videoBitrateBps,
      audioBitsPerSecond: audioBitrateBps,
    });
    recorder.ondataavailable = ({ data }) => {
      const durationMs = this.#durationMs();
      this.#tail = this.#tail.then(async () => {
        const bytes = await data.arrayBuffer();
        if (bytes.byteLength > 0) this.#post({ type: 'append', bytes, durationMs }, [bytes]);
      });
    };
    recorder.onerror = () => this.#options.onEnd();
    this.#recorder = recorder;
    this.#startedMs = performance.now();
    recorder.start(SLICE_MS);
  }

  #durationMs(): number {
    return (this.#pausedAtMs ?? performance.now()) - this.#startedMs - this.#pausedMs;
  }

  #mix(tracks: readonly MediaStreamTrack[]): void {
    for (const [track, disconnect] of this.#inputs) {
      if (tracks.includes(track)) continue;
      this.#inputs.delete(track);
      disconnect();
    }
    for (const track of tracks) {
      if (this.#inputs.has(track)) continue;
      const stopPulling = pullSound(track);
      const source = this.#context.createMediaStreamSource(new MediaStream([track]));
      source.connect(this.#sound);
      this.#inputs.set(track, () => {
        source.disconnect();
        stopPulling();
      });
    }
  }
}
