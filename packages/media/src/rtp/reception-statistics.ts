import type { ReportBlock } from './rtcp-packet.ts';

/** RFC 3550 appendix A.1, MAX_DROPOUT. */
const MAX_JUMP = 3000;
/** Longer than this is a pause or a jump of the sender's clock, not jitter. */
const MAX_TRANSIT_CHANGE_S = 5;

/** What a receiver tells the sender of one stream: loss and jitter (RFC 3550 §6.4.1, appendix A.3 and A.8). */
export class ReceptionStatistics {
  readonly #clockRate: number;
  #base: number | undefined;
  /** Counted on without wrapping. */
  #highest = 0;
  #received = 0;
  #stranger: number | undefined;
  #expectedBefore = 0;
  #receivedBefore = 0;
  #lastTimestamp = 0;
  #lastArrivalMs = 0;
  #jitter = 0;
  #lastSenderReport = 0;
  #lastSenderReportMs = 0;

  /** @param options.clockRate - units of RTP timestamps per second */
  constructor(options: { readonly clockRate: number }) {
    this.#clockRate = options.clockRate;
  }

  /**
   * Takes note of a packet as it was first sent; retransmissions (RFC 4588) would hide the loss that they heal.
   *
   * @param timestamp - RTP timestamp, 32 bits
   */
  add(sequenceNumber: number, timestamp: number, arrivalMs: number): void {
    if (this.#base === undefined) {
      this.#begin(sequenceNumber, timestamp, arrivalMs);
      return;
    }
    const ahead = ((sequenceNumber - this.#highest) << 16) >> 16;
    if (ahead > MAX_JUMP || ahead < -MAX_JUMP) {
      // The second in a row from there is a sender that began anew.
      if (this.#stranger === sequenceNumber) this.#begin(sequenceNumber, timestamp, arrivalMs);
      else this.#stranger = (sequenceNumber + 1) & 0xffff;
      return;
    }
    if (ahead > 0) this.#highest += ahead;
    this.#received += 1;
    const arrivalUnits = ((arrivalMs - this.#lastArrivalMs) * this.#clockRate) / 1000;
    const change = Math.abs(arrivalUnits - ((timestamp - this.#lastTimestamp) | 0));
    if (change < MAX_TRANSIT_CHANGE_S * this.#clockRate) this.#jitter += (change - this.#jitter) / 16;
    this.#lastTimestamp = timestamp;
    this.#lastArrivalMs = arrivalMs;
  }

  #begin(sequenceNumber: number, timestamp: number, arrivalMs: number): void {
    this.#base = sequenceNumber;
    this.#highest = sequenceNumber;
    this.#received = 1;
    this.#stranger = undefined;
    this.#expectedBefore = 0;
    this.#receivedBefore = 0;
    this.#lastTimestamp = timestamp;
    this.#lastArrivalMs = arrivalMs;
  }

  /** @param compactNtp - middle 32 bits of the report's NTP time */
  receivedSenderReport(compactNtp: number, nowMs: number): void {
    this.#lastSenderReport = compactNtp;
    this.#lastSenderReportMs = nowMs;
  }

  /** The report on the time since the last one. */
  reportBlock(ssrc: number, nowMs: number): ReportBlock {
    const expected = this.#base === undefined ? 0 : this.#highest - this.#base + 1;
    const expectedNow = expected - this.#expectedBefore;
    const lostNow = expectedNow - (this.#received - this.#receivedBefore);
    this.#expectedBefore = expected;
    this.#receivedBefore = this.#received;
    const delayS = this.#lastSenderReport === 0 ? 0 : (nowMs - this.#lastSenderReportMs) / 1000;
    return {
      ssrc,
      fractionLost: expectedNow > 0 && lostNow > 0 ? Math.min(255, Math.floor((lostNow * 256) / expectedNow)) : 0,
      packetsLost: expected - this.#received,
      highestSequenceNumber: this.#highest >>> 0,
      jitter: Math.floor(this.#jitter),
      lastSenderReport: this.#lastSenderReport,
      delaySinceLastSenderReport: Math.min(0xffffffff, Math.max(0, Math.round(delayS * 65536))),
    };
  }
}
