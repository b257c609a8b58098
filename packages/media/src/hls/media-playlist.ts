import type { FragmentInfo } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { groupSegments, longestAllowedSeconds, type PlaylistSegment } from './playlist-segment.ts';

/** Byte ranges of fragmented MP4 with `EXT-X-MAP` (RFC 8216 §7). */
const VERSION = 7;

/** One file of a playlist. */
export interface PlaylistPart {
  /** In file order, from the first one on. */
  readonly fragments: readonly FragmentInfo[];
  /** Of the file itself, which must answer byte ranges. */
  readonly mediaUrl: string;
  /** Of `ftyp` and the `moov` of the fragments. */
  readonly initUrl: string;
  /** The wall clock at the file's zero, milliseconds since 1970. */
  readonly startedAtMs?: number;
}

export interface MediaPlaylistOptions extends PlaylistPart {
  /** No fragment will follow. */
  readonly ended: boolean;
  /** How long a segment should be at least; the first ones are shorter. */
  readonly targetSeconds: number;
}

/**
 * A media playlist of byte ranges of one growing or finished file (RFC 8216 §4.3). A segment is a run of fragments: it
 * ends where it is long enough and the next fragment is independent, or where it would get longer than half over the
 * target. The first segments of a file are shorter, so that there soon is one.
 *
 * While the file grows, the last run, which may still get longer, is left out: the playlist may be empty at first. What
 * it says never changes, also not when the file ends: lines are appended, as RFC 8216 §6.2.1 wants it. That holds for
 * the target duration as long as no single fragment is longer.
 *
 * @returns the text of the playlist; lines end with a line feed
 * @throws MediaError `argument-invalid` for a URL that would break a line or a quoted string, or a target that is not
 * above 0
 */
export function mediaPlaylist({ ended, targetSeconds, ...part }: MediaPlaylistOptions): string {
  return chainedPlaylist({ parts: [part], lastGrows: !ended, ended, targetSeconds });
}

export interface ChainedPlaylistOptions {
  /** In the order in which they are played. */
  readonly parts: readonly PlaylistPart[];
  /** The last one may get more fragments. */
  readonly lastGrows: boolean;
  /** Neither will a part follow. */
  readonly ended: boolean;
  readonly targetSeconds: number;
}

/**
 * A media playlist of several files one behind another, each with a header and a clock of its own
 * (`EXT-X-DISCONTINUITY`, RFC 8216 §4.3.2.3). What {@link mediaPlaylist} says goes for each of them, and lines are only
 * appended as long as parts come at the end.
 *
 * @returns the text of the playlist; lines end with a line feed
 * @throws MediaError `argument-invalid` as {@link mediaPlaylist}
 */
export function chainedPlaylist({ parts, lastGrows, ended, targetSeconds }: ChainedPlaylistOptions): string {
  if (!(targetSeconds > 0)) throw new MediaError('argument-invalid', `targetSeconds must be above 0: ${targetSeconds}`);
  const listed = parts.map(({ fragments, ...part }, index) => {
    const grouped = groupSegments(fragments, targetSeconds);
    const segments = lastGrows && index === parts.length - 1 ? grouped.slice(0, -1) : grouped;
    return { ...part, segments, mediaUrl: checkedUrl(part.mediaUrl), initUrl: checkedUrl(part.initUrl) };
  });
  const all = listed.flatMap(({ segments }) => segments);

  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${VERSION}`,
    `#EXT-X-TARGETDURATION:${targetDuration(all, longestAllowedSeconds(targetSeconds))}`,
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:EVENT',
  ];
  if (all.length > 0 && all.every(({ independent }) => independent)) lines.push('#EXT-X-INDEPENDENT-SEGMENTS');
  const filled = listed.filter(({ segments }) => segments.length > 0);
  for (const [index, { segments, mediaUrl, initUrl, startedAtMs }] of filled.entries()) {
    if (index > 0) lines.push('#EXT-X-DISCONTINUITY');
    lines.push(`#EXT-X-MAP:URI="${initUrl}"`);
    if (startedAtMs !== undefined) {
      const time = new Date(startedAtMs + segments[0]!.startSeconds * 1000).toISOString();
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${time}`);
    }
    for (const segment of segments) {
      const range = `${segment.byteLength}@${segment.offset}`;
      lines.push(`#EXTINF:${writtenDuration(segment)},`, `#EXT-X-BYTERANGE:${range}`, mediaUrl);
    }
  }
  if (ended) lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

export interface PackagedPlaylistOptions {
  readonly segments: readonly { readonly durationSeconds: number; readonly independent: boolean }[];
  /** Of a segment, by its number from 0 on. */
  readonly segmentUrl: (number: number) => string;
  readonly initUrl: string;
  readonly targetSeconds: number;
  /** Seconds before the place where playing begins. */
  readonly leadSeconds: number;
  /** The wall clock at the beginning of the first segment, milliseconds since 1970. */
  readonly startedAtMs?: number;
}

/**
 * The media playlist of a file that is whole, whose segments have URLs of their own (RFC 8216 §4.3).
 *
 * @returns the text of the playlist; lines end with a line feed
 * @throws MediaError `argument-invalid` for a URL that would break a line or a quoted string
 */
export function packagedPlaylist(options: PackagedPlaylistOptions): string {
  const { segments, segmentUrl, targetSeconds, leadSeconds, startedAtMs } = options;
  const lines = [
    '#EXTM3U',
    `#EXT-X-VERSION:${VERSION}`,
    `#EXT-X-TARGETDURATION:${targetDuration(segments, longestAllowedSeconds(targetSeconds))}`,
    '#EXT-X-MEDIA-SEQUENCE:0',
    '#EXT-X-PLAYLIST-TYPE:VOD',
  ];
  if (segments.every((segment) => segment.independent)) lines.push('#EXT-X-INDEPENDENT-SEGMENTS');
  if (leadSeconds > 0) lines.push(`#EXT-X-START:TIME-OFFSET=${leadSeconds.toFixed(5)},PRECISE=YES`);
  lines.push(`#EXT-X-MAP:URI="${checkedUrl(options.initUrl)}"`);
  if (startedAtMs !== undefined) lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(startedAtMs).toISOString()}`);
  for (const [number, segment] of segments.entries()) {
    lines.push(`#EXTINF:${writtenDuration(segment)},`, checkedUrl(segmentUrl(number)));
  }
  lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

type Timed = Pick<PlaylistSegment, 'durationSeconds'>;

function writtenDuration({ durationSeconds }: Timed): string {
  return durationSeconds.toFixed(5);
}

/** No segment's duration, as it is written and then rounded to whole seconds, may be above it (RFC 8216 §4.3.3.1). */
function targetDuration(segments: readonly Timed[], atLeast: number): number {
  let seconds = atLeast;
  for (const segment of segments) seconds = Math.max(seconds, Math.round(Number(writtenDuration(segment))));
  return seconds;
}

/** Line breaks would begin a tag of their own, a quotation mark end the attribute. */
export function checkedUrl(url: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (url === '' || /["\u0000-\u001f\u007f]/.test(url) || url.startsWith('#')) {
    throw new MediaError('argument-invalid', `not a URL for a playlist: ${JSON.stringify(url)}`);
  }
  return url;
}
