import { FEEDBACK_FORMAT, RTCP_TYPE } from './rtcp-packet.ts';
import {
  DELTA_UNIT_MS,
  LARGE_DELTA,
  NOT_RECEIVED,
  REFERENCE_TIME_UNIT_MS,
  SMALL_DELTA,
} from './transport-feedback-parser.ts';
import { SequenceUnwrapper } from './unwrapper.ts';

const TICKS_PER_REFERENCE = REFERENCE_TIME_UNIT_MS / DELTA_UNIT_MS;
/** A jump this far is a sender that began anew: telling it of thousands of lost packets would stall it. */
const MAX_JUMP = 5000;
/** So many sequence numbers back, a late packet is still reported, with its neighbours as they came. */
const HISTORY = 500;
/** Keeps a feedback packet below the size of one datagram. */
const MAX_DELTA_BYTES = 900;
const MAX_RUN = 0x1fff;

/**
 * Tells a sender when each packet of a transport arrived, of whatever stream it was (transport-wide congestion control,
 * draft-holmer-rmcat-transport-wide-cc-extensions-01). One of these per transport; feedback every 50–100 ms.
 *
 * A packet that is not added here is reported as lost; one that is added is never sent again by Chrome.
 */
export class TransportFeedbackGenerator {
  readonly #unwrapper = new SequenceUnwrapper();
  /** Arrival times in units of 250 µs, of the packets to report and of those reported lately. */
  readonly #arrivals = new Map<number, number>();
  /** Behind the last number that was reported. */
  #next: number | undefined;
  /** The lowest and highest number received and not reported. */
  #unreportedFrom = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;
  #feedbackCount = 0;

