import type { FragmentInfo } from '../container/index.ts';
import { groupSegments, longestAllowedSeconds } from '../hls/index.ts';
import { BoxWriter } from './box-writer.ts';
import { type MovieTrack, writeInitMovie } from './movie-box.ts';
import { type FragmentRun, writeMovieFragment } from './movie-fragment.ts';
import { writeFileType } from './movie-plan.ts';
import type { MovieSource, SourceTrack } from './movie-source.ts';

/** A stretch of the file that a player loads at once. */
export interface PackagedSegment {
  readonly durationSeconds: number;
  /** A player can begin here. */
  readonly independent: boolean;
}

/** A segment's bytes: `header`, then stretches of the file one behind another. */
export interface SegmentBytes {
  readonly header: Uint8Array;
  readonly ranges: readonly { readonly offset: number; readonly byteLength: number }[];
  /** Of all. */
  readonly byteLength: number;
}

/** Where a segment begins. */
interface Boundary {
  readonly seconds: number;
  /** Its first picture; those up to the next boundary's are in it. */
  readonly picture: number;
  readonly independent: boolean;
}

/** A track and its clock in the segments. */
interface PackagedTrack {
  readonly track: SourceTrack;
  readonly described: MovieTrack;
  /** Added to the decode times of its samples. */
  readonly shift: number;
}

/**
 * Makes fragmented MP4 of a file that is not, a segment at a time: an index from its tables, with the bytes as they are.
 * Takes the first picture track and the first sound track.
 */
export class MoviePackager {
  /** `ftyp` and `moov`, for `EXT-X-MAP`. */
  readonly init: Uint8Array;
  readonly segments: readonly PackagedSegment[];
  /** What lies before the beginning that is shown: pictures that a clip needs and does not show. */
  readonly leadSeconds: number;
  /** Samples in its tables: what it holds in memory. */
  readonly sampleCount: number;
  readonly #tracks: readonly PackagedTrack[];
  readonly #boundaries: readonly Boundary[];
  readonly #endSeconds: number;

  /** @param targetSeconds - what segments are aimed at; they begin with key frames where these are not too far apart */
  constructor(source: MovieSource, targetSeconds: number) {
    const picture = source.tracks.find(({ kind }) => kind === 'video');
    const sound = source.tracks.find(({ kind }) => kind === 'audio');
    const tracks = [picture, sound].filter((track) => track !== undefined);
    this.sampleCount = source.tracks.reduce((sum, { samples }) => sum + samples.count, 0);
    this.#endSeconds = source.durationSeconds;
    this.#boundaries = boundaries(picture, sound, source.durationSeconds, targetSeconds);
    const start = this.#boundaries[0]!.seconds;
    this.leadSeconds = Math.max(0, -start);

    // No decode time may be below zero: reordered pictures are decoded before they are shown.
    const earliest = Math.min(start, ...tracks.map((track) => secondsOf(track, track.samples.decodeTimes[0]!)));
    this.#tracks = tracks.map((track, index) => ({
      track,
      described: { ...track, trackId: index + 1 },
      shift: Math.ceil((track.startSeconds - Math.min(0, earliest)) * track.timescale) - track.shownFrom,
    }));
    this.init = writeInit(
      this.#tracks.map(({ described }) => described),
      source.creationTime,
    );
    this.segments = this.#boundaries.map(({ seconds, independent }, index) => ({
      durationSeconds: Math.max(0, (this.#boundaries[index + 1]?.seconds ?? this.#endSeconds) - seconds),
      independent,
    }));
  }

  /** @returns undefined when there is no segment of that number, counted from 0 */
  segment(number: number): SegmentBytes | undefined {
    const from = this.#boundaries[number];
    if (from === undefined) return undefined;
    const to = this.#boundaries[number + 1];
    const runs: FragmentRun[] = [];
    const ranges: { offset: number; byteLength: number }[] = [];
    let byteLength = 0;
    for (const packaged of this.#tracks) {
      const { track } = packaged;
      const pictures = track.kind === 'video';
      const start = pictures ? from.picture : soundFrom(track, from.seconds);
      const all = lastShown(track) + 1;
      const end = to === undefined ? all : pictures ? to.picture : soundFrom(track, to.seconds);
      addRuns(runs, packaged, start, end);
      for (let index = start; index < end; index++) {
        const offset = track.samples.offsets[index]!;
        const size = track.samples.sizes[index]!;
        const last = ranges.at(-1);
        if (last !== undefined && last.offset + last.byteLength === offset) last.byteLength += size;
        else ranges.push({ offset, byteLength: size });
        byteLength += size;
      }
    }
    const header = writeMovieFragment(number + 1, runs);
    return { header, ranges, byteLength: header.byteLength + byteLength };
  }
}

function writeInit(tracks: readonly MovieTrack[], creationTime: number): Uint8Array {
  const writer = new BoxWriter(2048);
  writer.bytes(writeFileType());
  writeInitMovie(writer, tracks, creationTime);
  return writer.finish();
}

