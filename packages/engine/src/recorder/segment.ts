import {
  type ContainerWriter,
  type EncodedFrame,
  HybridMp4Writer,
  opusHead,
  opusSilence,
  SHORTEST_SILENCE,
  type TrackOptions,
  type VideoFormat,
  WebmWriter,
} from '@aircheck/media';
import type { Gap } from '@aircheck/protocol';
import type { SegmentSnapshot } from './contract.ts';
import { HealthRecord } from './health.ts';
import { SampleArena } from './sample-arena.ts';
import type { SpoolFile } from './spool-file.ts';

const VIDEO_TIMESCALE = 90_000;
const AUDIO_TIMESCALE = 48_000;
/**
 * What came that long ago is given out as a fragment: what a kill may cost. Where packets were missing, what came after
 * them has waited for them already, and goes out as soon as the wait is over.
 */
const FRAGMENT_MS = 500;
/** Fragments follow each other no faster than that, but for key frames. */
const FRAGMENT_GAP_MS = 200;
/** The first fragment goes out sooner, so that a recording is on disk as soon as it is said to run. */
const FIRST_FRAGMENT_MS = 100;
/** The length of a picture when there is none after it to tell. */
const DEFAULT_PICTURE_TICKS = VIDEO_TIMESCALE / 30;

/** What the file of a segment holds. */
export interface SegmentLayout {
  readonly video: VideoFormat | undefined;
  readonly audio: { readonly channels: number } | undefined;
}

interface SegmentOptions {
  /** Says where the segment's file is. */
  readonly place: (extension: 'mp4' | 'webm') => { readonly path: string; readonly file: SpoolFile };
  readonly recordingId: string;
  readonly fileId: string;
  readonly segmentIndex: number;
  readonly layout: SegmentLayout;
  /** Position in the recording of the segment's zero. */
  readonly zeroMs: number;
  /** Milliseconds since 1970 of the segment's zero. */
  readonly startedAt: number;
}

interface PendingPicture {
  readonly ticks: number;
  readonly data: Uint8Array;
  readonly keyFrame: boolean;
  readonly arrivalMs: number;
}

/**
 * One file of a recording while it is written: lays samples end to end, fills holes in the sound with silence, cuts
 * fragments, and keeps the account of it. Positions are milliseconds from the recording's zero.
 */
export class Segment {
  readonly layout: SegmentLayout;
  readonly zeroMs: number;
  readonly health = new HealthRecord();
  readonly file: SpoolFile;
  /** Relative to the recordings folder, or absolute. */
  readonly path: string;
  readonly #options: SegmentOptions;
  readonly #writer: ContainerWriter;
  readonly #arena = new SampleArena();
  readonly #videoTrack: number;
  readonly #audioTrack: number;
  readonly #headerBytes: number;
  #videoFormat: VideoFormat | undefined;
  #pending: PendingPicture | undefined;
  #pictureTicks = DEFAULT_PICTURE_TICKS;
  #pictures = 0;
  #videoBytes = 0;
  #videoEndTicks = 0;
  #audioEndTicks: number | undefined;
  #audioPackets = 0;
  #audioBytes = 0;
  /** When the oldest sample arrived that no fragment has yet, but for the picture that is held back. */
  #oldestArrivalMs = Number.POSITIVE_INFINITY;
  #lastCutMs = Number.NEGATIVE_INFINITY;
  #cuts = 0;

  constructor(options: SegmentOptions) {
    this.#options = options;
    this.layout = options.layout;
    this.zeroMs = options.zeroMs;
    const { video, audio } = options.layout;
    const tracks: TrackOptions[] = [];
    this.#videoTrack =
      video === undefined ? -1 : tracks.push({ kind: 'video', timescale: VIDEO_TIMESCALE, ...video }) - 1;
    this.#audioTrack =
      audio === undefined
        ? -1
        : tracks.push({
            kind: 'audio',
            codec: 'opus',
            timescale: AUDIO_TIMESCALE,
            sampleRate: AUDIO_TIMESCALE,
            channels: audio.channels,
            description: opusHead({ channels: audio.channels, preSkip: 0, inputSampleRate: AUDIO_TIMESCALE }),
          }) - 1;
    this.#videoFormat = video;
    const webm = video?.codec === 'vp8';
    this.#writer = new (webm ? WebmWriter : HybridMp4Writer)({ tracks, creationTime: options.startedAt });
    const { path, file } = options.place(webm ? 'webm' : 'mp4');
    this.path = path;
    this.file = file;
    const header = this.#writer.header();
    this.#headerBytes = header.byteLength;
    this.file.append([header]);
  }

