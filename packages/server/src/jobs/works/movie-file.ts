import { type FileHandle, open, rm } from 'node:fs/promises';
import {
  type AudioTrackOptions,
  type Finalization,
  HybridMp4Writer,
  type Sample,
  type VideoFormat,
  type VideoTrackOptions,
} from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';

/** A fragment is cut at the next key frame, or without one when it has become that long. */
const LONGEST_FRAGMENT_MS = 8000;
/** Pictures wait that long for the sound that belongs into their fragment: some files have one far behind the other. */
const PATIENCE_MS = 10_000;
/** Length of fragments of sound alone. */
const SOUND_FRAGMENT_MS = 2000;

export interface MovieTracks {
  readonly video?: VideoTrackOptions | undefined;
  readonly audio?: AudioTrackOptions | undefined;
  /** Milliseconds since 1970. */
  readonly creationTime: number;
}

export interface MovieTotals {
  readonly frames: number;
  readonly frameBytes: number;
  readonly packets: number;
  readonly packetBytes: number;
  /** Ends of the tracks, from the file's zero. */
  readonly videoMs: number;
  readonly audioMs: number;
}

/** A picture whose length is known only when the next one comes. */
export interface MoviePicture {
  readonly data: Uint8Array;
  readonly keyFrame: boolean;
  /** Decode time in the track's timescale. */
  readonly timestamp: number;
  readonly compositionOffset?: number;
  /** Its own idea of its length, for the last one. */
  readonly duration: number;
  /** The picture's format, where it may have changed. */
  readonly format?: VideoFormat | undefined;
}

/**
 * Writes an MP4 of one picture and one sound track, as recordings are written: played as a whole or, by its fragments,
 * as HLS. Fragments begin with a key frame, and sound is cut where the picture is.
 */
export class MovieFile {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #writer: HybridMp4Writer;
  readonly #tracks: MovieTracks;
  readonly #audioIndex: number;
  readonly #totals = { frames: 0, frameBytes: 0, packets: 0, packetBytes: 0, videoMs: 0, audioMs: 0 };
  #held: MoviePicture | undefined;
  /** Not in the writer yet: the fragment that they belong to is not whole. */
  #pictures: (Sample & Pick<MoviePicture, 'format'>)[] = [];
  #sounds: Sample[] = [];
  #soundTime = 0;
  /** When fragments are to end, in rising order. */
  #cuts: number[] = [];
  #lastCutMs = 0;
  #pictureMs = 0;
  #pending: Uint8Array[] = [];
  #position = 0;

  /** @throws AircheckError `storage-full`, `storage-failed` */
  static async create(path: string, tracks: MovieTracks): Promise<MovieFile> {
    try {
      return new MovieFile(await open(path, 'wx'), path, tracks);
    } catch (error) {
      throw writeError(error);
    }
  }

