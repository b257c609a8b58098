import { TrackClock } from './track-clock.ts';

/** A frame that much earlier than its timestamp allows, or that far back, is of a sender that began anew. */
const DISCONTINUITY_MS = 1000;
/** How fast the picture may be moved against the sound, in ms per ms. Frames get 5 % longer or shorter: nobody sees it. */
const SLEW = 0.05;
/** Sender reports of sound and picture that differ more than this from arrivals come from clocks that aren't one. */
const REPORT_TRUST_MS = 2000;
/** Sound older than this no longer says where the recording is in time. */
const AUDIO_FRESH_MS = 1000;

/**
 * Lays the frames of one participant's sound and picture on the time of one recording.
 *
 * Sound leads: an audio packet's place follows from its RTP timestamp alone, so that packets lie end to end with their
 * own lengths, and a decoder that counts samples and one that reads timestamps hear the same. The picture is laid
 * beside the sound: through sender reports once both tracks have one, by arrival before, and moved smoothly from the
 * one to the other. Without sound the picture's own clock leads.
 *
 * Positions are milliseconds from the recording's zero.
 */
export class RecordingTimeline {
  #audio: TrackClock | undefined;
  #video: TrackClock | undefined;
  /** A known pair: this position was captured to arrive at this time. */
  #anchorPositionMs: number;
  #anchorTimeMs: number;
  #audioOffsetMs: number | undefined;
  #audioTimestamp = 0;
  #audioArrivalMs = Number.NEGATIVE_INFINITY;
  #videoOffsetMs: number | undefined;
  #videoTimestamp = 0;
  /** Sender reports that no frame has come after. */
  readonly #reports = new Map<'audio' | 'video', { readonly ntpMs: number; readonly rtpTimestamp: number }>();

  /**
   * @param positionMs - where the recording goes on
   * @param timeMs - the receiver's clock at that position
   */
  constructor(positionMs: number, timeMs: number) {
    this.#anchorPositionMs = positionMs;
    this.#anchorTimeMs = timeMs;
  }

  /** The position of a moment on the receiver's clock. */
  positionAt(timeMs: number): number {
    return this.#anchorPositionMs + (timeMs - this.#anchorTimeMs);
  }

  /** Sound drift, picture drift: parts per million against the sender's wall clock. */
  get driftPpm(): { audio: number | undefined; video: number | undefined } {
    return { audio: this.#audio?.driftPpm, video: this.#video?.driftPpm };
  }

  /**
   * Takes a sender report in; the timestamp is the report's 32 bits. It counts from the next frame of its track on, the
   * first one included: a key frame, large as it is, arrives late, and by its arrival alone it would lie too late.
   */
  senderReport(kind: 'audio' | 'video', ntpMs: number, rtpTimestamp: number): void {
    this.#reports.set(kind, { ntpMs, rtpTimestamp });
  }

  #applyReport(kind: 'audio' | 'video', clock: TrackClock): void {
    const report = this.#reports.get(kind);
    if (report === undefined) return;
    this.#reports.delete(kind);
    clock.senderReport(report.ntpMs, report.rtpTimestamp);
  }

