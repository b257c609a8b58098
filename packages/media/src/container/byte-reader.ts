import { MediaError } from '../errors.ts';

/** Reads big-endian numbers one after another, and throws where the bytes end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** @throws MediaError also when the number is 2^53 or more */
  u64(): number {
    const value = this.u32() * 2 ** 32 + this.u32();
    if (!Number.isSafeInteger(value)) throw new MediaError('container-malformed', 'a 64-bit number is out of range');
    return value;
  }

  fourCc(): string {
    const start = this.#take(4);
    return String.fromCharCode(...this.#bytes.subarray(start, start + 4));
  }

  /** A view of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Moves on by `length` bytes. @returns where they start */
  #take(length: number): number {
    if (length > this.remaining) {
      throw new MediaError('container-malformed', `${length} bytes wanted where ${this.remaining} are left`);
    }
    const start = this.#position;
    this.#position += length;
    return start;
  }
}
