import {
  buildNack,
  buildPli,
  NackGenerator,
  ReceptionStatistics,
  type ReportBlock,
  type RtpPacket,
} from '@aircheck/media';
import type { PeerTransport } from '../transport/index.ts';
import type { IncomingTrack, TrackUpstream } from './incoming-track.ts';

/** A sender that did not agree to answer NACKs, and has not answered that many, is not asked any more. */
const UNANSWERED_NACKS = 100;

/** One RTP stream of a sender: asks for what is missing, and keeps the statistics that go back to the sender. */
export class IncomingStream implements TrackUpstream {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly rtxPayloadType: number | undefined;
  readonly track: IncomingTrack;
  readonly #localSsrc: number;
  readonly #transport: PeerTransport;
  readonly #statistics: ReceptionStatistics;
  readonly #missing = new NackGenerator();
  readonly #nackAgreed: boolean;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly ssrc: number;
    readonly payloadType: number;
    readonly rtxPayloadType: number | undefined;
    /** The sender said that it answers NACKs. */
    readonly nackAgreed: boolean;
    readonly track: IncomingTrack;
    readonly transport: PeerTransport;
    /** Who our feedback comes from. */
    readonly localSsrc: number;
  }) {
    this.ssrc = options.ssrc;
    this.payloadType = options.payloadType;
    this.rtxPayloadType = options.rtxPayloadType;
    this.track = options.track;
    this.#nackAgreed = options.nackAgreed;
    this.#transport = options.transport;
    this.#localSsrc = options.localSsrc;
    this.#statistics = new ReceptionStatistics({ clockRate: options.track.clockRate });
  }

  /** When its last packet came. */
  get lastArrivalMs(): number {
    return this.#lastArrivalMs;
  }

  /**
   * Takes a packet of the stream.
   * @param recovered - it came as a retransmission (RFC 4588)
   */
  receive(packet: RtpPacket, arrivalMs: number, recovered: boolean): void {
    const { sequenceNumber } = packet;
    this.#lastArrivalMs = arrivalMs;
    const recoveredBefore = this.#missing.stats.recovered;
    this.#missing.received(sequenceNumber, arrivalMs, recovered);
    if (!recovered) this.#statistics.add(sequenceNumber, packet.timestamp, arrivalMs);
    this.track.push(this, packet, arrivalMs, this.#missing.stats.recovered > recoveredBefore);
    this.askForMissing(arrivalMs);
  }

  /** Asks for the packets whose turn it is, if any. */
  askForMissing(nowMs: number): void {
    const due = this.#missing.due(nowMs, this.#transport.roundTripMs);
    if (due.length === 0) return;
    const { requested, recovered } = this.#missing.stats;
    if (!this.#nackAgreed && requested > UNANSWERED_NACKS && recovered === 0) return;
    this.#transport.sendRtcp(buildNack(this.#localSsrc, this.ssrc, due));
  }

  requestKeyFrame(): void {
    this.#transport.sendRtcp(buildPli(this.#localSsrc, this.ssrc));
  }

  senderReport(
    report: { readonly ntpMs: number; readonly compactNtp: number; readonly rtpTimestamp: number },
    arrivalMs: number,
  ): void {
    this.#statistics.receivedSenderReport(report.compactNtp, arrivalMs);
    this.track.senderReport(this, report.ntpMs, report.rtpTimestamp, arrivalMs);
  }

  /** Undefined before its first packet. */
  reportBlock(nowMs: number): ReportBlock | undefined {
    if (this.#lastArrivalMs === Number.NEGATIVE_INFINITY) return undefined;
    return this.#statistics.reportBlock(this.ssrc, nowMs);
  }
}
