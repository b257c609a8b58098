import type { ReceivedTrack } from '@aircheck/engine/receiving';
import type { EncodedFrame } from '@aircheck/media';
import { OpusDecoder } from 'opus-decoder';
import { MIX_CHANNELS, type SoundMixer } from './sound-mixer.ts';
import { stretched, VoicePlacer } from './voice-placer.ts';

/** A voice is placed when so much of it has come: less than the mix stays behind. */
const HOLD_MS = 200;

/** One track of sound in a mix: decodes it and lays it where it belongs. */
export class Voice {
  readonly #mixer: SoundMixer;
  readonly #placer: VoicePlacer;
  readonly #stopListening: () => void;
  readonly #decoder = new OpusDecoder({ channels: MIX_CHANNELS, preSkip: 0 });
  /** What is held back at the beginning; undefined from then on. */
  #held: EncodedFrame[] | undefined = [];
  #ready = false;
  #ended = false;
  #endPosition: number | undefined;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;

  /**
   * @param zeroMs - the mix's zero on the clock of arrivals
   * @param onFailed - the decoder cannot be had; the voice stays out
   */
  constructor(track: ReceivedTrack, mixer: SoundMixer, zeroMs: number, onFailed: (error: unknown) => void) {
    this.#mixer = mixer;
    this.#placer = new VoicePlacer(zeroMs, track.clockRate);
    this.#stopListening = track.listen({
      onFrame: (frame) => {
        this.#lastArrivalMs = frame.arrivalMs;
        if (this.#held === undefined) this.#mix(frame);
        else this.#hold(frame, this.#held);
      },
      onSenderReport: (ntpMs, rtpTimestamp) => this.#placer.senderReport(ntpMs, rtpTimestamp),
      onEnded: () => {},
    });
    this.#decoder.ready.then(
      () => {
        this.#ready = true;
        if (this.#ended) this.#finish();
      },
      (error: unknown) => {
        this.end();
        this.#held = undefined;
        onFailed(error);
      },
    );
  }

  /** Up to where it was heard; undefined before it was. */
  get endPosition(): number | undefined {
    return this.#endPosition;
  }

  /** When something last came from it, on the clock of arrivals. */
  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  #hold(frame: EncodedFrame, held: EncodedFrame[]): void {
    held.push(frame);
    this.#placer.arrived(frame.rtpTimestamp, frame.arrivalMs);
    if (!this.#ready || frame.arrivalMs - held[0]!.arrivalMs < HOLD_MS) return;
    this.#mixHeld();
  }

  #mixHeld(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const one of held) this.#mix(one);
  }

  #mix(frame: EncodedFrame): void {
    const { channelData, samplesDecoded } = this.#decoder.decodeFrame(frame.data);
    const [left, right] = channelData;
    // A damaged packet decodes to nothing, and its place stays empty.
    if (left === undefined || right === undefined || samplesDecoded <= 0) return;
    const place = this.#placer.place(frame.rtpTimestamp, frame.arrivalMs, samplesDecoded);
    if (place === undefined) return;
    const { position, length } = place;
    this.#mixer.add(position, stretched(left, length), stretched(right, length));
    this.#endPosition = position + length;
  }

  /** Ends it, with what was held back; may be called twice. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopListening();
    if (this.#ready) this.#finish();
  }

  #finish(): void {
    this.#mixHeld();
    this.#decoder.free();
  }
}
