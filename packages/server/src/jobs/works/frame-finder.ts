import { AircheckError } from '@aircheck/protocol';
import { type Frame, MediaInput } from './media-input.ts';
import type { Pace } from './pace.ts';
import { StreamDecoder } from './stream-decoder.ts';

/** How far before a time a key frame is looked for, one after another, where a container seeks without care. */
const STEPS_BACK_MS = [0, 5000, 60_000, Number.POSITIVE_INFINITY];
/** Times that went through floating point may be that far off. */
const ROUNDING_MS = 0.01;

/** Finds the very picture that is shown at a time. Cheap for times in rising order; only what is needed is decoded. */
export class FrameFinder {
  /** Of the file, as far as its container or, where that is silent, its last packet tells. */
  readonly durationMs: number;
  readonly input: MediaInput;
  /** Looks where key frames are, without losing the place that the decoder is at. */
  readonly #scout: MediaInput;
  readonly #decoder: StreamDecoder;
  readonly #pace: Pace;
  #pictures: Generator<Frame | undefined, void, void>;
  #shown: Frame;
  #shownMs: number | undefined;
  /** The picture after the one that is shown. */
  #next: Frame;
  #nextMs: number | undefined;

  /** @throws AircheckError `media-invalid` when the file has no picture */
  static async open(path: string, pace: Pace): Promise<FrameFinder> {
    const input = await MediaInput.open(path, 'video');
    try {
      const scout = await MediaInput.open(path, 'video');
      const durationMs = input.durationMs > 0 ? input.durationMs : await endMs(scout, pace);
      return new FrameFinder(input, scout, durationMs, pace);
    } catch (error) {
      await input.close();
      throw error;
    }
  }

  private constructor(input: MediaInput, scout: MediaInput, durationMs: number, pace: Pace) {
    this.input = input;
    this.#scout = scout;
    this.durationMs = durationMs;
    this.#pace = pace;
    this.#decoder = new StreamDecoder(input, input.video!);
    this.#pictures = this.#decodeOn();
    [this.#shown, this.#next] = [new input.av.Frame(), new input.av.Frame()];
    this.#shown.alloc();
    this.#next.alloc();
  }

  /**
   * @param ms - from the file's zero; before the first picture that one is found, after the last one the last
   * @param done - part of all that is to be found, 0 to 1
   * @returns valid until the next call
   * @throws AircheckError `media-invalid` when no picture can be decoded; the signal's reason
   */
  async at(ms: number, done: number): Promise<Frame> {
    const key = await this.#keyFrameBefore(ms);
    const isBack = this.#shownMs !== undefined && ms < this.#shownMs - ROUNDING_MS;
    const isAhead = key.shownMs > (this.#nextMs ?? this.#shownMs ?? 0) + ROUNDING_MS;
    if (isBack || isAhead) {
      for (const step of STEPS_BACK_MS) {
        await this.#jump(Math.max(0, key.decodedMs - step));
        // Some containers go somewhat too far, and the decoder then waits for the next key frame.
        if ((await this.#advance(done)) && this.#nextMs! <= ms + ROUNDING_MS) break;
        if (step >= key.decodedMs) break;
      }
    }
    while (this.#nextMs === undefined || this.#nextMs <= ms + ROUNDING_MS) {
      if (!(await this.#advance(done))) break;
    }
    if (this.#shownMs !== undefined) return this.#shown;
    if (this.#nextMs !== undefined) return this.#next;
    const why = this.#decoder.damage ?? this.input.damage ?? 'there is none';
    throw new AircheckError('media-invalid', `No picture could be decoded at ${Math.round(ms)} ms: ${why}`);
  }

  /** Decodes one picture more. @returns false at the end */
  async #advance(done: number): Promise<boolean> {
    let step = this.#pictures.next();
    for (; !step.done && step.value === undefined; step = this.#pictures.next()) {
      if (this.#pace.due) await this.#pace.pause(done);
    }
    if (this.#nextMs !== undefined) {
      [this.#shown, this.#next] = [this.#next, this.#shown];
      this.#shownMs = this.#nextMs;
      this.#nextMs = undefined;
      this.#next.unref();
    }
    if (step.done || step.value === undefined) return false;
    this.#next.ref(step.value);
    const { nominalFps } = this.input.video!;
    this.#nextMs = this.#decoder.timeMs(step.value) ?? (this.#shownMs ?? 0) + 1000 / (nominalFps || 30);
    return true;
  }

  /** All pictures from here on, and `undefined` after each packet. */
  *#decodeOn(): Generator<Frame | undefined, void, void> {
    for (let stream = this.input.read(); stream !== undefined; stream = this.input.read()) {
      yield* this.#decoder.decode(this.input.packet);
      yield undefined;
    }
    yield* this.#decoder.decode(null);
  }

  async #jump(ms: number): Promise<void> {
    await this.input.seek(this.input.video!, ms);
    this.#pictures.return();
    this.#decoder.reset();
    this.#pictures = this.#decodeOn();
    this.#shown.unref();
    this.#next.unref();
    this.#shownMs = undefined;
    this.#nextMs = undefined;
  }

  /** The last key frame that is shown at `ms` or earlier; the file's zero where there is none. */
  async #keyFrameBefore(ms: number): Promise<{ shownMs: number; decodedMs: number }> {
    const scout = this.#scout;
    let key = { shownMs: 0, decodedMs: 0 };
    for (const step of STEPS_BACK_MS) {
      let found = false;
      await scout.seek(scout.video!, Math.max(0, ms - step));
      for (let stream = scout.read(); stream !== undefined; stream = scout.read()) {
        const shownMs = scout.packetMs(stream);
        if (shownMs === undefined) continue;
        if (shownMs > ms + ROUNDING_MS) break;
        if (!scout.packet.isKeyframe) continue;
        key = { shownMs, decodedMs: scout.timeMs(scout.packet.dts, stream) ?? shownMs };
        found = true;
        // Right after a seek to the time itself it is the last one.
        if (step === 0) break;
      }
      if (found || step >= ms) break;
    }
    return key;
  }

  async close(): Promise<void> {
    this.#pictures.return();
    this.#decoder.close();
    this.#shown.free();
    this.#next.free();
    await this.#scout.close();
    await this.input.close();
  }
}

/** Where the last packet of a file ends. */
async function endMs(input: MediaInput, pace: Pace): Promise<number> {
  let end = 0;
  for (let stream = input.read(); stream !== undefined; stream = input.read()) {
    end = Math.max(end, (input.packetMs(stream) ?? 0) + Number(input.packet.duration) * stream.msPerTick);
    if (pace.due) await pace.pause(0);
  }
  return end;
}
