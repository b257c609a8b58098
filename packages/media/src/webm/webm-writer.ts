import {
  type ContainerWriter,
  concatenate,
  type Finalization,
  type FragmentInfo,
  type Sample,
  type TrackOptions,
  type VideoFormat,
} from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { Id, idBytes, sizeBytes, unsignedElement } from './ebml.ts';
import { type CuePoint, cueOf, writeCues } from './webm-cues.ts';
import { writeWebmHeader } from './webm-header.ts';

/** Blocks count from their cluster's time in 16 bits with a sign (RFC 9559 §10.2). */
const MAX_CLUSTER_MS = 30_000;
const KEY_FRAME_FLAG = 0x80;

export interface WebmWriterOptions {
  /** VP8, VP9, AV1 and Opus. */
  readonly tracks: readonly TrackOptions[];
  /** Milliseconds since 1970. */
  readonly creationTime: number;
}

interface Block {
  readonly trackNumber: number;
  readonly timeMs: number;
  readonly endMs: number;
  readonly keyFrame: boolean;
  readonly data: Uint8Array;
}

/**
 * Writes WebM (RFC 9559 with the limits of the WebM guidelines) that plays while it grows: a segment of unknown size with
 * a cluster for every cut. Finishing appends the Cues and writes the header over with size, SeekHead and duration in it.
 * Times are kept to the millisecond.
 *
 * The data of added samples is kept, not copied, until the next cut: it must not change meanwhile.
 */
export class WebmWriter implements ContainerWriter {
  readonly mimeType: string;
  readonly #creationTime: number;
  readonly #tracks: TrackOptions[];
  readonly #videoTrackNumbers = new Set<number>();
  readonly #nextTimes: (number | undefined)[];
  readonly #cues: CuePoint[] = [];
  #pending: Block[] = [];
  #state: 'created' | 'writing' | 'finalized' = 'created';
  #byteLength = 0;
  #durationMs = 0;

