import { alertDescription, DtlsError } from './alert.ts';

/** Reads the vectors of the TLS presentation language (RFC 5246 §4); a truncated one is a decode_error. */
export class ByteReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  take(length: number): Buffer {
    if (length > this.remaining) throw new DtlsError(alertDescription.decodeError, 'truncated message');
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  uint8(): number {
    return this.take(1)[0]!;
  }

  uint16(): number {
    return this.take(2).readUInt16BE(0);
  }

  uint24(): number {
    return this.take(3).readUIntBE(0, 3);
  }

  /** A vector with a length of this many bytes in front. */
  vector(lengthBytes: 1 | 2 | 3): Buffer {
    return this.take(this.take(lengthBytes).readUIntBE(0, lengthBytes));
  }

  /** The 16-bit numbers of a vector. */
  uint16Vector(lengthBytes: 1 | 2): number[] {
    const reader = new ByteReader(this.vector(lengthBytes));
    const numbers: number[] = [];
    while (reader.remaining > 0) numbers.push(reader.uint16());
    return numbers;
  }
}

export function uint16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt16BE(value, 2 * index);
  });
  return bytes;
}

/** Puts the length in front. */
export function vector(lengthBytes: 1 | 2 | 3, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(lengthBytes);
  head.writeUIntBE(body.length, 0, lengthBytes);
  return Buffer.concat([head, body]);
}
