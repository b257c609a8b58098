/** Writes ISO base media boxes (ISO/IEC 14496-12 §4.2) one after another into one buffer that grows. Big-endian. */
export class BoxWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  /** @param capacity - bytes to begin with; a good guess spares copies */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far; the position of the next one. */
  get length(): number {
    return this.#length;
  }

  /** Begins a box whose size `close` fills in. @returns the box's position */
  open(type: string): number {
    const position = this.#length;
    this.u32(0);
    this.fourCc(type);
    return position;
  }

  /** Begins a box with version and flags. */
  openFull(type: string, version: number, flags: number): number {
    const position = this.open(type);
    this.u32(((version << 24) | flags) >>> 0);
    return position;
  }

  close(position: number): void {
    this.#view.setUint32(position, this.#length - position);
  }

  fourCc(type: string): void {
    for (let index = 0; index < 4; index++) this.u8(type.charCodeAt(index));
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#view.setUint8(this.#length, value);
    this.#length += 1;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  i32(value: number): void {
    this.u32(value >>> 0);
  }

  /** @param value - a whole number from 0 to 2^53 */
  u64(value: number): void {
    this.u32(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }

  u32s(values: Uint32Array): void {
    this.#reserve(values.length * 4);
    const view = this.#view;
    let position = this.#length;
    for (let index = 0; index < values.length; index++) {
      view.setUint32(position, values[index]!);
      position += 4;
    }
    this.#length = position;
  }

  /** Writes `first[0]`, `second[0]`, `first[1]` and so on. */
  u32Pairs(first: Uint32Array, second: Uint32Array): void {
    this.#reserve(first.length * 8);
    const view = this.#view;
    let position = this.#length;
    for (let index = 0; index < first.length; index++) {
      view.setUint32(position, first[index]!);
      view.setUint32(position + 4, second[index]!);
      position += 8;
    }
    this.#length = position;
  }

  zeros(count: number): void {
    this.#reserve(count);
    this.#length += count;
  }

  bytes(data: Uint8Array): void {
    this.#reserve(data.byteLength);
    this.#bytes.set(data, this.#length);
    this.#length += data.byteLength;
  }

  /** Overwrites a number written before, when its value is known only later. */
  patchU32(position: number, value: number): void {
    this.#view.setUint32(position, value);
  }

  /** What was written, without a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    wider.set(this.#bytes);
    this.#bytes = wider;
    this.#view = new DataView(wider.buffer);
  }
}
