import { Mp4FragmentIndex, mediaPlaylist, type RandomAccess } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyReply } from 'fastify';
import type { StoredAsset } from './assets.ts';
import { openMediaFile } from './media-file.ts';

/** Files whose fragments are remembered; a file of 90 minutes has some ten thousand. */
const rememberedFiles = 50;

/** Length that HLS segments are aimed at, in seconds: short enough to follow a recording closely, long enough to be few. */
const targetSeconds = 4;

interface RememberedFile {
  readonly index: Mp4FragmentIndex;
  /** Finishing rewrites the file's front: what was learnt while it grew is learnt anew. */
  readonly finished: boolean;
}

/** HLS for the files as they lie on the disk: a playlist of byte ranges, while a file grows and after. */
export class HlsPlaylists {
  readonly #recordingsFolder: string;
  readonly #files = new Map<string, RememberedFile>();

  constructor(recordingsFolder: string) {
    this.#recordingsFolder = recordingsFolder;
  }

  /**
   * @param query - of the link, which the links inside of the playlist get, too
   * @throws AircheckError `asset-not-found` when there is nothing to play (yet)
   */
  async sendPlaylist(reply: FastifyReply, stored: StoredAsset, query: string): Promise<string> {
    const index = await this.#indexOf(stored);
    const finished = stored.asset.state === 'ready';
    if (index.init === undefined || (index.fragments.length === 0 && !finished)) throw nothingYet(stored);
    reply.headers(headersOf('application/vnd.apple.mpegurl', finished));
    return mediaPlaylist({
      fragments: index.fragments,
      mediaUrl: `media.mp4?${query}`,
      initUrl: `init.mp4?${query}`,
      ended: finished,
      targetSeconds,
      startedAtMs: Date.parse(stored.asset.startedAt),
    });
  }

  /** The header that players need before any fragment. */
  async sendInit(reply: FastifyReply, stored: StoredAsset): Promise<Uint8Array> {
    const { init } = await this.#indexOf(stored);
    if (init === undefined) throw nothingYet(stored);
    reply.headers(headersOf(stored.asset.mimeType, stored.asset.state === 'ready'));
    return init;
  }

  async #indexOf(stored: StoredAsset): Promise<Mp4FragmentIndex> {
    const { fileId, mimeType, state } = stored.asset;
    if (mimeType.includes('webm')) throw new AircheckError('asset-not-found', `${fileId} is WebM, which has no HLS`);
    const file = await openMediaFile(this.#recordingsFolder, stored);
    const { size } = await file.stat().finally(() => file.close());

    const finished = state === 'ready';
    const known = this.#files.get(fileId);
    const index = known?.finished === finished ? known.index : new Mp4FragmentIndex(this.#reader(stored));
    await index.update(size);
    // The one used last is remembered longest.
    this.#files.delete(fileId);
    this.#files.set(fileId, { index, finished });
    for (const oldest of this.#files.keys()) {
      if (this.#files.size <= rememberedFiles) break;
      this.#files.delete(oldest);
    }
    return index;
  }

  /** Opens the file for each read, which are few: a remembered file holds no descriptor. */
  #reader(stored: StoredAsset): RandomAccess {
    return async (offset, length) => {
      const file = await openMediaFile(this.#recordingsFolder, stored);
      try {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, offset);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    };
  }
}

function headersOf(type: string, finished: boolean): Record<string, string> {
  return {
    'content-type': type,
    'cache-control': finished ? 'private, max-age=3600' : 'no-store',
    'cross-origin-resource-policy': 'cross-origin',
  };
}

function nothingYet({ asset }: StoredAsset): AircheckError {
  return new AircheckError('asset-not-found', `There is nothing to play in ${asset.fileId} yet`);
}
