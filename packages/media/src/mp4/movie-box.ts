import type { BoxWriter } from './box-writer.ts';
import type { SampleTable } from './sample-table.ts';

/** A movie's own timescale: fine enough that a track's start is exact to the microsecond range for 90 kHz and 48 kHz. */
const MOVIE_TIMESCALE = 90000;

/** Seconds between the epochs of ISO/IEC 14496-12 (1904) and of Unix (1970). */
export const EPOCH_OFFSET_SECONDS = 2082844800;

const LANGUAGE_UNDETERMINED = 0x55c4;

/** `sample_depends_on` = 2: refers to no other sample (§8.8.3.1). */
export const SYNC_SAMPLE_FLAGS = 0x02000000;
/** `sample_depends_on` = 1 and `sample_is_non_sync_sample`. */
export const NON_SYNC_SAMPLE_FLAGS = 0x01010000;

/** An Opus decoder needs 80 ms before it sounds right (RFC 7845 §4.6). */
const OPUS_ROLL_SECONDS = 0.08;

/** What a `trak` box says of a track. */
export interface MovieTrack {
  readonly trackId: number;
  readonly kind: 'video' | 'audio';
  readonly timescale: number;
  /** Of the largest picture; 0 for sound. */
  readonly width: number;
  readonly height: number;
  /** Whole sample entry boxes. */
  readonly sampleEntries: readonly Uint8Array[];
  /** How the picture is turned for display, as `tkhd` has it: 36 bytes; upright when absent. */
  readonly matrix?: Uint8Array | undefined;
}

/** The stretch of a track's samples that is shown. Times in the track's timescale, from its first sample's decode time. */
export interface ShownStretch {
  readonly start: number;
  readonly duration: number;
}

/** A track of a finished movie: with its samples. */
export interface FinishedTrack extends MovieTrack {
  /** When its first sample is shown, in the track's timescale. */
  readonly startTime: number;
  readonly table: SampleTable;
  /** All of it when absent. */
  readonly shown?: ShownStretch | undefined;
}

/** Where the samples' data will lie. */
export interface DataPlace {
  /** Added to the tables' offsets. */
  readonly base: number;
  /** Offsets have 64 bits. */
  readonly wide: boolean;
}

/**
 * Writes the `moov` of a fragmented movie: tracks without samples, and `mvex` (ISO/IEC 14496-12 §8.8.1).
 *
 * @param creationTime - milliseconds since 1970
 */
export function writeInitMovie(writer: BoxWriter, tracks: readonly MovieTrack[], creationTime: number): void {
  const moov = writer.open('moov');
  writeMovieHeader(writer, creationTime, 0, tracks);
  for (const track of tracks) {
    const trak = writer.open('trak');
    writeTrackHeader(writer, track, creationTime, 0);
    writeMedia(writer, track, creationTime, 0, writeEmptySampleTable);
    writer.close(trak);
  }
  const mvex = writer.open('mvex');
  for (const track of tracks) {
    const trex = writer.openFull('trex', 0, 0);
    writer.u32(track.trackId);
    writer.u32(1);
    writer.u32(0);
    writer.u32(0);
    writer.u32(track.kind === 'audio' ? SYNC_SAMPLE_FLAGS : NON_SYNC_SAMPLE_FLAGS);
    writer.close(trex);
  }
  writer.close(mvex);
  writer.close(moov);
}

/**
 * Writes the `moov` of a finished movie, with every sample in its tables.
 *
 * @param creationTime - milliseconds since 1970
 */
