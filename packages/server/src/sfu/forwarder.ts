import type { PeerTransport } from '@aircheck/engine/transport';
import { buildSenderReport, buildSourceDescription } from '@aircheck/media';
import { loadRetransmission, type OutgoingHeader, writeHeader } from './outgoing-packet.ts';
import type { HeldPacket, PacketHistory } from './packet-history.ts';
import type { SendParameters } from './sdp/subscriber-offer.ts';

/** What a forwarder needs of the peer connection that it sends on. */
export interface SendingTransport extends Pick<PeerTransport, 'sendRtp' | 'sendRtcp' | 'roundTripMs'> {
  /** Packets go out. */
  readonly sending: boolean;
  /** Whether so much may be sent again now: who asks for everything again and again must not get it. */
  admitResend(bytes: number, nowMs: number): boolean;
  /** Next transport-wide sequence number. */
  nextTransportSequenceNumber(): number;
}

/** What a forwarder needs of the track that it sends. */
export interface ForwardedSource {
  readonly kind: 'audio' | 'video';
  requestKeyFrame(): void;
}

/** How many of the newest packets are remembered as sent again; a power of two. */
const RESENT_SLOTS = 1024;
/** The same packet is not sent again faster than that, however often it is asked for. */
const MIN_RESEND_INTERVAL_MS = 15;

/** What was sent to one receiver, and what it says about it. */
export interface ForwarderStats {
  packets: number;
  octets: number;
  resent: number;
  /** Fraction of packets lost on the way to the receiver as it reported last, 0 to 1. */
  fractionLost: number;
}

/**
 * Sends one track to one receiver: own SSRC, own payload type, and sequence numbers without a hole where the source
 * changed or nothing was sent for a while.
 */
export class Forwarder {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly stats: ForwarderStats = { packets: 0, octets: 0, resent: 0, fractionLost: 0 };
  readonly #source: ForwardedSource;
  readonly #transport: SendingTransport;
  readonly #history: PacketHistory;
  readonly #video: boolean;
  readonly #header: OutgoingHeader;
  readonly #rtxHeader: OutgoingHeader | undefined;
  /** Index of the first packet sent since the last start; what is older belongs to what was left out. */
  #startIndex = 0;
  #highestIndex = -1;
  /** Sequence number = index + offset, modulo 2^16. */
  #offset: number;
  #waiting = true;
  readonly #resentIndexes = new Float64Array(RESENT_SLOTS).fill(-1);
  readonly #resentAtMs = new Float64Array(RESENT_SLOTS);

