import { type EncodedFrame, FrameAssembler, type RtpCodec, type RtpPacket } from '@aircheck/media';
import type { TrackKind } from '@aircheck/protocol';
import type { TrackListener } from './received-track.ts';

const TIMESTAMP_CYCLE = 2 ** 32;

/** Packets gathered at most before frames are made of them. */
const MAX_BATCH = 256;

interface ListeningState {
  readonly listener: TrackListener;
  /** Video begins with a key frame for each listener, also for one that comes later. */
  begun: boolean;
}

/**
 * Assembles the frames of a track for its listeners, while there are any. When the source changes, assembling begins
 * anew, and the frames' timestamps go on from where they were.
 *
 * Packets are gathered and worked on together, with each {@link MediaFeed.advance}: one by one, each would find the
 * processor's caches full of what the network needs, and cost a third more.
 */
export class MediaFeed {
  readonly #codec: RtpCodec;
  readonly #kind: TrackKind;
  readonly #clockRate: number;
  readonly #listeners = new Set<ListeningState>();
  #assembler: FrameAssembler | undefined;
  /** Lost packets of former assemblers. */
  #lostBefore = 0;
  /** From the assembler's unwrapped timestamps to those given out; undefined until its first frame. */
  #timestampShift: number | undefined;
  #lastTimestamp: number | undefined;
  #lastArrivalMs = 0;
  /** Packets not worked on yet, and when they arrived. */
  #gathered: RtpPacket[] = [];
  #arrivals: number[] = [];
  #timestampOffset = 0;

  constructor(options: { readonly codec: RtpCodec; readonly kind: TrackKind; readonly clockRate: number }) {
    this.#codec = options.codec;
    this.#kind = options.kind;
    this.#clockRate = options.clockRate;
  }

  get active(): boolean {
    return this.#assembler !== undefined;
  }

  /** A key frame is needed before any further picture can be given out, or soon will be. */
  wantsKeyFrame(nowMs: number): boolean {
    return this.#kind === 'video' && this.#assembler?.wantsKeyFrame(nowMs) === true;
  }

  get lostPackets(): number {
    return this.#lostBefore + (this.#assembler?.stats.lostPackets ?? 0);
  }

  /** @returns function that ends the listening */
  listen(listener: TrackListener): () => void {
    const state: ListeningState = { listener, begun: this.#kind === 'audio' };
    this.#listeners.add(state);
    if (this.#assembler === undefined) this.#startAssembler();
    return () => {
      // What has come belongs to it.
      if (this.#listeners.has(state)) this.#work();
      this.#listeners.delete(state);
      if (this.#listeners.size === 0) this.#stopAssembler();
    };
  }

  /**
   * Takes a packet; its frame is given out with the next {@link advance}.
   * @param timestampOffset - to be added to the packet's timestamp, modulo 2^32; the same until the next restart
   */
  push(packet: RtpPacket, arrivalMs: number, timestampOffset: number): void {
    if (this.#assembler === undefined) return;
    this.#timestampOffset = timestampOffset;
    this.#gathered.push(packet);
    this.#arrivals.push(arrivalMs);
    if (this.#gathered.length >= MAX_BATCH) this.#work();
  }

  /** Gives out the frames of what has come, and gives up on packets that have not come for too long. */
  advance(nowMs: number, timestampOffset: number): void {
    this.#work();
    if (this.#assembler !== undefined) this.#give(this.#assembler.advance(nowMs), timestampOffset);
  }

  #work(): void {
    if (this.#gathered.length === 0) return;
    const packets = this.#gathered;
    const arrivals = this.#arrivals;
    this.#gathered = [];
    this.#arrivals = [];
    for (let index = 0; index < packets.length; index++) {
      // A listener may have heard enough.
      const assembler = this.#assembler;
      if (assembler === undefined) return;
      this.#give(assembler.push(packets[index]!, arrivals[index]!), this.#timestampOffset);
    }
  }

  /** The packets to come are another stream's. */
  restart(timestampOffset: number): void {
    this.#work();
    if (this.#assembler === undefined) return;
    this.#give(this.#assembler.flush(), timestampOffset);
    this.#stopAssembler();
    // A listener may have heard enough with what was flushed.
    if (this.#listeners.size > 0) this.#startAssembler();
  }

  tellSenderReport(ntpMs: number, rtpTimestamp: number, arrivalMs: number): void {
    for (const { listener } of this.#listeners) listener.onSenderReport(ntpMs, rtpTimestamp, arrivalMs);
  }

  /** Gives out what is left and ends all listening. */
  end(timestampOffset: number): void {
    this.#work();
    if (this.#assembler !== undefined) this.#give(this.#assembler.flush(), timestampOffset);
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    this.#stopAssembler();
    for (const { listener } of listeners) listener.onEnded();
  }

  #startAssembler(): void {
    this.#assembler = new FrameAssembler({ codec: this.#codec });
    this.#timestampShift = undefined;
  }

  #stopAssembler(): void {
    this.#lostBefore += this.#assembler?.stats.lostPackets ?? 0;
    this.#assembler = undefined;
  }

  #give(frames: readonly EncodedFrame[], timestampOffset: number): void {
    for (const assembled of frames) {
      const frame = this.#shift(assembled, timestampOffset);
      for (const state of this.#listeners) {
        state.begun ||= frame.keyFrame;
        if (state.begun) state.listener.onFrame(frame);
      }
    }
  }

  #shift(frame: EncodedFrame, timestampOffset: number): EncodedFrame {
    this.#timestampShift ??= this.#firstTimestamp(frame, timestampOffset) - frame.rtpTimestamp;
    const shifted =
      this.#timestampShift === 0 ? frame : { ...frame, rtpTimestamp: frame.rtpTimestamp + this.#timestampShift };
    this.#lastTimestamp = shifted.rtpTimestamp;
    this.#lastArrivalMs = frame.arrivalMs;
    return shifted;
  }

  /** Where an assembler's first timestamp lies: in the cycle that its arrival is next to. */
  #firstTimestamp(frame: EncodedFrame, timestampOffset: number): number {
    const timestamp = (frame.rtpTimestamp + timestampOffset) % TIMESTAMP_CYCLE;
    if (this.#lastTimestamp === undefined) return timestamp;
    const expected = this.#lastTimestamp + ((frame.arrivalMs - this.#lastArrivalMs) * this.#clockRate) / 1000;
    return timestamp + Math.round((expected - timestamp) / TIMESTAMP_CYCLE) * TIMESTAMP_CYCLE;
  }
}
