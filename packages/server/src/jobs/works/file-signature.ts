import { open } from 'node:fs/promises';

const HEAD_BYTES = 4096;

/** Beginnings of files that are often taken for media. */
const SIGNATURES: readonly { readonly name: string; readonly bytes: string; readonly at?: number }[] = [
  { name: 'a JPEG picture', bytes: '\xff\xd8\xff' },
  { name: 'a PNG picture', bytes: '\x89PNG\r\n\x1a\n' },
  { name: 'a GIF picture', bytes: 'GIF8' },
  { name: 'a WebP picture', bytes: 'WEBP', at: 8 },
  { name: 'a TIFF picture', bytes: 'II*\0' },
  { name: 'a TIFF picture', bytes: 'MM\0*' },
  { name: 'a PDF document', bytes: '%PDF-' },
  { name: 'a ZIP archive', bytes: 'PK\x03\x04' },
  { name: 'a gzip archive', bytes: '\x1f\x8b' },
  { name: 'a RAR archive', bytes: 'Rar!' },
  { name: 'a 7z archive', bytes: '7z\xbc\xaf' },
  { name: 'a program', bytes: '\x7fELF' },
  { name: 'a program', bytes: 'MZ' },
];
/** Brands of ISO files that hold pictures (ISO/IEC 23008-12 §10; AV1 Image File Format §6). */
const PICTURE_BRANDS = new Set(['mif1', 'msf1', 'heic', 'heix', 'heim', 'heis', 'avif', 'avis']);

/**
 * Recognises what is no media by its first bytes, so that it can be said by name.
 *
 * @returns for example `a PNG picture`, or undefined when nothing speaks against media
 */
export async function recogniseOther(path: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return nameOf(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

function nameOf(head: Buffer): string | undefined {
  if (head.length === 0) return 'empty';
  const text = head.toString('latin1');
  const known = SIGNATURES.find(({ bytes, at = 0 }) => text.startsWith(bytes, at));
  if (known !== undefined) return known.name;
  if (text.slice(4, 8) === 'ftyp' && PICTURE_BRANDS.has(text.slice(8, 12))) return 'a HEIF or AVIF picture';
  return isText(head) ? 'text' : undefined;
}

/** Whole UTF-8 without control characters, but for the last character, which may be cut. */
function isText(head: Buffer): boolean {
  const text = new TextDecoder('utf-8').decode(head).replace(/\uFFFD{1,3}$/, '');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells bytes from text
  return !/[\0-\x08\x0e-\x1a\x1c-\x1f\uFFFD]/.test(text);
}
