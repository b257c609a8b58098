/** A received packet that may have to be sent again. The payload is held by reference, not copied. */
export interface HeldPacket {
  readonly index: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/**
 * The newest packets of a track by their index (sequence number without wraps), once for all receivers: each receiver
 * knows how its own sequence numbers map to indexes.
 */
export class PacketHistory {
  readonly #slots: (HeldPacket | undefined)[];

  /** @param size - packets held */
  constructor(size: number) {
    this.#slots = new Array<HeldPacket | undefined>(size).fill(undefined);
  }

  /** @returns false when it is held already */
  add(held: HeldPacket): boolean {
    const slot = this.#slot(held.index);
    if (this.#slots[slot]?.index === held.index) return false;
    this.#slots[slot] = held;
    return true;
  }

  get(index: number): HeldPacket | undefined {
    const held = this.#slots[this.#slot(index)];
    return held?.index === index ? held : undefined;
  }

  clear(): void {
    this.#slots.fill(undefined);
  }

  #slot(index: number): number {
    const slot = index % this.#slots.length;
    return slot < 0 ? slot + this.#slots.length : slot;
  }
}
