import type {
  ContainerWriter,
  Finalization,
  FragmentInfo,
  Sample,
  TrackOptions,
  VideoFormat,
} from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { BoxWriter } from './box-writer.ts';
import { finishHybridMovie, HYBRID_FREE_OFFSET, writeFileStart } from './hybrid-layout.ts';
import type { FinishedTrack } from './movie-box.ts';
import { type FragmentRun, writeMovieFragment } from './movie-fragment.ts';
import { PictureFormats } from './picture-formats.ts';
import { writeAudioSampleEntry } from './sample-entry.ts';
import { SampleTable } from './sample-table.ts';

export interface HybridMp4WriterOptions {
  readonly tracks: readonly TrackOptions[];
  /** Milliseconds since 1970. */
  readonly creationTime: number;
}

/**
 * Writes a file that is a fragmented MP4 while it grows and a plain MP4 once it is finished, without a copy ("hybrid
 * MP4"): `ftyp`, `free` (16 bytes), `moov` with `mvex`, then a `moof` and `mdat` for every cut. Finishing appends a `moov`
 * with all sample tables and overwrites the `free` with the header of an `mdat` that spans the first `moov` and all
 * fragments (ISO/IEC 14496-12 §8.1.1, §8.8). Whatever moment the growing file is cut off at, it plays up to its last whole
 * fragment; between the append and the patch it still reads as a fragmented file.
 *
 * A fragment ends where the caller cuts, with or without a key frame, and a track that has nothing stays out of it, so
 * that no track holds up another. Parameter sets of H.264 stay in band under `avc1` (ISO/IEC 14496-15 §5.4.2).
 *
 * The data of added samples is kept, not copied, until the next cut gives it out: it must not change meanwhile.
 */
export class HybridMp4Writer implements ContainerWriter {
  readonly mimeType: string;
  readonly #creationTime: number;
  readonly #tracks: readonly WriterTrack[];
  #state: 'created' | 'writing' | 'finalized' = 'created';
  #byteLength = 0;
  #fragmentsEnd = 0;
  #fragmentCount = 0;

  /**
   * @throws MediaError `argument-invalid` when there is no track or a field is out of range, `container-unsupported`
   * for VP8
   */
  constructor({ tracks, creationTime }: HybridMp4WriterOptions) {
    if (tracks.length === 0) throw new MediaError('argument-invalid', 'a file needs a track at least');
    this.mimeType = tracks.some((track) => track.kind === 'video') ? 'video/mp4' : 'audio/mp4';
    this.#creationTime = creationTime;
    this.#tracks = tracks.map((options, index) => new WriterTrack(index + 1, options));
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  header(): Uint8Array {
    if (this.#state !== 'created') throw new MediaError('argument-invalid', 'header() is called once, before all else');
    this.#state = 'writing';
    const header = writeFileStart(
      this.#tracks.map((track) => track.describe()),
      this.#creationTime,
    );
    this.#byteLength = this.#fragmentsEnd = header.byteLength;
    return header;
  }

  /**
   * A format seen before gets its old sample entry, a new one a new entry in the final `moov`. Past 255 entries the last
   * one is used: players decode by the parameter sets in band.
   *
   * @throws MediaError `argument-invalid` when the track is not there, has sound, or has another codec
   */
  setVideoFormat(track: number, format: VideoFormat): void {
    this.#track(track).setVideoFormat(format);
  }

  /** @throws MediaError `argument-invalid` when the sample does not follow on the one before, or a field is out of range */
  addSample(track: number, sample: Sample): void {
    this.#requireWriting();
    this.#track(track).add(sample);
  }

  cutFragment(): { readonly chunks: readonly Uint8Array[]; readonly info: FragmentInfo } | undefined {
    this.#requireWriting();
    const tracks = this.#tracks.filter((track) => track.pending.samples.length > 0);
    if (tracks.length === 0) return undefined;

    const offset = this.#byteLength;
    const head = writeMovieFragment(
      ++this.#fragmentCount,
      tracks.map((track) => track.pending),
    );
    const chunks: Uint8Array[] = [head];
    let position = offset + head.byteLength;
    let startSeconds = Number.POSITIVE_INFINITY;
    let endSeconds = Number.NEGATIVE_INFINITY;
    let independent = true;
    for (const track of tracks) {
      const extent = track.flush(position, chunks);
      position += extent.byteLength;
      startSeconds = Math.min(startSeconds, extent.startSeconds);
      endSeconds = Math.max(endSeconds, extent.endSeconds);
      independent &&= extent.independent;
    }
    this.#byteLength = this.#fragmentsEnd = position;
    return {
      chunks,
      info: {
        offset,
        byteLength: position - offset,
        startSeconds,
        durationSeconds: endSeconds - startSeconds,
        independent,
      },
    };
  }

  finalize(): Finalization {
    this.#requireWriting();
    const last = this.cutFragment();
    this.#state = 'finalized';
    const { movie, patch } = finishHybridMovie(
      this.#tracks.map((track) => track.finish()),
      this.#creationTime,
      this.#fragmentsEnd,
      HYBRID_FREE_OFFSET,
    );
    this.#byteLength += movie.byteLength;
    return {
      append: [...(last?.chunks ?? []), movie],
      patches: [{ offset: HYBRID_FREE_OFFSET, data: patch }],
    };
  }

  #requireWriting(): void {
    if (this.#state === 'writing') return;
    throw new MediaError(
      'argument-invalid',
      this.#state === 'created' ? 'header() comes first' : 'the file is finalized',
    );
  }

  #track(index: number): WriterTrack {
    const track = this.#tracks[index];
    if (track === undefined) throw new MediaError('argument-invalid', `there is no track ${index}`);
    return track;
  }
}

interface FragmentExtent {
  readonly byteLength: number;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly independent: boolean;
}

interface PendingRun extends FragmentRun {
  samples: Sample[];
  baseTime: number;
}

/** One track: the samples since the last cut, and the table of all before. */
class WriterTrack {
  readonly pending: PendingRun;
  readonly #options: TrackOptions;
  readonly #table = new SampleTable();
  /** Of pictures; sound has its one sample entry. */
  readonly #formats: PictureFormats | undefined;
  readonly #audioEntries: Uint8Array[] = [];
  /** Where in the pending samples another sample entry begins. */
  #formatChanges: { readonly sampleIndex: number; readonly formatIndex: number }[] = [];
  #startTime = 0;
  #nextTime: number | undefined;

