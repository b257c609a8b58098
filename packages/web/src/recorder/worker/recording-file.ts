import {
  type ContainerWriter,
  codecString,
  concatenate,
  HybridMp4Writer,
  type TrackOptions,
  type VideoFormat,
  videoFormat,
  WebmWriter,
} from '@aircheck/media';
import type { Container } from '../start-options.ts';
import type { PictureCodec } from './picture-codec.ts';
import { type EncodedPicture, PICTURE_TIMESCALE } from './picture-track.ts';
import { type SyncAccessHandle, writeWhole } from './private-file.ts';
import type { EncodedSound } from './sound-encoder.ts';
import type { SpaceReserve } from './space-reserve.ts';

/** What a sample takes in the index that finishing appends, and a little more. */
const INDEX_BYTES_PER_SAMPLE = 20;
const FRAGMENTS_IN_RESERVE = 3;

export interface RecordingFileOptions {
  readonly file: SyncAccessHandle;
  readonly reserve: SpaceReserve;
  readonly container: Container;
  readonly pictureCodec: PictureCodec | undefined;
  readonly sound: TrackOptions | undefined;
  /** Milliseconds since 1970. */
  readonly creationTime: number;
}

/**
 * Puts encoded pictures and sound into the file, a fragment at a time. The file begins with the first picture, whose
 * format its header tells; sound waits for it.
 */
export class RecordingFile {
  readonly #options: RecordingFileOptions;
  readonly #soundTrack: number;
  readonly #waitingSound: EncodedSound[] = [];
  #writer: ContainerWriter | undefined;
  /** The newest picture: how long it is shown is known when the next one comes. */
  #held: { readonly data: Uint8Array; readonly keyFrame: boolean; readonly at: number } | undefined;
  #soundAt = 0;
  #samples = 0;
  #sizeBytes = 0;
  #mimeType = '';
  #full = false;
  #format: VideoFormat | undefined;

  constructor(options: RecordingFileOptions) {
    this.#options = options;
    this.#soundTrack = options.pictureCodec === undefined ? 0 : 1;
    if (options.pictureCodec === undefined) this.#begin(undefined);
  }

  /** With codecs; empty until the file has begun. */
  get mimeType(): string {
    return this.#mimeType;
  }

  /** Bytes on the disk, whole fragments all. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The reserve has been given back: the file is to be ended now. */
  get full(): boolean {
    return this.#full;
  }

  /** What finishing will append, at most. */
  get indexBytes(): number {
    return 4096 + this.#samples * INDEX_BYTES_PER_SAMPLE;
  }

  addPicture({ data, keyFrame, positionUs }: EncodedPicture): void {
    const { pictureCodec } = this.#options;
    if (pictureCodec === undefined) return;
    const format = keyFrame ? videoFormat(pictureCodec, data) : undefined;
    if (this.#writer === undefined) {
      if (format === undefined) return;
      this.#begin(format);
    }
    const at = Math.round((positionUs * PICTURE_TIMESCALE) / 1e6);
    this.#releaseHeld(at);
    if (format !== undefined && !sameSize(format, this.#format)) {
      this.#format = format;
      this.#writer?.setVideoFormat(0, format);
    }
    this.#held = { data, keyFrame, at };
  }

  addSound(sound: EncodedSound): void {
    if (this.#writer === undefined) {
      this.#waitingSound.push(sound);
      return;
    }
    const { data, duration } = sound;
    this.#writer.addSample(this.#soundTrack, { data, timestamp: this.#soundAt, duration, keyFrame: true });
    this.#soundAt += duration;
    this.#samples += 1;
  }

  /**
   * Writes what came since the last time, and has it on the disk when it returns.
   * @throws DOMException `QuotaExceededError` when the reserve can't be kept; the file can be finished all the same
   */
  writeFragment(): void {
    const fragment = this.#writer?.cutFragment();
    if (fragment === undefined) return;
    const { file, reserve } = this.#options;
    this.#append(concatenate(fragment.chunks));
    file.flush();
    // Room for the index and for what comes until it is written.
    if (!this.#full) reserve.take(this.indexBytes + FRAGMENTS_IN_RESERVE * fragment.info.byteLength);
  }

  /**
   * Makes the file whole.
   * @param endMs - where it ends
   * @throws DOMException `QuotaExceededError`: the file holds all fragments, and its index can be written later
   */
  finish(endMs: number): void {
    if (this.#writer === undefined) return;
    this.#releaseHeld(Math.round((endMs * PICTURE_TIMESCALE) / 1000));
    this.#full = true;
    this.#options.reserve.release();
    const { append, patches } = this.#writer.finalize();
    for (const bytes of append) this.#append(bytes);
    // The index must be on the disk before the header points to it.
    this.#options.file.flush();
    for (const { offset, data } of patches) writeWhole(this.#options.file, data, offset);
    this.#options.file.flush();
  }

  #begin(format: VideoFormat | undefined): void {
    const { container, sound, creationTime } = this.#options;
    const tracks: TrackOptions[] = [];
    if (format !== undefined) tracks.push({ kind: 'video', timescale: PICTURE_TIMESCALE, ...format });
    if (sound !== undefined) tracks.push(sound);
    const writer = new (container === 'webm' ? WebmWriter : HybridMp4Writer)({ tracks, creationTime });
    this.#writer = writer;
    this.#format = format;
    this.#mimeType = `${writer.mimeType}; codecs="${tracks.map((track) => codecString(track)).join(', ')}"`;
    this.#append(writer.header());
    for (const waiting of this.#waitingSound.splice(0)) this.addSound(waiting);
  }

  #releaseHeld(nextAt: number): void {
    if (this.#held === undefined) return;
    const { data, keyFrame, at } = this.#held;
    this.#held = undefined;
    this.#writer?.addSample(0, { data, timestamp: at, duration: Math.max(1, nextAt - at), keyFrame });
    this.#samples += 1;
  }

  /** In one piece, or not at all. */
  #append(bytes: Uint8Array): void {
    const { file } = this.#options;
    try {
      writeWhole(file, bytes, this.#sizeBytes);
    } catch (error) {
      file.truncate(this.#sizeBytes);
      if (this.#full) throw error;
      this.#full = true;
      this.#options.reserve.release();
      this.#append(bytes);
      return;
    }
    this.#sizeBytes += bytes.byteLength;
  }
}

function sameSize(a: VideoFormat, b: VideoFormat | undefined): boolean {
  return a.width === b?.width && a.height === b.height;
}
