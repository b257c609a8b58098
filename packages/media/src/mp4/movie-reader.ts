import { type AudioTrackOptions, ByteReader, type VideoTrackOptions } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type Box, findBox, readBoxes, readFullBoxHeader, requireBox } from './box-reader.ts';
import { EPOCH_OFFSET_SECONDS } from './movie-box.ts';

const VIDEO_SAMPLE_ENTRY_LENGTH = 78;
export const AUDIO_SAMPLE_ENTRY_LENGTH = 28;

const MAX_TRACKS = 64;

/** What samples in fragments have where their fragment does not say (ISO/IEC 14496-12 §8.8.3). */
export interface SampleDefaults {
  readonly duration: number;
  readonly size: number;
  readonly flags: number;
}

/** A track of picture or sound, as a `moov` describes it. */
export interface ReadTrack {
  readonly trackId: number;
  readonly options: VideoTrackOptions | AudioTrackOptions;
  /** Whole sample entry boxes. */
  readonly sampleEntries: readonly Uint8Array[];
  /** In the movie's timescale: the empty edit that its edit list begins with. */
  readonly delay: number;
  readonly defaults: SampleDefaults;
  readonly sampleTable: readonly Box[];
}

export interface ReadMovie {
  /** Milliseconds since 1970. */
  readonly creationTime: number;
  readonly timescale: number;
  /** It has `mvex`: its samples are in fragments. */
  readonly fragmented: boolean;
  readonly tracks: readonly ReadTrack[];
}

/**
 * Reads the payload of a `moov`. Tracks that are neither picture nor sound are left out.
 *
 * @throws MediaError `container-malformed`, or `container-unsupported` for a codec that this package does not know
 */
export function readMovie(payload: Uint8Array): ReadMovie {
  const boxes = readBoxes(payload);
  const header = readMovieHeader(requireBox(boxes, 'mvhd').payload);
  const mvex = findBox(boxes, 'mvex');
  const defaults = mvex === undefined ? new Map<number, SampleDefaults>() : readTrackDefaults(mvex.payload);
  const tracks: ReadTrack[] = [];
  for (const box of boxes) {
    if (box.type !== 'trak') continue;
    const track = readTrack(box.payload, defaults);
    if (track !== undefined) tracks.push(track);
    if (tracks.length > MAX_TRACKS) throw new MediaError('container-unsupported', `more than ${MAX_TRACKS} tracks`);
  }
  return { ...header, fragmented: mvex !== undefined, tracks };
}

function readMovieHeader(payload: Uint8Array): { creationTime: number; timescale: number } {
  const reader = new ByteReader(payload);
  const { version } = readFullBoxHeader(reader);
  const created = readTime(reader, version);
  readTime(reader, version);
  return { creationTime: Math.max(0, created - EPOCH_OFFSET_SECONDS) * 1000, timescale: readTimescale(reader) };
}

function readTime(reader: ByteReader, version: number): number {
  return version === 1 ? reader.u64() : reader.u32();
}

function readTimescale(reader: ByteReader): number {
  const timescale = reader.u32();
  if (timescale === 0) throw new MediaError('container-malformed', 'a timescale is 0');
  return timescale;
}

function readTrackDefaults(payload: Uint8Array): Map<number, SampleDefaults> {
  const defaults = new Map<number, SampleDefaults>();
  for (const box of readBoxes(payload)) {
    if (box.type !== 'trex') continue;
    const reader = new ByteReader(box.payload);
    readFullBoxHeader(reader);
    const trackId = reader.u32();
    reader.skip(4);
    defaults.set(trackId, { duration: reader.u32(), size: reader.u32(), flags: reader.u32() });
  }
  return defaults;
}

function readTrack(payload: Uint8Array, defaults: ReadonlyMap<number, SampleDefaults>): ReadTrack | undefined {
  const boxes = readBoxes(payload);
  const media = readBoxes(requireBox(boxes, 'mdia').payload);
  const handler = new ByteReader(requireBox(media, 'hdlr').payload);
  handler.skip(8);
  const handlerType = handler.fourCc();
  if (handlerType !== 'vide' && handlerType !== 'soun') return undefined;

  const trackHeader = new ByteReader(requireBox(boxes, 'tkhd').payload);
  const { version } = readFullBoxHeader(trackHeader);
  trackHeader.skip(version === 1 ? 16 : 8);
  const trackId = trackHeader.u32();

  const mediaHeader = new ByteReader(requireBox(media, 'mdhd').payload);
  const { version: mediaVersion } = readFullBoxHeader(mediaHeader);
  mediaHeader.skip(mediaVersion === 1 ? 16 : 8);
  const timescale = readTimescale(mediaHeader);

  const information = readBoxes(requireBox(media, 'minf').payload);
  const sampleTable = readBoxes(requireBox(information, 'stbl').payload);
  const descriptions = readBoxes(requireBox(sampleTable, 'stsd').payload.subarray(8));
  const first = descriptions[0];
  if (first === undefined) throw new MediaError('container-malformed', 'a track has no sample entry');
  return {
    trackId,
    options: handlerType === 'vide' ? readVideoEntries(descriptions, timescale) : readAudioEntry(first, timescale),
    sampleEntries: descriptions.map((entry) => entry.bytes),
    delay: readDelay(boxes),
    defaults: defaults.get(trackId) ?? { duration: 0, size: 0, flags: 0 },
    sampleTable,
  };
}

