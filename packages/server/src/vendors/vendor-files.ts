import type { Derivative, PlayUrls } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol';
import type { Library, MediaUrls, StoredAsset } from '../library/index.ts';

/** Links in what vendors' formats tell are kept by those who receive them: they are good for as long as ours can be. */
const linkSeconds = 30 * 86_400;

/** A file as the vendors' formats show it. */
export interface VendorFile {
  readonly stored: StoredAsset;
  readonly urls: PlayUrls;
  readonly derivatives: readonly Derivative[];
}

/** Files with their links, for what is told about them. */
export class VendorFiles {
  readonly #library: Pick<Library, 'get' | 'derivativesOf'>;
  readonly #urls: MediaUrls;

  constructor(library: Pick<Library, 'get' | 'derivativesOf'>, urls: MediaUrls) {
    this.#library = library;
    this.#urls = urls;
  }

  /** @returns undefined when the file is gone by now */
  async find(appId: string, fileId: string): Promise<VendorFile | undefined> {
    let stored: StoredAsset;
    try {
      stored = await this.#library.get(fileId, appId);
    } catch (error) {
      if (error instanceof AircheckError && error.code === 'asset-not-found') return undefined;
      throw error;
    }
    const derivatives = (await this.#library.derivativesOf([fileId])).get(fileId) ?? [];
    const urls = this.#urls.forAsset(stored, derivatives, { ttlSeconds: linkSeconds });
    return { stored, urls, derivatives: derivatives.map(({ derivative }) => derivative) };
  }
}

/** The link to a rendition: its playlist for those that are offered as one (Tencent's definitions 200 to 299). */
export function renditionUrl({ definition, url, hls }: PlayUrls['renditions'][number]): string {
  return definition >= 200 && definition < 300 && hls !== null ? hls : url;
}

/** The link to another file beside a picture: a further sheet of a sprite, its WebVTT. */
export function siblingUrl(url: string, name: string): string {
  const [path = '', ...query] = url.split('?');
  return [`${path.slice(0, path.lastIndexOf('/') + 1)}${encodeURIComponent(name)}`, ...query].join('?');
}

/** Usual ending of a file's name: `mp4`, `webm` … */
export function extensionOf({ path }: { readonly path: string }): string {
  return path.slice(path.lastIndexOf('.') + 1).toLowerCase();
}
