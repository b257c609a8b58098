import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdir, open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { AircheckError } from '@aircheck/protocol';
import { FileStore } from '@tus/file-store';
import { type DataStore, Metadata, Upload } from '@tus/server';
import { sizeOf, storageError, writeAll } from './disk.ts';
import type { UploadLocks } from './upload-locks.ts';
import { readCompletion } from './upload-owner.ts';
import { detailsOf } from './upload-store.ts';
import { abandonedAfterMs, type Uploads } from './uploads.ts';

export const uploadExtensions = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'termination',
  'expiration',
];

/** Of an upload without a length, the disk is asked again each time that so much has come, in bytes. */
const roomStepBytes = 16 * 2 ** 20;

/**
 * Keeps uploads of the tus protocol as files; what is known of them is in the database alone. How far an upload has come
 * is the length of its file, so that neither a kill nor a full disk can make the two disagree.
 */
export class UploadFiles extends FileStore implements DataStore {
  readonly #uploads: Uploads;
  readonly #locks: UploadLocks;
  readonly #bodies = new AsyncLocalStorage<IncomingMessage>();

  constructor(uploads: Uploads, directory: string, locks: UploadLocks) {
    const nothing = { get: async () => undefined, set: async () => {}, delete: async () => {} };
    super({ directory, configstore: nothing, expirationPeriodInMilliseconds: abandonedAfterMs });
    this.#uploads = uploads;
    this.#locks = locks;
    this.extensions = uploadExtensions;
  }

  /** @throws AircheckError `storage-full`, `storage-failed` */
  override async create(upload: Upload): Promise<Upload> {
    const path = this.#uploads.pathOf(upload.id);
    try {
      await mkdir(dirname(path), { recursive: true });
      await (await open(path, 'wx')).close();
    } catch (error) {
      throw storageError(error, 'the upload');
    }
    upload.storage = { type: 'file', path };
    return upload;
  }

  /** @throws AircheckError `upload-not-found`, `upload-gone` */
  override async getUpload(id: string): Promise<Upload> {
    const { store } = this.#uploads;
    const row = await store.get(id);
    const path = this.#uploads.pathOf(id);
    let offset: number | undefined = row.size_bytes;
    if (row.state === 'receiving') {
      offset = await sizeOf(path);
      // A client that lost the answer to its last byte learns here that all has come.
      if (offset === row.size_bytes) await this.#uploads.complete(id);
    }
    if (row.state === 'aborted' || offset === undefined) {
      throw new AircheckError('upload-gone', row.detail ?? `The upload ${id} was given up`);
    }
    return new Upload({
      id,
      ...(row.size_bytes > 0 && { size: row.size_bytes }),
      offset,
      metadata: { ...detailsOf(row).metadata },
      // What it is used for is to say when the upload expires, which counts from the last byte on.
      creation_date: new Date(row.updated_at).toISOString(),
      storage: { type: 'file', path },
    });
  }

  /** Whether an upload was said to have this length already. */
  async isDeclared(url: string, length: string): Promise<boolean> {
    const row = await this.#uploads.store.find(url.slice(url.lastIndexOf('/') + 1));
    return row !== undefined && row.size_bytes > 0 && String(row.size_bytes) === length;
  }

  /** @throws AircheckError `request-invalid` */
  override async declareUploadLength(id: string, length: number): Promise<void> {
    const given = this.#bodies.getStore()?.headers['upload-metadata'];
    const completion = given === undefined ? {} : readCompletion(Metadata.parse(String(given)));
    await this.#uploads.declareLength(id, length, completion);
  }

  /**
   * Does something in which {@link write} takes the bytes from a request itself: on the way through the web streams of the
   * protocol's server they would cost several times as much.
   */
  withBody<T>(request: IncomingMessage, action: () => Promise<T>): Promise<T> {
    return this.#bodies.run(request, action);
  }

  /** @throws AircheckError `storage-full`, `storage-failed`, `payload-too-large`, `upload-state`: what could be written stays */
  override async write(source: Readable, id: string, offset: number): Promise<number> {
    // Empty, but the protocol's server waits for its end.
    source.resume();
    const body = this.#bodies.getStore();
    const row = await this.#uploads.store.get(id);
    if (body === undefined || row.state !== 'receiving') {
      throw new AircheckError('upload-state', 'The upload is whole already');
    }
    const growing = row.size_bytes === 0;
    const leftBytes = (growing ? this.#uploads.maxBytes : row.size_bytes) - offset;
    await this.#uploads.requireRoom(growing ? Number(body.headers['content-length'] ?? 0) : leftBytes);
    await this.#uploads.store.touch(id);
    const signal = this.#locks.signalOf(id);
    const end = () => body.destroy();
    signal?.addEventListener('abort', end, { once: true });
    try {
      const file = await open(this.#uploads.pathOf(id), 'r+');
      try {
        const source = limited(body, leftBytes);
        return await writeAll(file, growing ? this.#withRoom(source) : source, offset, 'the upload');
      } finally {
        await file.close();
      }
    } catch (error) {
      if (error instanceof AircheckError) throw error;
      // Of the disk's errors that of opening alone is none of ours yet.
      if ((error as NodeJS.ErrnoException).syscall === 'open') throw storageError(error, 'the upload');
      throw new AircheckError('upload-state', 'The connection broke off; what has come is kept', { cause: error });
    } finally {
      signal?.removeEventListener('abort', end);
      await this.#uploads.store.touch(id);
    }
  }

  /** Passes on what the disk can take. @throws AircheckError `storage-full` */
  async *#withRoom(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let granted = 0;
    for await (const chunk of source) {
      if (granted < chunk.byteLength) {
        await this.#uploads.requireRoom(roomStepBytes);
        granted = roomStepBytes;
      }
      granted -= chunk.byteLength;
      yield chunk;
    }
  }

  override async remove(id: string): Promise<void> {
    await this.#uploads.abort(id);
    await rm(this.#uploads.pathOf(id), { force: true });
  }
}

/** @throws AircheckError `payload-too-large` when more comes than is left of the upload, of which it keeps the rest */
async function* limited(body: IncomingMessage, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (chunk.byteLength > left) {
      yield chunk.subarray(0, left);
      throw new AircheckError('payload-too-large', 'More came than the upload may have');
    }
    left -= chunk.byteLength;
    yield chunk;
  }
}
