import type { FileHandle } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { Mp4FragmentIndex, mediaPlaylist } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyReply } from 'fastify';
import type { StoredAsset } from './assets.ts';
import { openMediaFile } from './media-file.ts';

/** Files whose fragments are remembered; a file of 90 minutes has some ten thousand. */
const rememberedFiles = 20;

/** Length that HLS segments are aimed at, in seconds: short enough to follow a recording closely, long enough to be few. */
const targetSeconds = 4;

/** How long who asks for a growing file too early is kept waiting for its first segment, and how often it is looked for. */
const firstSegmentMs = 8000;
const lookAgainMs = 200;

class RememberedFile {
  /** Finishing rewrites the file's front: what was learnt while it grew is learnt anew. */
  readonly finished: boolean;
  readonly index: Mp4FragmentIndex;
  /** Of the update asked for last, which ends last; none is held in between. */
  #handle: FileHandle | undefined;

  constructor(finished: boolean) {
    this.finished = finished;
    this.index = new Mp4FragmentIndex((offset, length) => this.#read(offset, length));
  }

  /** Reads what is new in the file. */
  async update(handle: FileHandle): Promise<void> {
    const { size } = await handle.stat();
    this.#handle = handle;
    await this.index.update(size);
  }

  async #read(offset: number, length: number): Promise<Uint8Array> {
    const { buffer, bytesRead } = await this.#handle!.read(Buffer.allocUnsafe(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }
}

/** HLS for the files as they lie on the disk: a playlist of byte ranges, while a file grows and after. */
export class HlsPlaylists {
  readonly #recordingsFolder: string;
  readonly #files = new Map<string, RememberedFile>();

  constructor(recordingsFolder: string) {
    this.#recordingsFolder = recordingsFolder;
  }

  /**
   * The playlist of a file. Players give up on one that is not there yet or lists nothing, so who asks in the first
   * seconds of a file is answered when there is something to play.
   * @param look - reads the file's entry, again if need be
   * @param query - of the link, which the links inside of the playlist get, too
   * @throws AircheckError `asset-not-found` when there is nothing to play (yet)
   */
  async sendPlaylist(reply: FastifyReply, look: () => Promise<StoredAsset>, query: string): Promise<string> {
    const deadline = performance.now() + firstSegmentMs;
    for (;;) {
      const stored = await look();
      const { state, startedAt } = stored.asset;
      const { init, fragments } = await this.#indexOf(stored);
      const playlist = mediaPlaylist({
        fragments,
        mediaUrl: `media.mp4?${query}`,
        initUrl: `init.mp4?${query}`,
        ended: state === 'ready',
        targetSeconds,
        startedAtMs: Date.parse(startedAt),
      });
      const early = state === 'recording' && !playlist.includes('#EXTINF');
      if (!early || performance.now() >= deadline) {
        if (init === undefined || (fragments.length === 0 && state !== 'ready')) throw nothingYet(stored);
        reply.headers(headersOf('application/vnd.apple.mpegurl', state === 'ready'));
        return playlist;
      }
      await setTimeout(lookAgainMs);
      // Nobody waits any more: the player has gone, or the server ends.
      if (reply.raw.destroyed) throw nothingYet(stored);
    }
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
    const finished = state === 'ready';
    const handle = await openMediaFile(this.#recordingsFolder, stored);
    try {
      // Those who ask at the same time share one.
      const known = this.#files.get(fileId);
      const file = known?.finished === finished ? known : new RememberedFile(finished);
      this.#remember(fileId, file);
      await file.update(handle);
      return file.index;
    } finally {
      await handle.close();
    }
  }

  /** The one used last is remembered longest. */
  #remember(fileId: string, file: RememberedFile): void {
    this.#files.delete(fileId);
    this.#files.set(fileId, file);
    const [oldest] = this.#files.keys();
    if (this.#files.size > rememberedFiles && oldest !== undefined) this.#files.delete(oldest);
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
