import { type FileHandle, open } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import type { MoviePlan } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseByteRange } from './byte-range.ts';
import { type MediaBytes, mediaBytesOf } from './media-bytes.ts';
import { sendBytes } from './send-bytes.ts';
import type { ServedBytes } from './served-bytes.ts';

/** A file that a link leads to. */
export interface MediaFile {
  readonly appId: string;
  readonly fileId: string;
  /** Names this very file among all: the asset's id or the derivative's. */
  readonly id: string;
  /** Absolute path of the folder that it must be in. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly path: string;
  /** Not all of the file is meant, but what this makes of it; `id` is that of it then. */
  readonly plan?: MoviePlan;
  readonly mimeType: string;
  /** It will not change any more. */
  readonly finished: boolean;
  /** Offered to those who save it. */
  readonly saveAs: string;
}

/** Location of nginx that a folder is under; see deploy/nginx. */
export type AccelPrefix = '/aircheck-files/recordings' | '/aircheck-files/derived';

export interface SendOptions {
  readonly served: ServedBytes;
  /** Have nginx send the bytes: it finds the file's folder there. */
  readonly accelPrefix: AccelPrefix | undefined;
  /** To be saved, not to be played. */
  readonly download: boolean;
}

/**
 * Opens a file.
 * @throws AircheckError `asset-not-found` when it is not there (any more), `storage-failed` when it cannot be opened
 */
export async function openMediaFile(file: Pick<MediaFile, 'folder' | 'path' | 'fileId'>): Promise<FileHandle> {
  const path = safePath(file);
  try {
    return await open(path, 'r');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new AircheckError('asset-not-found', `The file ${file.fileId} is not on the disk`, { cause });
    }
    throw new AircheckError('storage-failed', `The file ${file.fileId} cannot be opened: ${message}`, { cause });
  }
}

/**
 * Opens what is meant by a file: all of it, or what its plan says.
 * @throws AircheckError as {@link openMediaFile}
 */
export async function openMediaBytes(file: MediaFile): Promise<MediaBytes> {
  return mediaBytesOf(await openMediaFile(file), file.plan);
}

function safePath({ folder, path, fileId }: Pick<MediaFile, 'folder' | 'path' | 'fileId'>): string {
  const absolute = join(folder, path);
  // The path comes from our own database; a mistake there must not open the rest of the disk.
  if (absolute.startsWith(resolve(folder) + sep)) return absolute;
  throw new AircheckError('asset-not-found', `The file ${fileId} is not in its folder`);
}

/**
 * Answers with a file or a range of it (RFC 9110 §14); a file that still grows is as long as it is now.
 * @throws AircheckError `asset-not-found`, `range-not-satisfiable`
 */
export async function sendMediaFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: MediaFile,
  options: SendOptions,
): Promise<FastifyReply> {
  const bytes = await openMediaBytes(file);
  let sending = false;
  try {
    const { served } = options;
    // nginx knows whole files alone.
    const accelPrefix = file.plan === undefined ? options.accelPrefix : undefined;
    const { size, modifiedAt } = bytes;
    // Whoever sends the bytes says what of them is still the same: nginx does, also of a file that grows.
    const comparable = file.finished || accelPrefix !== undefined;
    const etag = accelPrefix === undefined ? `"${file.id}-${size}"` : nginxEtag(size, modifiedAt);
    const modified = accelPrefix === undefined ? undefined : modifiedAt.toUTCString();
    reply.headers({
      'content-type': file.mimeType,
      'accept-ranges': 'bytes',
      'content-disposition': contentDisposition(file.saveAs, options.download),
      'cross-origin-resource-policy': 'cross-origin',
    });
    if (file.finished) reply.headers({ etag, 'cache-control': 'private, max-age=86400' });
    // Finishing rewrites a few bytes at the front: parts from before and after must not be put together.
    else reply.header('cache-control', 'no-store');

    const { headers } = request;
    const sameTime = modified !== undefined && headers['if-modified-since'] === modified;
    const known = 'if-none-match' in headers ? matches(headers['if-none-match'], etag) : sameTime;
    if (comparable && known) {
      return reply.code(304).removeHeader('content-type').send();
    }
    const { range: rangeHeader, 'if-range': ifRange } = headers;
    const usable = ifRange === undefined || (comparable && (ifRange === etag || ifRange === modified));
    // What else asks for a range, as HEAD, is answered as if it had not.
    const range = usable && request.method === 'GET' ? parseByteRange(rangeHeader, size) : undefined;
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${size}`);
      throw new AircheckError('range-not-satisfiable', `The file has ${size} bytes`, { input: 'headers.range' });
    }
    const { first, last } = range ?? { first: 0, last: size - 1 };
    if (accelPrefix !== undefined) {
      // nginx sees to ranges and conditions itself; what it sends is taken to be what was asked for.
      if (request.method === 'GET') served.add(file, last - first + 1, 1);
      const path = relative(file.folder, safePath(file)).split(sep).map(encodeURIComponent).join('/');
      return reply
        .removeHeader('etag')
        .removeHeader('accept-ranges')
        .header('x-accel-redirect', `${accelPrefix}/${path}`)
        .send();
    }
    if (range !== undefined) reply.code(206).header('content-range', `bytes ${first}-${last}/${size}`);
    reply.header('content-length', last - first + 1);
    if (request.method === 'HEAD' || size === 0) return reply.send();
    sending = true;
    served.add(file, 0, 1);
    await sendBytes(reply, bytes, first, last, (byteLength) => served.add(file, byteLength));
    return reply;
  } finally {
    if (!sending) await bytes.close();
  }
}

/** What nginx makes of a file by itself (`ngx_http_set_etag`): its seconds and its bytes, in hexadecimal. */
function nginxEtag(size: number, mtime: Date): string {
  return `"${Math.floor(mtime.getTime() / 1000).toString(16)}-${size.toString(16)}"`;
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.trim() === '*' || header.split(',').some((item) => item.trim().replace(/^W\//, '') === etag);
}

/** The file's name for those who save it; the name is any text, so it goes encoded (RFC 6266, RFC 5987). */
function contentDisposition(name: string, download: boolean): string {
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%/]/g, '_');
  return `${download ? 'attachment' : 'inline'}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
