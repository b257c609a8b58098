/** Further than this a jump of the sequence number is another stream, as in the jitter buffer. */
const MAX_JUMP = 3000;
/**
 * Asked for at once; a sender keeps about a second of packets, so more would not be answered. What is missing beyond is
 * given up at once: a sender that leaves out most of its numbers must not cost more than one that loses packets.
 */
const MAX_MISSING = 1000;
const MAX_AGE_MS = 1000;
const MIN_RETRY_MS = 25;
/** Retry interval while the round-trip time is unknown. */
const DEFAULT_RETRY_MS = 50;

const NOTHING: readonly number[] = [];

interface Missing {
  readonly sinceMs: number;
  askedMs: number;
}

/**
 * Knows which packets of one RTP stream are missing and when to ask for them (RFC 4585 §6.2.1): at once, then once a
 * round trip, for a second.
 */
export class NackGenerator {
  /** Sequence numbers counted on without wrapping. */
  readonly #missing = new Map<number, Missing>();
  #highest: number | undefined;
  /** Nothing is due before. */
  #nextDueMs = Number.POSITIVE_INFINITY;

  /** `requested`: single requests, repetitions too; `recovered`: packets that came after a request. */
  readonly stats = { requested: 0, recovered: 0, givenUp: 0 };

  /**
   * Takes note of a packet.
   *
   * @param sequenceNumber - of the media stream, 16 bits
   * @param recovered - it came as a retransmission (RFC 4588)
   */
  received(sequenceNumber: number, nowMs: number, recovered = false): void {
    if (this.#highest === undefined) {
      this.#highest = sequenceNumber;
      return;
    }
    const ahead = ((sequenceNumber - this.#highest) << 16) >> 16;
    if (ahead > MAX_JUMP || ahead < -MAX_JUMP) {
      if (recovered) return;
      this.#missing.clear();
      this.#highest = sequenceNumber;
      return;
    }
    const sequence = this.#highest + ahead;
    if (ahead <= 0) {
      const entry = this.#missing.get(sequence);
      if (entry === undefined) return;
      this.#missing.delete(sequence);
      if (entry.askedMs > Number.NEGATIVE_INFINITY) this.stats.recovered += 1;
      return;
    }
    this.#highest = sequence;
    if (ahead === 1) return;
    const first = Math.max(sequence - ahead + 1, sequence - MAX_MISSING);
    const last = Math.min(sequence, first + MAX_MISSING - this.#missing.size);
    for (let lost = first; lost < last; lost += 1) {
      this.#missing.set(lost, { sinceMs: nowMs, askedMs: Number.NEGATIVE_INFINITY });
      this.#nextDueMs = nowMs;
    }
    this.stats.givenUp += ahead - 1 - (last - first);
  }

  /**
   * Which packets to ask for now; each call counts as asking.
   *
   * @param rttMs - round-trip time to the sender, where it is known
   * @returns sequence numbers, 16 bits, ascending modulo 2^16
   */
  due(nowMs: number, rttMs?: number): readonly number[] {
    if (nowMs < this.#nextDueMs) return NOTHING;
    const retryMs = rttMs === undefined ? DEFAULT_RETRY_MS : Math.max(MIN_RETRY_MS, rttMs);
    const due: number[] = [];
    this.#nextDueMs = Number.POSITIVE_INFINITY;
    for (const [sequence, entry] of this.#missing) {
      if (nowMs - entry.sinceMs >= MAX_AGE_MS) {
        this.#missing.delete(sequence);
        this.stats.givenUp += 1;
        continue;
      }
      if (nowMs - entry.askedMs >= retryMs) {
        entry.askedMs = nowMs;
        due.push(sequence & 0xffff);
      }
      this.#nextDueMs = Math.min(this.#nextDueMs, entry.askedMs + retryMs, entry.sinceMs + MAX_AGE_MS);
    }
    this.stats.requested += due.length;
    return due;
  }
}
