import { opusSilence } from '../clock/index.ts';
import { MediaError } from '../errors.ts';
import { type JoinedEntries, joinedSampleEntries, requireAlike } from './movie-likeness.ts';
import { type MoviePlan, MoviePlanner, type PlannedTrack } from './movie-plan.ts';
import type { MovieSource, SourceTrack } from './movie-source.ts';

/** A file to be joined, and what errors call it. */
export interface ConcatPart {
  readonly name: string;
  readonly movie: MovieSource;
}

/** Times are kept that fine at least: the hidden pictures of a part get a tick each. */
const MIN_VIDEO_TIMESCALE = 90_000;

/** Starts that far apart are the same: they differ by the rounding of edit lists alone. */
const SAME_SECONDS = 0.0005;

/**
 * Plans one file of several without encoding anything. Sound goes on without a gap; where picture and sound of a part
 * do not end together, its last picture is shown longer or shorter. Where the picture goes on for longer than that, the
 * sound is filled up with silence (Opus), or its last packet lasts longer. So picture and sound stay as far apart from
 * one another as each part has them.
 *
 * @throws MediaError `tracks-unlike` when the parts' tracks cannot be one; says which part and in what it differs
 */
export function concatMovies(parts: readonly ConcatPart[]): MoviePlan {
  const [first] = parts;
  if (first === undefined) throw new MediaError('argument-invalid', 'there is nothing to join');
  requireAlike(parts);
  const planner = new MoviePlanner();
  const tracks = first.movie.tracks.map((track, index) => {
    const entries = joinedSampleEntries(parts, index);
    return new JoinedTrack(track, planner, planner.addTrack(), entries);
  });

  let start = 0;
  for (const [source, { movie }] of parts.entries()) {
    const joins = tracks.map((joined, index) => joined.prepare(movie.tracks[index]!, source));
    if (source > 0) start = jointSeconds(joins);
    for (const join of joins) join.begin(start);
    addInFileOrder(joins);
  }
  return planner.finish(
    tracks.map((track) => track.describe()),
    first.movie.creationTime,
  );
}

/** Where the next part's zero goes. */
function jointSeconds(joins: readonly TrackJoin[]): number {
  const sounds = joins.filter(({ part }) => part.kind === 'audio');
  const pictures = joins.filter(({ part }) => part.kind === 'video');
  const bySound = Math.max(...sounds.map((join) => join.earliestStart), Number.NEGATIVE_INFINITY);
  const byPicture = Math.max(...pictures.map((join) => join.earliestStart), Number.NEGATIVE_INFINITY);
  const spare = Math.min(...pictures.map((join) => join.joined.lastPictureSeconds), Number.POSITIVE_INFINITY);
  // The last picture gives way as long as some of it is left.
  const gives = sounds.length > 0 && byPicture - bySound < spare * 0.75;
  return Math.max(0, gives ? bySound : Math.max(bySound, byPicture));
}

/** One track of the new file. Its clock is the file's: tick 0 is the file's zero. */
class JoinedTrack {
  readonly #planner: MoviePlanner;
  readonly #number: number;
  readonly #first: SourceTrack;
  readonly entries: JoinedEntries;
  readonly timescale: number;
  #lastDecodeTime = Number.NEGATIVE_INFINITY;
  #shownFrom: number | undefined;
  /** End of what is shown so far; of the last picture, where it begins. */
  end = 0;
  #lastPicture = 0;

  constructor(first: SourceTrack, planner: MoviePlanner, number: number, entries: JoinedEntries) {
    this.#first = first;
    this.#planner = planner;
    this.#number = number;
    this.entries = entries;
    this.timescale =
      first.kind === 'audio' ? first.timescale : first.timescale * Math.ceil(MIN_VIDEO_TIMESCALE / first.timescale);
  }

