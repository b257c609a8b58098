import { type RtpCodec, type RtpPacket, SequenceUnwrapper } from '@aircheck/media';
import type { Track, TrackKind, TrackSource } from '@aircheck/protocol';
import { startsKeyFrame } from './key-frame-packet.ts';
import { MediaFeed } from './media-feed.ts';
import type { ReceivedTrack, TrackListener } from './received-track.ts';
import type { NegotiableCodec } from './sdp/codecs.ts';

/** Encoders answer a second request within that time with a second key frame, for nothing. */
const KEY_FRAME_REQUEST_INTERVAL_MS = 300;
/** After some requests without an answer the publisher is not hurried any more. */
const SLOW_KEY_FRAME_REQUEST_INTERVAL_MS = 1_000;
const HURRIED_REQUESTS = 10;
/** A publisher that has sent nothing for that long is not asked again. */
const SILENT_AFTER_MS = 2_000;
/** How long the rest of a key frame may take to come before another one is asked for. */
const KEY_FRAME_ARRIVAL_MS = 500;
/** Indexes begin here, so that packets reordered before the first have one too. */
const FIRST_INDEX = 65_536;

/** The stream of packets that a track comes from. */
export interface TrackUpstream {
  requestKeyFrame(): void;
}

/** Sequence numbers further apart than that are not loss, as for the jitter buffer. */
const MAX_JUMP = 3_000;

/** What a track is made of; a stream with the same format can go on in the same track. */
export interface TrackFormat extends Pick<NegotiableCodec, 'codec' | 'clockRate' | 'parameters'> {
  readonly kind: TrackKind;
  readonly channels?: number;
}

/** Who takes a track's packets as they come, before frames are made of them: a server that sends them on. */
export interface PacketOutlet {
  /** Somebody takes packets now. */
  readonly active: boolean;
  /**
   * Takes one packet.
   * @param index - its sequence number without wraps; goes on when the stream becomes another
   * @param timestamp - as the track counts it, 32 bits
   * @param keyStart - it begins a key frame, or is sound
   */
  forward(index: number, timestamp: number, packet: RtpPacket, keyStart: boolean): void;
  /** The packets to come are another stream's; the former one's are of no use any more. */
  restart(): void;
  /** At `ntpMs` of the sender's wall clock the track's clock stood at `timestamp`. */
  senderReport(ntpMs: number, timestamp: number): void;
  /** No packet will come any more. */
  end(): void;
}

/**
 * One source of a participant. Streams of packets may take turns below it (a new peer connection, a new SSRC): those who
 * listen see one gapless line of indexes and timestamps.
 */
export class IncomingTrack implements ReceivedTrack {
  readonly trackId: string;
  readonly source: TrackSource;
  readonly userId: string;
  readonly format: TrackFormat;
  muted: boolean;
  readonly #feed: MediaFeed;
  readonly #outlet: PacketOutlet | undefined;
  #upstream: TrackUpstream | undefined;
  readonly #unwrapper = new SequenceUnwrapper();
  #indexOffset = FIRST_INDEX;
  #nextIndex = FIRST_INDEX;
  /** Behind a packet that jumped. */
  #strangerSequenceNumber: number | undefined;
  #timestampOffset = 0;
  #lastTimestamp = 0;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;
  #lastReport: { readonly ntpMs: number; readonly rtpTimestamp: number; readonly arrivalMs: number } | undefined;
  #keyFrameWanted = false;
  #requests = 0;
  #lastRequestMs = Number.NEGATIVE_INFINITY;
  #lastKeyStartMs = Number.NEGATIVE_INFINITY;
  #recoveredPackets = 0;
  #ended = false;
  readonly #now: () => number;
  readonly #onStarted: (track: IncomingTrack) => void;

