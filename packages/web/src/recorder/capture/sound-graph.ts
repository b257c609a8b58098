import { SAMPLE_RATE } from '../sample-rate.ts';
import { SoundInputs } from './sound-inputs.ts';

/**
 * The processor's module. It goes to the browser as a blob: as a file it would have to be found and compiled by every
 * bundler, of which none knows worklets. Blocks of 40 ms keep the number of messages small.
 */
const PROCESSOR = `
const BLOCK = 1920;
registerProcessor('aircheck-tap', class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.begin();
    this.port.onmessage = ({ data }) => { this.out = data; };
  }
  begin() {
    this.channels = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
    this.filled = 0;
  }
  process([input]) {
    if (this.out === undefined) return true;
    if (this.filled === 0) this.at = currentFrame;
    const length = input[0]?.length ?? 128;
    if (input.length > 0) {
      this.channels[0].set(input[0], this.filled);
      this.channels[1].set(input[1] ?? input[0], this.filled);
    }
    this.filled += length;
    if (this.filled === BLOCK) {
      const { channels, at } = this;
      this.out.postMessage({ at, sampleRate, channels }, channels.map(({ buffer }) => buffer));
      this.begin();
    }
    return true;
  }
});
`;

/** Mixes any number of tracks, which may come and go, into one unbroken run of samples. */
export class SoundGraph {
  readonly #context: AudioContext;
  readonly #tap: AudioWorkletNode;
  readonly #inputs: SoundInputs;

  /**
   * @param out - gets the blocks
   * @throws DOMException when the page's security policy forbids blobs as scripts
   */
  static async create(out: MessagePort): Promise<SoundGraph> {
    const context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
    const url = URL.createObjectURL(new Blob([PROCESSOR], { type: 'text/javascript' }));
    try {
      await context.audioWorklet.addModule(url);
    } catch (error) {
      await context.close();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
    return new SoundGraph(context, out);
  }

  private constructor(context: AudioContext, out: MessagePort) {
    this.#context = context;
    this.#tap = new AudioWorkletNode(context, 'aircheck-tap', {
      numberOfInputs: 1,
      channelCount: 2,
      channelCountMode: 'explicit',
    });
    this.#inputs = new SoundInputs(context, this.#tap);
    this.#tap.port.postMessage(out, [out]);
    // Nodes that lead nowhere are not asked for samples. What this one puts out is silence.
    this.#tap.connect(context.destination);
    // Without a gesture of the user some pages' contexts begin suspended.
    context.resume().catch(() => {
      // It was closed before.
    });
  }

  /** Mixes these tracks from now on, and no others. */
  setTracks(tracks: readonly MediaStreamTrack[]): void {
    this.#inputs.setTracks(tracks);
  }

  refused(): void {
    // Its context has the file's rate.
  }

  /** May be called twice. */
  close(): void {
    this.setTracks([]);
    this.#tap.disconnect();
    if (this.#context.state !== 'closed') void this.#context.close();
  }
}
