import { hash } from 'node:crypto';
import { longestPacketBytes } from './packet-cipher.ts';

const blockLength = 64;
const digestLength = 20;

/**
 * HMAC-SHA1 (RFC 2104) of a packet and a 32-bit word behind it, from two one-shot hashes: these cost less than the
 * objects of createHmac().
 */
export class Sha1Hmac {
  readonly #inner = Buffer.alloc(blockLength + longestPacketBytes + 4, 0x36);
  readonly #outer = Buffer.alloc(blockLength + digestLength, 0x5c);

  /** @param key - at most 64 bytes */
  constructor(key: Uint8Array) {
    key.forEach((byte, index) => {
      this.#inner[index]! ^= byte;
      this.#outer[index]! ^= byte;
    });
  }

  /** Whether the tag at `tagOffset` is that of the first `length` bytes and `word`. */
  matches(packet: Buffer, length: number, word: number, tagOffset: number, tagLength: number): boolean {
    const digest = this.#digest(packet, length, word);
    let difference = 0;
    for (let index = 0; index < tagLength; index++) difference |= digest[index]! ^ packet[tagOffset + index]!;
    return difference === 0;
  }

  /** Writes the tag of the first `length` bytes and `word` at `tagOffset`. */
  append(packet: Buffer, length: number, word: number, tagLength: number, tagOffset = length): void {
    this.#digest(packet, length, word).copy(packet, tagOffset, 0, tagLength);
  }

  #digest(packet: Buffer, length: number, word: number): Buffer {
    packet.copy(this.#inner, blockLength, 0, length);
    this.#inner.writeUInt32BE(word, blockLength + length);
    this.#outer.set(hash('sha1', this.#inner.subarray(0, blockLength + length + 4), 'buffer'), blockLength);
    return hash('sha1', this.#outer, 'buffer');
  }
}