  get lastPictureSeconds(): number {
    return (this.end - this.#lastPicture) / this.timescale;
  }

  prepare(part: SourceTrack, source: number): TrackJoin {
    return new TrackJoin(this, part, source);
  }

  begin(shownFrom: number): void {
    if (this.#shownFrom === undefined) this.#shownFrom = shownFrom;
    else if (this.#first.kind === 'audio') this.#fill(shownFrom);
  }

  /** Fills a hole in the sound with silence as far as there is some that fits. */
  #fill(until: number): void {
    if (!this.entries.opus) return;
    let time = this.end;
    for (const { samples, data } of opusSilence(Math.floor(((until - time) / this.timescale) * 48_000))) {
      const sample = { decodeTime: Math.round(time), presentationTime: Math.round(time), keyFrame: true, format: 1 };
      this.#planner.addData(this.#number, sample, data);
      this.#lastDecodeTime = sample.decodeTime;
      time += (samples * this.timescale) / 48_000;
    }
  }

  add(size: number, decode: number, presentation: number, keyFrame: boolean, format: number, place: Place): void {
    const decodeTime = Math.max(decode, this.#lastDecodeTime + 1);
    this.#lastDecodeTime = decodeTime;
    const sample = { size, decodeTime, presentationTime: presentation, keyFrame, format };
    this.#planner.add(this.#number, sample, place.source, place.offset);
  }

  endPart(lastPicture: number, end: number): void {
    this.#lastPicture = lastPicture;
    this.end = end;
  }

  describe(): PlannedTrack {
    const { kind, width, height, matrix } = this.#first;
    const shownFrom = this.#shownFrom ?? 0;
    return {
      kind,
      timescale: this.timescale,
      width: Math.max(width, this.entries.width),
      height: Math.max(height, this.entries.height),
      matrix,
      sampleEntries: this.entries.entries,
      startTime: shownFrom,
      shownFrom,
      shownTo: this.end,
    };
  }
}

interface Place {
  readonly source: number;
  readonly offset: number;
}

/** The samples of one part's track on their way into the new file. */
class TrackJoin {
  readonly joined: JoinedTrack;
  readonly part: SourceTrack;
  readonly #source: number;
  readonly #formats: readonly number[];
  /** First and last sample that goes in, in decode order. */
  readonly #first: number;
  readonly #last: number;
  /** What of the part is shown in the new file, on the part's own clock. */
  readonly #shownFrom: number;
  readonly #shownTo: number;
  readonly #firstVisible: number;
  #zero = 0;
  #next: number;

  constructor(joined: JoinedTrack, part: SourceTrack, source: number) {
    this.joined = joined;
    this.part = part;
    this.#source = source;
    this.#formats = joined.entries.formats[source]!;
    const range = source === 0 && part.kind === 'audio' ? wholeRange(part) : rangeOf(part);
    this.#first = range.first;
    this.#last = range.last;
    this.#shownFrom = range.shownFrom;
    this.#shownTo = range.shownTo;
    this.#firstVisible = range.firstVisible;
    this.#next = range.first;
  }

  /** The earliest place for the part's zero, in seconds, at which it does not begin before what is there has ended. */
  get earliestStart(): number {
    return this.joined.end / this.joined.timescale - this.#startSeconds;
  }

  get #startSeconds(): number {
    return this.part.startSeconds + (this.#shownFrom - this.part.shownFrom) / this.part.timescale;
  }

  begin(partSeconds: number): void {
    const { joined } = this;
    let start = Math.round((partSeconds + this.#startSeconds) * joined.timescale);
    const hole = start - joined.end;
    if (this.#source > 0 && Math.abs(hole) <= SAME_SECONDS * joined.timescale) start = joined.end;
    joined.begin(start);
    this.#zero = start;
  }

  /** Offset in its file of the sample that comes next; undefined behind the last one. */
  get nextOffset(): number | undefined {
    return this.#next > this.#last ? undefined : this.part.samples.offsets[this.#next]!;
  }

  addNext(): void {
    const { samples } = this.part;
    const index = this.#next++;
    let decode = this.#map(samples.decodeTimes[index]!);
    let presentation = this.#map(samples.timeOf(index));
    if (this.#source > 0 && samples.timeOf(index) < this.#shownFrom) {
      // What is shown needs it to be decoded, and nobody is to see it: it takes a tick of the picture before.
      const before = this.#firstVisible - index;
      presentation = this.#zero - Math.max(1, before);
      if (before > 0) decode = this.#map(samples.decodeTimes[this.#firstVisible]!) - before;
    }
    this.joined.add(
      samples.sizes[index]!,
      decode,
      presentation,
      samples.keyFrames[index] === 1,
      this.#formats[samples.formats[index]! - 1]!,
      { source: this.#source, offset: samples.offsets[index]! },
    );
    if (index === this.#last) this.#end();
  }

  #end(): void {
    let latest = this.#shownFrom;
    for (let index = Math.max(this.#first, this.#last - 32); index <= this.#last; index++) {
      const time = this.part.samples.timeOf(index);
      if (time < this.#shownTo) latest = Math.max(latest, time);
    }
    this.joined.endPart(this.#map(latest), this.#map(this.#shownTo));
  }

  /** From the part's clock to the new file's. */
  #map(time: number): number {
    return this.#zero + Math.round(((time - this.#shownFrom) * this.joined.timescale) / this.part.timescale);
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly shownFrom: number;
  readonly shownTo: number;
  readonly firstVisible: number;
}

/** The first part's sound keeps what it hides: its edit list hides it in the new file, too. */
function wholeRange(part: SourceTrack): Range {
  const range = rangeOf(part);
  return { ...range, first: 0, shownFrom: part.shownFrom, firstVisible: 0 };
}

/** What is hidden at the ends of a part and not needed is left out; sound is cut at packets, to the nearest. */
function rangeOf({ kind, samples, shownFrom, shownTo }: SourceTrack): Range {
  let firstVisible = -1;
  let last = -1;
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (let index = 0; index < samples.count; index++) {
    const time = samples.timeOf(index);
    const end = time + samples.durations[index]!;
    const visible = Math.min(end, shownTo) - Math.max(time, shownFrom);
    if (kind === 'audio' ? visible * 2 < end - time : visible <= 0) continue;
    if (firstVisible < 0) firstVisible = index;
    last = index;
    from = Math.min(from, time);
    to = Math.max(to, end);
  }
  // Nothing of it is shown: it stays as it is.
  if (last < 0) return { first: 0, last: samples.count - 1, shownFrom, shownTo, firstVisible: 0 };
  if (kind === 'audio') return { first: firstVisible, last, shownFrom: from, shownTo: to, firstVisible };
  let first = firstVisible;
  while (first > 0 && !(samples.keyFrames[first] === 1 && samples.timeOf(first) <= Math.max(from, shownFrom))) first--;
  return { first, last, shownFrom: Math.max(from, shownFrom), shownTo: Math.min(to, shownTo), firstVisible };
}

/** Data that lie side by side stay so. */
function addInFileOrder(joins: readonly TrackJoin[]): void {
  for (;;) {
    let chosen: TrackJoin | undefined;
    let lowest = Number.POSITIVE_INFINITY;
    for (const join of joins) {
      const offset = join.nextOffset;
      if (offset === undefined || offset >= lowest) continue;
      chosen = join;
      lowest = offset;
    }
    if (chosen === undefined) return;
    chosen.addNext();
  }
}