  /**
   * @param firstSequenceNumber - of the packet stream; RFC 3550 §5.1 wants a random one, below 2^15 as SRTP does
   *   (RFC 3711 §3.3.1)
   */
  constructor(options: {
    readonly source: ForwardedSource;
    readonly history: PacketHistory;
    readonly transport: SendingTransport;
    readonly ssrc: number;
    readonly rtxSsrc: number;
    readonly send: SendParameters;
    readonly firstSequenceNumber: number;
  }) {
    const { send } = options;
    this.ssrc = options.ssrc;
    this.rtxSsrc = options.rtxSsrc;
    this.#source = options.source;
    this.#history = options.history;
    this.#transport = options.transport;
    this.#video = options.source.kind === 'video';
    this.#offset = options.firstSequenceNumber;
    this.#header = {
      payloadType: send.payloadType,
      ssrc: options.ssrc,
      sequenceNumber: 0,
      timestamp: 0,
      marker: false,
      transportWideCcId: send.transportWideCcId,
      transportSequenceNumber: 0,
    };
    if (send.rtxPayloadType !== undefined) {
      this.#rtxHeader = {
        ...this.#header,
        payloadType: send.rtxPayloadType,
        ssrc: options.rtxSsrc,
        sequenceNumber: options.firstSequenceNumber,
      };
    }
  }

  /** Video that has not begun, and waits for a key frame. */
  get waitsForKeyFrame(): boolean {
    return this.#waiting && this.#video && this.#transport.sending;
  }

  /** Begins anew with the next packet (video: key frame), right behind the last number sent. */
  restart(): void {
    this.#waiting = true;
    if (this.waitsForKeyFrame) this.#source.requestKeyFrame();
  }

  /**
   * Sends the packet whose payload was loaded into the outgoing packet.
   * @param index - sequence number of the track without wraps
   * @param keyStart - a key frame begins with it
   */
  forward(index: number, timestamp: number, marker: boolean, payloadLength: number, keyStart: boolean): void {
    const transport = this.#transport;
    if (!transport.sending) {
      this.#waiting = true;
      return;
    }
    if (this.#waiting) {
      if (this.#video && !keyStart) return;
      this.#begin(index);
    } else if (index < this.#startIndex) return;
    if (index > this.#highestIndex) this.#highestIndex = index;
    const header = this.#header;
    header.sequenceNumber = (index + this.#offset) & 0xffff;
    header.timestamp = timestamp;
    header.marker = marker;
    if (header.transportWideCcId !== undefined) {
      header.transportSequenceNumber = transport.nextTransportSequenceNumber();
    }
    if (!transport.sendRtp(writeHeader(header))) return;
    this.stats.packets += 1;
    this.stats.octets += payloadLength;
  }

  /**
   * Passes a sender report on: same clocks, own SSRC and counts.
   * @param rtpTimestamp - on the track's line, as given to {@link forward}
   */
  sendReport(ntpMs: number, rtpTimestamp: number, cname: string): void {
    if (!this.#transport.sending || this.#waiting) return;
    const report = buildSenderReport({
      ssrc: this.ssrc,
      ntpMs,
      rtpTimestamp,
      packetCount: this.stats.packets,
      octetCount: this.stats.octets,
    });
    this.#transport.sendRtcp(Buffer.concat([report, buildSourceDescription(this.ssrc, cname)]));
  }

  #begin(index: number): void {
    const next = this.#highestIndex < 0 ? this.#offset : this.#highestIndex + this.#offset + 1;
    this.#offset = (next - index) % 65_536;
    this.#startIndex = index;
    this.#highestIndex = index;
    this.#waiting = false;
  }

  /**
   * Sends again what the receiver asks for and is still held, as RTX (RFC 4588): the transport refuses a second packet
   * under one sequence number.
   */
  resend(sequenceNumbers: readonly number[], nowMs: number): void {
    const rtx = this.#rtxHeader;
    if (rtx === undefined || !this.#transport.sending || this.#highestIndex < 0) return;
    const pauseMs = Math.max(MIN_RESEND_INTERVAL_MS, (this.#transport.roundTripMs ?? 0) / 2);
    for (const sequenceNumber of sequenceNumbers) {
      const behind = (this.#highestIndex + this.#offset - sequenceNumber) & 0xffff;
      const index = this.#highestIndex - behind;
      if (index < this.#startIndex) continue;
      const slot = index & (RESENT_SLOTS - 1);
      if (this.#resentIndexes[slot] === index && nowMs - this.#resentAtMs[slot]! < pauseMs) continue;
      const held = this.#history.get(index);
      if (held === undefined) continue;
      if (!this.#transport.admitResend(held.payload.length, nowMs)) return;
      this.#resentIndexes[slot] = index;
      this.#resentAtMs[slot] = nowMs;
      this.#resendPacket(rtx, held, sequenceNumber);
    }
  }

  #resendPacket(header: OutgoingHeader, held: HeldPacket, sequenceNumber: number): void {
    if (!loadRetransmission(sequenceNumber, held.payload)) return;
    header.sequenceNumber = (header.sequenceNumber + 1) & 0xffff;
    header.timestamp = held.timestamp;
    header.marker = held.marker;
    if (header.transportWideCcId !== undefined) {
      header.transportSequenceNumber = this.#transport.nextTransportSequenceNumber();
    }
    if (this.#transport.sendRtp(writeHeader(header))) this.stats.resent += 1;
  }
}
