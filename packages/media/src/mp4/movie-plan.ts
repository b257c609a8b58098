import { BoxWriter } from './box-writer.ts';
import { type EntryTraits, entryTraits } from './entry-traits.ts';
import { writeMediaDataHeader } from './hybrid-layout.ts';
import { type FinishedTrack, type MovieTrack, type ShownStretch, writeFinalMovie } from './movie-box.ts';
import { SampleTable } from './sample-table.ts';

const BRANDS = ['isom', 'iso6', 'iso2', 'avc1', 'mp41'];

/** Bytes that the file gets next: a stretch of a source, or bytes that no source has. */
export type MoviePiece =
  | { readonly source: number; readonly offset: number; readonly byteLength: number }
  | { readonly data: Uint8Array };

/** A file to be put together: first `header`, then the pieces one behind another. */
export interface MoviePlan {
  /** `ftyp`, `moov` and the header of the `mdat` that holds the pieces. */
  readonly header: Uint8Array;
  readonly pieces: readonly MoviePiece[];
  /** Of the whole file. */
  readonly byteLength: number;
  readonly durationSeconds: number;
  readonly tracks: readonly PlannedTrackSummary[];
}

export interface PlannedTrackSummary extends EntryTraits {
  readonly kind: 'video' | 'audio';
  /** Of those that are shown. */
  readonly sampleCount: number;
  readonly byteLength: number;
  readonly startSeconds: number;
  /** Of what is shown. */
  readonly durationSeconds: number;
}

/** A sample where it lies now and with its times in the new file, in ticks of its track. */
export interface PlannedSample {
  readonly size: number;
  readonly decodeTime: number;
  readonly presentationTime: number;
  readonly keyFrame: boolean;
  readonly format: number;
}

/** A track of the new file. */
export interface PlannedTrack extends Omit<MovieTrack, 'trackId'> {
  /** When its shown stretch begins in the new file, in its timescale. */
  readonly startTime: number;
  /** On the clock of its samples. */
  readonly shownFrom: number;
  readonly shownTo: number;
}

/**
 * Takes samples in the order in which their data will lie, and makes the index of the file that comes of it. The index
 * goes first: the file can be played while it is still being loaded.
 */
export class MoviePlanner {
  readonly #tracks: PlannedTrackBuilder[] = [];
  readonly #pieces: MoviePiece[] = [];
  #position = 0;
  #lastTrack: number | undefined;
  /** The piece that may yet grow. */
  #source = -1;
  #offset = 0;
  #byteLength = 0;

  /** @returns the track's number for `add` */
  addTrack(): number {
    this.#tracks.push(new PlannedTrackBuilder());
    return this.#tracks.length - 1;
  }

  /** Adds a sample whose data lie at `offset` of a source. Samples of one track come in decode order. */
  add(track: number, sample: PlannedSample, source: number, offset: number): void {
    if (source !== this.#source || offset !== this.#offset + this.#byteLength) {
      this.#endPiece();
      this.#source = source;
      this.#offset = offset;
    }
    this.#byteLength += sample.size;
    this.#place(track, sample);
  }

  /** Adds a sample of bytes that no source has. */
  addData(track: number, sample: Omit<PlannedSample, 'size'>, data: Uint8Array): void {
    this.#endPiece();
    this.#pieces.push({ data });
    this.#place(track, { ...sample, size: data.byteLength });
  }

