import { setTimeout } from 'node:timers/promises';
import { MoviePackager, mediaPlaylist, packagedPlaylist } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyReply } from 'fastify';
import { type MediaFile, openMediaFile } from './media-file.ts';
import { MediaIndexes, targetSeconds } from './media-index.ts';

/** How long who asks for a growing file too early is kept waiting for its first segment, and how often it is looked for. */
const firstSegmentMs = 8000;
const lookAgainMs = 200;

/** A file as it is played. */
export interface PlayedFile extends MediaFile {
  /** More will come. */
  readonly growing: boolean;
  /** The wall clock at its beginning, milliseconds since 1970. */
  readonly startedAtMs: number | undefined;
}

/**
 * HLS for the files as they lie on the disk. Those with fragments are played by byte ranges, while they grow and after;
 * for others segments are made on the fly.
 */
export class HlsPlaylists {
  readonly #indexes = new MediaIndexes();

  /**
   * The playlist of a file. Players give up on one that is not there yet or lists nothing, so who asks in the first
   * seconds of a file is answered when there is something to play. That of a growing file reaches back to its beginning.
   * @param look - finds the file again
   * @param query - of the link, which the links inside of the playlist get, too
   * @throws AircheckError `asset-not-found` when there is nothing to play (yet), `media-invalid`
   */
  async sendPlaylist(
    reply: FastifyReply,
    found: PlayedFile,
    look: () => Promise<PlayedFile>,
    query: string,
  ): Promise<string> {
    const deadline = performance.now() + firstSegmentMs;
    for (let file = found; ; file = await look()) {
      const index = await this.#indexes.of(file);
      const { finished, growing, startedAtMs } = file;
      const initUrl = `init.mp4?${query}`;
      if (index instanceof MoviePackager) {
        reply.headers(headersOf('application/vnd.apple.mpegurl', finished));
        const { segments, leadSeconds } = index;
        const segmentUrl = (number: number) => `segment-${number}.m4s?${query}`;
        const started = startedAtMs === undefined ? {} : { startedAtMs: startedAtMs - leadSeconds * 1000 };
        return packagedPlaylist({ segments, segmentUrl, initUrl, targetSeconds, leadSeconds, ...started });
      }
      const { init, fragments } = index;
      const playlist = mediaPlaylist({
        fragments,
        mediaUrl: `media.mp4?${query}`,
        initUrl,
        ended: finished,
        targetSeconds,
        ...(startedAtMs !== undefined && { startedAtMs }),
      });
      const early = growing && !playlist.includes('#EXTINF');
      if (!early || performance.now() >= deadline) {
        if (init === undefined || (fragments.length === 0 && !finished)) throw nothingYet(file);
        reply.headers(headersOf('application/vnd.apple.mpegurl', finished));
        return playlist;
      }
      await setTimeout(lookAgainMs);
      // Nobody waits any more: the player has gone, or the server ends.
      if (reply.raw.destroyed) throw nothingYet(file);
    }
  }

  /**
   * The header that players need before any fragment.
   * @throws AircheckError `asset-not-found`, `media-invalid`
   */
  async sendInit(reply: FastifyReply, file: PlayedFile): Promise<Uint8Array> {
    const { init } = await this.#indexes.of(file);
    if (init === undefined) throw nothingYet(file);
    reply.headers(headersOf(file.mimeType, file.finished));
    return init;
  }

  /**
   * A segment of a file that has no fragments of its own.
   * @param number - from 0 on
   * @throws AircheckError `asset-not-found` when there is none of that number, `media-invalid`
   */
  async sendSegment(reply: FastifyReply, file: PlayedFile, number: number): Promise<Uint8Array> {
    const index = await this.#indexes.of(file);
    const segment = index instanceof MoviePackager ? index.segment(number) : undefined;
    if (segment === undefined) throw new AircheckError('asset-not-found', `${file.id} has no segment ${number}`);
    const bytes = Buffer.allocUnsafe(segment.byteLength);
    bytes.set(segment.header);
    const handle = await openMediaFile(file);
    try {
      let position = segment.header.byteLength;
      for (const { offset, byteLength } of segment.ranges) {
        const { bytesRead } = await handle.read(bytes, position, byteLength, offset);
        if (bytesRead < byteLength) throw new AircheckError('media-invalid', `${file.id} ends before its samples do`);
        position += byteLength;
      }
    } finally {
      await handle.close();
    }
    reply.headers(headersOf(file.mimeType, true));
    return bytes;
  }
}

function headersOf(type: string, finished: boolean): Record<string, string> {
  return {
    'content-type': type,
    'cache-control': finished ? 'private, max-age=3600' : 'no-store',
    'cross-origin-resource-policy': 'cross-origin',
  };
}

function nothingYet({ id }: PlayedFile): AircheckError {
  return new AircheckError('asset-not-found', `There is nothing to play in ${id} yet`);
}
