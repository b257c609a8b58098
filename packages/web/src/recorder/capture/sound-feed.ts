import { SAMPLE_RATE } from '../sample-rate.ts';
import { pullSound } from './flowing-sound.ts';
import type { Post } from './picture-feed.ts';
import { SoundGraph } from './sound-graph.ts';
import { trackProcessor } from './track-processor.ts';

/** Blocks, of 10 ms each, that wait for a worker which is kept from its work; what exceeds them is lost. */
const MAX_WAITING_BLOCKS = 100;

/** What sends sound to the worker. */
export interface SoundFeed {
  /** Sends these tracks' sound from now on. */
  setTracks(tracks: readonly MediaStreamTrack[]): void;
  /** The worker can't read what it was given: it has another rate than the browser said. */
  refused(): void;
  close(): void;
}

/**
 * One track goes as it is where the browser can read its sound, which the standard does not have: Chromium alone, see
 * {@link trackProcessor}. A mix, and every track in other browsers, goes through an AudioContext.
 */
export async function createSoundFeed(mix: boolean, post: Post): Promise<SoundFeed> {
  if (!mix && trackProcessor() !== undefined) return new SingleSoundFeed(post);
  const { port1, port2 } = new MessageChannel();
  const graph = await SoundGraph.create(port1);
  post({ type: 'audio-port', port: port2 }, [port2]);
  return graph;
}

class SingleSoundFeed implements SoundFeed {
  readonly #post: Post;
  #track: MediaStreamTrack | undefined;
  #end: (() => void) | undefined;
  #resampled = false;

  constructor(post: Post) {
    this.#post = post;
  }

  setTracks([track]: readonly MediaStreamTrack[]): void {
    if (track === this.#track) return;
    this.close();
    this.#track = track;
    if (track !== undefined) this.#end = this.#feed(track);
  }

  refused(): void {
    if (this.#track === undefined || this.#resampled) return;
    this.#end?.();
    this.#end = this.#feedResampled(this.#track);
  }

  close(): void {
    this.#resampled = false;
    this.#end?.();
    this.#end = undefined;
    this.#track = undefined;
  }

  #feed(track: MediaStreamTrack): () => void {
    // Cameras' microphones give 44.1 kHz at times, headsets 16: a context brings them to the file's rate.
    const { sampleRate = SAMPLE_RATE } = track.getSettings();
    if (sampleRate !== SAMPLE_RATE) return this.#feedResampled(track);
    const stopPulling = pullSound(track);
    const { readable } = new (trackProcessor()!)<AudioData>({ track, maxBufferSize: MAX_WAITING_BLOCKS });
    this.#post({ type: 'audio-stream', readable }, [readable]);
    return () => {
      this.#post({ type: 'audio-end' });
      stopPulling();
    };
  }

  #feedResampled(track: MediaStreamTrack): () => void {
    this.#resampled = true;
    const context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
    const destination = context.createMediaStreamDestination();
    context.createMediaStreamSource(new MediaStream([track])).connect(destination);
    context.resume().catch(() => {
      // It was closed before.
    });
    const end = this.#feed(destination.stream.getAudioTracks()[0]!);
    return () => {
      end();
      void context.close();
    };
  }
}
