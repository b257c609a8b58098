/** A list of unsigned 32-bit numbers in one typed array that doubles: 4 bytes a number, whatever their count. */
export class GrowableUint32Array {
  #values = new Uint32Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const wider = new Uint32Array(this.#values.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length++] = value;
  }

  /** Adds to the last number. The list must not be empty. */
  increaseLast(by: number): void {
    this.#values[this.#length - 1]! += by;
  }

  last(): number | undefined {
    return this.#length === 0 ? undefined : this.#values[this.#length - 1];
  }

  /** A view of the numbers; valid until the next `push`. */
  view(): Uint32Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** The same for file offsets: whole numbers up to 2^53. */
export class GrowableFloat64Array {
  #values = new Float64Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const wider = new Float64Array(this.#values.length * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#length++] = value;
  }

  last(): number | undefined {
    return this.#length === 0 ? undefined : this.#values[this.#length - 1];
  }

  /** A view of the numbers; valid until the next `push`. */
  view(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}
