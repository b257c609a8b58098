import { type FileHandle, open } from 'node:fs/promises';
import { MediaError, type MovieSource, readMovieSource } from '@aircheck/media';
import { AircheckError } from '@aircheck/protocol';
import type { SourceFile } from '../work-orders.ts';

const transcodeFirst = 'Transcode it first, and cut or join the rendition: `definition` of the job names its template';

/** An open file with all that is known of its samples. */
export interface OpenMovie {
  readonly source: SourceFile;
  readonly handle: FileHandle;
  readonly movie: MovieSource;
}

/**
 * Opens a file of the MP4 family to take parts of it as they are.
 *
 * @param field - the order's field that names the file, for errors
 * @throws AircheckError `asset-not-found`, `media-invalid`
 */
export async function openMovie(source: SourceFile, field: string): Promise<OpenMovie> {
  if (/webm|matroska/.test(source.mimeType)) {
    throw new AircheckError('media-invalid', `${source.fileId} is WebM, which cannot be cut and joined as it is`, {
      input: field,
      hint: transcodeFirst,
    });
  }
  let handle: FileHandle;
  try {
    handle = await open(source.path, 'r');
  } catch (cause) {
    throw new AircheckError('asset-not-found', `The file ${source.fileId} is not on the disk`, { input: field, cause });
  }
  try {
    const { size } = await handle.stat();
    const read = async (offset: number, length: number) => {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    };
    return { source, handle, movie: await readMovieSource(read, size) };
  } catch (error) {
    await handle.close();
    throw invalid(error, source, field);
  }
}

function invalid(error: unknown, { fileId }: SourceFile, field: string): unknown {
  if (!(error instanceof MediaError)) return error;
  return new AircheckError('media-invalid', `${fileId} cannot be cut or joined as it is: ${error.message}`, {
    input: field,
    hint: transcodeFirst,
    cause: error,
  });
}
