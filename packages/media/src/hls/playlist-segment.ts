import type { FragmentInfo } from '../container/index.ts';

/** A run of fragments that a player loads at once. */
export interface PlaylistSegment {
  readonly offset: number;
  readonly byteLength: number;
  readonly startSeconds: number;
  readonly durationSeconds: number;
  readonly independent: boolean;
}

/** A segment of live playback is not to grow longer, even if no key frame comes: whole seconds. */
export function longestAllowedSeconds(targetSeconds: number): number {
  return Math.max(1, Math.ceil(targetSeconds * 1.5));
}

/** How short segments are at the start of a file, in whole seconds: who follows it from there waits for the first one. */
const shortestSeconds = 1;

/**
 * Groups fragments that lie one behind another. A segment is as long as what lies before it in the file, within bounds:
 * the first ones are short, all others of the length aimed at. Where a segment ends depends on it and on the fragment
 * behind it alone: fragments that come later change no segment but the last.
 */
export function groupSegments(fragments: readonly FragmentInfo[], targetSeconds: number): PlaylistSegment[] {
  const longest = longestAllowedSeconds(targetSeconds);
  const zero = fragments[0]?.startSeconds ?? 0;
  const segments: PlaylistSegment[] = [];
  let first = 0;
  for (let next = 1; next <= fragments.length; next++) {
    const fragment = fragments[next];
    const start = fragments[first]!;
    const last = fragments[next - 1]!;
    if (fragment !== undefined && fragment.offset === last.offset + last.byteLength) {
      const seconds = fragment.startSeconds - start.startSeconds;
      // Times are sums of floating point numbers: a segment just long enough must not pass for a bit shorter.
      const enough = Math.min(targetSeconds, Math.max(shortestSeconds, start.startSeconds - zero)) - 1e-6;
      const withNext = endOf(fragment) - start.startSeconds;
      const ends = (fragment.independent && seconds >= enough) || withNext > longest + 1e-6;
      if (!ends) continue;
    }
    // Up to the start of what follows, so that the durations add up to the file's, without gaps between fragments.
    const end = fragment === undefined ? latestEnd(fragments, first, next) : fragment.startSeconds;
    segments.push({
      offset: start.offset,
      byteLength: last.offset + last.byteLength - start.offset,
      startSeconds: start.startSeconds,
      durationSeconds: Math.max(0, end - start.startSeconds),
      independent: start.independent,
    });
    first = next;
  }
  return segments;
}

function endOf({ startSeconds, durationSeconds }: FragmentInfo): number {
  return startSeconds + durationSeconds;
}

function latestEnd(fragments: readonly FragmentInfo[], from: number, to: number): number {
  let end = 0;
  for (let index = from; index < to; index++) end = Math.max(end, endOf(fragments[index]!));
  return end;
}
