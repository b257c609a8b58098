import { MediaError } from '../errors.ts';
import { findBox, readBoxes } from './box-reader.ts';
import { entryTraits } from './entry-traits.ts';
import type { SourceTrack } from './movie-source.ts';

interface NamedMovie {
  readonly name: string;
  readonly movie: { readonly tracks: readonly SourceTrack[] };
}

/** The sample entries of one track of several files. */
export interface JoinedEntries {
  readonly entries: readonly Uint8Array[];
  /** For each file, and each of its entries: the 1-based number of the same entry in `entries`. */
  readonly formats: readonly (readonly number[])[];
  /** Of the largest picture. */
  readonly width: number;
  readonly height: number;
  readonly opus: boolean;
}

/** Differences that an error tells of. */
const TOLD_DIFFERENCES = 8;

/**
 * Files can be one when they have the same tracks in the same codecs. The size of the picture and the parameter sets may
 * differ, since every sample says which sample entry it belongs to; what decoders of sound are set up with may not.
 *
 * @throws MediaError `tracks-unlike`
 */
export function requireAlike(movies: readonly NamedMovie[]): void {
  const [first, ...others] = movies;
  if (first === undefined) return;
  const expected = traits(first.movie.tracks);
  const differences: string[] = [];
  for (const { name, movie } of others) {
    const found = traits(movie.tracks);
    const length = Math.max(expected.length, found.length);
    for (let index = 0; index < length; index++) {
      if (expected[index] === found[index]) continue;
      differences.push(
        `${name} has ${found[index] ?? 'no such track'} where ${first.name} has ${expected[index] ?? 'none'}`,
      );
    }
  }
  if (differences.length === 0) return;
  const told = differences.slice(0, TOLD_DIFFERENCES);
  if (differences.length > told.length) told.push(`and ${differences.length - told.length} more`);
  throw new MediaError('tracks-unlike', told.join('; '));
}

/** What must be the same, one text a track. */
function traits(tracks: readonly SourceTrack[]): string[] {
  return tracks.map(({ kind, sampleEntries, matrix }) => {
    const entry = sampleEntries[0]!;
    const { codec, channels, sampleRate } = entryTraits(kind, entry);
    if (kind === 'video') {
      const turned = matrix.some((byte, index) => byte !== upright[index]) ? ', turned' : '';
      const lengths = codec === 'h264' ? `, NAL lengths of ${nalLength(entry)} bytes` : '';
      return `picture in ${codec}${turned}${lengths}`;
    }
    // A decoder of Opus plays packets of one channel and of two alike, at whatever rate.
    return codec === 'opus' ? 'sound in opus' : `sound in ${codec}, ${channels} × ${sampleRate} Hz`;
  });
}

const upright = new Uint8Array(36);
upright.set([0, 1, 0, 0], 0);
upright.set([0, 1, 0, 0], 16);
upright.set([0x40, 0, 0, 0], 32);

/** `lengthSizeMinusOne` of `avcC` (ISO/IEC 14496-15 §5.3.3.1). */
function nalLength(entry: Uint8Array): number {
  const configuration = findBox(readBoxes(entry.subarray(8 + 78)), 'avcC');
  return ((configuration?.payload[4] ?? 3) & 3) + 1;
}

function channelsOf(entry: Uint8Array): number {
  return entryTraits('audio', entry).channels;
}

/**
 * Merges the sample entries of the files' tracks with the same number: the same entry comes once.
 *
 * @throws MediaError `tracks-unlike` when there are more than a track can have
 */
export function joinedSampleEntries(movies: readonly NamedMovie[], trackIndex: number): JoinedEntries {
  const tracks = movies.map(({ movie }) => movie.tracks[trackIndex]!);
  const { kind } = tracks[0]!;
  const opus = entryTraits(kind, tracks[0]!.sampleEntries[0]!).codec === 'opus';
  if (kind === 'audio') {
    // Players take one entry for sound: the one with the most channels.
    const all = tracks.flatMap(({ sampleEntries }) => sampleEntries);
    const entry = all.reduce((best, other) => (channelsOf(other) > channelsOf(best) ? other : best));
    const formats = tracks.map(({ sampleEntries }) => sampleEntries.map(() => 1));
    return { entries: [entry], formats, width: 0, height: 0, opus };
  }
  const numbers = new Map<string, number>();
  const entries: Uint8Array[] = [];
  let [width, height] = [0, 0];
  const formats = tracks.map((track) => {
    if (track.width * track.height > width * height) ({ width, height } = track);
    return track.sampleEntries.map((entry) => {
      const key = entry.join();
      const known = numbers.get(key);
      if (known !== undefined) return known;
      entries.push(entry);
      numbers.set(key, entries.length);
      return entries.length;
    });
  });
  if (entries.length > 255) {
    throw new MediaError(
      'tracks-unlike',
      `the pictures have ${entries.length} sets of parameters, more than a track can have`,
    );
  }
  return { entries, formats, width, height, opus };
}
