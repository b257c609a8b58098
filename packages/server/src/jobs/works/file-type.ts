import { open } from 'node:fs/promises';
import type { MediaInput } from './media-input.ts';

export interface FileType {
  readonly mimeType: string;
  /** Usual ending of the file's name, without a dot. */
  readonly extension: string;
}

/** By FFmpeg's names of containers; of video, and of sound alone. */
const TYPES: Readonly<
  Record<string, readonly [video: string, audio: string, extension: string, audioExtension?: string]>
> = {
  mp4: ['video/mp4', 'audio/mp4', 'mp4', 'm4a'],
  quicktime: ['video/quicktime', 'video/quicktime', 'mov'],
  '3gp': ['video/3gpp', 'audio/3gpp', '3gp'],
  webm: ['video/webm', 'audio/webm', 'webm'],
  matroska: ['video/x-matroska', 'audio/x-matroska', 'mkv', 'mka'],
  flv: ['video/x-flv', 'audio/x-flv', 'flv'],
  mpegts: ['video/mp2t', 'video/mp2t', 'ts'],
  mpeg: ['video/mpeg', 'audio/mpeg', 'mpg'],
  avi: ['video/x-msvideo', 'video/x-msvideo', 'avi'],
  asf: ['video/x-ms-wmv', 'audio/x-ms-wma', 'wmv', 'wma'],
  mp3: ['audio/mpeg', 'audio/mpeg', 'mp3'],
  aac: ['audio/aac', 'audio/aac', 'aac'],
  ogg: ['video/ogg', 'audio/ogg', 'ogv', 'ogg'],
  wav: ['audio/wav', 'audio/wav', 'wav'],
  flac: ['audio/flac', 'audio/flac', 'flac'],
  amr: ['audio/amr', 'audio/amr', 'amr'],
};
/** The EBML header of Matroska names its kind near its beginning (RFC 8794 §11.2.6). */
const EBML_HEADER_BYTES = 64;

/** MIME type and ending for a file that is open. */
export async function fileType(input: MediaInput, path: string): Promise<FileType> {
  const [video, audio, extension, audioExtension = extension] = TYPES[await containerOf(input, path)] ?? TYPES.mp4!;
  return input.video === undefined ? { mimeType: audio, extension: audioExtension } : { mimeType: video, extension };
}

async function containerOf(input: MediaInput, path: string): Promise<string> {
  if (input.format.startsWith('matroska')) return (await isWebm(path)) ? 'webm' : 'matroska';
  if (!input.format.startsWith('mov')) return input.format;
  const brand = input.tag('major_brand')?.trim() ?? '';
  return brand === 'qt' ? 'quicktime' : /^3g[2p]/.test(brand) ? '3gp' : 'mp4';
}

async function isWebm(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(EBML_HEADER_BYTES), 0, EBML_HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead).includes('webm');
  } finally {
    await file.close();
  }
}