  private constructor(file: FileHandle, path: string, tracks: MovieTracks) {
    this.#file = file;
    this.#path = path;
    this.#tracks = tracks;
    const { video, audio, creationTime } = tracks;
    this.#audioIndex = video === undefined ? 0 : 1;
    this.#writer = new HybridMp4Writer({
      tracks: [...(video === undefined ? [] : [video]), ...(audio === undefined ? [] : [audio])],
      creationTime,
    });
    this.#pending.push(this.#writer.header());
  }

  get totals(): MovieTotals {
    return this.#totals;
  }

  get mimeType(): string {
    return this.#writer.mimeType;
  }

  /** Takes the next picture in decode order. Its data must not change any more. */
  addPicture(picture: MoviePicture): void {
    this.#releaseHeld(picture.timestamp);
    const isFirst = this.#totals.frames === 0;
    this.#held = picture;
    this.#pictureMs = (picture.timestamp * 1000) / this.#tracks.video!.timescale;
    const isLong = this.#pictureMs - this.#lastCutMs >= LONGEST_FRAGMENT_MS;
    if (!isFirst && (picture.keyFrame || isLong)) this.#planCut(this.#pictureMs);
    this.#cutWhatIsWhole(false);
  }

  #releaseHeld(nextTimestamp: number | undefined): void {
    if (this.#held === undefined) return;
    const { data, keyFrame, timestamp, compositionOffset = 0, duration, format } = this.#held;
    const length = nextTimestamp === undefined ? duration : nextTimestamp - timestamp;
    this.#pictures.push({ data, keyFrame, timestamp, compositionOffset, duration: length, format });
    this.#totals.frames += 1;
    this.#totals.frameBytes += data.byteLength;
    this.#totals.videoMs = ((timestamp + length) * 1000) / this.#tracks.video!.timescale;
    this.#held = undefined;
  }

  /** Takes the next piece of sound, which follows on the one before. Its data must not change any more. */
  addSound(data: Uint8Array, duration: number): void {
    this.#sounds.push({ data, duration, timestamp: this.#soundTime, keyFrame: true });
    this.#soundTime += duration;
    this.#totals.packets += 1;
    this.#totals.packetBytes += data.byteLength;
    this.#totals.audioMs = (this.#soundTime * 1000) / this.#tracks.audio!.timescale;
    const withoutPicture = this.#tracks.video === undefined;
    const since = this.#totals.audioMs - Math.max(this.#lastCutMs, this.#pictureMs);
    // Also where the picture ended long before, or stands still.
    if (since >= (withoutPicture ? SOUND_FRAGMENT_MS : 2 * LONGEST_FRAGMENT_MS)) this.#planCut(this.#totals.audioMs);
    this.#cutWhatIsWhole(false);
  }

  #planCut(ms: number): void {
    this.#cuts.push(ms);
    this.#lastCutMs = ms;
  }

  #cutWhatIsWhole(atEnd: boolean): void {
    const { audio } = this.#tracks;
    for (let cut = this.#cuts[0]; cut !== undefined; cut = this.#cuts[0]) {
      const soundIsThere = audio === undefined || this.#totals.audioMs >= cut || this.#pictureMs - cut > PATIENCE_MS;
      if (!soundIsThere && !atEnd) return;
      this.#cuts.shift();
      this.#hand(cut);
      this.#pending.push(...(this.#writer.cutFragment()?.chunks ?? []));
    }
  }

  /** Hands to the writer what begins before a time. */
  #hand(untilMs: number): void {
    const { video, audio } = this.#tracks;
    for (const { format, ...picture } of takeBefore(this.#pictures, untilMs, video?.timescale ?? 1)) {
      if (format !== undefined) this.#writer.setVideoFormat(0, format);
      this.#writer.addSample(0, picture);
    }
    for (const sound of takeBefore(this.#sounds, untilMs, audio?.timescale ?? 1)) {
      this.#writer.addSample(this.#audioIndex, sound);
    }
  }

  /** Writes what was cut. To be awaited often: until then it is kept in memory. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    try {
      await writeAll(this.#file, bytes, this.#position);
    } catch (error) {
      throw writeError(error);
    }
    this.#position += bytes.length;
  }

  /**
   * Makes it a finished file, on the disk.
   *
   * @returns its size in bytes
   */
  async finish(): Promise<number> {
    this.#releaseHeld(undefined);
    this.#cutWhatIsWhole(true);
    this.#hand(Number.POSITIVE_INFINITY);
    const { append, patches }: Finalization = this.#writer.finalize();
    this.#pending.push(...append);
    await this.flush();
    try {
      await this.#file.datasync();
      for (const { data, offset } of patches) await writeAll(this.#file, data, offset);
      await this.#file.sync();
      await this.#file.close();
    } catch (error) {
      throw writeError(error);
    }
    return this.#position;
  }

  /** Removes it again. */
  async discard(): Promise<void> {
    // It may be closed already.
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true });
  }
}

/** Removes from a list in order of time what begins before `ms`. */
function takeBefore<S extends Sample>(samples: S[], ms: number, timescale: number): S[] {
  // Less than half a tick is rounding.
  const until = (ms * timescale) / 1000 - 0.5;
  const index = samples.findIndex(({ timestamp }) => timestamp >= until);
  return samples.splice(0, index < 0 ? samples.length : index);
}

async function writeAll(file: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, done, data.byteLength - done, position + done);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    done += bytesWritten;
  }
}

/**
 * Writes a small file whole and brings it to the disk.
 *
 * @throws AircheckError `storage-full`, `storage-failed`
 */
export async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  try {
    const file = await open(path, 'wx');
    try {
      await writeAll(file, data, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw writeError(error);
  }
}

/** What went wrong with writing, in the project's terms. */
export function writeError(error: unknown): AircheckError {
  if (error instanceof AircheckError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? new AircheckError('storage-full', `No space is left for what the job makes (${code})`, { cause: error })
    : new AircheckError('storage-failed', `What the job makes cannot be written: ${message}`, { cause: error });
}
