import { open, readFile } from 'node:fs/promises';
import { AircheckError } from '@aircheck/protocol';
import type { WatermarkImage } from '../work-orders.ts';
import { type Av, describe, succeed } from './av.ts';
import type { Canvas, Size } from './canvas.ts';

/** A small PNG can say that it is huge. */
const MAX_PIXELS = 4096 * 4096;
const MAX_BYTES = 2 ** 20;
const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** What is drawn over one plane of each picture, in that plane's pixels. */
interface Layer extends Size {
  readonly plane: number;
  readonly left: number;
  readonly top: number;
  /** Value times its opacity, and what is left of what lies under it, 0 to 255. */
  readonly colour: Uint16Array;
  readonly rest: Uint8Array;
}

/** A picture with transparency that is drawn over others. */
export class Watermark {
  readonly #layers: readonly Layer[];

  private constructor(layers: readonly Layer[]) {
    this.#layers = layers;
  }

  /**
   * @param target - size of the pictures it is drawn on; what reaches beyond is cut off
   * @throws AircheckError `media-invalid` when it is no PNG, too large or damaged
   */
  static async load(av: Av, image: WatermarkImage, target: Size): Promise<Watermark> {
    const size = await readPngSize(image.path);
    const width = Math.max(1, Math.round(toPixels(image.width, target.width)));
    const height = image.height
      ? Math.max(1, Math.round(toPixels(image.height, target.height)))
      : Math.max(1, Math.round((width * size.height) / size.width));
    if (width * height > MAX_PIXELS) {
      throw new AircheckError('request-invalid', `A watermark of ${width}×${height} is too large`, {
        input: 'watermark',
      });
    }
    const rgba = await decodeScaled(av, image.path, { width, height });
    const left = Math.round(toPixels(image.left, target.width));
    const top = Math.round(toPixels(image.top, target.height));
    return new Watermark(makeLayers(rgba, { width, height }, left, top, target));
  }

  draw(canvas: Canvas): void {
    for (const { plane, left, top, width, height, colour, rest } of this.#layers) {
      const pixels = canvas.planes[plane]!;
      const stride = canvas.strides[plane]!;
      for (let line = 0, at = 0; line < height; line += 1) {
        let to = (top + line) * stride + left;
        for (let column = 0; column < width; column += 1, at += 1, to += 1) {
          pixels[to] = (colour[at]! + rest[at]! * pixels[to]! + 127) / 255;
        }
      }
    }
  }
}

/** @param length - `10%` of `whole`, or `100px` */
function toPixels(length: string, whole: number): number {
  const value = Number.parseFloat(length);
  return length.endsWith('%') ? (value * whole) / 100 : value;
}

/** Size in the header of a PNG (W3C PNG §11.2.2). @throws AircheckError `media-invalid` */
async function readPngSize(path: string): Promise<Size> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(24);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const { size } = await file.stat();
    if (bytesRead < head.length || !head.subarray(0, 8).equals(SIGNATURE)) {
      throw new AircheckError('media-invalid', 'The watermark is no PNG picture', { input: 'watermark' });
    }
    const width = head.readUInt32BE(16);
    const height = head.readUInt32BE(20);
    if (width === 0 || height === 0 || width * height > MAX_PIXELS || size > MAX_BYTES) {
      const what = `The watermark is ${width}×${height} in ${size} bytes`;
      throw new AircheckError('media-invalid', `${what}: ${MAX_PIXELS} pixels and ${MAX_BYTES} bytes are taken`, {
        input: 'watermark',
      });
    }
    return { width, height };
  } finally {
    await file.close();
  }
}

/** @returns four bytes a pixel: red, green, blue, opacity */
async function decodeScaled(av: Av, path: string, { width, height }: Size): Promise<Buffer> {
  const codec = av.Codec.findDecoder(av.AV_CODEC_ID_PNG);
  const context = new av.CodecContext();
  const packet = new av.Packet();
  const picture = new av.Frame();
  const scaled = new av.Frame();
  const scaler = new av.SoftwareScaleContext();
  try {
    context.allocContext3(codec);
    context.threadCount = 1;
    succeed(av, context.open2Sync(codec, null), 'open PNG');
    packet.alloc();
    packet.data = await readFile(path);
    picture.alloc();
    context.sendPacketSync(packet);
    context.sendPacketSync(null);
    const code = context.receiveFrameSync(picture);
    if (code < 0) {
      throw new AircheckError('media-invalid', `The watermark cannot be decoded: ${describe(av, code)}`, {
        input: 'watermark',
      });
    }
    scaled.alloc();
    scaled.format = av.AV_PIX_FMT_RGBA;
    scaled.width = width;
    scaled.height = height;
    succeed(av, scaled.getBuffer(0), 'allocate a picture');
    scaler.allocContext();
    succeed(av, scaler.scaleFrameSync(scaled, picture), 'scale the watermark');
    return scaled.toBuffer();
  } finally {
    for (const object of [packet, picture, scaled]) object.free();
    scaler.freeContext();
    context.freeContext();
  }
}

function makeLayers(rgba: Buffer, size: Size, left: number, top: number, target: Size): Layer[] {
  return [0, 1, 2].map((plane) => {
    // A pixel of colour stands for two by two of the picture.
    const step = plane === 0 ? 1 : 2;
    const fromX = Math.max(0, Math.ceil(left / step));
    const fromY = Math.max(0, Math.ceil(top / step));
    const width = Math.max(0, Math.min(target.width / step, Math.floor((left + size.width) / step)) - fromX);
    const height = Math.max(0, Math.min(target.height / step, Math.floor((top + size.height) / step)) - fromY);
    const colour = new Uint16Array(width * height);
    const rest = new Uint8Array(width * height);
    for (let at = 0; at < colour.length; at += 1) {
      const x = (fromX + (at % width)) * step - left;
      const y = (fromY + Math.floor(at / width)) * step - top;
      const pixel = meanPixel(rgba, size, x, y, step);
      colour[at] = Math.round(toYuv(pixel)[plane]! * pixel.opacity);
      rest[at] = 255 - Math.round(pixel.opacity);
    }
    return { plane, left: fromX, top: fromY, width, height, colour, rest };
  });
}

interface Pixel {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly opacity: number;
}

/** Mean of a square, weighted by opacity. */
function meanPixel(rgba: Buffer, size: Size, x: number, y: number, side: number): Pixel {
  let red = 0;
  let green = 0;
  let blue = 0;
  let opacity = 0;
  for (let line = y; line < Math.min(size.height, y + side); line += 1) {
    for (let column = x; column < Math.min(size.width, x + side); column += 1) {
      const at = (line * size.width + column) * 4;
      const weight = rgba[at + 3]!;
      red += rgba[at]! * weight;
      green += rgba[at + 1]! * weight;
      blue += rgba[at + 2]! * weight;
      opacity += weight;
    }
  }
  const weights = Math.max(1, opacity);
  return { red: red / weights, green: green / weights, blue: blue / weights, opacity: opacity / (side * side) };
}

/** ITU-R BT.601, luma from 16 to 235: what players take where a file says nothing else. */
function toYuv({ red, green, blue }: Pixel): [y: number, u: number, v: number] {
  return [
    16 + 0.2568 * red + 0.5041 * green + 0.0979 * blue,
    128 - 0.1482 * red - 0.291 * green + 0.4392 * blue,
    128 + 0.4392 * red - 0.3678 * green - 0.0714 * blue,
  ];
}
