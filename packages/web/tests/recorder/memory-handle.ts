import type { SyncAccessHandle } from '../../src/recorder/worker/private-file.ts';

/** A file in memory, as browsers give it to workers. */
export class MemoryHandle implements SyncAccessHandle {
  bytes: Uint8Array;
  /** What the storage takes, in bytes. */
  room = Number.POSITIVE_INFINITY;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes.slice();
  }

  read(buffer: Uint8Array, { at }: { at: number }): number {
    const found = this.bytes.subarray(at, at + buffer.byteLength);
    buffer.set(found);
    return found.byteLength;
  }

  write(given: Uint8Array, { at }: { at: number }): number {
    const buffer = given.subarray(0, Math.max(0, this.room - at));
    const bytes = new Uint8Array(Math.max(this.bytes.byteLength, at + buffer.byteLength));
    bytes.set(this.bytes);
    bytes.set(buffer, at);
    this.bytes = bytes;
    return buffer.byteLength;
  }

  truncate(size: number): void {
    this.bytes = this.bytes.slice(0, size);
  }

  getSize(): number {
    return this.bytes.byteLength;
  }

  flush(): void {}
  close(): void {}
}
