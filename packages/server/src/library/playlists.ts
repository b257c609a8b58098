import { setTimeout } from 'node:timers/promises';
import { chainedPlaylist, MoviePackager, mediaPlaylist, type PlaylistPart, packagedPlaylist } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyReply } from 'fastify';
import { type MediaFile, openMediaBytes } from './media-file.ts';
import { MediaIndexes, targetSeconds } from './media-index.ts';

/** How long who asks for a growing file too early is kept waiting for its first segment, and how often it is looked for. */
const firstSegmentMs = 8000;
const lookAgainMs = 200;
/** So many files of a recording are open at a time, for each who asks. */
const openFiles = 8;

/** A file as it is played. */
export interface PlayedFile extends MediaFile {
  /** More will come. */
  readonly growing: boolean;
  /** The wall clock at its beginning, milliseconds since 1970. */
  readonly startedAtMs: number | undefined;
}

/** A recording as it is played: its files, in their order. */
export interface PlayedRecording {
  readonly recordingId: string;
  readonly parts: readonly RecordingPart[];
  /** Neither will a file grow nor one follow. */
  readonly ended: boolean;
}

export interface RecordingPart {
  readonly file: PlayedFile;
  /** Where the file is, from the playlist on: `../../1234`. */
  readonly folder: string;
  /** Of links to the file. */
  readonly query: string;
  /** It will not get longer. */
  readonly whole: boolean;
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
        if (init === undefined || (fragments.length === 0 && !finished)) throw nothingYet(file.id);
        reply.headers(headersOf('application/vnd.apple.mpegurl', finished));
        return playlist;
      }
      await setTimeout(lookAgainMs);
      // Nobody waits any more: the player has gone, or the server ends.
      if (reply.raw.destroyed) throw nothingYet(file.id);
    }
  }

  /**
   * The playlist of all files of a recording: it goes on from one to the next, and reaches back to the beginning of the
   * first. Who asks before there is anything waits as for {@link sendPlaylist}.
   * @param find - the recording as it is now
   * @throws AircheckError `asset-not-found` when there is nothing to play (yet)
   */
  async sendRecording(reply: FastifyReply, find: () => Promise<PlayedRecording>): Promise<string> {
    const deadline = performance.now() + firstSegmentMs;
    for (;;) {
      const { recordingId, parts, ended } = await find();
      // A file that may still grow is the end for now: what is listed behind it could not be added to.
      const growing = ended ? -1 : parts.findIndex(({ whole }) => !whole);
      const listed = growing < 0 ? parts : parts.slice(0, growing + 1);
      const found: (PlaylistPart | undefined)[] = [];
      for (let first = 0; first < listed.length; first += openFiles) {
        const some = listed.slice(first, first + openFiles);
        found.push(...(await Promise.all(some.map((part) => this.#partOf(part)))));
      }
      const playlist = chainedPlaylist({
        parts: found.filter((part) => part !== undefined),
        // The library may know of a file before it is on the disk: then the one before it is the last, and whole.
        lastGrows: growing >= 0 && found.at(-1) !== undefined,
        ended,
        targetSeconds,
      });
      if (playlist.includes('#EXTINF')) {
        reply.headers(headersOf('application/vnd.apple.mpegurl', ended));
        return playlist;
      }
      if (ended || performance.now() >= deadline) throw nothingYet(recordingId);
      await setTimeout(lookAgainMs);
      if (reply.raw.destroyed) throw nothingYet(recordingId);
    }
  }

  /** @returns undefined for a file that is gone or damaged: the others are played without it */
  async #partOf({ file, folder, query }: RecordingPart): Promise<PlaylistPart | undefined> {
    try {
      const index = await this.#indexes.of(file);
      // What was recorded has fragments: this is none of our files.
      if (index instanceof MoviePackager) return undefined;
      return {
        fragments: index.fragments,
        mediaUrl: `${folder}/media.mp4?${query}`,
        initUrl: `${folder}/init.mp4?${query}`,
        ...(file.startedAtMs !== undefined && { startedAtMs: file.startedAtMs }),
      };
    } catch (error) {
      if (error instanceof AircheckError && ['asset-not-found', 'media-invalid'].includes(error.code)) return undefined;
      throw error;
    }
  }

  /**
   * The header that players need before any fragment.
   * @throws AircheckError `asset-not-found`, `media-invalid`
   */
  async sendInit(reply: FastifyReply, file: PlayedFile): Promise<Uint8Array> {
    const { init } = await this.#indexes.of(file);
    if (init === undefined) throw nothingYet(file.id);
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
    const answer = Buffer.allocUnsafe(segment.byteLength);
    answer.set(segment.header);
    const bytes = await openMediaBytes(file);
    try {
      let position = segment.header.byteLength;
      for (const { offset, byteLength } of segment.ranges) {
        const bytesRead = await bytes.read(answer.subarray(position), byteLength, offset);
        if (bytesRead < byteLength) throw new AircheckError('media-invalid', `${file.id} ends before its samples do`);
        position += byteLength;
      }
    } finally {
      await bytes.close();
    }
    reply.headers(headersOf(file.mimeType, true));
    return answer;
  }
}

function headersOf(type: string, finished: boolean): Record<string, string> {
  return {
    'content-type': type,
    'cache-control': finished ? 'private, max-age=3600' : 'no-store',
    'cross-origin-resource-policy': 'cross-origin',
  };
}

function nothingYet(id: string): AircheckError {
  return new AircheckError('asset-not-found', `There is nothing to play in ${id} yet`);
}
