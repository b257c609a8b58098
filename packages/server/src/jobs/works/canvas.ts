import { type Av, succeed } from './av.ts';
import type { Frame } from './media-input.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Black in the range that video uses, and in the full range that JPEG uses. */
const BLACK = { video: 16, full: 0 } as const;
const NO_COLOUR = 128;

/** A picture in memory to draw on: planar YUV 4:2:0, 8 bits. */
export class Canvas implements Size {
  readonly width: number;
  readonly height: number;
  readonly frame: Frame;
  readonly range: keyof typeof BLACK;
  readonly #av: Av;
  #planes: readonly Buffer[] = [];
  #strides: readonly number[] = [];

  /**
   * @param size - even numbers
   * @param range - `video`: luma from 16 to 235; `full`: from 0 to 255, as JPEG has it
   */
  constructor(av: Av, { width, height }: Size, range: keyof typeof BLACK) {
    this.#av = av;
    this.width = width;
    this.height = height;
    this.range = range;
    this.frame = new av.Frame();
    this.frame.alloc();
    this.frame.format = av.AV_PIX_FMT_YUV420P;
    this.frame.width = width;
    this.frame.height = height;
    this.frame.colorRange = range === 'full' ? av.AVCOL_RANGE_JPEG : av.AVCOL_RANGE_MPEG;
    // ITU-R BT.601, as JFIF has it; a picture of a video takes over what its source has.
    if (range === 'full') this.frame.colorSpace = av.AVCOL_SPC_BT470BG;
    succeed(av, this.frame.getBuffer(0), 'allocate a picture');
    this.#map();
    this.clear();
  }

  /** Y, U and V. Each line of plane n begins `strides[n]` bytes after the one before. */
  get planes(): readonly Buffer[] {
    return this.#planes;
  }

  get strides(): readonly number[] {
    return this.#strides;
  }

  /** To be called before each drawing: an encoder may still read what was drawn before. */
  prepare(): void {
    if (this.frame.isWritable) return;
    succeed(this.#av, this.frame.makeWritable(), 'copy a picture');
    this.#map();
  }

  clear(): void {
    for (const [index, plane] of this.#planes.entries()) plane.fill(index === 0 ? BLACK[this.range] : NO_COLOUR);
  }

  /** Draws another canvas with its upper left corner at an even place; it must lie inside. */
  draw(source: Canvas, left: number, top: number): void {
    for (const [index, plane] of this.#planes.entries()) {
      const shift = index === 0 ? 0 : 1;
      const stride = this.#strides[index]!;
      const from = source.planes[index]!;
      const fromStride = source.strides[index]!;
      const bytes = source.width >> shift;
      for (let line = 0; line < source.height >> shift; line += 1) {
        const at = ((top >> shift) + line) * stride + (left >> shift);
        from.copy(plane, at, line * fromStride, line * fromStride + bytes);
      }
    }
  }

  #map(): void {
    this.#planes = (this.frame.data ?? []).slice(0, 3);
    this.#strides = this.frame.linesize.slice(0, 3);
  }

  free(): void {
    this.frame.free();
  }
}

/** The nearest even number, at least 2: 4:2:0 has one colour for two pixels each way. */
export function even(length: number): number {
  return Math.max(2, Math.round(length / 2) * 2);
}

/** The largest size of the same aspect inside of a box; no larger than the picture itself, unless it may be enlarged. */
export function fitInside(picture: Size, box: Size, enlarge = false): Size {
  const scale = Math.min(
    enlarge ? Number.POSITIVE_INFINITY : 1,
    box.width / picture.width,
    box.height / picture.height,
  );
  return { width: even(picture.width * scale), height: even(picture.height * scale) };
}