  /** Places an audio packet. */
  audioPosition(rtpTimestamp: number, arrivalMs: number, clockRate: number): number {
    const elapsedMs = ((rtpTimestamp - this.#audioTimestamp) * 1000) / clockRate;
    if (this.#audio === undefined || !goesOn(this.#audio, clockRate, elapsedMs, rtpTimestamp, arrivalMs)) {
      this.#audio = new TrackClock(clockRate);
      this.#audioOffsetMs = undefined;
    }
    const clock = this.#audio;
    const stoodStillMs = clock.frameArrived(rtpTimestamp, arrivalMs);
    this.#applyReport('audio', clock);
    if (this.#audioOffsetMs !== undefined) this.#audioOffsetMs += stoodStillMs;
    this.#audioTimestamp = rtpTimestamp;
    this.#audioArrivalMs = arrivalMs;
    const nominalMs = (rtpTimestamp * 1000) / clockRate;
    this.#audioOffsetMs ??= this.positionAt(clock.arrivalTimeMs(rtpTimestamp)) - nominalMs;
    const positionMs = nominalMs + this.#audioOffsetMs;
    this.#anchorPositionMs = positionMs;
    this.#anchorTimeMs = clock.arrivalTimeMs(rtpTimestamp);
    return positionMs;
  }

  /** The audio packets from the last placed one on were laid later (positive) or earlier than their timestamps say. */
  shiftAudio(byMs: number): void {
    if (this.#audioOffsetMs !== undefined) this.#audioOffsetMs += byMs;
    this.#anchorPositionMs += byMs;
  }

  /** Places a picture. */
  videoPosition(rtpTimestamp: number, arrivalMs: number, clockRate: number): number {
    const elapsedMs = ((rtpTimestamp - this.#videoTimestamp) * 1000) / clockRate;
    if (this.#video === undefined || !goesOn(this.#video, clockRate, elapsedMs, rtpTimestamp, arrivalMs)) {
      this.#video = new TrackClock(clockRate);
      this.#videoOffsetMs = undefined;
    }
    const clock = this.#video;
    if (clock.frameArrived(rtpTimestamp, arrivalMs) > 0) this.#videoOffsetMs = undefined;
    this.#applyReport('video', clock);
    this.#videoTimestamp = rtpTimestamp;
    const nominalMs = (rtpTimestamp * 1000) / clockRate;
    const wantedMs = this.#besideSound(clock, rtpTimestamp);
    if (this.#videoOffsetMs === undefined) {
      this.#videoOffsetMs = (wantedMs ?? this.positionAt(clock.arrivalTimeMs(rtpTimestamp))) - nominalMs;
    } else if (wantedMs !== undefined) {
      const step = SLEW * Math.max(0, Math.min(elapsedMs, DISCONTINUITY_MS));
      const error = wantedMs - (nominalMs + this.#videoOffsetMs);
      this.#videoOffsetMs += Math.max(-step, Math.min(step, error));
    }
    const positionMs = nominalMs + this.#videoOffsetMs;
    if (arrivalMs - this.#audioArrivalMs > AUDIO_FRESH_MS) {
      this.#anchorPositionMs = positionMs;
      this.#anchorTimeMs = clock.arrivalTimeMs(rtpTimestamp);
    }
    return positionMs;
  }

  /** Where the sound of the same moment lies. */
  #besideSound(video: TrackClock, rtpTimestamp: number): number | undefined {
    const audio = this.#audio;
    if (audio === undefined || this.#audioOffsetMs === undefined) return undefined;
    const arrivalTimeMs = video.arrivalTimeMs(rtpTimestamp);
    let timestamp = audio.timestampAtArrival(arrivalTimeMs);
    const senderTimeMs = video.senderTimeMs(rtpTimestamp);
    if (senderTimeMs !== undefined) {
      const reported = audio.timestampAtSender(senderTimeMs);
      if (reported !== undefined && Math.abs(reported - timestamp) * 1000 < REPORT_TRUST_MS * audio.clockRate) {
        timestamp = reported;
      }
    }
    return (timestamp * 1000) / audio.clockRate + this.#audioOffsetMs;
  }
}

/**
 * Whether a frame belongs to what the clock has seen. One that is late does: networks and senders stall, and send all that
 * has gathered at once.
 */
function goesOn(
  clock: TrackClock,
  clockRate: number,
  elapsedMs: number,
  rtpTimestamp: number,
  arrivalMs: number,
): boolean {
  if (clock.clockRate !== clockRate || elapsedMs < -DISCONTINUITY_MS) return false;
  return arrivalMs > clock.arrivalTimeMs(rtpTimestamp) - DISCONTINUITY_MS;
}
