import { createDepacketizer, type Depacketizer, type RtpCodec } from '../codecs/index.ts';
import { MediaError } from '../errors.ts';
import type { EncodedFrame } from '../frame.ts';
import { type ArrivedPacket, JitterBuffer } from './jitter-buffer.ts';
import type { RtpPacket } from './rtp-packet.ts';
import { TimestampUnwrapper } from './unwrapper.ts';

const NO_FRAMES: readonly EncodedFrame[] = [];
/**
 * A packet that has not come again after that long probably never will: with a key frame asked for now, what comes after
 * it is whole when the hole is given up, instead of beginning to be so then.
 */
const KEY_FRAME_AFTER_MS = 200;

export interface FrameAssemblerOptions {
  readonly codec: RtpCodec;
  /** How long a missing packet is waited for, from the arrival of the first newer one on. */
  readonly maxWaitMs?: number;
  /** Packets held back at most, and packets of one frame at most. */
  readonly maxPackets?: number;
}

export interface FrameAssemblerStats {
  readonly packets: number;
  /** Packets that came twice, or after they had been given up. */
  readonly duplicates: number;
  /** Packets that were given up. */
  readonly lostPackets: number;
  /** Packets that came after newer ones, in time. */
  readonly lateRecovered: number;
  readonly framesOut: number;
  /** Frames that came whole or in part but were not given out; frames of which nothing came are estimated. */
  readonly framesDropped: number;
}

/**
 * Makes frames out of one track's RTP packets: a jitter buffer that reorders and waits for what is missing, and a
 * depacketizer. Time is only what the caller says it is.
 *
 * Frames come out in decode order and whole. After a loss that was not made good, or damage, video goes on at the next
 * key frame; what is left out until then is counted in that frame's `lostFramesBefore`. Garbage never throws.
 *
 * Packets are kept, not copied, until their frame is complete, and sound is given out as it came: their bytes must not be
 * reused.
 */
export class FrameAssembler {
  readonly #depacketizer: Depacketizer;
  readonly #jitterBuffer: JitterBuffer;
  readonly #maxPackets: number;
  /** Sound: every packet is a frame, and none needs another one. */
  readonly #audio: boolean;
  readonly #timestamps = new TimestampUnwrapper();
  #out: EncodedFrame[] = [];
  #framesOut = 0;
  #framesDropped = 0;
  #needsKeyFrame: boolean;

  // The access unit under way.
  readonly #payloads: Uint8Array[] = [];
  #open = false;
  #damaged = false;
  #afterLoss = false;
  /** As on the wire, and unwrapped. */
  #timestamp = 0;
  #rtpTimestamp = 0;
  #arrivalMs = 0;

  /** The packets since the (re)start, until something was made of them. */
  #firstPackets: ArrivedPacket[] | undefined = [];
  #markerSeen = false;
  /** Packets right before the next one are missing; at the start it is not known. */
  #lossPending = true;
  /** How many, where it is known. */
  #holePackets = 0;
  #lostPacketsBefore = 0;
  #lostFramesBefore = 0;
  /** Timestamp of the access unit before, and the distance of the last two without a hole between; NaN at first. */
  #lastTimestamp = Number.NaN;
  #frameInterval = Number.NaN;

