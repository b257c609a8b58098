import { type FileHandle, open } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { AircheckError, type Asset } from '@aircheck/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { StoredAsset } from './assets.ts';
import { type ByteRange, parseByteRange } from './byte-range.ts';

/** Bytes read at a time: fewer, larger reads let one process feed many players. */
const chunkBytes = 256 * 1024;

/**
 * Opens an asset's file.
 * @throws AircheckError `asset-not-found` when it is not there (any more)
 */
export async function openMediaFile(recordingsFolder: string, stored: StoredAsset): Promise<FileHandle> {
  const path = join(recordingsFolder, stored.path);
  // The path comes from our own database; a mistake there must not open the rest of the disk.
  if (!path.startsWith(resolve(recordingsFolder) + sep)) {
    throw new AircheckError('asset-not-found', `The file ${stored.asset.fileId} is not in the recordings folder`);
  }
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new AircheckError('asset-not-found', `The file ${stored.asset.fileId} is not on the disk`, { cause });
  }
}

/** Answers with an asset's file or a range of it; a file that still grows is as long as it is now. */
export async function sendMediaFile(
  request: FastifyRequest,
  reply: FastifyReply,
  recordingsFolder: string,
  stored: StoredAsset,
): Promise<FastifyReply> {
  const { asset } = stored;
  const file = await openMediaFile(recordingsFolder, stored);
  try {
    const { size } = await file.stat();
    const etag = `"${asset.fileId}-${size}"`;
    reply.headers({
      'content-type': asset.mimeType,
      'accept-ranges': 'bytes',
      'content-disposition': contentDisposition(asset),
      'cross-origin-resource-policy': 'cross-origin',
    });
    if (asset.state === 'ready') reply.headers({ etag, 'cache-control': 'private, max-age=86400' });
    // Finishing rewrites a few bytes at the front: parts from before and after must not be put together.
    else reply.header('cache-control', 'no-store');

    if (asset.state === 'ready' && matches(request.headers['if-none-match'], etag)) {
      await file.close();
      return reply.code(304).removeHeader('content-type').send();
    }
    const { range: rangeHeader, 'if-range': ifRange } = request.headers;
    const usable = ifRange === undefined || (asset.state === 'ready' && ifRange === etag);
    const range = usable ? parseByteRange(rangeHeader, size) : undefined;
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${size}`);
      throw new AircheckError('range-not-satisfiable', `The file has ${size} bytes`, { input: 'headers.range' });
    }
    const { first, last }: ByteRange = range ?? { first: 0, last: size - 1 };
    if (range !== undefined) reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`);
    reply.header('content-length', last - first + 1);
    if (request.method === 'HEAD' || size === 0) {
      await file.close();
      return reply.send();
    }
    // Closes the file when it has been sent, and when the player goes away in the middle.
    const stream = file.createReadStream({ start: first, end: last, highWaterMark: chunkBytes });
    reply.raw.once('close', () => stream.destroy());
    return reply.send(stream);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((item) => item.trim().replace(/^W\//, '') === etag);
}

/** `inline` with the file's name for those who save it; the name is any text, so it goes encoded (RFC 6266, RFC 5987). */
function contentDisposition({ fileName, mimeType }: Asset): string {
  const extension = mimeType.includes('webm') ? '.webm' : '.mp4';
  const name = fileName.toLowerCase().endsWith(extension) ? fileName : `${fileName}${extension}`;
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%/]/g, '_');
  return `inline; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