export function writeFinalMovie(
  writer: BoxWriter,
  tracks: readonly FinishedTrack[],
  creationTime: number,
  { base, wide }: DataPlace = { base: 0, wide: false },
): void {
  const moov = writer.open('moov');
  const ends = tracks.map((track) => {
    const duration = track.shown?.duration ?? track.table.totalDuration;
    return movieTime(track.startTime + duration, track.timescale);
  });
  writeMovieHeader(writer, creationTime, Math.max(0, ...ends), tracks);
  for (const [index, track] of tracks.entries()) {
    const trak = writer.open('trak');
    writeTrackHeader(writer, track, creationTime, ends[index]!);
    if (track.startTime > 0 || track.shown !== undefined) writeEdits(writer, track);
    writeMedia(writer, track, creationTime, track.table.totalDuration, () => {
      track.table.write(writer, base, wide);
      if (isOpus(track)) writeOpusRoll(writer, track);
    });
    writer.close(trak);
  }
  writer.close(moov);
}

function movieTime(time: number, timescale: number): number {
  return Math.round((time * MOVIE_TIMESCALE) / timescale);
}

/** Writes a time in 32 bits, or in 64 in boxes of version 1. */
function writeTime(writer: BoxWriter, version: number, value: number): void {
  if (version === 1) writer.u64(value);
  else writer.u32(value);
}

function versionFor(duration: number): number {
  return duration > 0xffffffff ? 1 : 0;
}

function writeCreationTimes(writer: BoxWriter, version: number, creationTime: number): void {
  const seconds = Math.floor(creationTime / 1000) + EPOCH_OFFSET_SECONDS;
  writeTime(writer, version, seconds);
  writeTime(writer, version, seconds);
}

function writeMovieHeader(
  writer: BoxWriter,
  creationTime: number,
  duration: number,
  tracks: readonly MovieTrack[],
): void {
  const version = versionFor(duration);
  const mvhd = writer.openFull('mvhd', version, 0);
  writeCreationTimes(writer, version, creationTime);
  writer.u32(MOVIE_TIMESCALE);
  writeTime(writer, version, duration);
  writer.u32(0x00010000);
  writer.u16(0x0100);
  writer.zeros(10);
  writeUnityMatrix(writer);
  writer.zeros(24);
  writer.u32(Math.max(0, ...tracks.map((track) => track.trackId)) + 1);
  writer.close(mvhd);
}

function writeTrackHeader(writer: BoxWriter, track: MovieTrack, creationTime: number, duration: number): void {
  const version = versionFor(duration);
  const enabledInMovie = 0x000003;
  const tkhd = writer.openFull('tkhd', version, enabledInMovie);
  writeCreationTimes(writer, version, creationTime);
  writer.u32(track.trackId);
  writer.u32(0);
  writeTime(writer, version, duration);
  writer.zeros(8);
  writer.u16(0);
  writer.u16(0);
  writer.u16(track.kind === 'audio' ? 0x0100 : 0);
  writer.u16(0);
  if (track.matrix === undefined) writeUnityMatrix(writer);
  else writer.bytes(track.matrix);
  writer.u32(track.width * 65536);
  writer.u32(track.height * 65536);
  writer.close(tkhd);
}

function writeUnityMatrix(writer: BoxWriter): void {
  for (const value of [0x00010000, 0, 0, 0, 0x00010000, 0, 0, 0, 0x40000000]) writer.u32(value);
}

/** Edit list (§8.6.6): an empty edit, so that a track that starts late is shown late, and what of its samples is shown. */
function writeEdits(writer: BoxWriter, { startTime, timescale, table, shown }: FinishedTrack): void {
  const delay = movieTime(startTime, timescale);
  // The difference of two rounded ends: tracks that end together do so to the tick.
  const duration = movieTime(startTime + (shown?.duration ?? table.totalDuration), timescale) - delay;
  const mediaTime = shown?.start ?? 0;
  const version = versionFor(Math.max(delay, duration, mediaTime * 2));
  const edts = writer.open('edts');
  const elst = writer.openFull('elst', version, 0);
  writer.u32(delay > 0 ? 2 : 1);
  if (delay > 0) {
    writeTime(writer, version, delay);
    if (version === 1) writer.u32(0xffffffff);
    writer.u32(0xffffffff);
    writer.u32(0x00010000);
  }
  writeTime(writer, version, duration);
  writeTime(writer, version, mediaTime);
  writer.u32(0x00010000);
  writer.close(elst);
  writer.close(edts);
}

