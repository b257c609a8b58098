import {
  type AudioTrackOptions,
  ByteReader,
  type FileSummary,
  type RandomAccess,
  type Recovery,
  type TrackOptions,
  type TrackSummary,
  type VideoTrackOptions,
  WindowReader,
} from '../container/index.ts';
import { MediaError } from '../errors.ts';
import {
  type Element,
  type ElementHeader,
  findContent,
  Id,
  MAX_ELEMENT_HEADER_LENGTH,
  parseElementHeader,
  readElements,
  readFloat,
  readUnsigned,
  readVariableInteger,
  requireContent,
} from './ebml.ts';
import { opusHeadToDOps } from './opus-head.ts';
import { type CuePoint, cueOf } from './webm-cues.ts';
import { DATE_EPOCH_MS, VIDEO_CODEC_IDS, writeWebmHeader } from './webm-header.ts';
import { finishWebm } from './webm-writer.ts';

/** Our headers have some hundred bytes, and our clusters some hundred kilobytes. */
const MAX_HEADER_ELEMENT_LENGTH = 1024 * 1024;
const MAX_HEADER_ELEMENTS = 16;
const MAX_CLUSTER_LENGTH = 256 * 1024 * 1024;
const MILLISECONDS = 1000;

/**
 * Finds out how to make a whole file of a WebM that was cut off at whatever byte: where to truncate it, what to append,
 * and what to overwrite. Reads the file once from start to end, one cluster at a time. The last sample of each track is
 * taken to last as long as the one before, since clusters do not say.
 *
 * @param fileSize - the file's length in bytes
 * @throws MediaError `container-malformed` when the file was cut off inside its header, or is no WebM;
 * `container-unsupported` when it is one that this package did not write
 */
export async function recoverWebm(read: RandomAccess, fileSize: number): Promise<Recovery> {
  const reader = new WindowReader(read);
  const header = await readHeader(reader, fileSize);
  const scan = new ClusterScan(header.tracks);
  let position = header.length;
  for (let next = await readCluster(reader, position, fileSize); next !== undefined; ) {
    if (!scan.add(next.content, position)) break;
    position = next.end;
    next = await readCluster(reader, position, fileSize);
  }
  const clustersEnd = position;

  const cuesHeader = await readElementHeader(reader, clustersEnd, fileSize);
  const fileEnd = cuesHeader && clustersEnd + cuesHeader.headerLength + (cuesHeader.size ?? Number.POSITIVE_INFINITY);
  const finished = cuesHeader?.id === Id.cues && header.segmentEnd === fileEnd && fileEnd! <= fileSize;
  if (finished) return { truncateTo: fileEnd!, finalization: { append: [], patches: [] }, summary: scan.summarize() };

  const { cues, header: patch } = finishWebm(
    header.tracks,
    header.creationTime,
    scan.cues,
    clustersEnd,
    scan.durationMs,
  );
  return {
    truncateTo: clustersEnd,
    finalization: { append: [cues], patches: [{ offset: 0, data: patch }] },
    summary: scan.summarize(),
  };
}

interface WebmHeader {
  readonly tracks: readonly TrackOptions[];
  readonly creationTime: number;
  /** Offset of the first cluster. */
  readonly length: number;
  /** Where the segment ends; undefined when its size is not known. */
  readonly segmentEnd: number | undefined;
}

