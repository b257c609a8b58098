import { open } from 'node:fs/promises';
import { AircheckError } from '@aircheck/protocol';
import type { Principal } from '../../apps/index.ts';
import { storageError, writeAll } from './disk.ts';
import type { Uploads } from './uploads.ts';

export interface WholeUpload {
  readonly principal: Principal;
  readonly uploadId: string;
  readonly sizeBytes: number;
  /** As of the tus protocol. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly source: AsyncIterable<Uint8Array>;
}

/**
 * Takes a file in one go, from its first byte on, and has it checked. Where that was cut off it may be done again; not
 * twice at the same time.
 * @throws AircheckError `payload-too-large`, `upload-state` when all of it is there already or it was begun with another
 *   length, and what {@link Uploads.create} throws; whatever the source throws
 */
export async function receiveWhole(uploads: Uploads, upload: WholeUpload): Promise<void> {
  const { principal, uploadId, sizeBytes, metadata, source } = upload;
  if (sizeBytes > uploads.maxBytes) {
    throw new AircheckError('payload-too-large', `Files of at most ${uploads.maxBytes} bytes are taken`);
  }
  const row = (await uploads.store.find(uploadId)) ?? (await uploads.create(principal, uploadId, sizeBytes, metadata));
  if (row.state !== 'receiving') throw new AircheckError('upload-state', `The upload is ${row.state} already`);
  if (row.size_bytes !== sizeBytes) {
    throw new AircheckError('upload-state', `The upload was begun with a length of ${row.size_bytes} bytes`);
  }
  await uploads.requireRoom(sizeBytes);
  const file = await open(uploads.pathOf(uploadId), 'w', 0o600).catch((error) => {
    throw storageError(error, 'the upload');
  });
  try {
    await writeAll(file, source, 0, 'the upload');
  } finally {
    await file.close();
    await uploads.store.touch(uploadId);
  }
  await uploads.complete(uploadId);
}