  constructor(options: FrameAssemblerOptions) {
    const { codec, maxWaitMs = 600, maxPackets = 2048 } = options;
    if (!(maxWaitMs >= 0)) throw new MediaError('argument-invalid', `maxWaitMs ${maxWaitMs}: expected 0 or more`);
    if (!(maxPackets >= 16 && maxPackets <= 16384)) {
      throw new MediaError('argument-invalid', `maxPackets ${maxPackets}: expected 16 to 16384`);
    }
    this.#depacketizer = createDepacketizer(codec);
    this.#audio = codec === 'opus';
    this.#needsKeyFrame = !this.#audio;
    this.#maxPackets = maxPackets;
    this.#jitterBuffer = new JitterBuffer({
      maxWaitMs,
      maxPackets,
      sink: {
        packet: (packet, arrivalMs) => this.#addPacket(packet, arrivalMs),
        packetsLost: (count) => this.#packetsLost(count),
        restarted: () => this.#restarted(),
        takeBack: (count) => this.#takeBack(count),
      },
    });
  }

  /** Nothing that comes can be decoded until a key frame does: one should be asked for. Always false for sound. */
  get needsKeyFrame(): boolean {
    return this.#needsKeyFrame;
  }

  /** Whether a key frame should be asked for: one is needed, or soon will be since packets have been missing for long. */
  wantsKeyFrame(nowMs: number): boolean {
    return this.#needsKeyFrame || (!this.#audio && this.#jitterBuffer.missingForMs(nowMs) >= KEY_FRAME_AFTER_MS);
  }

  get stats(): FrameAssemblerStats {
    return { ...this.#jitterBuffer.stats, framesOut: this.#framesOut, framesDropped: this.#framesDropped };
  }

  /**
   * Takes one packet in, in whatever order they come.
   *
   * @param arrivalMs - when it came, on the caller's monotonic clock
   * @returns the frames that are complete now
   */
  push(packet: RtpPacket, arrivalMs: number): readonly EncodedFrame[] {
    this.#jitterBuffer.push(packet, arrivalMs);
    return this.#takeOut();
  }

  /**
   * Lets time pass without a packet: gives up on what has been missing for too long.
   *
   * @returns the frames that this sets free
   */
  advance(nowMs: number): readonly EncodedFrame[] {
    this.#jitterBuffer.advance(nowMs);
    return this.#takeOut();
  }

  /** Gives up on everything missing, at the end of the track. @returns the frames that were waiting */
  flush(): readonly EncodedFrame[] {
    this.#jitterBuffer.flush();
    if (this.#open) {
      // A sender that marks the ends of its frames has not come to the end of this one.
      if (this.#markerSeen) this.#damage();
      this.#closeUnit();
    }
    return this.#takeOut();
  }

  #takeOut(): readonly EncodedFrame[] {
    if (this.#out.length === 0) return NO_FRAMES;
    const frames = this.#out;
    this.#out = [];
    return frames;
  }

  #addPacket(packet: RtpPacket, arrivalMs: number): void {
    // Padding alone, sent to probe the bandwidth: it has the timestamp of the frame before, which is complete.
    if (packet.payload.byteLength === 0) return;
    if (this.#open && packet.timestamp !== this.#timestamp) this.#closeUnit();
    if (!this.#open) this.#openUnit(packet, arrivalMs);
    this.#lossPending = false;
    if (arrivalMs < this.#arrivalMs) this.#arrivalMs = arrivalMs;
    if (this.#payloads.length >= this.#maxPackets) this.#damage();
    if (!this.#damaged) {
      this.#payloads.push(packet.payload);
      this.#firstPackets?.push({ packet, arrivalMs });
    }
    if (packet.marker) this.#markerSeen = true;
    if (packet.marker || this.#audio) this.#closeUnit();
  }

  #openUnit(packet: RtpPacket, arrivalMs: number): void {
    this.#open = true;
    this.#arrivalMs = arrivalMs;
    this.#afterLoss = this.#lossPending;
    this.#timestamp = packet.timestamp;
    this.#rtpTimestamp = this.#timestamps.unwrap(packet.timestamp);
    if (this.#audio) return;
    const interval = this.#rtpTimestamp - this.#lastTimestamp;
    if (this.#holePackets > 0) this.#estimateLostFrames(interval);
    else if (!this.#afterLoss && interval > 0) this.#frameInterval = interval;
    this.#lastTimestamp = this.#rtpTimestamp;
  }

  /** Frames that fell wholly into the hole before the access unit that begins now. */
  #estimateLostFrames(interval: number): void {
    const frames = Math.round(interval / this.#frameInterval) - 1;
    const lost = Number.isNaN(frames) ? 0 : Math.max(0, Math.min(frames, this.#holePackets));
    this.#holePackets = 0;
    this.#framesDropped += lost;
    this.#lostFramesBefore += lost;
  }

  #packetsLost(count: number): void {
    this.#lossPending = true;
    this.#lostPacketsBefore += count;
    if (this.#audio) {
      this.#framesDropped += count;
      this.#lostFramesBefore += count;
      return;
    }
    this.#holePackets += count;
    this.#needsKeyFrame = true;
    this.#depacketizer.packetsLost();
    if (this.#open) this.#damage();
  }

  #restarted(): void {
    if (this.#open) {
      this.#damage();
      this.#closeUnit();
    }
    this.#lossPending = true;
    this.#holePackets = 0;
    this.#lastTimestamp = Number.NaN;
    this.#firstPackets = [];
    this.#needsKeyFrame = !this.#audio;
    this.#depacketizer.packetsLost();
  }

  #takeBack(count: number): readonly ArrivedPacket[] | undefined {
    const packets = this.#firstPackets;
    if (packets?.length !== count || this.#damaged) return undefined;
    this.#firstPackets = [];
    this.#discardUnit();
    this.#lossPending = true;
    return packets;
  }

  /** Nothing will come of the access unit under way, but packets that belong to it still may. */
  #damage(): void {
    this.#damaged = true;
    this.#payloads.length = 0;
  }

  #discardUnit(): void {
    this.#open = false;
    this.#damaged = false;
    this.#payloads.length = 0;
  }

  #closeUnit(): void {
    this.#firstPackets = undefined;
    const unusable = this.#damaged || (this.#afterLoss && !this.#depacketizer.startsFrame(this.#payloads[0]!));
    const frame = unusable ? 'damaged' : this.#depacketizer.assemble(this.#payloads);
    this.#discardUnit();
    if (frame === 'empty') return;
    if (frame === 'damaged' || (this.#needsKeyFrame && !frame.keyFrame)) {
      this.#needsKeyFrame = !this.#audio;
      this.#framesDropped += 1;
      this.#lostFramesBefore += 1;
      return;
    }
    // What came before the first frame of all is not missing from anything.
    const first = this.#framesOut === 0;
    this.#out.push({
      data: frame.data,
      keyFrame: frame.keyFrame,
      rtpTimestamp: this.#rtpTimestamp,
      arrivalMs: this.#arrivalMs,
      lostPacketsBefore: first ? 0 : this.#lostPacketsBefore,
      lostFramesBefore: first ? 0 : this.#lostFramesBefore,
    });
    this.#framesOut += 1;
    this.#needsKeyFrame = false;
    this.#lostPacketsBefore = 0;
    this.#lostFramesBefore = 0;
  }
}
