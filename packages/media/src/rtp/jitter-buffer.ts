import type { RtpPacket } from './rtp-packet.ts';

/** A jump this far ahead, or back, is another stream rather than loss (RFC 3550 appendix A.1, MAX_DROPOUT). */
const MAX_JUMP = 3000;
/** The second packet may overtake the first: this far before it a packet still belongs to the beginning. */
const MAX_REORDERED_AT_START = 16;
/**
 * So many packets in order, all of them older than what was given out and no newer one between, are a sender that
 * began anew not far behind where it was.
 */
const RESTART_RUN = 64;

export interface ArrivedPacket {
  readonly packet: RtpPacket;
  readonly arrivalMs: number;
}

/** Takes what a {@link JitterBuffer} gives out. */
export interface OrderedPacketSink {
  packet(packet: RtpPacket, arrivalMs: number): void;
  /** So many packets, right after the last given out, will never come. */
  packetsLost(count: number): void;
  /** The next packet has nothing to do with those before. */
  restarted(): void;
  /** Hands back the packets given out since the (re)start, if they are so many and nothing was made of them yet. */
  takeBack(count: number): readonly ArrivedPacket[] | undefined;
}

/**
 * Puts packets in the order of their sequence numbers, waits for missing ones, and gives up on those that don't come.
 *
 * It never holds more than `maxPackets`: where newer packets would not fit, the oldest holes are given up early.
 */
export class JitterBuffer {
  readonly #sink: OrderedPacketSink;
  readonly #maxWaitMs: number;
  readonly #maxPackets: number;
  readonly #mask: number;
  readonly #packets: (RtpPacket | undefined)[];
  /** When the packet of this place arrived, or, while it is missing, when a newer one showed that. */
  readonly #times: Float64Array;
  /** Sequence numbers counted on without wrapping; everything from `next` to `highest` has a place in the ring. */
  #next = 0;
  #highest = -1;
  /** The first sequence number since the (re)start. */
  #first = 0;
  #ssrc: number | undefined;
  #stranger: ArrivedPacket | undefined;
  #staleRun = 0;
  #staleNext = 0;

  readonly stats = { packets: 0, duplicates: 0, lostPackets: 0, lateRecovered: 0 };

  /**
   * @param options.maxWaitMs - how long a missing packet is waited for after a newer one came
   * @param options.maxPackets - places between the oldest packet that is missing and the newest
   */
  constructor(options: { readonly maxWaitMs: number; readonly maxPackets: number; readonly sink: OrderedPacketSink }) {
    this.#sink = options.sink;
    this.#maxWaitMs = options.maxWaitMs;
    this.#maxPackets = options.maxPackets;
    const places = 2 ** Math.ceil(Math.log2(options.maxPackets));
    this.#mask = places - 1;
    this.#packets = new Array<RtpPacket | undefined>(places).fill(undefined);
    this.#times = new Float64Array(places);
  }

