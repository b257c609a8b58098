import { rm } from 'node:fs/promises';
import { type AudioTrackOptions, MediaError, type VideoTrackOptions } from '@aircheck/media';
import { AircheckError, type AudioInfo, type DerivativeInfo, type VideoInfo } from '@aircheck/protocol';
import type { ProducedFile } from '../work-orders.ts';
import type { MediaInput, Packet } from './media-input.ts';
import { MovieFile, type MoviePicture, type MovieTotals } from './movie-file.ts';
import type { Pace } from './pace.ts';
import type { EncodedSound } from './sound-encoder.ts';

/** Makes pictures for a movie of the packets of the input's picture track. */
export interface PictureMaker {
  /** Known from the first picture on. */
  readonly track: VideoTrackOptions | undefined;
  /** @param packet - null at the end of the file */
  take(packet: Packet | null): MoviePicture[];
  close(): void;
}

/** Makes sound for a movie of the packets of the input's sound track. */
export interface SoundMaker {
  readonly track: AudioTrackOptions;
  /** @param packet - null at the end of the file */
  take(packet: Packet | null): EncodedSound[];
  close(): void;
}

export interface Movie {
  readonly sizeBytes: number;
  readonly mimeType: string;
  readonly totals: MovieTotals;
  readonly video: VideoTrackOptions | undefined;
  readonly audio: AudioTrackOptions | undefined;
}

export interface MovieParts {
  readonly input: MediaInput;
  readonly pictures: PictureMaker | undefined;
  readonly sound: SoundMaker | undefined;
  readonly path: string;
  readonly pace: Pace;
}

/**
 * Reads a file from where it is to its end, or as far as it can be read, and writes an MP4 of what is made of it.
 *
 * @returns undefined, and there is no file, when nothing came out
 * @throws AircheckError `media-invalid`, `storage-full`, `storage-failed`; the signal's reason
 */
export async function makeMovie(parts: MovieParts): Promise<Movie | undefined> {
  const { input, pictures, sound, path, pace } = parts;
  const writer = new MovieWriter(parts);
  try {
    for (let stream = input.read(); stream !== undefined; stream = input.read()) {
      if (stream.kind === 'video') writer.pictures.push(...(pictures?.take(input.packet) ?? []));
      else writer.sounds.push(...(sound?.take(input.packet) ?? []));
      if (!pace.due) continue;
      await writer.write(false);
      await pace.pause(input.durationMs > 0 ? (input.packetMs(stream) ?? 0) / input.durationMs : 0);
    }
    writer.pictures.push(...(pictures?.take(null) ?? []));
    writer.sounds.push(...(sound?.take(null) ?? []));
    await writer.write(true);
    return await writer.finish();
  } catch (error) {
    await writer.discard();
    await rm(path, { force: true });
    // Times that no file can hold, or samples that are none.
    if (!(error instanceof MediaError)) throw error;
    throw new AircheckError('media-invalid', `The file is damaged: ${error.message}`, { cause: error });
  }
}

/** Begins the file when its tracks are known. */
class MovieWriter {
  readonly pictures: MoviePicture[] = [];
  readonly sounds: EncodedSound[] = [];
  readonly #parts: MovieParts;
  #file: MovieFile | undefined;

  constructor(parts: MovieParts) {
    this.#parts = parts;
  }

  async write(atEnd: boolean): Promise<void> {
    const { pictures, sound, path } = this.#parts;
    if (this.#file === undefined) {
      // Sound waits for the first picture, which tells what the picture track is.
      if (pictures !== undefined && pictures.track === undefined && !atEnd) return;
      const video = pictures?.track;
      const audio = this.sounds.length > 0 || !atEnd ? sound?.track : undefined;
      if (video === undefined && audio === undefined) return;
      this.#file = await MovieFile.create(path, { video, audio, creationTime: Date.now() });
    }
    for (const picture of this.pictures.splice(0)) this.#file.addPicture(picture);
    for (const { data, duration } of this.sounds.splice(0)) this.#file.addSound(data, duration);
    await this.#file.flush();
  }

  async finish(): Promise<Movie | undefined> {
    const file = this.#file;
    if (file === undefined) return undefined;
    const sizeBytes = await file.finish();
    const { pictures, sound } = this.#parts;
    const { totals, mimeType } = file;
    return {
      sizeBytes,
      mimeType,
      totals,
      video: totals.frames > 0 ? pictures?.track : undefined,
      audio: totals.packets > 0 ? sound?.track : undefined,
    };
  }

  async discard(): Promise<void> {
    await this.#file?.discard();
  }
}

/** What a movie is, as jobs tell it. */
export function describeMovie(name: string, movie: Movie): ProducedFile {
  const { sizeBytes, mimeType, totals, video, audio } = movie;
  const durationMs = Math.max(totals.videoMs, totals.audioMs);
  const bitsPerSecond = (bytes: number) => Math.round((bytes * 8000) / Math.max(1, durationMs));
  const videoInfo: VideoInfo | undefined = video && {
    codec: video.codec,
    width: video.width,
    height: video.height,
    frames: totals.frames,
    fps: Math.round((totals.frames * 100_000) / Math.max(1, totals.videoMs)) / 100,
    bitrateBps: bitsPerSecond(totals.frameBytes),
  };
  const audioInfo: AudioInfo | undefined = audio && {
    codec: audio.codec,
    sampleRate: audio.sampleRate,
    channels: audio.channels,
    packets: totals.packets,
    bitrateBps: bitsPerSecond(totals.packetBytes),
  };
  const info: DerivativeInfo = {
    durationMs,
    bitrateBps: bitsPerSecond(sizeBytes),
    ...(videoInfo && { width: videoInfo.width, height: videoInfo.height, video: videoInfo }),
    ...(audioInfo && { audio: audioInfo }),
  };
  return { name, mimeType, sizeBytes, info };
}
