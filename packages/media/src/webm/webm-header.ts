import { concatenate, type TrackOptions } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import {
  dateElement,
  element,
  floatElement,
  Id,
  idBytes,
  sizeBytes,
  stringElement,
  UNKNOWN_SIZE,
  unsignedElement,
  voidElement,
} from './ebml.ts';
import { dOpsToOpusHead } from './opus-head.ts';

/** Nanoseconds of a timestamp's tick: a millisecond, as WebM wants it. */
const TIMESTAMP_SCALE = 1_000_000;

export const VIDEO_CODEC_IDS = { vp8: 'V_VP8', vp9: 'V_VP9', av1: 'V_AV1' } as const;

const TRACK_TYPE = { video: 1, audio: 2 } as const;
const OPUS_SEEK_PRE_ROLL_NS = 80_000_000;

/** Matroska counts time from 2001, JavaScript from 1970: milliseconds between. */
export const DATE_EPOCH_MS = Date.UTC(2001, 0, 1);

/** Three entries with 8-byte positions. */
export const SEEK_HEAD_LENGTH = 3 * 21 + 5;
const DURATION_LENGTH = 11;

/** What a finished file says and a growing one cannot. */
export interface WebmIndex {
  readonly durationMs: number;
  /** Of the Cues element, from the start of the file. */
  readonly cuesOffset: number;
  /** Of the whole file. */
  readonly fileLength: number;
}

/**
 * Everything before the first cluster (RFC 9559 §5.1): EBML header, the Segment's own header, SeekHead, Info, Tracks. It
 * has the same length with an index and without, so that a finished file's header can be written over a growing one's:
 * without, the segment's size is unknown, and Void elements hold the places of SeekHead and Duration.
 *
 * @param creationTime - milliseconds since 1970
 * @throws MediaError `container-unsupported` for a codec that WebM does not have
 */
export function writeWebmHeader(
  tracks: readonly TrackOptions[],
  creationTime: number,
  index?: WebmIndex,
): Uint8Array<ArrayBuffer> {
  const ebml = element(
    Id.ebml,
    unsignedElement(Id.ebmlVersion, 1),
    unsignedElement(Id.ebmlReadVersion, 1),
    unsignedElement(Id.ebmlMaxIdLength, 4),
    unsignedElement(Id.ebmlMaxSizeLength, 8),
    stringElement(Id.docType, 'webm'),
    unsignedElement(Id.docTypeVersion, 4),
    unsignedElement(Id.docTypeReadVersion, 2),
  );
  const info = element(
    Id.info,
    unsignedElement(Id.timestampScale, TIMESTAMP_SCALE),
    index === undefined ? voidElement(DURATION_LENGTH) : floatElement(Id.duration, index.durationMs),
    dateElement(Id.dateUtc, BigInt(Math.round(creationTime - DATE_EPOCH_MS)) * 1_000_000n),
    stringElement(Id.muxingApp, 'aircheck'),
    stringElement(Id.writingApp, 'aircheck'),
  );
  const trackList = element(Id.tracks, ...tracks.map((track, position) => trackEntry(track, position + 1)));
  const segmentId = idBytes(Id.segment);
  const segmentStart = ebml.byteLength + segmentId.byteLength + UNKNOWN_SIZE.byteLength;
  const segmentSize = index === undefined ? UNKNOWN_SIZE : sizeBytes(index.fileLength - segmentStart, 8);
  const seekHead =
    index === undefined
      ? voidElement(SEEK_HEAD_LENGTH)
      : writeSeekHead(SEEK_HEAD_LENGTH, SEEK_HEAD_LENGTH + info.byteLength, index.cuesOffset - segmentStart);
  return concatenate([ebml, segmentId, segmentSize, seekHead, info, trackList]);
}

/** Says where the parts of a file are, from the start of the segment's content: {@link SEEK_HEAD_LENGTH} bytes. */
export function writeSeekHead(info: number, tracks: number, cues: number): Uint8Array {
  return element(Id.seekHead, seekEntry(Id.info, info), seekEntry(Id.tracks, tracks), seekEntry(Id.cues, cues));
}

/** @param position - from the start of the segment's content */
function seekEntry(id: number, position: number): Uint8Array {
  return element(Id.seek, element(Id.seekId, idBytes(id)), unsignedElement(Id.seekPosition, position, 8));
}

function trackEntry(track: TrackOptions, trackNumber: number): Uint8Array {
  return element(
    Id.trackEntry,
    unsignedElement(Id.trackNumber, trackNumber),
    unsignedElement(Id.trackUid, trackNumber),
    unsignedElement(Id.trackType, TRACK_TYPE[track.kind]),
    unsignedElement(Id.flagLacing, 0),
    stringElement(Id.language, 'und'),
    ...(track.kind === 'video' ? videoFields(track) : audioFields(track)),
  );
}

function videoFields(track: TrackOptions & { kind: 'video' }): Uint8Array[] {
  if (track.codec === 'h264') throw new MediaError('container-unsupported', 'H.264 is not kept in WebM: use MP4');
  const fields = [
    stringElement(Id.codecId, VIDEO_CODEC_IDS[track.codec]),
    // A fixed width, since the size that a finished file says is the largest that occurred.
    element(Id.video, unsignedElement(Id.pixelWidth, track.width, 4), unsignedElement(Id.pixelHeight, track.height, 4)),
  ];
  if (track.codec === 'av1') fields.push(element(Id.codecPrivate, track.description));
  return fields;
}

/** Opus in Matroska: RFC 9559 with the codec mapping of draft-ietf-cellar-codec §3.4.  */
function audioFields(track: TrackOptions & { kind: 'audio' }): Uint8Array[] {
  if (track.codec !== 'opus') throw new MediaError('container-unsupported', 'AAC is not kept in WebM: use MP4');
  const { opusHead, preSkip } = dOpsToOpusHead(track.description);
  return [
    stringElement(Id.codecId, 'A_OPUS'),
    element(Id.codecPrivate, opusHead),
    unsignedElement(Id.codecDelay, Math.round((preSkip * 1e9) / 48000)),
    unsignedElement(Id.seekPreRoll, OPUS_SEEK_PRE_ROLL_NS),
    element(
      Id.audio,
      floatElement(Id.samplingFrequency, track.sampleRate),
      unsignedElement(Id.channels, track.channels),
    ),
  ];
}