  constructor(options: {
    readonly trackId: string;
    readonly userId: string;
    readonly source: TrackSource;
    readonly format: TrackFormat;
    readonly muted: boolean;
    /** `performance.now()` scale, as arrival times are. */
    readonly now: () => number;
    /** Told with the first packet. */
    readonly onStarted: (track: IncomingTrack) => void;
    readonly outlet?: PacketOutlet;
  }) {
    this.trackId = options.trackId;
    this.userId = options.userId;
    this.source = options.source;
    this.format = options.format;
    this.muted = options.muted;
    this.#feed = new MediaFeed(options.format);
    this.#now = options.now;
    this.#onStarted = options.onStarted;
    this.#outlet = options.outlet;
  }

  get kind(): TrackKind {
    return this.format.kind;
  }

  get codec(): RtpCodec {
    return this.format.codec;
  }

  get clockRate(): number {
    return this.format.clockRate;
  }

  get channels(): number {
    return this.format.channels ?? 1;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get stats(): { readonly lostPackets: number; readonly recoveredPackets: number } {
    return { lostPackets: this.#feed.lostPackets, recoveredPackets: this.#recoveredPackets };
  }

  /** As the others in the room see it. */
  describe(): Track {
    const { trackId, kind, source, codec, muted } = this;
    return { trackId, kind, source, codec, muted };
  }

  /** Whether a stream of this format can go on in this track. */
  continues(format: TrackFormat): boolean {
    const { codec, clockRate, channels, parameters } = this.format;
    if (format.codec !== codec || format.clockRate !== clockRate || format.channels !== channels) return false;
    // A receiver was told the profile, and its decoder chosen by it.
    return ['profile-level-id', 'profile-id', 'profile'].every(
      (key) => format.parameters.get(key) === parameters.get(key),
    );
  }

  listen(listener: TrackListener): () => void {
    const stop = this.#feed.listen(listener);
    if (this.#ended) stop();
    else if (this.#lastReport !== undefined) {
      const { ntpMs, rtpTimestamp, arrivalMs } = this.#lastReport;
      listener.onSenderReport(ntpMs, rtpTimestamp, arrivalMs);
    }
    this.requestKeyFrame();
    return stop;
  }

  requestKeyFrame(): void {
    if (this.kind !== 'video' || this.#ended) return;
    this.#keyFrameWanted = true;
    this.#advanceKeyFrameRequest(this.#now());
  }

  #advanceKeyFrameRequest(nowMs: number): void {
    if (!this.#keyFrameWanted || this.#upstream === undefined) return;
    const hurried = this.#requests < HURRIED_REQUESTS;
    if (this.#requests > 0 && nowMs - this.#lastArrivalMs > SILENT_AFTER_MS) return;
    const intervalMs = hurried ? KEY_FRAME_REQUEST_INTERVAL_MS : SLOW_KEY_FRAME_REQUEST_INTERVAL_MS;
    if (nowMs - this.#lastRequestMs < intervalMs) return;
    this.#lastRequestMs = nowMs;
    this.#requests += 1;
    this.#upstream.requestKeyFrame();
  }

  /**
   * Takes one packet of a stream; another stream than before takes the former one's place.
   * @param recovered - it had been asked for again
   */
  push(upstream: TrackUpstream, packet: RtpPacket, arrivalMs: number, recovered: boolean): void {
    if (this.#ended) return;
    if (upstream !== this.#upstream) this.#startStream(upstream, packet, arrivalMs);
    if (recovered) this.#recoveredPackets += 1;
    let index = this.#unwrapper.unwrap(packet.sequenceNumber) + this.#indexOffset;
    if (Math.abs(index - this.#nextIndex) > MAX_JUMP) {
      // The second in a row from there is a sender that began anew (RFC 3550 appendix A.1).
      const begunAnew = packet.sequenceNumber === this.#strangerSequenceNumber;
      this.#strangerSequenceNumber = (packet.sequenceNumber + 1) & 0xffff;
      if (!begunAnew) return;
      this.#startStream(upstream, packet, arrivalMs);
      index = this.#unwrapper.unwrap(packet.sequenceNumber) + this.#indexOffset;
    }
    const timestamp = (packet.timestamp + this.#timestampOffset) >>> 0;
    if (index >= this.#nextIndex) {
      this.#nextIndex = index + 1;
      this.#lastTimestamp = timestamp;
    }
    if (arrivalMs > this.#lastArrivalMs) this.#lastArrivalMs = arrivalMs;
    if (this.#feed.active) this.#feed.push(packet, arrivalMs, this.#timestampOffset);
    const keyStart = this.#noteKeyStart(packet.payload, arrivalMs);
    if (this.#outlet?.active) this.#outlet.forward(index, timestamp, packet, keyStart);
  }

  #noteKeyStart(payload: Uint8Array, arrivalMs: number): boolean {
    if (this.kind !== 'video') return true;
    if (!this.#keyFrameWanted && !this.#outlet?.active && !this.#feed.active) return false;
    if (!startsKeyFrame(this.codec, payload)) return false;
    this.#keyFrameWanted = false;
    this.#requests = 0;
    this.#lastKeyStartMs = arrivalMs;
    return true;
  }

  #wantKeyFrameForFeed(nowMs: number): void {
    if (this.#keyFrameWanted || nowMs - this.#lastKeyStartMs < KEY_FRAME_ARRIVAL_MS) return;
    this.requestKeyFrame();
  }

  /**
   * Another stream, or a sender that began anew: indexes and timestamps go on behind those before, video with a key
   * frame.
   */
  #startStream(upstream: TrackUpstream, first: RtpPacket, arrivalMs: number): void {
    const former = this.#upstream;
    this.#upstream = upstream;
    this.#unwrapper.reset();
    this.#strangerSequenceNumber = undefined;
    this.#requests = 0;
    if (former === undefined) {
      this.#indexOffset = FIRST_INDEX - first.sequenceNumber;
      this.#onStarted(this);
    } else {
      // Room for packets of the new stream that were overtaken by this one.
      this.#indexOffset = this.#nextIndex + FIRST_INDEX - first.sequenceNumber;
      this.#alignTimestamps(former === upstream, first.timestamp, arrivalMs);
    }
    this.#nextIndex = first.sequenceNumber + this.#indexOffset;
    this.#outlet?.restart();
    if (this.#feed.active) this.requestKeyFrame();
  }

  #alignTimestamps(sameStream: boolean, firstTimestamp: number, arrivalMs: number): void {
    const elapsedTicks = Math.max(1, Math.round(((arrivalMs - this.#lastArrivalMs) * this.clockRate) / 1000));
    const expected = this.#lastTimestamp + elapsedTicks;
    // After a long loss the numbers jump, but the sender's clock went on.
    const deviation = Math.abs((firstTimestamp + this.#timestampOffset - expected) | 0);
    if (sameStream && deviation < this.clockRate) return;
    this.#feed.restart(this.#timestampOffset);
    this.#timestampOffset = (expected - firstTimestamp) >>> 0;
    this.#lastReport = undefined;
  }

  /** Takes a sender report of the current stream; those of others are of no use any more. */
  senderReport(upstream: TrackUpstream, ntpMs: number, rtpTimestamp: number, arrivalMs: number): void {
    if (upstream !== this.#upstream || !(ntpMs > 0)) return;
    const timestamp = (rtpTimestamp + this.#timestampOffset) >>> 0;
    this.#lastReport = { ntpMs, rtpTimestamp: timestamp, arrivalMs };
    this.#feed.tellSenderReport(ntpMs, timestamp, arrivalMs);
    this.#outlet?.senderReport(ntpMs, timestamp);
  }

  /** To be called every few ten milliseconds. */
  tick(nowMs: number): void {
    if (this.#feed.active) {
      this.#feed.advance(nowMs, this.#timestampOffset);
      if (this.#feed.wantsKeyFrame(nowMs)) this.#wantKeyFrameForFeed(nowMs);
    }
    this.#advanceKeyFrameRequest(nowMs);
  }

  /** The participant publishes this source no more; may be called twice. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#upstream = undefined;
    this.#feed.end(this.#timestampOffset);
    this.#outlet?.end();
  }
}