  push(packet: RtpPacket, arrivalMs: number): void {
    this.stats.packets += 1;
    if (this.#ssrc === undefined) this.#start(packet);
    const ahead = ((packet.sequenceNumber - this.#highest) << 16) >> 16;
    if (packet.ssrc !== this.#ssrc || ahead > MAX_JUMP || ahead < -MAX_JUMP) {
      this.#pushStranger(packet, arrivalMs);
      return;
    }
    const sequence = this.#highest + ahead;
    if (ahead === 1 && sequence === this.#next) {
      this.#staleRun = 0;
      this.#giveOut(packet, arrivalMs);
    } else if (sequence >= this.#next) {
      this.#staleRun = 0;
      this.#insert(sequence, packet, arrivalMs);
      this.advance(arrivalMs);
    } else if (!this.#insertBeforeStart(sequence, packet, arrivalMs)) {
      this.#pushStale(packet, arrivalMs);
    }
  }

  /** Gives up on what has been missing for too long, and gives out what that sets free. */
  advance(nowMs: number): void {
    while (this.#next <= this.#highest) {
      const place = this.#next & this.#mask;
      if (this.#packets[place] === undefined && nowMs - this.#times[place]! < this.#maxWaitMs) return;
      this.#step();
    }
  }

  /** For how long the next packet has been missing, in ms; 0 when nothing waits for it. */
  missingForMs(nowMs: number): number {
    const place = this.#next & this.#mask;
    return this.#next <= this.#highest && this.#packets[place] === undefined ? nowMs - this.#times[place]! : 0;
  }

  /** Gives up on all that is missing. */
  flush(): void {
    while (this.#next <= this.#highest) this.#step();
  }

  /** The newest packet is the next one: it needs no place in the ring. */
  #giveOut(packet: RtpPacket, arrivalMs: number): void {
    this.#next += 1;
    this.#highest += 1;
    this.#sink.packet(packet, arrivalMs);
  }

  /** Gives out the next packet or says that it is lost. */
  #step(): void {
    const place = this.#next & this.#mask;
    const packet = this.#packets[place];
    this.#next += 1;
    if (packet === undefined) {
      this.stats.lostPackets += 1;
      this.#sink.packetsLost(1);
    } else {
      this.#packets[place] = undefined;
      this.#sink.packet(packet, this.#times[place]!);
    }
  }

  #start(packet: RtpPacket): void {
    this.#ssrc = packet.ssrc;
    this.#first = packet.sequenceNumber;
    this.#next = packet.sequenceNumber;
    this.#highest = packet.sequenceNumber - 1;
    this.#stranger = undefined;
    this.#staleRun = 0;
  }

  #insert(sequence: number, packet: RtpPacket, arrivalMs: number): void {
    while (sequence - this.#next >= this.#maxPackets) this.#step();
    const place = sequence & this.#mask;
    if (sequence > this.#highest) {
      for (let missing = Math.max(this.#highest + 1, this.#next); missing < sequence; missing += 1) {
        this.#times[missing & this.#mask] = arrivalMs;
      }
      this.#highest = sequence;
    } else if (this.#packets[place] !== undefined) {
      this.stats.duplicates += 1;
      return;
    } else {
      this.stats.lateRecovered += 1;
    }
    this.#packets[place] = packet;
    this.#times[place] = arrivalMs;
  }

  /** The stream's first packets came in another order than they were sent in: begin anew with the earlier one. */
  #insertBeforeStart(sequence: number, packet: RtpPacket, arrivalMs: number): boolean {
    const first = this.#first;
    if (sequence >= first || first - sequence > MAX_REORDERED_AT_START) return false;
    if (this.#highest - sequence >= this.#maxPackets) return false;
    const taken = this.#sink.takeBack(this.#next - first);
    if (taken === undefined) return false;
    this.stats.lateRecovered += 1;
    for (let missing = sequence + 1; missing < first; missing += 1) this.#times[missing & this.#mask] = arrivalMs;
    for (const [index, entry] of taken.entries()) {
      this.#packets[(first + index) & this.#mask] = entry.packet;
      this.#times[(first + index) & this.#mask] = entry.arrivalMs;
    }
    this.#packets[sequence & this.#mask] = packet;
    this.#times[sequence & this.#mask] = arrivalMs;
    this.#first = sequence;
    this.#next = sequence;
    this.advance(arrivalMs);
    return true;
  }

  /** One packet from nowhere may be a stray; the second in a row is a new stream (RFC 3550 appendix A.1). */
  #pushStranger(packet: RtpPacket, arrivalMs: number): void {
    const before = this.#stranger;
    if (
      before === undefined ||
      before.packet.ssrc !== packet.ssrc ||
      ((packet.sequenceNumber - before.packet.sequenceNumber) & 0xffff) !== 1
    ) {
      this.#stranger = { packet, arrivalMs };
      return;
    }
    this.#restart(before.packet);
    this.#giveOut(before.packet, before.arrivalMs);
    this.#giveOut(packet, arrivalMs);
  }

  #pushStale(packet: RtpPacket, arrivalMs: number): void {
    this.stats.duplicates += 1;
    this.#staleRun = packet.sequenceNumber === this.#staleNext ? this.#staleRun + 1 : 1;
    this.#staleNext = (packet.sequenceNumber + 1) & 0xffff;
    if (this.#staleRun < RESTART_RUN) return;
    this.#restart(packet);
    this.#giveOut(packet, arrivalMs);
  }

  #restart(packet: RtpPacket): void {
    this.flush();
    this.#sink.restarted();
    this.#start(packet);
  }
}
