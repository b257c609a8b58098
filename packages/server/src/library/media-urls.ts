import { AircheckError, type PlayUrls, type RecordingPlayUrls } from '@aircheck/protocol';
import type { FastifyRequest } from 'fastify';
import type { StoredAsset } from './assets.ts';
import type { StoredDerivative } from './derivatives.ts';
import type { MediaLinks } from './links.ts';

export interface MediaUrlsOptions {
  readonly links: MediaLinks;
  /** What links begin with, without a slash at the end; taken from the request when absent. */
  readonly publicUrl: string | undefined;
  /** What this machine reaches the server under: for links that no request asks for, when there is no public URL. */
  readonly ownUrl: () => string;
}

export interface LinkOptions {
  readonly ttlSeconds: number;
  /** `https://host:port` that links begin with; see {@link MediaUrls.originOf}. */
  readonly origin?: string | undefined;
}

/** Makes the links under which a file and all that was made of it are played without credentials. */
export class MediaUrls {
  readonly #options: MediaUrlsOptions;

  constructor(options: MediaUrlsOptions) {
    this.#options = options;
  }

  /** @returns absolute URLs with a signature that opens the file and its derivatives, and nothing else, until they end */
  forAsset(stored: StoredAsset, derivatives: readonly StoredDerivative[], options: LinkOptions): PlayUrls {
    const { asset, appId } = stored;
    const { query, expiresAt } = this.#options.links.sign(appId, asset.fileId, options.ttlSeconds);
    const base = `${this.origin(options.origin)}/v1/media/${asset.fileId}`;
    const urlOf = ({ derivative, path }: StoredDerivative, name = linkName(asset.fileName, extensionOf(path))) =>
      `${base}/d/${encodeURIComponent(derivative.derivativeId)}/${name}?${query}`;
    const renditions = derivatives.filter(({ derivative }) => derivative.kind === 'rendition');
    const images = derivatives.filter(({ derivative }) => derivative.kind !== 'rendition');
    const cover = images.find(({ derivative }) => derivative.derivativeId === asset.coverId);
    const sprite = images.findLast(({ derivative }) => derivative.info.vtt !== undefined);
    return {
      mp4: `${base}/${linkName(asset.fileName, extensionOf(stored.path))}?${query}`,
      hls: hasHls(asset.mimeType) ? `${base}/index.m3u8?${query}` : null,
      poster: cover === undefined ? null : urlOf(cover),
      sprite: sprite === undefined ? null : urlOf(sprite, encodeURIComponent(sprite.derivative.info.vtt!)),
      renditions: renditions.map((stored) => ({
        derivativeId: stored.derivative.derivativeId,
        definition: stored.derivative.definition,
        url: urlOf(stored),
        hls: hasHls(stored.derivative.mimeType) ? urlOf(stored, 'index.m3u8') : null,
        info: stored.derivative.info,
      })),
      images: images.map((stored) => ({
        derivativeId: stored.derivative.derivativeId,
        kind: stored.derivative.kind,
        url: urlOf(stored),
        info: stored.derivative.info,
      })),
      expiresAt: new Date(expiresAt).toISOString(),
    };
  }

  /**
   * @param files - of the recording
   * @param ended - none will follow
   * @returns `hls` is null when there is no file that HLS plays, and none will come
   */
  forRecording(
    { recordingId, appId, ended }: { readonly recordingId: string; readonly appId: string; readonly ended: boolean },
    files: readonly StoredAsset[],
    options: LinkOptions,
  ): RecordingPlayUrls {
    const { query, expiresAt } = this.#options.links.sign(appId, { recordingId }, options.ttlSeconds);
    const recorded = files.filter(isRecorded);
    const plays = recorded.length === 0 ? !ended : recorded.some(({ asset }) => hasHls(asset.mimeType));
    const url = `${this.origin(options.origin)}/v1/media/recordings/${recordingId}/index.m3u8?${query}`;
    return { hls: plays ? url : null, expiresAt: new Date(expiresAt).toISOString() };
  }

  /**
   * What links to a file begin with: the public URL, else what the request came to, else what this machine reaches the
   * server under.
   * @throws AircheckError `request-invalid` when the Host header names no host
   */
  originOf(request: FastifyRequest): string {
    const { publicUrl } = this.#options;
    if (publicUrl !== undefined) return publicUrl;
    const origin = `${request.protocol}://${request.host}`;
    // What else a Host header may hold must not get into links.
    if (/^[\w.:[\]-]+$/.test(request.host) && URL.canParse(origin)) return origin;
    throw new AircheckError('request-invalid', 'The Host header names no host', { input: 'headers.host' });
  }

  origin(given?: string): string {
    return this.#options.publicUrl ?? given ?? this.#options.ownUrl();
  }
}

/** Files that a recording consists of; others were made of it, or came beside it. */
export function isRecorded({ asset }: StoredAsset): boolean {
  return asset.source === 'record';
}

/** Files that can be played as HLS without being transcoded: those of the MP4 family. */
export function hasHls(mimeType: string): boolean {
  return /^(video|audio)\/(mp4|quicktime|x-m4[av])\b/.test(mimeType);
}

/** The ending of a file's name, without the dot; `bin` when it has none. */
export function extensionOf(path: string): string {
  return /\.([a-z0-9]{1,5})$/i.exec(path)?.[1]?.toLowerCase() ?? 'bin';
}

/** What the link ends with: for the eye only, the file is named by its id. Kept short and without what proxies unfold. */
function linkName(fileName: string, extension: string): string {
  const plain = [...fileName.replaceAll(/[^\p{L}\p{N}]+/gu, '-')]
    .slice(0, 60)
    .join('')
    .replaceAll(/^-+|-+$/g, '');
  return `${plain === '' ? 'recording' : encodeURIComponent(plain)}.${extension}`;
}