  constructor(trackId: number, options: TrackOptions) {
    if (!(Number.isInteger(options.timescale) && options.timescale > 0 && options.timescale <= 0xffffffff)) {
      throw new MediaError('argument-invalid', `timescale must be a whole number above 0, not ${options.timescale}`);
    }
    this.#options = options;
    this.pending = { trackId, kind: options.kind, baseTime: 0, samples: [] };
    if (options.kind === 'video') {
      this.#formats = new PictureFormats(options);
    } else {
      const writer = new BoxWriter(256);
      writeAudioSampleEntry(writer, options);
      this.#audioEntries.push(writer.finish());
    }
  }

  describe() {
    return {
      trackId: this.pending.trackId,
      kind: this.#options.kind,
      timescale: this.#options.timescale,
      width: this.#formats?.width ?? 0,
      height: this.#formats?.height ?? 0,
      sampleEntries: this.#formats?.sampleEntries ?? this.#audioEntries,
    };
  }

  finish(): FinishedTrack {
    return { ...this.describe(), startTime: this.#startTime, table: this.#table };
  }

  setVideoFormat(format: VideoFormat): void {
    if (this.#formats === undefined || this.#options.codec !== format.codec) {
      throw new MediaError('argument-invalid', `a ${this.#options.codec} track cannot become ${format.codec}`);
    }
    this.#formats.select(format);
  }

  add(sample: Sample): void {
    const expected = this.#nextTime ?? sample.timestamp;
    if (sample.timestamp !== expected || !Number.isSafeInteger(sample.timestamp) || sample.timestamp < 0) {
      throw new MediaError('argument-invalid', `timestamp must be ${expected}, not ${sample.timestamp}`);
    }
    if (!(Number.isInteger(sample.duration) && sample.duration >= 0 && sample.duration <= 0xffffffff)) {
      throw new MediaError('argument-invalid', `duration must be a whole number of ticks, not ${sample.duration}`);
    }
    const offset = sample.compositionOffset ?? 0;
    if (offset !== (offset | 0)) {
      throw new MediaError('argument-invalid', `compositionOffset must be a whole number of ticks, not ${offset}`);
    }
    const { samples } = this.pending;
    if (this.#nextTime === undefined) this.#startTime = sample.timestamp;
    if (samples.length === 0) this.pending.baseTime = sample.timestamp;
    const formatIndex = this.#formats?.selected ?? 1;
    if (samples.length === 0 || this.#formatChanges.at(-1)?.formatIndex !== formatIndex) {
      this.#formatChanges.push({ sampleIndex: samples.length, formatIndex });
    }
    samples.push(sample);
    this.#nextTime = sample.timestamp + sample.duration;
  }

  /** Moves the pending samples to the table and their data, which begins at `offset` of the file, to `chunks`. */
  flush(offset: number, chunks: Uint8Array[]): FragmentExtent {
    const { samples, kind } = this.pending;
    let position = offset;
    let nextChange = 0;
    let earliest = Number.POSITIVE_INFINITY;
    let latest = Number.NEGATIVE_INFINITY;
    const independent = kind === 'audio' || samples[0]!.keyFrame;
    for (const [index, { data, duration, keyFrame, timestamp, compositionOffset = 0 }] of samples.entries()) {
      const change = this.#formatChanges[nextChange];
      if (change?.sampleIndex === index) {
        this.#table.beginChunk(position, change.formatIndex);
        nextChange++;
      }
      this.#table.add(data.byteLength, duration, keyFrame || kind === 'audio', compositionOffset);
      chunks.push(data);
      position += data.byteLength;
      earliest = Math.min(earliest, timestamp + compositionOffset);
      latest = Math.max(latest, timestamp + compositionOffset + duration);
    }
    this.pending.samples = [];
    this.#formatChanges = [];
    return {
      byteLength: position - offset,
      startSeconds: earliest / this.#options.timescale,
      endSeconds: latest / this.#options.timescale,
      independent,
    };
  }
}
