/** Arrival offsets are filtered over windows of this length: long enough to hold several undelayed packets. */
const WINDOW_MS = 1000;
/** Later than this for a whole window: the sender's clock stood still, or was set. A network's delay passes sooner. */
const JUMP_MS = 1000;
/** Sender reports kept for the regression; at Chrome's rates about 8 s of video and 40 s of audio. */
const REPORTS = 8;
/** A report this far from what the ones before say means that the sender's clocks jumped. */
const REPORT_JUMP_MS = 100;
/** Crystals are within 0.01 %; software clocks have been seen 2 % off. More is a measuring error. */
const MAX_RATE_ERROR = 0.05;

interface Report {
  readonly ntpMs: number;
  readonly rtpTimestamp: number;
}

/**
 * Knows the time of one track: where an RTP timestamp lies on the receiver's monotonic clock (from arrivals) and on the
 * sender's wall clock (from sender reports, RFC 3550 §6.4.1).
 *
 * All times are milliseconds. RTP timestamps are unwrapped numbers in ticks of the clock rate.
 */
export class TrackClock {
  readonly clockRate: number;
  readonly #ticksPerMs: number;
  /** arrival − timestamp/rate, its minimum within the window under way and the one before. A window begins with a frame. */
  #windowStartMs = Number.NaN;
  #windowMinMs = Number.POSITIVE_INFINITY;
  #envelopeMs = Number.NaN;
  #envelopeAtMs = 0;
  /** Growth of the envelope per ms: positive when the media clock runs slow. */
  #envelopeSlope = 0;
  #windows = 0;
  #lastTimestamp = Number.NaN;
  readonly #reports: Report[] = [];
  /** Sender time = #senderOriginMs + (timestamp − #senderOriginTicks) × #senderMsPerTick. */
  #senderOriginMs = 0;
  #senderOriginTicks = 0;
  #senderMsPerTick: number;

  /** @param clockRate - ticks per second of the RTP timestamps */
  constructor(clockRate: number) {
    this.clockRate = clockRate;
    this.#ticksPerMs = clockRate / 1000;
    this.#senderMsPerTick = 1 / this.#ticksPerMs;
  }

