import { AircheckError } from '@aircheck/protocol';
import { describe } from './av.ts';
import type { Frame, InputStream, MediaInput, Packet } from './media-input.ts';

/** Decodes one track. What is damaged is left out and counted. */
export class StreamDecoder {
  readonly #input: MediaInput;
  readonly #stream: InputStream;
  readonly #context: InstanceType<MediaInput['av']['CodecContext']>;
  readonly #frame: Frame;
  #frames = 0;
  #errors = 0;
  #lastError: string | undefined;

  /** @throws AircheckError `media-invalid` when its decoder does not take it */
  constructor(input: MediaInput, stream: InputStream) {
    const { av } = input;
    this.#input = input;
    this.#stream = stream;
    const codec = av.Codec.findDecoder(stream.parameters.codecId);
    this.#context = new av.CodecContext();
    this.#context.allocContext3(codec);
    this.#context.parametersToContext(stream.parameters);
    this.#context.pktTimebase = new av.Rational(stream.timeBase.num, stream.timeBase.den);
    this.#context.threadCount = 1;
    const code = this.#context.open2Sync(codec, null);
    if (code < 0) {
      this.#context.freeContext();
      throw new AircheckError('media-invalid', `${stream.codec} cannot be decoded: ${describe(av, code)}`);
    }
    this.#frame = new av.Frame();
    this.#frame.alloc();
  }

  /** Decoded so far. */
  get frames(): number {
    return this.#frames;
  }

  /** One sentence about what could not be decoded, or undefined. */
  get damage(): string | undefined {
    if (this.#errors === 0) return undefined;
    return `${this.#errors} packets of ${this.#stream.codec} could not be decoded (${this.#lastError})`;
  }

  /**
   * @param packet - null: gives out what the decoder still holds, at the end of the file
   * @returns frames that are valid until the next one is asked for
   */
  *decode(packet: Packet | null): Generator<Frame, void, void> {
    const { av } = this.#input;
    const sent = this.#context.sendPacketSync(packet);
    if (sent < 0 && sent !== av.AVERROR_EOF) this.#note(sent);
    for (;;) {
      const code = this.#context.receiveFrameSync(this.#frame);
      if (code === av.AVERROR_EAGAIN || code === av.AVERROR_EOF) return;
      if (code < 0) {
        this.#note(code);
        return;
      }
      this.#frames += 1;
      yield this.#frame;
      this.#frame.unref();
    }
  }

  #note(code: number): void {
    this.#errors += 1;
    this.#lastError = describe(this.#input.av, code);
  }

  /** When a decoded frame is shown, from the file's zero; undefined when nothing tells it. */
  timeMs(frame: Frame): number | undefined {
    return this.#input.timeMs(frame.bestEffortTimestamp, this.#stream) ?? this.#input.timeMs(frame.pts, this.#stream);
  }

  durationMs(frame: Frame): number {
    return Number(frame.duration) * this.#stream.msPerTick;
  }

  /** Forgets what it has, after a jump to another place of the file. */
  reset(): void {
    this.#context.flushBuffers();
  }

  close(): void {
    this.#frame.free();
    this.#context.freeContext();
  }
}