  /** Its first frames are in the file. */
  get begun(): boolean {
    return this.file.writtenBytes > this.#headerBytes;
  }

  /** Where the last picture begins, if there is one. */
  get pictureAtMs(): number | undefined {
    return this.#pending === undefined ? undefined : this.zeroMs + (this.#pending.ticks * 1000) / VIDEO_TIMESCALE;
  }

  /** The length that a picture has here, as seen so far. */
  get pictureMs(): number {
    return (this.#pictureTicks * 1000) / VIDEO_TIMESCALE;
  }

  get audioEndMs(): number | undefined {
    return this.#audioEndTicks === undefined ? undefined : this.zeroMs + (this.#audioEndTicks * 1000) / AUDIO_TIMESCALE;
  }

  /** End of the longest track. */
  get endMs(): number {
    const pictureEnd = this.#pending === undefined ? this.#videoEndTicks : this.#pending.ticks + this.#pictureTicks;
    return (
      this.zeroMs +
      Math.max((pictureEnd * 1000) / VIDEO_TIMESCALE, ((this.#audioEndTicks ?? 0) * 1000) / AUDIO_TIMESCALE)
    );
  }

  /**
   * Adds a picture. It is held back until the next one tells how long it lasts.
   * @param format - of a key frame
   */
  addPicture(
    positionMs: number,
    { data, keyFrame, arrivalMs }: Pick<EncodedFrame, 'data' | 'keyFrame' | 'arrivalMs'>,
    format: VideoFormat | undefined,
  ): void {
    let ticks = Math.round(((positionMs - this.zeroMs) * VIDEO_TIMESCALE) / 1000);
    if (this.#pending !== undefined) ticks = Math.max(ticks, this.#pending.ticks + 1);
    // After a pause the picture before has its end already, and samples have no holes between them.
    else if (this.#pictures > 0) ticks = this.#videoEndTicks;
    else ticks = Math.max(ticks, 0);
    this.#releasePicture(ticks);
    if (keyFrame) this.#cut();
    if (format !== undefined) {
      if (format.width !== this.#videoFormat?.width || format.height !== this.#videoFormat.height) {
        this.health.resolutionChanged((ticks * 1000) / VIDEO_TIMESCALE, format.width, format.height);
      }
      this.#writer.setVideoFormat(this.#videoTrack, format);
      this.#videoFormat = format;
    }
    this.#pending = { ticks, data, keyFrame, arrivalMs };
  }

  #releasePicture(endTicks: number): void {
    const picture = this.#pending;
    if (picture === undefined) return;
    const duration = Math.max(1, endTicks - picture.ticks);
    this.#writer.addSample(this.#videoTrack, {
      data: this.#arena.keep(picture.data),
      timestamp: picture.ticks,
      duration,
      keyFrame: picture.keyFrame,
    });
    if (duration < VIDEO_TIMESCALE / 2) this.#pictureTicks += (duration - this.#pictureTicks) / 8;
    this.#videoEndTicks = picture.ticks + duration;
    this.#pictures += 1;
    this.#videoBytes += picture.data.byteLength;
    this.#noteArrival(picture.arrivalMs);
    this.#pending = undefined;
  }

  /** No picture follows the held one: it lasts until `positionMs`, or as long as pictures do here. */
  endPicture(positionMs?: number): void {
    if (this.#pending === undefined) return;
    const usual = this.#pending.ticks + Math.round(this.#pictureTicks);
    const wanted = positionMs === undefined ? usual : Math.round(((positionMs - this.zeroMs) * VIDEO_TIMESCALE) / 1000);
    this.#releasePicture(wanted > this.#pending.ticks ? wanted : usual);
  }

  /**
   * Adds an Opus packet. A hole before it is filled with silence; a packet whose place is taken already is left out.
   * @param samples - its length at 48 kHz
   * @returns by how many ms it was laid later than wanted (negative: earlier); undefined when it was left out
   */
  addSound(
    positionMs: number,
    { data, arrivalMs, lostPacketsBefore }: Pick<EncodedFrame, 'data' | 'arrivalMs' | 'lostPacketsBefore'>,
    samples: number,
  ): number | undefined {
    const wanted = Math.round(((positionMs - this.zeroMs) * AUDIO_TIMESCALE) / 1000);
    if (this.#audioEndTicks === undefined) {
      if (wanted < 0 && wanted > -SHORTEST_SILENCE) this.#audioEndTicks = 0;
      else if (wanted < 0) return undefined;
      else this.#audioEndTicks = wanted;
    }
    if (wanted <= this.#audioEndTicks - SHORTEST_SILENCE) return undefined;
    if (wanted >= this.#audioEndTicks + SHORTEST_SILENCE)
      this.#silence(wanted, lostPacketsBefore > 0 ? 'loss' : 'absent');
    const shift = ((this.#audioEndTicks - wanted) * 1000) / AUDIO_TIMESCALE;
    this.#addAudioSample(data, samples);
    this.#noteArrival(arrivalMs);
    return shift;
  }

  /** Writes silence up to a position, where sound should be and is not. */
  fillSilence(positionMs: number, reason: Gap['reason']): void {
    if (this.#audioTrack < 0) return;
    this.#audioEndTicks ??= 0;
    this.#silence(Math.round(((positionMs - this.zeroMs) * AUDIO_TIMESCALE) / 1000), reason);
  }

  #silence(untilTicks: number, reason: Gap['reason']): void {
    const from = this.#audioEndTicks ?? 0;
    for (const packet of opusSilence(untilTicks - from)) this.#addAudioSample(packet.data, packet.samples);
    const durationMs = (((this.#audioEndTicks ?? 0) - from) * 1000) / AUDIO_TIMESCALE;
    if (durationMs <= 0) return;
    this.health.silenceMs += durationMs;
    this.health.extendGap('audio', (from * 1000) / AUDIO_TIMESCALE, durationMs, reason);
  }

  #addAudioSample(data: Uint8Array, duration: number): void {
    const timestamp = this.#audioEndTicks ?? 0;
    this.#writer.addSample(this.#audioTrack, { data: this.#arena.keep(data), timestamp, duration, keyFrame: true });
    this.#audioEndTicks = timestamp + duration;
    this.#audioPackets += 1;
    this.#audioBytes += data.byteLength;
  }

  #noteArrival(arrivalMs: number): void {
    if (arrivalMs < this.#oldestArrivalMs) this.#oldestArrivalMs = arrivalMs;
  }

  /** Gives a fragment out when it is time. */
  tick(nowMs: number): void {
    if (nowMs - this.#oldestArrivalMs < (this.#cuts === 0 ? FIRST_FRAGMENT_MS : FRAGMENT_MS)) return;
    if (nowMs - this.#lastCutMs < FRAGMENT_GAP_MS) return;
    this.#lastCutMs = nowMs;
    this.#cut();
  }

  #cut(): void {
    this.#oldestArrivalMs = Number.POSITIVE_INFINITY;
    const fragment = this.#writer.cutFragment();
    if (fragment === undefined) return;
    this.#cuts += 1;
    this.file.append(fragment.chunks);
    this.#arena.clear();
  }

  /** Gives out all that can be: what is held back for the next picture's sake stays. */
  cutNow(): void {
    this.#cut();
  }

  /** Makes the file a finished one. @throws AircheckError where the disk refuses */
  async finish(): Promise<void> {
    this.endPicture(this.audioEndMs);
    await this.file.finalize(this.#writer.finalize());
  }

  /** What is known of it now. */
  snapshot(): SegmentSnapshot {
    const durationMs = Math.max(0, this.endMs - this.zeroMs);
    const seconds = durationMs / 1000;
    const format = this.#videoFormat;
    const bitrate = (bytes: number): number => (seconds > 0 ? Math.round((bytes * 8) / seconds) : 0);
    const frames = this.#pictures + (this.#pending === undefined ? 0 : 1);
    return {
      recordingId: this.#options.recordingId,
      fileId: this.#options.fileId,
      segmentIndex: this.#options.segmentIndex,
      path: this.path,
      mimeType: this.#writer.mimeType,
      startedAt: this.#options.startedAt,
      durationMs: Math.round(durationMs),
      sizeBytes: this.file.writtenBytes,
      video:
        format === undefined
          ? null
          : {
              codec: format.codec,
              width: format.width,
              height: format.height,
              frames,
              fps: seconds > 0 ? Math.round((frames / seconds) * 100) / 100 : 0,
              bitrateBps: bitrate(this.#videoBytes),
            },
      audio:
        this.layout.audio === undefined
          ? null
          : {
              codec: 'opus',
              sampleRate: AUDIO_TIMESCALE,
              channels: this.layout.audio.channels,
              packets: this.#audioPackets,
              bitrateBps: bitrate(this.#audioBytes),
            },
      health: this.health.snapshot(),
    };
  }
}