  /**
   * Takes note of a packet.
   *
   * @param transportSequenceNumber - 16 bits, from the packet's header extension
   * @param arrivalMs - on any monotonic clock
   */
  add(transportSequenceNumber: number, arrivalMs: number): void {
    let sequence = this.#unwrapper.unwrap(transportSequenceNumber);
    // From where the next feedback begins: a sender that skips numbers must not make it endless.
    const expected = this.#next ?? this.#unreportedFrom;
    if (Math.abs(sequence - expected) > MAX_JUMP && Number.isFinite(expected)) {
      this.#unwrapper.reset();
      sequence = this.#unwrapper.unwrap(transportSequenceNumber);
      this.#arrivals.clear();
      this.#next = undefined;
      this.#unreportedFrom = Number.POSITIVE_INFINITY;
      this.#highest = Number.NEGATIVE_INFINITY;
    }
    if (this.#arrivals.has(sequence) || (this.#next !== undefined && sequence < this.#next - HISTORY)) return;
    this.#arrivals.set(sequence, Math.round(arrivalMs / DELTA_UNIT_MS));
    if (sequence < this.#unreportedFrom) this.#unreportedFrom = sequence;
    if (sequence > this.#highest) this.#highest = sequence;
  }

  /**
   * The feedback on what came since the last time. What does not fit one packet is left for the next call.
   *
   * @returns an RTCP packet; undefined when nothing new came
   */
  build(senderSsrc: number, mediaSsrc: number): Uint8Array | undefined {
    if (this.#unreportedFrom === Number.POSITIVE_INFINITY) return undefined;
    const begin = Math.min(this.#unreportedFrom, this.#next ?? this.#unreportedFrom);
    const reference = Math.floor(this.#arrivals.get(this.#unreportedFrom)! / TICKS_PER_REFERENCE);
    const symbols: number[] = [];
    const deltas: number[] = [];
    let deltaBytes = 0;
    let previous: number | undefined;
    for (let sequence = begin; sequence <= this.#highest && deltaBytes < MAX_DELTA_BYTES; sequence += 1) {
      const ticks = this.#arrivals.get(sequence);
      if (ticks === undefined) {
        symbols.push(NOT_RECEIVED);
        continue;
      }
      const delta = ticks - (previous ?? reference * TICKS_PER_REFERENCE);
      if (delta < -0x8000 || delta > 0x7fff) {
        // No delta holds it: the next feedback packet has a reference time of its own.
        break;
      }
      previous = ticks;
      const small = delta >= 0 && delta <= 0xff;
      symbols.push(small ? SMALL_DELTA : LARGE_DELTA);
      deltas.push(delta);
      deltaBytes += small ? 1 : 2;
    }
    this.#reportedUntil(begin + symbols.length);
    const count = this.#feedbackCount;
    this.#feedbackCount = (count + 1) & 0xff;
    return serialize({ senderSsrc, mediaSsrc, begin, reference, count, symbols, deltas, deltaBytes });
  }

  #reportedUntil(end: number): void {
    // What came late, before the last end, has been reported; a packet cut short must not step back behind that end.
    this.#next = Math.max(end, this.#next ?? end);
    this.#unreportedFrom = Number.POSITIVE_INFINITY;
    for (let sequence = end; sequence <= this.#highest; sequence += 1) {
      if (this.#arrivals.has(sequence)) {
        this.#unreportedFrom = sequence;
        break;
      }
    }
    for (const sequence of this.#arrivals.keys()) {
      if (sequence >= end - HISTORY) break;
      this.#arrivals.delete(sequence);
    }
  }
}

function serialize(feedback: {
  readonly senderSsrc: number;
  readonly mediaSsrc: number;
  readonly begin: number;
  readonly reference: number;
  readonly count: number;
  readonly symbols: readonly number[];
  readonly deltas: readonly number[];
  readonly deltaBytes: number;
}): Uint8Array {
  const { symbols, deltas } = feedback;
  const chunks = encodeChunks(symbols);
  const contentLength = 20 + chunks.length * 2 + feedback.deltaBytes;
  const length = Math.ceil(contentLength / 4) * 4;
  const padding = length - contentLength;
  const view = new DataView(new ArrayBuffer(length));
  view.setUint8(0, 0x80 | (padding > 0 ? 0x20 : 0) | FEEDBACK_FORMAT.transportFeedback);
  view.setUint8(1, RTCP_TYPE.transportLayerFeedback);
  view.setUint16(2, length / 4 - 1);
  view.setUint32(4, feedback.senderSsrc);
  view.setUint32(8, feedback.mediaSsrc);
  view.setUint16(12, feedback.begin & 0xffff);
  view.setUint16(14, symbols.length);
  view.setUint32(16, ((feedback.reference & 0xffffff) << 8) | feedback.count);
  let offset = 20;
  for (const chunk of chunks) {
    view.setUint16(offset, chunk);
    offset += 2;
  }
  for (const delta of deltas) {
    if (delta >= 0 && delta <= 0xff) {
      view.setUint8(offset, delta);
      offset += 1;
    } else {
      view.setInt16(offset, delta);
      offset += 2;
    }
  }
  if (padding > 0) view.setUint8(length - 1, padding);
  return new Uint8Array(view.buffer);
}

/** Packet status chunks (§3.1.3, §3.1.4): runs where they are long, else a vector of 14 or of 7 symbols. */
function encodeChunks(symbols: readonly number[]): number[] {
  const chunks: number[] = [];
  let position = 0;
  while (position < symbols.length) {
    const symbol = symbols[position]!;
    let run = 1;
    while (run < MAX_RUN && symbols[position + run] === symbol) run += 1;
    const next14 = symbols.slice(position, position + 14);
    if (run >= 14 || run >= next14.length) {
      chunks.push((symbol << 13) | run);
      position += run;
    } else if (!next14.includes(LARGE_DELTA)) {
      chunks.push(next14.reduce((chunk, bit, index) => chunk | (bit << (13 - index)), 0x8000));
      position += next14.length;
    } else if (run >= 7) {
      chunks.push((symbol << 13) | run);
      position += run;
    } else {
      const next7 = next14.slice(0, 7);
      chunks.push(next7.reduce((chunk, bits, index) => chunk | (bits << (12 - 2 * index)), 0xc000));
      position += next7.length;
    }
  }
  return chunks;
}
