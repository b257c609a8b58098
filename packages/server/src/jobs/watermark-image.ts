import { crc32 } from 'node:zlib';
import { AircheckError } from '@aircheck/protocol';

/** Bytes that a watermark may have. */
const maxBytes = 100 * 1024;
/** Pixels of a side: few bytes of PNG can say many gigabytes of picture. */
const maxSide = 4096;

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/**
 * Chunks that are kept. All others say nothing about the pixels, and some are compressed texts that unpack to a thousand
 * times their length.
 */
const keptChunks: ReadonlySet<string> = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);
/** Colour types and the bit depths that each may have: PNG (third edition) §11.2.1. */
const bitDepths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/**
 * Looks over a PNG without unpacking it, and leaves out all that is not needed for its pixels.
 * @param base64 - the file
 * @returns the file to keep
 * @throws AircheckError `request-invalid` for `body.image`: too large, too many pixels, damaged, or no PNG
 */
export function checkWatermarkImage(base64: string): Buffer {
  const file = Buffer.from(base64, 'base64');
  if (file.length > maxBytes) throw wrong(`has ${file.length} bytes, at most ${maxBytes} are taken`);
  if (!file.subarray(0, signature.length).equals(signature)) throw wrong('is not a PNG');
  const kept: Buffer[] = [signature];
  let type = '';
  let pixels = false;
  for (let offset = signature.length; type !== 'IEND'; ) {
    const first = type === '';
    const length = offset + 12 <= file.length ? file.readUInt32BE(offset) : Number.POSITIVE_INFINITY;
    if (offset + 12 + length > file.length) throw wrong('is cut off');
    const chunk = file.subarray(offset, offset + 12 + length);
    type = chunk.toString('latin1', 4, 8);
    if (crc32(chunk.subarray(4, -4)) !== chunk.readUInt32BE(chunk.length - 4)) throw wrong('is damaged');
    if (first !== (type === 'IHDR')) throw wrong('is not a PNG');
    if (first) checkHeader(chunk.subarray(8, -4));
    if (type === 'IDAT') pixels = true;
    if (keptChunks.has(type)) kept.push(chunk);
    offset += chunk.length;
  }
  if (!pixels) throw wrong('has no picture');
  return Buffer.concat(kept);
}

function checkHeader(header: Buffer): void {
  if (header.length !== 13) throw wrong('is damaged');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  if (width < 1 || height < 1 || width > maxSide || height > maxSide) {
    throw wrong(`is ${width} × ${height} pixels, at most ${maxSide} × ${maxSide} are taken`);
  }
  const [bitDepth = 0, colorType = 0, compression, filter, interlace = 0] = header.subarray(8);
  const valid = bitDepths[colorType]?.includes(bitDepth) && compression === 0 && filter === 0 && interlace <= 1;
  if (!valid) throw wrong('is damaged');
}

function wrong(what: string): AircheckError {
  return new AircheckError('request-invalid', `The picture ${what}`, { input: 'body.image' });
}
