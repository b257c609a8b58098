import { randomInt } from 'node:crypto';
import type { GarbageKind } from './contract.ts';
import { Impairment, type ImpairmentOptions } from './impairment.ts';
import { senderReport } from './rtcp.ts';
import { rtpPacket } from './rtp-packetizer.ts';

export interface RtpStreamOptions {
  readonly payloadType: number;
  /** Payload type of retransmissions (RFC 4588), where the receiver took it; else they go out as the packets they were. */
  readonly rtxPayloadType: number | undefined;
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly clockRate: number;
  readonly cname: string;
  readonly impairment: ImpairmentOptions;
  readonly answerNacks: boolean;
  send(packet: Buffer): void;
}

interface SentPacket {
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/** How many packets can be sent again: some three seconds of picture. */
const HISTORY_PACKETS = 1024;

/** One outgoing RTP stream: numbers packets, remembers them for NACKs, and tells its clock in sender reports. */
export class RtpStream {
  readonly #options: RtpStreamOptions;
  readonly #history: (SentPacket | undefined)[] = new Array(HISTORY_PACKETS).fill(undefined);
  readonly #impairment: Impairment;
  readonly #firstTimestamp = randomInt(2 ** 32);
  #sequenceNumber = randomInt(2 ** 16);
  #rtxSequenceNumber = randomInt(2 ** 16);
  #packets = 0;
  #octets = 0;
  retransmitted = 0;
  nackedPackets = 0;

  constructor(options: RtpStreamOptions) {
    this.#options = options;
    this.#impairment = new Impairment(options.impairment);
  }

  get packets(): number {
    return this.#packets;
  }

  get lost(): number {
    return this.#impairment.lost;
  }

  get reordered(): number {
    return this.#impairment.reordered;
  }

  /** @param mediaMs - milliseconds since the stream's beginning, as {@link report} maps them to the wall clock */
  timestamp(mediaMs: number): number {
    return (this.#firstTimestamp + Math.round((mediaMs * this.#options.clockRate) / 1000)) % 2 ** 32;
  }

  sendFrame(mediaMs: number, payloads: readonly Uint8Array[], markLast: boolean): void {
    const timestamp = this.timestamp(mediaMs);
    payloads.forEach((payload, index) => {
      const sequenceNumber = this.#sequenceNumber;
      this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
      const sent = { sequenceNumber, timestamp, marker: markLast && index === payloads.length - 1, payload };
      this.#history[sequenceNumber % HISTORY_PACKETS] = sent;
      this.#packets += 1;
      this.#octets += payload.length;
      this.#transmit(sent);
    });
  }

  #transmit(sent: SentPacket): void {
    const { payloadType, ssrc, send } = this.#options;
    this.#impairment.pass(rtpPacket({ ...sent, payloadType, ssrc }, sent.payload), send);
  }

  answerNack(sequenceNumbers: readonly number[]): void {
    this.nackedPackets += sequenceNumbers.length;
    if (!this.#options.answerNacks) return;
    const { rtxPayloadType, rtxSsrc, send } = this.#options;
    for (const sequenceNumber of sequenceNumbers) {
      const sent = this.#history[sequenceNumber % HISTORY_PACKETS];
      if (sent?.sequenceNumber !== sequenceNumber) continue;
      this.retransmitted += 1;
      if (rtxPayloadType === undefined) {
        this.#transmit(sent);
        continue;
      }
      const original = Buffer.from([sequenceNumber >> 8, sequenceNumber & 255]);
      const header = {
        ...sent,
        payloadType: rtxPayloadType,
        ssrc: rtxSsrc,
        sequenceNumber: this.#rtxSequenceNumber,
      };
      this.#rtxSequenceNumber = (this.#rtxSequenceNumber + 1) & 0xffff;
      this.#impairment.pass(rtpPacket(header, original, sent.payload), send);
    }
  }

  report(wallMs: number, mediaMs: number): Buffer {
    const { ssrc, cname } = this.#options;
    const rtpTimestamp = this.timestamp(mediaMs);
    return senderReport({ ssrc, wallMs, rtpTimestamp, packets: this.#packets, octets: this.#octets, cname });
  }

  /** A packet of this stream that is not what its header says. */
  garbage(kind: GarbageKind, bytes: Buffer): Buffer {
    const { payloadType, ssrc } = this.#options;
    if (kind === 'rtcp') {
      const packet = Buffer.alloc(Math.max(12, bytes.length));
      bytes.copy(packet);
      packet[0] = 0x80 | ((bytes[0] ?? 0) & 31);
      packet[1] = 200 + ((bytes[1] ?? 0) % 8);
      packet.writeUInt32BE(ssrc, 4);
      return packet;
    }
    const sequenceNumber = this.#sequenceNumber;
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    const packet = rtpPacket(
      { payloadType, ssrc, sequenceNumber, marker: false, timestamp: this.#firstTimestamp },
      bytes,
    );
    // Fifteen contributing sources, an extension and padding, whether there is room for them or not.
    if (kind === 'header') packet[0] = 0x80 | ((bytes[0] ?? 0) & 63);
    return packet;
  }
}
