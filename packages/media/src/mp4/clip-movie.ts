import { MediaError } from '../errors.ts';
import { type MoviePlan, MoviePlanner } from './movie-plan.ts';
import type { MovieSource, SourceTrack } from './movie-source.ts';

/** Sound begins that much earlier than it is heard, so that decoders have settled (RFC 7845 §4.6). */
const SOUND_ROLL_SECONDS = 0.08;

/** What of a track goes into the clip. */
interface Cut {
  readonly track: SourceTrack;
  /** First and last sample, in decode order. */
  readonly first: number;
  readonly last: number;
  /** What is shown, on the track's own clock. */
  readonly shownFrom: number;
  readonly shownTo: number;
}

/**
 * Plans a clip without encoding anything: it begins with the key frame before the start, which the edit list hides. The
 * first picture shown is the one that is on the screen at `startSeconds`, from its beginning on; the last one ends at
 * `endSeconds` exactly, and so does the sound.
 *
 * @param startSeconds - on the file's clock
 * @param endSeconds - on the file's clock; what lies beyond the file's end is left out
 * @throws MediaError `argument-invalid` when nothing lies between the two
 */
export function clipMovie(source: MovieSource, startSeconds: number, endSeconds: number): MoviePlan {
  const end = Math.min(endSeconds, source.durationSeconds);
  if (!(startSeconds >= 0 && startSeconds < end)) throw nothingBetween(source, startSeconds, endSeconds);
  const picture = source.tracks.find(({ kind }) => kind === 'video');
  const zero = (picture && pictureStart(picture, startSeconds, end)) ?? startSeconds;

  const cuts: Cut[] = [];
  let keyFrameSeconds = zero;
  for (const track of source.tracks) {
    const roll = track.kind === 'audio' ? SOUND_ROLL_SECONDS : 0;
    const cut = cutTrack(track, zero, end, Math.min(keyFrameSeconds, zero - roll));
    if (cut === undefined) continue;
    cuts.push(cut);
    if (track === picture) {
      keyFrameSeconds = Math.min(zero, secondsOf(track, track.samples.timeOf(cut.first)));
    }
  }
  if (cuts.length === 0) throw nothingBetween(source, startSeconds, endSeconds);

  const planner = new MoviePlanner();
  for (const _ of cuts) planner.addTrack();
  addInFileOrder(planner, cuts);
  const tracks = cuts.map(({ track, shownFrom, shownTo }) => ({
    ...track,
    startTime: Math.max(0, Math.round((secondsOf(track, shownFrom) - zero) * track.timescale)),
    shownFrom,
    shownTo,
  }));
  return planner.finish(tracks, source.creationTime + Math.round(zero * 1000));
}

function nothingBetween({ durationSeconds }: MovieSource, start: number, end: number): MediaError {
  const length = durationSeconds.toFixed(3);
  return new MediaError('argument-invalid', `nothing lies between ${start} s and ${end} s of a file of ${length} s`);
}

/** When a time on a track's own clock is on the file's. */
function secondsOf({ startSeconds, shownFrom, timescale }: SourceTrack, time: number): number {
  return startSeconds + (time - shownFrom) / timescale;
}

function timeAt({ startSeconds, shownFrom, timescale }: SourceTrack, seconds: number): number {
  return Math.round((seconds - startSeconds) * timescale) + shownFrom;
}

/** When the picture begins that is on the screen at `seconds`; undefined when there is none yet. */
function pictureStart(track: SourceTrack, seconds: number, end: number): number | undefined {
  const time = timeAt(track, seconds);
  if (time >= track.shownTo || time >= timeAt(track, end)) return undefined;
  let found = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < track.samples.count; index++) {
    const shown = Math.max(track.samples.timeOf(index), track.shownFrom);
    if (shown <= time && shown > found) found = shown;
  }
  return found === Number.NEGATIVE_INFINITY ? undefined : secondsOf(track, found);
}

/** @param from - seconds at which the samples begin at the latest, for sound */
function cutTrack(track: SourceTrack, zero: number, end: number, from: number): Cut | undefined {
  const { samples, kind } = track;
  const begin = Math.max(track.shownFrom, timeAt(track, zero));
  const shownTo = Math.min(track.shownTo, timeAt(track, end));
  let earliest = Number.POSITIVE_INFINITY;
  let firstShown = -1;
  let last = -1;
  for (let index = 0; index < samples.count; index++) {
    const time = samples.timeOf(index);
    if (time >= shownTo || time + samples.durations[index]! <= begin) continue;
    if (firstShown < 0) firstShown = index;
    last = index;
    earliest = Math.min(earliest, time);
  }
  if (firstShown < 0) return undefined;
  let first = firstShown;
  const wanted = kind === 'audio' ? timeAt(track, from) : begin;
  const isStart = (index: number) => samples.keyFrames[index] === 1 && samples.timeOf(index) <= wanted;
  while (first > 0 && !isStart(first)) first--;
  return { track, first, last, shownFrom: Math.max(begin, earliest), shownTo };
}

/** Data that lie side by side stay so: pictures and sound of the same time are near one another in most files. */
function addInFileOrder(planner: MoviePlanner, cuts: readonly Cut[]): void {
  const next = cuts.map(({ first }) => first);
  for (;;) {
    let chosen = -1;
    let lowest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < cuts.length; index++) {
      const { track, last } = cuts[index]!;
      const sample = next[index]!;
      if (sample > last || track.samples.offsets[sample]! >= lowest) continue;
      chosen = index;
      lowest = track.samples.offsets[sample]!;
    }
    if (chosen < 0) return;
    const { samples } = cuts[chosen]!.track;
    const sample = next[chosen]!++;
    planner.add(
      chosen,
      {
        size: samples.sizes[sample]!,
        decodeTime: samples.decodeTimes[sample]!,
        presentationTime: samples.timeOf(sample),
        keyFrame: samples.keyFrames[sample] === 1,
        format: samples.formats[sample]!,
      },
      0,
      lowest,
    );
  }
}
