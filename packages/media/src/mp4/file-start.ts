import type { WindowReader } from '../container/index.ts';
import { MediaError } from '../errors.ts';
import { type FileBox, readBoxHeader } from './box-reader.ts';
import { HYBRID_FREE_LENGTH } from './hybrid-layout.ts';
import { type ReadMovie, readMovie } from './movie-reader.ts';

/** Index of about a week; a larger box is no index. */
const MAX_MOVIE_LENGTH = 256 * 1024 * 1024;
const MAX_FILE_TYPE_LENGTH = 4096;
const MAX_BOXES_BEFORE_MOVIE = 64;

/** Boxes that may stand before the `moov` and say nothing that matters here. */
const SKIPPED = new Set(['free', 'skip', 'wide', 'uuid', 'styp', 'pdin']);

/** How an MP4 begins, up to its first `moov`. */
export interface FileStart {
  /** `ftyp` and `moov`, without what lies between them: what a player needs before the first fragment. */
  readonly init: Uint8Array;
  readonly movie: ReadMovie;
  /** Offset of the first byte behind that `moov`. */
  readonly movieEnd: number;
  /** In a hybrid file: the 16-byte `free` before the `moov`, or the header of the `mdat` that it became. */
  readonly patchOffset: number | undefined;
  /** In a hybrid file that was patched: where the `mdat` around the first `moov` and all fragments ends. */
  readonly wrappedEnd: number | undefined;
}

/**
 * @returns undefined when the file ends before its first `moov` does
 * @throws MediaError `container-malformed` when it is no MP4
 */
export async function readFileStart(reader: WindowReader, fileSize: number): Promise<FileStart | undefined> {
  const fileType = await readBoxHeader(reader, 0, fileSize);
  if (fileType === undefined) return undefined;
  if (fileType.type !== 'ftyp' || fileType.size > MAX_FILE_TYPE_LENGTH) {
    throw new MediaError('container-malformed', 'the file does not begin with a file type box');
  }
  const ftyp = await reader.bytes(0, fileType.size, fileSize);
  if (ftyp === undefined) return undefined;

  let position = fileType.end;
  let patchOffset: number | undefined;
  let wrappedEnd: number | undefined;
  for (let count = 0; count < MAX_BOXES_BEFORE_MOVIE; count++) {
    const box = await readBoxHeader(reader, position, fileSize);
    if (box === undefined) return undefined;
    if (box.type === 'moov') {
      const found = await readMovieBox(reader, box, fileSize);
      if (found === undefined) return undefined;
      const init = new Uint8Array(ftyp.byteLength + found.bytes.byteLength);
      init.set(ftyp);
      init.set(found.bytes, ftyp.byteLength);
      return { init, movie: found.movie, movieEnd: box.end, patchOffset, wrappedEnd };
    }
    const wraps = box.type === 'mdat' && (await wrapsMovie(reader, box, fileSize));
    patchOffset = wraps || (box.type === 'free' && box.size === HYBRID_FREE_LENGTH) ? position : undefined;
    if (wraps) {
      wrappedEnd = box.end;
      position = box.offset + box.headerLength;
    } else if (SKIPPED.has(box.type) || box.type === 'mdat') {
      position = box.end;
    } else {
      throw new MediaError('container-malformed', `${JSON.stringify(box.type)} box at ${position}, before any moov`);
    }
  }
  throw new MediaError('container-malformed', `no moov among the first ${MAX_BOXES_BEFORE_MOVIE} boxes`);
}

/** Reads a `moov` whole. @returns undefined when it is not whole */
export async function readMovieBox(
  reader: WindowReader,
  box: FileBox,
  end: number,
): Promise<{ readonly bytes: Uint8Array; readonly movie: ReadMovie } | undefined> {
  if (box.size > MAX_MOVIE_LENGTH) throw new MediaError('container-malformed', `a moov box of ${box.size} bytes`);
  const bytes = await reader.bytes(box.offset, box.size, end);
  return bytes && { bytes, movie: readMovie(bytes.subarray(box.headerLength)) };
}

/** In a finished hybrid file the media data begin with the `moov` of the fragments. */
async function wrapsMovie(reader: WindowReader, box: FileBox, fileSize: number): Promise<boolean> {
  if (box.headerLength !== HYBRID_FREE_LENGTH) return false;
  const offset = box.offset + box.headerLength;
  const bytes = await reader.bytes(offset, 8, Math.min(box.end, fileSize));
  return bytes !== undefined && String.fromCharCode(...bytes.subarray(4, 8)) === 'moov';
}
