import { MediaError } from '../errors.ts';

/** Reads a bitstream's header fields, most significant bit first. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * An unsigned number of 0 to 32 bits.
   * @throws MediaError `bitstream-malformed` at the end of the bytes
   */
  bits(count: number): number {
    if (this.#position + count > this.#bytes.byteLength * 8) {
      throw new MediaError('bitstream-malformed', `bitstream ends after ${this.#bytes.byteLength} bytes`);
    }
    let value = 0;
    for (let left = count; left > 0; left -= 1) {
      value = value * 2 + ((this.#bytes[this.#position >> 3]! >> (7 - (this.#position & 7))) & 1);
      this.#position += 1;
    }
    return value;
  }

  flag(): boolean {
    return this.bits(1) === 1;
  }

  skip(count: number): void {
    for (let left = count; left > 0; left -= 32) this.bits(Math.min(32, left));
  }

  /** Exp-Golomb code, unsigned: `ue(v)` (ISO/IEC 14496-10 §9.1), `uvlc()` (AV1 §4.10.3). */
  unsignedExpGolomb(): number {
    let zeros = 0;
    while (!this.flag()) {
      zeros += 1;
      if (zeros > 32) throw new MediaError('bitstream-malformed', 'Exp-Golomb code longer than 32 bits');
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Exp-Golomb code, signed: `se(v)` (ISO/IEC 14496-10 §9.1.1). */
  signedExpGolomb(): number {
    const code = this.unsignedExpGolomb();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
