import type { Readable } from 'node:stream';
import type { Span } from './read-recording.ts';
import { BEEP_HZ } from './synthetic-media/test-sound.ts';

/** The beep is sent at half of full scale; a quarter of that is where it surely began. */
const BEEP_LEVEL = 0.12;
/** The hum is at 0.02 of full scale. */
const SILENCE_LEVEL = 0.003;
const MIN_SILENCE_MS = 15;
/** Beeps are a second apart; what is loud again sooner belongs to the same. */
const MIN_BEEP_DISTANCE_MS = 300;
/** Timestamps are rounded to samples or to a container's clock: less than that is no hole. */
const MIN_HOLE_MS = 1.5;

/** A run of decoded samples with the time of the first. */
interface Piece {
  readonly ptsMs: number;
  readonly samples: number;
}

/** Finds beeps and silences in one channel of signed 16-bit samples; keeps two numbers a millisecond. */
export class SoundReader {
  readonly #sampleRate: number;
  readonly #window: number;
  /** Amplitude at the beep's frequency, and effective value of all, per millisecond of decoded sound. */
  readonly #beep: number[] = [];
  readonly #level: number[] = [];

  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
    this.#window = sampleRate / 1000;
  }

  async read(stream: Readable): Promise<void> {
    let rest: Buffer = Buffer.alloc(0);
    const bytes = this.#window * 2;
    for await (const chunk of stream) {
      const data = Buffer.concat([rest, chunk as Buffer]);
      let at = 0;
      for (; at + bytes <= data.length; at += bytes) this.#measure(data.subarray(at, at + bytes));
      rest = data.subarray(at);
    }
  }

  /** One millisecond is one period of the beep: its amplitude is a single step of a Fourier transform. */
  #measure(window: Buffer): void {
    let energy = 0;
    let cosine = 0;
    let sine = 0;
    for (let index = 0; index < this.#window; index += 1) {
      const value = window.readInt16LE(index * 2) / 32_768;
      const angle = (2 * Math.PI * BEEP_HZ * index) / this.#sampleRate;
      energy += value * value;
      cosine += value * Math.cos(angle);
      sine += value * Math.sin(angle);
    }
    this.#beep.push((2 * Math.hypot(cosine, sine)) / this.#window);
    this.#level.push(Math.sqrt(energy / this.#window));
  }

  /** @param pieces - decoded runs in order, which tell the time of each sample */
  analyse(pieces: readonly Piece[]): { beepsMs: number[]; silences: Span[]; audioHoles: Span[] } {
    const timeOf = this.#timesOf(pieces);
    const beepsMs: number[] = [];
    const silences: Span[] = [];
    let silentFrom: number | undefined;
    for (let index = 0; index <= this.#level.length; index += 1) {
      const atMs = timeOf(index);
      if ((this.#beep[index] ?? 0) > BEEP_LEVEL && atMs - (beepsMs.at(-1) ?? -Infinity) > MIN_BEEP_DISTANCE_MS) {
        beepsMs.push(atMs);
      }
      const silent = index < this.#level.length && (this.#level[index] ?? 0) < SILENCE_LEVEL;
      if (silent) silentFrom ??= atMs;
      else if (silentFrom !== undefined) {
        if (atMs - silentFrom >= MIN_SILENCE_MS) silences.push({ fromMs: silentFrom, toMs: atMs });
        silentFrom = undefined;
      }
    }
    const audioHoles = pieces.flatMap((piece, index) => {
      const before = pieces[index - 1];
      if (before === undefined) return [];
      const fromMs = before.ptsMs + (before.samples * 1000) / this.#sampleRate;
      return piece.ptsMs - fromMs > MIN_HOLE_MS ? [{ fromMs, toMs: piece.ptsMs }] : [];
    });
    return { beepsMs, silences, audioHoles };
  }

  /** Maps a window's index to the time of its first sample; to be asked in rising order. */
  #timesOf(pieces: readonly Piece[]): (index: number) => number {
    let piece = 0;
    let before = 0;
    return (index) => {
      const sample = index * this.#window;
      while (piece + 1 < pieces.length && sample >= before + (pieces[piece]?.samples ?? 0)) {
        before += pieces[piece]?.samples ?? 0;
        piece += 1;
      }
      return (pieces[piece]?.ptsMs ?? 0) + ((sample - before) * 1000) / this.#sampleRate;
    };
  }
}
