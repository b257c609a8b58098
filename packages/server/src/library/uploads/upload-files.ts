import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { AircheckError } from '@aircheck/protocol';
import { FileStore } from '@tus/file-store';
import { type DataStore, Upload } from '@tus/server';
import { sizeOf, storageError, writeAll } from './disk.ts';
import { detailsOf } from './upload-store.ts';
import { abandonedAfterMs, type Uploads } from './uploads.ts';

/**
 * Keeps uploads of the tus protocol as files; what is known of them is in the database alone. How far an upload has come
 * is the length of its file, so that neither a kill nor a full disk can make the two disagree.
 */
export class UploadFiles extends FileStore implements DataStore {
  readonly #uploads: Uploads;

  constructor(uploads: Uploads, directory: string) {
    const nothing = { get: async () => undefined, set: async () => {}, delete: async () => {} };
    super({ directory, configstore: nothing, expirationPeriodInMilliseconds: abandonedAfterMs });
    this.#uploads = uploads;
    this.extensions = ['creation', 'creation-with-upload', 'termination', 'expiration'];
  }

  /** @throws AircheckError `storage-full`, `storage-failed` */
  override async create(upload: Upload): Promise<Upload> {
    const path = this.#uploads.pathOf(upload.id);
    try {
      await mkdir(dirname(path), { recursive: true });
      await (await open(path, 'wx', 0o600)).close();
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
      size: row.size_bytes,
      offset,
      metadata: { ...detailsOf(row).metadata },
      // What it is used for is to say when the upload expires, which counts from the last byte on.
      creation_date: new Date(row.updated_at).toISOString(),
      storage: { type: 'file', path },
    });
  }

  /** @throws AircheckError `storage-full`, `storage-failed`: what could be written stays */
  override async write(source: Readable, id: string, offset: number): Promise<number> {
    const row = await this.#uploads.store.get(id);
    if (row.state !== 'receiving') throw new AircheckError('upload-state', 'The upload is whole already');
    await this.#uploads.requireRoom(row.size_bytes - offset);
    await this.#uploads.store.touch(id);
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.#uploads.pathOf(id), 'r+');
    } catch (error) {
      throw storageError(error, 'the upload');
    }
    try {
      return await writeAll(file, source, offset, 'the upload');
    } finally {
      await file.close();
      await this.#uploads.store.touch(id);
    }
  }

  override async remove(id: string): Promise<void> {
    await this.#uploads.abort(id);
    await rm(this.#uploads.pathOf(id), { force: true });
  }
}