/** When a time on a track's own clock is on the file's. */
function secondsOf({ startSeconds, shownFrom, timescale }: SourceTrack, time: number): number {
  return startSeconds + (time - shownFrom) / timescale;
}

/** In decode order; what comes behind it is neither shown nor needed. */
function lastShown({ samples, shownTo }: SourceTrack): number {
  let last = samples.count - 1;
  while (last > 0 && samples.timeOf(last) >= shownTo) last--;
  return last;
}

/** The first packet that begins at a time or later; times of sound rise. */
function soundFrom(track: SourceTrack, seconds: number): number {
  const { samples } = track;
  // Half a packet early is in time: boundaries are those of pictures.
  const time = (seconds - track.startSeconds) * track.timescale + track.shownFrom - samples.durations[0]! / 2;
  let low = 0;
  let high = lastShown(track) + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (samples.timeOf(middle) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function boundaries(
  picture: SourceTrack | undefined,
  sound: SourceTrack | undefined,
  endSeconds: number,
  targetSeconds: number,
): Boundary[] {
  const found: Boundary[] = [];
  if (picture !== undefined) {
    for (const { startSeconds, offset, independent } of groupSegments(
      groupsOfPictures(picture, targetSeconds),
      targetSeconds,
    )) {
      found.push({ seconds: startSeconds, picture: offset, independent });
    }
  }
  // Sound before the first picture: from its beginning, or that of the file where a part of it is hidden.
  const soundStart =
    sound === undefined ? undefined : Math.max(sound.startSeconds, secondsOf(sound, sound.samples.timeOf(0)));
  if (soundStart !== undefined && soundStart < (found[0]?.seconds ?? Number.POSITIVE_INFINITY)) {
    if (picture !== undefined && found[0]!.seconds - soundStart < targetSeconds) {
      found[0] = { ...found[0]!, seconds: soundStart };
    } else {
      found.unshift({ seconds: soundStart, picture: 0, independent: true });
    }
  }
  return sound === undefined ? found : withSoundAlone(found, picture, endSeconds, targetSeconds);
}

/** Where no picture comes for long, the sound goes on in segments of its own. */
function withSoundAlone(
  found: readonly Boundary[],
  picture: SourceTrack | undefined,
  endSeconds: number,
  targetSeconds: number,
): Boundary[] {
  const pictures = picture === undefined ? 0 : lastShown(picture) + 1;
  return found.flatMap((boundary, index) => {
    const next = found[index + 1];
    const end = next?.seconds ?? endSeconds;
    const all = [boundary];
    for (let seconds = boundary.seconds + targetSeconds; end - seconds > targetSeconds / 2; seconds += targetSeconds) {
      if (end - boundary.seconds <= longestAllowedSeconds(targetSeconds)) break;
      all.push({ seconds, picture: next?.picture ?? pictures, independent: true });
    }
    return all;
  });
}

/** Stretches of pictures that begin with key frames, long ones in parts; offsets and lengths are numbers of pictures. */
function groupsOfPictures(track: SourceTrack, targetSeconds: number): FragmentInfo[] {
  const { samples, timescale } = track;
  const groups: FragmentInfo[] = [];
  const end = lastShown(track) + 1;
  const longest = (targetSeconds / 2) * timescale;
  let first = 0;
  for (let index = 1; index <= end; index++) {
    const whole = index === end || samples.keyFrames[index] === 1;
    if (!whole && samples.decodeTimes[index]! - samples.decodeTimes[first]! < longest) continue;
    let from = Number.POSITIVE_INFINITY;
    let to = 0;
    for (let sample = first; sample < index; sample++) {
      const time = samples.timeOf(sample);
      from = Math.min(from, time);
      to = Math.max(to, time + samples.durations[sample]!);
    }
    const startSeconds = secondsOf(track, from);
    groups.push({
      offset: first,
      byteLength: index - first,
      startSeconds,
      durationSeconds: secondsOf(track, to) - startSeconds,
      independent: samples.keyFrames[first] === 1,
    });
    first = index;
  }
  return groups;
}

/** One run for each stretch of samples with the same sample entry. */
function addRuns(runs: FragmentRun[], { track, described, shift }: PackagedTrack, first: number, end: number): void {
  const { samples } = track;
  for (let start = first; start < end; ) {
    const formatIndex = samples.formats[start]!;
    let stop = start + 1;
    while (stop < end && samples.formats[stop] === formatIndex) stop++;
    runs.push({
      trackId: described.trackId,
      kind: track.kind,
      baseTime: samples.decodeTimes[start]! + shift,
      formatIndex,
      samples: Array.from({ length: stop - start }, (_, index) => ({
        data: { byteLength: samples.sizes[start + index]! },
        duration: samples.durations[start + index]!,
        keyFrame: samples.keyFrames[start + index] === 1,
        compositionOffset: samples.compositionOffsets[start + index]!,
      })),
    });
    start = stop;
  }
}