/** Empty edits have a media time of -1 (§8.6.6). */
function readDelay(trackBoxes: readonly Box[]): number {
  const edts = findBox(trackBoxes, 'edts');
  const elst = edts && findBox(readBoxes(edts.payload), 'elst');
  if (elst === undefined) return 0;
  const reader = new ByteReader(elst.payload);
  const { version } = readFullBoxHeader(reader);
  if (reader.u32() === 0) return 0;
  const duration = readTime(reader, version);
  if (version === 1) reader.skip(4);
  return reader.i32() === -1 ? duration : 0;
}

/** Several entries are one track whose picture changed: its codec is said by the first, its size by the largest. */
function readVideoEntries(entries: readonly Box[], timescale: number): VideoTrackOptions {
  const [first, ...others] = entries.map((entry) => readVideoEntry(entry, timescale));
  let largest = first!;
  for (const other of others) if (other.width * other.height > largest.width * largest.height) largest = other;
  return { ...first!, width: largest.width, height: largest.height };
}

/** Sample entries of picture: ISO/IEC 14496-12 §12.1.3. */
function readVideoEntry({ type, payload }: Box, timescale: number): VideoTrackOptions {
  const known = {
    avc1: { codec: 'h264', configuration: 'avcC' },
    avc3: { codec: 'h264', configuration: 'avcC' },
    vp08: { codec: 'vp8', configuration: 'vpcC' },
    vp09: { codec: 'vp9', configuration: 'vpcC' },
    av01: { codec: 'av1', configuration: 'av1C' },
  } as const;
  const entry = Object.hasOwn(known, type) ? known[type as keyof typeof known] : undefined;
  if (entry === undefined) throw unknownEntry(type);
  const reader = new ByteReader(payload);
  reader.skip(24);
  const width = reader.u16();
  const height = reader.u16();
  reader.skip(VIDEO_SAMPLE_ENTRY_LENGTH - reader.position);
  const configuration = requireBox(readBoxes(reader.bytes(reader.remaining)), entry.configuration);
  return { kind: 'video', codec: entry.codec, timescale, width, height, description: configuration.payload };
}

/** Sample entries of sound: ISO/IEC 14496-12 §12.2.3. */
function readAudioEntry({ type, payload }: Box, timescale: number): AudioTrackOptions {
  const reader = new ByteReader(payload);
  reader.skip(16);
  const channels = reader.u16();
  reader.skip(6);
  const sampleRate = reader.u32() / 65536;
  reader.skip(AUDIO_SAMPLE_ENTRY_LENGTH - reader.position);
  const common = { kind: 'audio', timescale, sampleRate: sampleRate || timescale, channels } as const;
  if (type === 'Opus') {
    const configuration = requireBox(readBoxes(reader.bytes(reader.remaining)), 'dOps');
    return { ...common, codec: 'opus', description: configuration.payload };
  }
  if (type === 'mp4a') {
    const configuration = requireBox(readBoxes(reader.bytes(reader.remaining)), 'esds');
    return { ...common, codec: 'aac', description: readAudioSpecificConfig(configuration.payload) };
  }
  throw unknownEntry(type);
}

/** The DecoderSpecificInfo inside an ES_Descriptor (ISO/IEC 14496-1 §7.2.6). */
export function readAudioSpecificConfig(esds: Uint8Array): Uint8Array {
  const reader = new ByteReader(esds);
  readFullBoxHeader(reader);
  readDescriptorHeader(reader, 0x03);
  reader.skip(2);
  const flags = reader.u8();
  if (flags & 0x80) reader.skip(2);
  if (flags & 0x40) reader.skip(reader.u8());
  if (flags & 0x20) reader.skip(2);
  readDescriptorHeader(reader, 0x04);
  reader.skip(13);
  return reader.bytes(readDescriptorHeader(reader, 0x05));
}

function readDescriptorHeader(reader: ByteReader, tag: number): number {
  const found = reader.u8();
  if (found !== tag) throw new MediaError('container-malformed', `descriptor ${found} where ${tag} must be`);
  let length = 0;
  for (let count = 0; count < 4; count++) {
    const byte = reader.u8();
    length = length * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
  }
  return length;
}

function unknownEntry(type: string): MediaError {
  return new MediaError('container-unsupported', `samples of ${JSON.stringify(type)} are not known`);
}