  #endPiece(): void {
    if (this.#byteLength > 0) {
      this.#pieces.push({ source: this.#source, offset: this.#offset, byteLength: this.#byteLength });
    }
    this.#source = -1;
    this.#byteLength = 0;
  }

  #place(track: number, sample: PlannedSample): void {
    this.#tracks[track]!.add(sample, this.#position, track !== this.#lastTrack);
    this.#lastTrack = track;
    this.#position += sample.size;
  }

  /**
   * @param described - the tracks in the order of their numbers
   * @param creationTime - milliseconds since 1970
   */
  finish(described: readonly PlannedTrack[], creationTime: number): MoviePlan {
    this.#endPiece();
    const tracks = described.map((track, index) => this.#tracks[index]!.finish(track, index + 1));
    const wide = this.#position > 0xf0000000;
    const dataHeaderLength = wide ? 16 : 8;
    const fileType = writeFileType();
    // Where the data begin depends on the index's length, which does not depend on where the data begin.
    const measured = writeMovie(tracks, creationTime, 0, wide).byteLength;
    const base = fileType.byteLength + measured + dataHeaderLength;
    const movie = writeMovie(tracks, creationTime, base, wide);
    const writer = new BoxWriter(base);
    writer.bytes(fileType);
    writer.bytes(movie);
    if (wide) {
      writer.bytes(writeMediaDataHeader(16 + this.#position));
    } else {
      writer.u32(8 + this.#position);
      writer.fourCc('mdat');
    }
    const summaries = tracks.map(({ kind, timescale, startTime, shown, width, height, sampleEntries }, index) => ({
      ...entryTraits(kind, sampleEntries[0]!),
      ...(width > 0 && { width, height }),
      kind,
      sampleCount: this.#tracks[index]!.shownSamples,
      byteLength: this.#tracks[index]!.byteLength,
      startSeconds: startTime / timescale,
      durationSeconds: shown!.duration / timescale,
    }));
    return {
      header: writer.finish(),
      pieces: this.#pieces,
      byteLength: base + this.#position,
      durationSeconds: Math.max(0, ...summaries.map((track) => track.startSeconds + track.durationSeconds)),
      tracks: summaries,
    };
  }
}

/** One sample behind the others: how long it lasts is known when the next one comes. */
class PlannedTrackBuilder {
  readonly #table = new SampleTable();
  #pending: { readonly sample: PlannedSample; readonly offset: number; readonly newChunk: boolean } | undefined;
  #format = 0;
  #firstDecodeTime = 0;
  readonly #times: number[] = [];
  byteLength = 0;
  shownSamples = 0;

  add(sample: PlannedSample, offset: number, newChunk: boolean): void {
    const pending = this.#pending;
    if (pending === undefined) this.#firstDecodeTime = sample.decodeTime;
    else this.#write(pending.sample, pending.offset, pending.newChunk, sample.decodeTime - pending.sample.decodeTime);
    this.#pending = { sample, offset, newChunk };
  }

  #write(sample: PlannedSample, offset: number, newChunk: boolean, duration: number): void {
    if (newChunk || sample.format !== this.#format) this.#table.beginChunk(offset, sample.format);
    this.#format = sample.format;
    this.byteLength += sample.size;
    this.#times.push(sample.presentationTime);
    this.#table.add(sample.size, duration, sample.keyFrame, sample.presentationTime - sample.decodeTime);
  }

  finish({ startTime, shownFrom, shownTo, ...track }: PlannedTrack, trackId: number): PlacedTrack {
    const last = this.#pending;
    if (last !== undefined) {
      // Up to where the track is shown, or a tick where that is before: nobody sees it then.
      const duration = Math.max(1, shownTo - last.sample.presentationTime);
      this.#write(last.sample, last.offset, last.newChunk, duration);
    }
    this.shownSamples = this.#times.filter((time) => time >= shownFrom && time < shownTo).length;
    const shown = { start: shownFrom - this.#firstDecodeTime, duration: shownTo - shownFrom };
    return { ...track, trackId, startTime, table: this.#table, shown };
  }
}

type PlacedTrack = FinishedTrack & { readonly shown: ShownStretch };

function writeMovie(
  tracks: readonly PlacedTrack[],
  creationTime: number,
  base: number,
  wide: boolean,
): Uint8Array<ArrayBuffer> {
  const samples = tracks.reduce((sum, { table }) => sum + table.sampleCount, 0);
  const writer = new BoxWriter(4096 + samples * 16);
  writeFinalMovie(writer, tracks, creationTime, { base, wide });
  return writer.finish();
}

export function writeFileType(): Uint8Array<ArrayBuffer> {
  const writer = new BoxWriter(64);
  const ftyp = writer.open('ftyp');
  writer.fourCc('isom');
  writer.u32(0x200);
  for (const brand of BRANDS) writer.fourCc(brand);
  writer.close(ftyp);
  return writer.finish();
}
