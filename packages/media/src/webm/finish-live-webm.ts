import { ByteReader, concatenate, type ForeignRecovery, type RandomAccess, WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import {
  element,
  findContent,
  floatElement,
  Id,
  parseElementHeader,
  readElements,
  readFloat,
  readUnsigned,
  readVariableInteger,
  requireContent,
  voidElement,
} from './ebml.ts';
import { readElementHeader, readHeaderElement } from './recover-webm.ts';
import { type CuePoint, cueOf, writeCues } from './webm-cues.ts';
import { SEEK_HEAD_LENGTH, writeSeekHead } from './webm-header.ts';

const DURATION_LENGTH = 11;
/** What a Void takes at least, and what an element's size may grow by. */
const SPARE_LENGTH = 32;
const ROOM_LENGTH = SEEK_HEAD_LENGTH + DURATION_LENGTH + SPARE_LENGTH;

const VIDEO = 1;
const MAX_HEADER_ELEMENTS = 16;
const MAX_BLOCK_GROUP_LENGTH = 64 * 1024 * 1024;
/** Track number, time and flags of a block. */
const BLOCK_FRONT_LENGTH = 12;
/** Milliseconds in a tick, in nanoseconds. */
const MILLISECOND_NS = 1_000_000;

/**
 * Makes room in the beginning of a live WebM, as MediaRecorder writes it, for what only its end tells: a Void element behind
 * the header of its segment. Nothing in such a file counts from its start, so that what follows can be appended as it is.
 *
 * @param start - its first bytes
 * @returns the bytes with room; the bytes themselves where they do not begin as a live WebM does, which
 * {@link finishLiveWebm} refuses then
 */
export function withRoomForIndex(start: Uint8Array): Uint8Array {
  const segmentStart = liveSegmentStart(start);
  if (segmentStart === undefined) return start;
  return concatenate([start.subarray(0, segmentStart), voidElement(ROOM_LENGTH), start.subarray(segmentStart)]);
}

/** Where the content of a segment begins whose size is not known; undefined where there is none. */
function liveSegmentStart(start: Uint8Array): number | undefined {
  try {
    const ebml = parseElementHeader(start);
    if (ebml.id !== Id.ebml || ebml.size === undefined) return undefined;
    const segmentAt = ebml.headerLength + ebml.size;
    const segment = parseElementHeader(start.subarray(segmentAt));
    if (segment.id !== Id.segment || segment.size !== undefined) return undefined;
    const segmentStart = segmentAt + segment.headerLength;
    return segmentStart <= start.byteLength ? segmentStart : undefined;
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

/**
 * Finds out how to make a file that names its duration and can be searched of a live WebM that another program wrote and
 * {@link withRoomForIndex} made room in: the Cues go behind its last block, SeekHead and Duration into its front. No
 * byte of its media is moved. Reads the file once from start to end. The last sample of each track is taken to last as long
 * as the one before. A file that is finished is left alone.
 *
 * @param fileSize - the file's length in bytes; it may have been cut off anywhere
 * @throws MediaError `container-malformed` when it is no WebM or was cut off inside its header, `container-unsupported` when
 * there is no room in it, its ticks are no milliseconds, or it holds no sample yet
 */
export async function finishLiveWebm(read: RandomAccess, fileSize: number): Promise<ForeignRecovery> {
  const reader = new WindowReader(read);
  const front = await readFront(reader, fileSize);
  if (front.finishedSeconds !== undefined) {
    const nothing = { append: [], patches: [] };
    return { truncateTo: fileSize, finalization: nothing, durationSeconds: front.finishedSeconds };
  }
  const { end, cues, durationMs } = await readClusters(reader, front, fileSize);
  if (cues.length === 0) throw new MediaError('container-unsupported', 'there is no sample in the file yet');
  const index = writeCues(cues, front.segmentStart);
  return {
    truncateTo: end,
    finalization: { append: [index], patches: [frontPatch(front, end, durationMs)] },
    durationSeconds: durationMs / 1000,
  };
}

interface LiveFront {
  readonly segmentStart: number;
  /** Content of the Info element, where it ends, and where Tracks begins. */
  readonly info: Uint8Array;
  readonly infoEnd: number;
  readonly tracksOffset: number;
  readonly videoTrackNumbers: ReadonlySet<number>;
  /** Of the first cluster. */
  readonly clustersOffset: number;
  readonly finishedSeconds: number | undefined;
}

async function readFront(reader: WindowReader, fileSize: number): Promise<LiveFront> {
  const ebml = await readHeaderElement(reader, 0, fileSize);
  if (ebml.id !== Id.ebml) throw new MediaError('container-malformed', 'the file does not begin with an EBML header');
  const segment = await readElementHeader(reader, ebml.end, fileSize);
  if (segment?.id !== Id.segment) throw new MediaError('container-malformed', 'there is no segment');
  const segmentStart = ebml.end + segment.headerLength;

  let info: { content: Uint8Array; end: number } | undefined;
  let room = false;
  for (let position = segmentStart, count = 0; count < MAX_HEADER_ELEMENTS; count++) {
    const { id, content, end } = await readHeaderElement(reader, position, fileSize);
    if (id === Id.void && position === segmentStart) room = end - position === ROOM_LENGTH;
    if (id === Id.info) info = { content: content.slice(), end };
    if (id === Id.tracks && info !== undefined) {
      const duration = findContent(readElements(info.content), Id.duration);
      if (!room && duration === undefined) {
        throw new MediaError('container-unsupported', 'there is no room for an index in the file');
      }
      const scale = findContent(readElements(info.content), Id.timestampScale);
      if (scale !== undefined && readUnsigned(scale) !== MILLISECOND_NS) {
        throw new MediaError('container-unsupported', 'times that are not in milliseconds');
      }
      return {
        segmentStart,
        info: info.content,
        infoEnd: info.end,
        tracksOffset: position,
        videoTrackNumbers: new Set(videoNumbers(content)),
        clustersOffset: end,
        finishedSeconds: room || duration === undefined ? undefined : readFloat(duration) / 1000,
      };
    }
    position = end;
  }
  throw new MediaError('container-malformed', 'there are no tracks in the header');
}

function videoNumbers(tracks: Uint8Array): number[] {
  return readElements(tracks)
    .filter(({ id }) => id === Id.trackEntry)
    .map(({ content }) => readElements(content))
    .filter((fields) => readUnsigned(requireContent(fields, Id.trackType)) === VIDEO)
    .map((fields) => readUnsigned(requireContent(fields, Id.trackNumber)));
}

/**
 * SeekHead, Info with its duration, and a Void over what is left of the room. The segment's size stays unknown, as elements
 * must be that hold such of unknown size (RFC 8794 §6.2): the clusters.
 */
function frontPatch({ segmentStart, info, infoEnd, tracksOffset }: LiveFront, cuesOffset: number, durationMs: number) {
  const finished = element(
    Id.info,
    ...readElements(info)
      .filter(({ id }) => id !== Id.duration)
      .map(({ id, content }) => element(id, content)),
    floatElement(Id.duration, durationMs),
  );
  const seekHead = writeSeekHead(SEEK_HEAD_LENGTH, tracksOffset - segmentStart, cuesOffset - segmentStart);
  const left = voidElement(infoEnd - segmentStart - seekHead.byteLength - finished.byteLength);
  return { offset: segmentStart, data: concatenate([seekHead, finished, left]) };
}

interface LiveBlock {
  readonly trackNumber: number;
  readonly timeMs: number;
  readonly keyFrame: boolean;
}

/** Goes from block to block, since a live file's clusters do not say how long they are (RFC 8794 §6.2). */
async function readClusters(
  reader: WindowReader,
  { clustersOffset, videoTrackNumbers }: LiveFront,
  fileSize: number,
): Promise<{ readonly end: number; readonly cues: readonly CuePoint[]; readonly durationMs: number }> {
  const cues: CuePoint[] = [];
  const ends = new Map<number, { lastMs: number; stepMs: number }>();
  let end = clustersOffset;
  let cluster: { offset: number; timeMs: number; cued: boolean } | undefined;
  for (let position = clustersOffset; ; ) {
    const header = await readElementHeader(reader, position, fileSize);
    if (header?.id === Id.cluster) {
      // One that says how long it is, and is longer than the file, is cut off as a whole.
      if (header.size !== undefined && position + header.headerLength + header.size > fileSize) break;
      cluster = { offset: position, timeMs: 0, cued: false };
      position += header.headerLength;
      continue;
    }
    if (header?.size === undefined || cluster === undefined || !CLUSTER_CONTENT.has(header.id)) break;
    const content = position + header.headerLength;
    const next = content + header.size;
    if (next > fileSize) break;
    if (header.id === Id.timestamp) {
      cluster.timeMs = readUnsigned((await reader.bytes(content, header.size, fileSize))!);
    } else if (header.id === Id.simpleBlock || header.id === Id.blockGroup) {
      const block = await readBlock(reader, header.id, content, header.size, fileSize);
      const timeMs = cluster.timeMs + block.timeMs;
      const before = ends.get(block.trackNumber);
      ends.set(block.trackNumber, {
        lastMs: timeMs,
        stepMs: before === undefined ? 0 : Math.max(0, timeMs - before.lastMs),
      });
      const cue = cluster.cued ? undefined : cueOf([{ ...block, timeMs }], videoTrackNumbers, cluster.offset);
      if (cue !== undefined) {
        cues.push(cue);
        cluster.cued = true;
      }
    }
    position = next;
    end = next;
  }
  const durationMs = Math.max(0, ...[...ends.values()].map(({ lastMs, stepMs }) => lastMs + stepMs));
  return { end, cues, durationMs };
}

const CLUSTER_CONTENT: ReadonlySet<number> = new Set([
  Id.timestamp,
  Id.simpleBlock,
  Id.blockGroup,
  Id.position,
  Id.prevSize,
  Id.void,
]);

/** @param offset - of the element's content */
async function readBlock(
  reader: WindowReader,
  id: number,
  offset: number,
  size: number,
  fileSize: number,
): Promise<LiveBlock> {
  if (id === Id.simpleBlock) {
    const front = new ByteReader((await reader.bytes(offset, Math.min(size, BLOCK_FRONT_LENGTH), fileSize))!);
    const { value: trackNumber } = readVariableInteger(front, 8, false);
    const timeMs = (front.u16() << 16) >> 16;
    return { trackNumber, timeMs, keyFrame: (front.u8() & 0x80) !== 0 };
  }
  if (size > MAX_BLOCK_GROUP_LENGTH) throw new MediaError('container-malformed', `a block group of ${size} bytes`);
  const fields = readElements((await reader.bytes(offset, size, fileSize))!);
  const front = new ByteReader(requireContent(fields, Id.block));
  const { value: trackNumber } = readVariableInteger(front, 8, false);
  const timeMs = (front.u16() << 16) >> 16;
  // What refers to no other block can be decoded on its own (RFC 9559 §10.1).
  return { trackNumber, timeMs, keyFrame: findContent(fields, Id.referenceBlock) === undefined };
}