export async function readElementHeader(
  reader: WindowReader,
  offset: number,
  fileSize: number,
): Promise<ElementHeader | undefined> {
  const length = Math.min(MAX_ELEMENT_HEADER_LENGTH, fileSize - offset);
  const bytes = length < 2 ? undefined : await reader.bytes(offset, length, fileSize);
  if (bytes === undefined) return undefined;
  try {
    return parseElementHeader(bytes);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

async function readHeader(reader: WindowReader, fileSize: number): Promise<WebmHeader> {
  const ebml = await readHeaderElement(reader, 0, fileSize);
  if (ebml.id !== Id.ebml) throw new MediaError('container-malformed', 'the file does not begin with an EBML header');
  const segment = await readElementHeader(reader, ebml.end, fileSize);
  if (segment?.id !== Id.segment) throw cutOff();
  const segmentStart = ebml.end + segment.headerLength;

  let position = segmentStart;
  let info: readonly Element[] | undefined;
  let tracks: readonly TrackOptions[] | undefined;
  for (let count = 0; tracks === undefined && count < MAX_HEADER_ELEMENTS; count++) {
    const { id, content, end } = await readHeaderElement(reader, position, fileSize);
    if (id === Id.info) info = readElements(content);
    if (id === Id.tracks) tracks = readElements(content).map(readTrack);
    position = end;
  }
  const creationTime = readDate(info && findContent(info, Id.dateUtc));
  // The new header is written over this one: only one of our own is known to be as long.
  if (tracks === undefined || tracks.length === 0 || writeWebmHeader(tracks, creationTime).byteLength !== position) {
    throw new MediaError('container-unsupported', 'the file was not written by this package');
  }
  const segmentEnd = segment.size === undefined ? undefined : segmentStart + segment.size;
  return { tracks, creationTime, length: position, segmentEnd };
}

export async function readHeaderElement(
  reader: WindowReader,
  offset: number,
  fileSize: number,
): Promise<Element & { readonly end: number }> {
  const header = await readElementHeader(reader, offset, fileSize);
  if (header === undefined) throw cutOff();
  const { id, headerLength, size } = header;
  if (size === undefined || size > MAX_HEADER_ELEMENT_LENGTH || id === Id.cluster) {
    throw new MediaError('container-malformed', `element ${id.toString(16)} at ${offset} does not belong in a header`);
  }
  const bytes = await reader.bytes(offset, headerLength + size, fileSize);
  if (bytes === undefined) throw cutOff();
  return { id, content: bytes.subarray(headerLength), end: offset + headerLength + size };
}

function cutOff(): MediaError {
  return new MediaError('container-malformed', 'the file was cut off inside its header');
}

/** Nanoseconds since 2001, to milliseconds since 1970. */
function readDate(content: Uint8Array | undefined): number {
  if (content?.byteLength !== 8) return 0;
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  return Number(view.getBigInt64(0) / 1_000_000n) + DATE_EPOCH_MS;
}

function readTrack({ content }: Element): TrackOptions {
  const fields = readElements(content);
  const codecId = String.fromCharCode(...requireContent(fields, Id.codecId).subarray(0, 32));
  return codecId === 'A_OPUS' ? readAudioTrack(fields) : readVideoTrack(fields, codecId);
}

function readVideoTrack(fields: readonly Element[], codecId: string): VideoTrackOptions {
  const codec = (['vp8', 'vp9', 'av1'] as const).find((candidate) => VIDEO_CODEC_IDS[candidate] === codecId);
  if (codec === undefined) throw new MediaError('container-unsupported', `codec ${JSON.stringify(codecId)}`);
  const video = readElements(requireContent(fields, Id.video));
  return {
    kind: 'video',
    codec,
    timescale: MILLISECONDS,
    width: readUnsigned(requireContent(video, Id.pixelWidth)),
    height: readUnsigned(requireContent(video, Id.pixelHeight)),
    description: findContent(fields, Id.codecPrivate) ?? new Uint8Array(),
  };
}

function readAudioTrack(fields: readonly Element[]): AudioTrackOptions {
  const audio = readElements(requireContent(fields, Id.audio));
  return {
    kind: 'audio',
    codec: 'opus',
    timescale: MILLISECONDS,
    sampleRate: readFloat(requireContent(audio, Id.samplingFrequency)),
    channels: readUnsigned(requireContent(audio, Id.channels)),
    description: opusHeadToDOps(requireContent(fields, Id.codecPrivate)),
  };
}

/** @returns undefined when no whole cluster lies there */
async function readCluster(
  reader: WindowReader,
  offset: number,
  fileSize: number,
): Promise<{ readonly content: Uint8Array; readonly end: number } | undefined> {
  const header = await readElementHeader(reader, offset, fileSize);
  if (header?.id !== Id.cluster || header.size === undefined || header.size > MAX_CLUSTER_LENGTH) return undefined;
  const length = header.headerLength + header.size;
  const bytes = await reader.bytes(offset, length, fileSize);
  return bytes && { content: bytes.subarray(header.headerLength), end: offset + length };
}

interface ScannedTrack {
  sampleCount: number;
  byteLength: number;
  firstMs: number;
  lastMs: number;
  /** Between the last two blocks. */
  lastStepMs: number;
}

interface ScannedBlock {
  readonly trackNumber: number;
  readonly timeMs: number;
  readonly keyFrame: boolean;
  readonly byteLength: number;
}

/** Collects from clusters what the Cues and the summary need. */
class ClusterScan {
  readonly cues: CuePoint[] = [];
  readonly #options: readonly TrackOptions[];
  readonly #videoTrackNumbers = new Set<number>();
  readonly #tracks: ScannedTrack[];

  constructor(options: readonly TrackOptions[]) {
    this.#options = options;
    this.#tracks = options.map(() => ({ sampleCount: 0, byteLength: 0, firstMs: 0, lastMs: 0, lastStepMs: 0 }));
    for (const [index, { kind }] of options.entries()) if (kind === 'video') this.#videoTrackNumbers.add(index + 1);
  }

  get durationMs(): number {
    return Math.max(0, ...this.#tracks.map(endOf));
  }

  /** @returns false, and takes nothing, when the cluster is not sound */
  add(content: Uint8Array, offset: number): boolean {
    let blocks: ScannedBlock[];
    try {
      blocks = readBlocks(content, this.#options.length);
    } catch (error) {
      if (error instanceof MediaError) return false;
      throw error;
    }
    for (const { trackNumber, timeMs, byteLength } of blocks) {
      const track = this.#tracks[trackNumber - 1]!;
      if (track.sampleCount === 0) track.firstMs = timeMs;
      else track.lastStepMs = Math.max(0, timeMs - track.lastMs);
      track.lastMs = timeMs;
      track.sampleCount++;
      track.byteLength += byteLength;
    }
    const cue = cueOf(blocks, this.#videoTrackNumbers, offset);
    if (cue !== undefined) this.cues.push(cue);
    return true;
  }

  summarize(): FileSummary {
    const tracks = this.#options.map((options, index): TrackSummary => {
      const track = this.#tracks[index]!;
      return {
        ...options,
        sampleCount: track.sampleCount,
        byteLength: track.byteLength,
        startSeconds: track.firstMs / 1000,
        durationSeconds: (endOf(track) - track.firstMs) / 1000,
      };
    });
    return { durationSeconds: this.durationMs / 1000, finished: true, tracks };
  }
}

function endOf({ lastMs, lastStepMs }: ScannedTrack): number {
  return lastMs + lastStepMs;
}

/** SimpleBlocks (RFC 9559 §10.2) with their times made whole. */
function readBlocks(cluster: Uint8Array, trackCount: number): ScannedBlock[] {
  const elements = readElements(cluster);
  const clusterTime = readUnsigned(requireContent(elements, Id.timestamp));
  const blocks: ScannedBlock[] = [];
  for (const { id, content } of elements) {
    if (id !== Id.simpleBlock) continue;
    const reader = new ByteReader(content);
    const { value: trackNumber } = readVariableInteger(reader, 8, false);
    const relative = (reader.u16() << 16) >> 16;
    const keyFrame = (reader.u8() & 0x80) !== 0;
    if (trackNumber < 1 || trackNumber > trackCount) {
      throw new MediaError('container-malformed', `a block of track ${trackNumber}, which is not there`);
    }
    blocks.push({ trackNumber, timeMs: clusterTime + relative, keyFrame, byteLength: reader.remaining });
  }
  return blocks;
}