  /**
   * Takes note of a frame's arrival. Frames come in order of their timestamps, but for reordered pictures.
   * @returns by how many ms the track's clock is found to have stood still; 0 as a rule
   */
  frameArrived(rtpTimestamp: number, arrivalMs: number): number {
    this.#lastTimestamp = rtpTimestamp;
    const offset = arrivalMs - rtpTimestamp / this.#ticksPerMs;
    if (Number.isNaN(this.#envelopeMs)) {
      this.#envelopeMs = offset;
      this.#envelopeAtMs = arrivalMs;
    }
    if (Number.isNaN(this.#windowStartMs)) {
      this.#windowStartMs = arrivalMs;
      this.#windowMinMs = offset;
      return 0;
    }
    if (offset < this.#windowMinMs) this.#windowMinMs = offset;
    // Nothing arrives early: a lower offset is a better one, at once.
    if (offset < this.#expectedOffset(arrivalMs)) {
      this.#envelopeMs = offset;
      this.#envelopeAtMs = arrivalMs;
    }
    return arrivalMs - this.#windowStartMs >= WINDOW_MS ? this.#closeWindow(arrivalMs) : 0;
  }

  #expectedOffset(timeMs: number): number {
    return this.#envelopeMs + this.#envelopeSlope * (timeMs - this.#envelopeAtMs);
  }

  #closeWindow(nowMs: number): number {
    const middleMs = (this.#windowStartMs + nowMs) / 2;
    const late = this.#windowMinMs - this.#expectedOffset(middleMs);
    const jumpMs = late > JUMP_MS ? late : 0;
    const elapsedMs = middleMs - this.#envelopeAtMs;
    if (this.#windows > 0 && jumpMs === 0 && elapsedMs > WINDOW_MS / 4) {
      const slope = (this.#windowMinMs - this.#envelopeMs) / elapsedMs;
      const limited = Math.max(-MAX_RATE_ERROR, Math.min(MAX_RATE_ERROR, slope));
      this.#envelopeSlope += (limited - this.#envelopeSlope) / Math.min(this.#windows, 8);
    }
    this.#envelopeMs = this.#windowMinMs;
    this.#envelopeAtMs = middleMs;
    this.#windows += 1;
    this.#windowStartMs = Number.NaN;
    return jumpMs;
  }

  /**
   * Takes a sender report in.
   * @param ntpMs - the report's NTP time, milliseconds since 1970 on the sender's clock
   * @param rtpTimestamp - the report's RTP timestamp, 32 bits as received
   */
  senderReport(ntpMs: number, rtpTimestamp: number): void {
    if (Number.isNaN(this.#lastTimestamp) || !(ntpMs > 0)) return;
    const ahead = (rtpTimestamp - (this.#lastTimestamp % 2 ** 32)) | 0;
    const report: Report = { ntpMs, rtpTimestamp: this.#lastTimestamp + ahead };
    const known = this.senderTimeMs(report.rtpTimestamp);
    if (known !== undefined && Math.abs(known - ntpMs) > REPORT_JUMP_MS) this.#reports.length = 0;
    const last = this.#reports.at(-1);
    if (last !== undefined && report.rtpTimestamp <= last.rtpTimestamp) return;
    this.#reports.push(report);
    if (this.#reports.length > REPORTS) this.#reports.shift();
    this.#fit(report);
  }

  /** Least squares over the kept reports; with one alone the rate comes from the arrivals. */
  #fit(newest: Report): void {
    const oldest = this.#reports[0] ?? newest;
    const spanMs = (newest.rtpTimestamp - oldest.rtpTimestamp) / this.#ticksPerMs;
    if (this.#reports.length < 2 || spanMs < 2000) {
      this.#senderOriginMs = newest.ntpMs;
      this.#senderOriginTicks = newest.rtpTimestamp;
      this.#senderMsPerTick = (1 + this.#envelopeSlope) / this.#ticksPerMs;
      return;
    }
    let meanTicks = 0;
    let meanMs = 0;
    for (const report of this.#reports) {
      meanTicks += (report.rtpTimestamp - oldest.rtpTimestamp) / this.#reports.length;
      meanMs += (report.ntpMs - oldest.ntpMs) / this.#reports.length;
    }
    let covariance = 0;
    let variance = 0;
    for (const report of this.#reports) {
      const ticks = report.rtpTimestamp - oldest.rtpTimestamp - meanTicks;
      covariance += ticks * (report.ntpMs - oldest.ntpMs - meanMs);
      variance += ticks * ticks;
    }
    const nominal = 1 / this.#ticksPerMs;
    const slope = covariance / variance;
    this.#senderMsPerTick = Math.abs(slope / nominal - 1) > MAX_RATE_ERROR ? nominal : slope;
    this.#senderOriginMs = oldest.ntpMs + meanMs;
    this.#senderOriginTicks = oldest.rtpTimestamp + meanTicks;
  }

  /** When this timestamp arrives if nothing delays it, on the receiver's clock. Needs a frame before. */
  arrivalTimeMs(rtpTimestamp: number): number {
    const nominalMs = rtpTimestamp / this.#ticksPerMs;
    return nominalMs + this.#envelopeMs + this.#envelopeSlope * (nominalMs + this.#envelopeMs - this.#envelopeAtMs);
  }

  /** Inverse of {@link arrivalTimeMs}. */
  timestampAtArrival(timeMs: number): number {
    const slope = this.#envelopeSlope;
    return ((timeMs - this.#envelopeMs * (1 + slope) + slope * this.#envelopeAtMs) / (1 + slope)) * this.#ticksPerMs;
  }

  /** When this timestamp was captured, on the sender's wall clock; undefined before the first report. */
  senderTimeMs(rtpTimestamp: number): number | undefined {
    if (this.#reports.length === 0) return undefined;
    return this.#senderOriginMs + (rtpTimestamp - this.#senderOriginTicks) * this.#senderMsPerTick;
  }

  /** Inverse of {@link senderTimeMs}. */
  timestampAtSender(timeMs: number): number | undefined {
    if (this.#reports.length === 0) return undefined;
    return this.#senderOriginTicks + (timeMs - this.#senderOriginMs) / this.#senderMsPerTick;
  }

  /** Media clock against the wall clock, parts per million; positive runs fast. Undefined until it can be told. */
  get driftPpm(): number | undefined {
    if (this.#reports.length >= 3) return Math.round((1 / (this.#senderMsPerTick * this.#ticksPerMs) - 1) * 1e6);
    return undefined;
  }
}
