/** Reassembly of handshake messages from their fragments (RFC 6347 §4.2.2, §4.2.3). */

export const handshakeHeaderLength = 12;

/** A chain of a few certificates fits; nothing in a WebRTC handshake is longer. */
const longestMessageBytes = 24_576;
/** Messages ahead of the one waited for: a flight has at most seven. */
const mostAhead = 8;

export interface HandshakeMessage {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly body: Buffer;
  /** Header as if unfragmented, then body: what the transcript is made of (RFC 6347 §4.2.6). */
  readonly bytes: Buffer;
}

interface Partial {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly bytes: Buffer;
  readonly present: Uint8Array;
  missing: number;
}

export class HandshakeReassembly {
  #next = 0;
  readonly #partial = new Map<number, Partial>();

  /**
   * Takes the content of a handshake record.
   * @param onRepeat - called when it holds a message that was complete before: the peer has not got our answer
   * @returns the messages that are complete now, in their order
   */
  add(record: Buffer, epoch: 0 | 1, onRepeat: () => void): HandshakeMessage[] {
    let offset = 0;
    while (offset + handshakeHeaderLength <= record.length) {
      const end = offset + handshakeHeaderLength + record.readUIntBE(offset + 9, 3);
      if (end > record.length) break;
      if (!this.#addFragment(record.subarray(offset, end), epoch)) onRepeat();
      offset = end;
    }
    const complete: HandshakeMessage[] = [];
    for (let message = this.#partial.get(this.#next); message?.missing === 0; message = this.#partial.get(this.#next)) {
      this.#partial.delete(this.#next);
      this.#next++;
      const { type, bytes } = message;
      complete.push({ type, epoch: message.epoch, body: bytes.subarray(handshakeHeaderLength), bytes });
    }
    return complete;
  }

  /** False when the fragment is of a message that was taken already. */
  #addFragment(fragment: Buffer, epoch: 0 | 1): boolean {
    const type = fragment[0]!;
    const length = fragment.readUIntBE(1, 3);
    const sequence = fragment.readUInt16BE(4);
    const from = fragment.readUIntBE(6, 3);
    const to = from + fragment.length - handshakeHeaderLength;
    if (sequence < this.#next) return false;
    if (sequence >= this.#next + mostAhead || length > longestMessageBytes || to > length) return true;
    let message = this.#partial.get(sequence);
    if (message === undefined) {
      const bytes = Buffer.alloc(handshakeHeaderLength + length);
      fragment.copy(bytes, 0, 0, 6);
      bytes.writeUIntBE(length, 9, 3);
      message = { type, epoch, bytes, present: new Uint8Array(length), missing: length };
      this.#partial.set(sequence, message);
    }
    // Fragments that contradict the first one are somebody else's.
    if (message.type !== type || message.epoch !== epoch || message.present.length !== length) return true;
    for (let index = from; index < to; index++) {
      if (message.present[index] === 0) {
        message.present[index] = 1;
        message.missing--;
      }
    }
    fragment.copy(message.bytes, handshakeHeaderLength + from, handshakeHeaderLength);
    return true;
  }
}
