import { ByteReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type Box, findBox, readBoxes, readFullBoxHeader } from './box-reader.ts';

/** What of a track is shown, and when. */
export interface ReadEdits {
  /** In the movie's timescale: how long nothing is shown first. */
  readonly delay: number;
  /** The stretch that is shown, in the track's timescale; `mediaEnd` is infinite where the list sets no end. */
  readonly mediaStart: number;
  readonly mediaEnd: number;
}

const WHOLE: ReadEdits = { delay: 0, mediaStart: 0, mediaEnd: Number.POSITIVE_INFINITY };

/** Entries of an edit list that are looked at. */
const MAX_EDITS = 10_000;

/**
 * Reads a track's edit list (ISO/IEC 14496-12 §8.6.6): empty edits, then one stretch, which may be told in parts that
 * follow one another.
 *
 * @param trackBoxes - the boxes inside of `trak`
 * @throws MediaError `container-unsupported` for stretches apart from each other, and for other speeds than normal
 */
export function readEdits(trackBoxes: readonly Box[], movieTimescale: number, timescale: number): ReadEdits {
  const edts = findBox(trackBoxes, 'edts');
  const elst = edts && findBox(readBoxes(edts.payload), 'elst');
  if (elst === undefined) return WHOLE;
  const reader = new ByteReader(elst.payload);
  const wide = readFullBoxHeader(reader).version === 1;
  const count = Math.min(reader.u32(), MAX_EDITS);
  let delay = 0;
  let mediaStart: number | undefined;
  let mediaEnd = 0;
  for (let index = 0; index < count; index++) {
    const duration = wide ? reader.u64() : reader.u32();
    const high = wide ? reader.i32() : 0;
    const low = wide ? reader.u32() : reader.i32();
    const empty = wide ? high < 0 : low < 0;
    const rate = reader.u32();
    if (empty) {
      // Behind the last stretch nothing is shown anyway.
      if (mediaStart === undefined) delay += duration;
      continue;
    }
    if (rate !== 0x00010000) throw new MediaError('container-unsupported', 'an edit list changes the speed');
    const start = high * 2 ** 32 + low;
    const length = (duration * timescale) / movieTimescale;
    if (mediaStart === undefined) {
      mediaStart = start;
    } else if (Math.abs(start - mediaEnd) > timescale / movieTimescale + 1) {
      throw new MediaError('container-unsupported', 'an edit list of several parts');
    }
    // A length of 0 in the list of a fragmented file: up to the end (§8.6.6.1).
    mediaEnd = duration === 0 ? Number.POSITIVE_INFINITY : Math.round(start + length);
  }
  return mediaStart === undefined ? { ...WHOLE, delay } : { delay, mediaStart, mediaEnd };
}