function writeMedia(
  writer: BoxWriter,
  track: MovieTrack,
  creationTime: number,
  duration: number,
  writeSamples: (writer: BoxWriter) => void,
): void {
  const mdia = writer.open('mdia');
  const version = versionFor(duration);
  const mdhd = writer.openFull('mdhd', version, 0);
  writeCreationTimes(writer, version, creationTime);
  writer.u32(track.timescale);
  writeTime(writer, version, duration);
  writer.u16(LANGUAGE_UNDETERMINED);
  writer.u16(0);
  writer.close(mdhd);

  const hdlr = writer.openFull('hdlr', 0, 0);
  writer.u32(0);
  writer.fourCc(track.kind === 'video' ? 'vide' : 'soun');
  writer.zeros(12);
  for (const character of track.kind === 'video' ? 'VideoHandler\0' : 'SoundHandler\0') {
    writer.u8(character.charCodeAt(0));
  }
  writer.close(hdlr);

  const minf = writer.open('minf');
  if (track.kind === 'video') {
    const vmhd = writer.openFull('vmhd', 0, 1);
    writer.zeros(8);
    writer.close(vmhd);
  } else {
    const smhd = writer.openFull('smhd', 0, 0);
    writer.zeros(4);
    writer.close(smhd);
  }
  const dinf = writer.open('dinf');
  const dref = writer.openFull('dref', 0, 0);
  writer.u32(1);
  const selfContained = 0x000001;
  writer.close(writer.openFull('url ', 0, selfContained));
  writer.close(dref);
  writer.close(dinf);

  const stbl = writer.open('stbl');
  const stsd = writer.openFull('stsd', 0, 0);
  writer.u32(track.sampleEntries.length);
  for (const entry of track.sampleEntries) writer.bytes(entry);
  writer.close(stsd);
  writeSamples(writer);
  writer.close(stbl);
  writer.close(minf);
  writer.close(mdia);
}

/** The tables are mandatory also where the samples are in fragments. */
function writeEmptySampleTable(writer: BoxWriter): void {
  for (const type of ['stts', 'stsc', 'stco']) {
    const box = writer.openFull(type, 0, 0);
    writer.u32(0);
    writer.close(box);
  }
  const stsz = writer.openFull('stsz', 0, 0);
  writer.u32(0);
  writer.u32(0);
  writer.close(stsz);
}

function isOpus(track: MovieTrack): boolean {
  const entry = track.sampleEntries[0];
  return entry !== undefined && String.fromCharCode(...entry.subarray(4, 8)) === 'Opus';
}

/** Pre-roll group that holds every packet (Encapsulation of Opus in ISO Base Media File Format §4.3.6.2). */
function writeOpusRoll(writer: BoxWriter, track: FinishedTrack): void {
  if (track.table.sampleCount === 0) return;
  const packetSeconds = Math.max(1, track.table.firstDuration) / track.timescale;
  // A recording's first packet may have any length: packets of Opus last 2.5 ms at least, 120 ms at most (RFC 6716 §2.1.4).
  const rollPackets = Math.min(32, Math.max(1, Math.ceil(OPUS_ROLL_SECONDS / packetSeconds - 1e-9)));
  const sgpd = writer.openFull('sgpd', 1, 0);
  writer.fourCc('roll');
  writer.u32(2);
  writer.u32(1);
  writer.u16(0x10000 - rollPackets);
  writer.close(sgpd);
  const sbgp = writer.openFull('sbgp', 0, 0);
  writer.fourCc('roll');
  writer.u32(1);
  writer.u32(track.table.sampleCount);
  writer.u32(1);
  writer.close(sbgp);
}