  /** @throws MediaError `argument-invalid` when there is no track, `container-unsupported` for H.264 and AAC */
  constructor({ tracks, creationTime }: WebmWriterOptions) {
    if (tracks.length === 0 || tracks.length > 126) {
      throw new MediaError('argument-invalid', `a file has 1 to 126 tracks, not ${tracks.length}`);
    }
    this.#tracks = [...tracks];
    this.#creationTime = creationTime;
    this.#nextTimes = tracks.map(() => undefined);
    for (const [index, track] of tracks.entries()) if (track.kind === 'video') this.#videoTrackNumbers.add(index + 1);
    this.mimeType = this.#videoTrackNumbers.size > 0 ? 'video/webm' : 'audio/webm';
    writeWebmHeader(tracks, creationTime);
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  header(): Uint8Array {
    if (this.#state !== 'created') throw new MediaError('argument-invalid', 'header() is called once, before all else');
    this.#state = 'writing';
    const header = writeWebmHeader(this.#tracks, this.#creationTime);
    this.#byteLength = header.byteLength;
    return header;
  }

  /**
   * Decoders see a new size in the key frame itself; the finished file's header says the largest.
   *
   * @throws MediaError `argument-invalid` when the track is not there, has sound, or has another codec
   */
  setVideoFormat(track: number, { codec, width, height }: VideoFormat): void {
    const options = this.#track(track);
    if (options.kind !== 'video' || options.codec !== codec) {
      throw new MediaError('argument-invalid', `a ${options.codec} track cannot become ${codec}`);
    }
    const larger = { width: Math.max(width, options.width), height: Math.max(height, options.height) };
    this.#tracks[track] = { ...options, ...larger };
  }

  /** @throws MediaError `argument-invalid` when the sample does not follow on the one before, or a field is out of range */
  addSample(track: number, sample: Sample): void {
    this.#requireWriting();
    const { timescale, kind } = this.#track(track);
    const { data, timestamp, duration, keyFrame, compositionOffset = 0 } = sample;
    const expected = this.#nextTimes[track] ?? timestamp;
    if (timestamp !== expected || !Number.isSafeInteger(timestamp) || timestamp < 0) {
      throw new MediaError('argument-invalid', `timestamp must be ${expected}, not ${timestamp}`);
    }
    if (!(Number.isInteger(duration) && duration >= 0)) {
      throw new MediaError('argument-invalid', `duration must be a whole number of ticks, not ${duration}`);
    }
    this.#nextTimes[track] = timestamp + duration;
    const presented = timestamp + compositionOffset;
    this.#pending.push({
      trackNumber: track + 1,
      timeMs: Math.round((presented * 1000) / timescale),
      endMs: ((presented + duration) * 1000) / timescale,
      keyFrame: keyFrame || kind === 'audio',
      data,
    });
  }

  cutFragment(): { readonly chunks: readonly Uint8Array[]; readonly info: FragmentInfo } | undefined {
    this.#requireWriting();
    if (this.#pending.length === 0) return undefined;
    // The sort is stable: the samples of a track keep their order.
    const blocks = this.#pending.sort((a, b) => a.timeMs - b.timeMs);
    this.#pending = [];
    const offset = this.#byteLength;
    const chunks: Uint8Array[] = [];
    for (let first = 0; first < blocks.length; ) {
      const clusterTime = Math.max(0, blocks[first]!.timeMs);
      let next = first + 1;
      while (next < blocks.length && blocks[next]!.timeMs - clusterTime <= MAX_CLUSTER_MS) next++;
      chunks.push(this.#cluster(blocks.slice(first, next), clusterTime));
      first = next;
    }
    const endMs = blocks.reduce((latest, block) => Math.max(latest, block.endMs), 0);
    this.#durationMs = Math.max(this.#durationMs, endMs);
    const startMs = blocks[0]!.timeMs;
    const firstPicture = blocks.find(({ trackNumber }) => this.#videoTrackNumbers.has(trackNumber));
    return {
      chunks,
      info: {
        offset,
        byteLength: this.#byteLength - offset,
        startSeconds: startMs / 1000,
        durationSeconds: Math.max(0, endMs - startMs) / 1000,
        independent: firstPicture?.keyFrame ?? true,
      },
    };
  }

  finalize(): Finalization {
    this.#requireWriting();
    const last = this.cutFragment();
    this.#state = 'finalized';
    const { cues, header } = finishWebm(
      this.#tracks,
      this.#creationTime,
      this.#cues,
      this.#byteLength,
      this.#durationMs,
    );
    this.#byteLength += cues.byteLength;
    return { append: [...(last?.chunks ?? []), cues], patches: [{ offset: 0, data: header }] };
  }

  #cluster(blocks: readonly Block[], clusterTime: number): Uint8Array {
    const cue = cueOf(blocks, this.#videoTrackNumbers, this.#byteLength);
    if (cue !== undefined) this.#cues.push(cue);
    const parts: Uint8Array[] = [unsignedElement(Id.timestamp, clusterTime)];
    for (const { trackNumber, timeMs, keyFrame, data } of blocks) {
      const relative = timeMs - clusterTime;
      const head = Uint8Array.of(0x80 | trackNumber, relative >> 8, relative, keyFrame ? KEY_FRAME_FLAG : 0);
      parts.push(idBytes(Id.simpleBlock), sizeBytes(head.byteLength + data.byteLength), head, data);
    }
    let size = 0;
    for (const part of parts) size += part.byteLength;
    const cluster = concatenate([idBytes(Id.cluster), sizeBytes(size, 8), ...parts]);
    this.#byteLength += cluster.byteLength;
    return cluster;
  }

  #requireWriting(): void {
    if (this.#state === 'writing') return;
    throw new MediaError(
      'argument-invalid',
      this.#state === 'created' ? 'header() comes first' : 'the file is finalized',
    );
  }

  #track(index: number): TrackOptions {
    const track = this.#tracks[index];
    if (track === undefined) throw new MediaError('argument-invalid', `there is no track ${index}`);
    return track;
  }
}

/**
 * What makes a growing file a finished one: the Cues to append at `clustersEnd`, and then the header to write over the
 * old one, which is as long.
 */
export function finishWebm(
  tracks: readonly TrackOptions[],
  creationTime: number,
  points: readonly CuePoint[],
  clustersEnd: number,
  durationMs: number,
): { readonly cues: Uint8Array; readonly header: Uint8Array } {
  const cues = writeCues(points, segmentStartOf(writeWebmHeader(tracks, creationTime)));
  const index = { durationMs, cuesOffset: clustersEnd, fileLength: clustersEnd + cues.byteLength };
  return { cues, header: writeWebmHeader(tracks, creationTime, index) };
}

/** Behind the EBML header, whose size is one byte, and the segment's identifier and size. */
function segmentStartOf(header: Uint8Array): number {
  return 5 + (header[4]! & 0x7f) + 12;
}
