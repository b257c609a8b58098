import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newFileId } from '@aircheck/engine/file-id';
import {
  AircheckError,
  PullRequest,
  type Upload,
  type UploadCompletion,
  type UploadList,
  uploadHeadMaxBytes,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import type { Principal } from '../../apps/index.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../db/index.ts';
import type { Outbox } from '../../events/index.ts';
import type { Commit, InternalJob, Jobs, Outcome } from '../../jobs/index.ts';
import { subjectOf } from '../assets.ts';
import type { Library } from '../library.ts';
import { freeBytes, linkFile, overwriteHead, reservedBytes, sizeOf } from './disk.ts';
import { ownerOfUpload, type RecordingOwner, readMetadata, requireUpload } from './upload-owner.ts';
import { detailsOf, toUpload, type UploadFilter, type UploadRow, UploadStore } from './upload-store.ts';

/** An upload to which nothing came for that long is given up, in milliseconds. */
export const abandonedAfterMs = 24 * 3_600_000;
/** What came of an upload can be asked for that long. */
const rememberedMs = 30 * 24 * 3_600_000;
/** Milliseconds between two rounds of cleaning up. */
const sweepMs = 60_000;

export interface UploadsOptions {
  readonly db: Database;
  readonly library: Pick<Library, 'addFile' | 'classes' | 'ofRecordings'>;
  readonly jobs: Pick<Jobs, 'enqueueInternal' | 'onFinished'>;
  readonly outbox: Outbox;
  /** Room and user of a recording. @throws AircheckError `recording-not-found` */
  readonly recordingOwner: (appId: string, recordingId: string) => Promise<RecordingOwner>;
  readonly config: {
    readonly uploadsFolder: string;
    readonly recordingsFolder: string;
    readonly uploadMaxBytes: number;
  };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bytes that the disk of a folder can take, beside those that are kept for recordings. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Files on their way into the library: received or pulled, then checked by a job that looks into them, then moved to
 * where originals lie, or thrown away.
 */
export class Uploads {
  readonly store: UploadStore;
  readonly #options: UploadsOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.store = new UploadStore(options.db, options.clock);
    options.jobs.onFinished('probe', (job, outcome) => this.#checked(job, outcome));
  }

  /** Takes up what a crash left, and keeps cleaning up. */
  async start(): Promise<void> {
    await mkdir(this.#options.config.uploadsFolder, { recursive: true });
    for (const row of await this.store.inStates('receiving')) {
      if (detailsOf(row).source === 'upload') await this.complete(row.upload_id);
    }
    await this.sweep();
    this.#timer = setInterval(() => {
      this.sweep().catch((error: unknown) =>
        this.#options.logger.error({ err: error }, 'uploads cannot be cleaned up'),
      );
    }, sweepMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Where the bytes of an upload lie until it is in the library. */
  pathOf(uploadId: string): string {
    return join(this.#options.config.uploadsFolder, uploadId);
  }

  get maxBytes(): number {
    return this.#options.config.uploadMaxBytes;
  }

  /**
   * Enters an upload before its first byte comes.
   * @param sizeBytes - undefined while the file still grows: {@link declareLength} tells it then
   * @param metadata - as the client gave it
   * @throws AircheckError `file-name-missing`, `request-invalid`, `forbidden`, `class-not-found`, `recording-not-found`,
   *   `payload-too-large`, `storage-full`
   */
  async create(
    principal: Principal,
    uploadId: string,
    sizeBytes: number | undefined,
    metadata: Readonly<Record<string, string | null>>,
  ): Promise<UploadRow> {
    const { library, recordingOwner } = this.#options;
    const { appId } = principal;
    const wanted = readMetadata(metadata);
    const recording = wanted.recordingId === undefined ? undefined : await recordingOwner(appId, wanted.recordingId);
    const owner = ownerOfUpload(principal, wanted, recording);
    await library.classes.require(appId, wanted.classId, 'metadata.classId');
    if (sizeBytes === 0) {
      throw new AircheckError('request-invalid', 'The file is empty', { input: 'headers.upload-length' });
    }
    // Of one without a length, room is asked for as it comes.
    await this.requireRoom(sizeBytes ?? 0);
    return this.store.insert(
      {
        upload_id: uploadId,
        app_id: appId,
        user_id: owner.userId,
        room_id: owner.roomId,
        file_name: wanted.fileName,
        size_bytes: sizeBytes ?? 0,
      },
      {
        source: 'upload',
        fileId: newFileId(this.#options.clock.now()),
        intro: wanted.intro,
        classId: wanted.classId,
        tags: wanted.tags,
        recordingId: wanted.recordingId ?? null,
        sha256: wanted.sha256 ?? null,
        ...(wanted.startedAt !== undefined && { startedAt: Date.parse(wanted.startedAt) }),
        metadata,
      },
    );
  }

  /**
   * Has a file pulled into the library from an address.
   * @throws AircheckError `class-not-found`, `storage-full`, `request-invalid`
   */
  async pull(appId: string, input: PullRequest): Promise<Upload> {
    const request = PullRequest.parse(input);
    const { db, clock, jobs, library } = this.#options;
    await library.classes.require(appId, request.classId);
    await this.requireRoom(0);
    const uploadId = newUploadId();
    const row = await db.transaction().execute(async (transaction) => {
      const jobId = await jobs.enqueueInternal(transaction, {
        type: 'pull',
        appId,
        input: { uploadId, url: request.url },
      });
      return this.store.insert(
        {
          upload_id: uploadId,
          app_id: appId,
          user_id: null,
          room_id: null,
          file_name: request.fileName,
          size_bytes: 0,
        },
        {
          source: 'pull',
          fileId: newFileId(clock.now()),
          intro: request.intro,
          classId: request.classId,
          tags: request.tags,
          recordingId: null,
          sha256: request.sha256?.toLowerCase() ?? null,
          jobId,
        },
        transaction,
      );
    });
    return toUpload(row, 0);
  }

  /** @throws AircheckError `upload-not-found`, also for an upload of somebody else */
  async get(principal: Principal, uploadId: string): Promise<Upload> {
    return this.#describe(await this.require(principal, uploadId));
  }

  /** @throws AircheckError `upload-not-found`, also for an upload of somebody else */
  async require(principal: Principal, uploadId: string): Promise<UploadRow> {
    return requireUpload(principal, await this.store.find(uploadId), uploadId);
  }

  /** One page, newest first. */
  async list(appId: string, filter: UploadFilter): Promise<UploadList> {
    const { rows, nextCursor } = await this.store.list(appId, filter);
    return { items: await Promise.all(rows.map((row) => this.#describe(row))), nextCursor };
  }

  /**
   * Makes sure that the disk can take so much more.
   * @throws AircheckError `storage-full`
   */
  async requireRoom(bytes: number): Promise<void> {
    const { config, freeBytes: free = async (folder) => (await freeBytes(folder)) - reservedBytes } = this.#options;
    const available = await free(config.uploadsFolder);
    if (bytes > available) {
      throw new AircheckError(
        'storage-full',
        `The disk can take ${Math.max(0, available)} bytes more, which is less than the ${bytes} that are to come`,
      );
    }
  }

  /**
   * The length of an upload that was begun without one, with what could not be known of the file while it grew.
   * @throws AircheckError `request-invalid`
   */
  async declareLength(uploadId: string, sizeBytes: number, { sha256, head }: UploadCompletion): Promise<void> {
    const row = await this.store.get(uploadId);
    if (sizeBytes === 0) {
      throw new AircheckError('request-invalid', 'The file is empty', { input: 'headers.upload-length' });
    }
    if (head !== undefined) {
      const bytes = Buffer.from(head, 'base64').byteLength;
      const problem =
        bytes > Math.min(sizeBytes, uploadHeadMaxBytes)
          ? `it has ${bytes} bytes, of which ${Math.min(sizeBytes, uploadHeadMaxBytes)} are taken`
          : sha256 === undefined && detailsOf(row).sha256 === null
            ? 'it comes with the sha256 of the whole file only'
            : undefined;
      if (problem !== undefined) {
        throw new AircheckError('request-invalid', `metadata.head: ${problem}`, { input: 'metadata.head' });
      }
    }
    await this.store.declare(uploadId, sizeBytes, {
      ...(sha256 !== undefined && { sha256 }),
      ...(head !== undefined && { head }),
    });
  }

  /** Has an upload checked once all of it is there. May be called at any time, and again. @throws AircheckError */
  async complete(uploadId: string): Promise<void> {
    const { db } = this.#options;
    const row = await this.store.find(uploadId);
    if (row?.state !== 'receiving' || row.size_bytes === 0) return;
    const path = this.pathOf(uploadId);
    if ((await sizeOf(path)) !== row.size_bytes) return;
    const { head } = detailsOf(row);
    if (head !== undefined) await overwriteHead(path, Buffer.from(head, 'base64'));
    await db.transaction().execute(async (transaction) => {
      if (!(await this.store.move(transaction, uploadId, 'receiving', 'checking'))) return;
      await this.enqueueCheck(transaction, row);
    });
  }

  /** Puts in the job that looks into a file that is whole. */
  async enqueueCheck(transaction: Database, row: UploadRow): Promise<void> {
    await this.#options.jobs.enqueueInternal(transaction, {
      type: 'probe',
      appId: row.app_id,
      input: { uploadId: row.upload_id, path: this.pathOf(row.upload_id), digests: detailsOf(row).sha256 !== null },
    });
  }

  /**
   * Gives an upload up that is not whole yet.
   * @throws AircheckError `upload-state`
   */
  async abort(uploadId: string): Promise<void> {
    if (!(await this.store.move(this.#options.db, uploadId, 'receiving', 'aborted'))) {
      throw new AircheckError('upload-state', 'The upload is whole already', {
        hint: 'Delete the file from the library with DELETE /v1/assets/{fileId}',
      });
    }
    await rm(this.pathOf(uploadId), { force: true });
  }

  /**
   * Refuses a file for good, and tells of it.
   * @param transaction - its bytes go after it
   */
  async reject(transaction: Database, row: UploadRow, detail: string): Promise<void> {
    if (!(await this.store.move(transaction, row.upload_id, row.state as never, 'rejected', { detail }))) return;
    await this.#tellEnd(transaction, { ...row, state: 'rejected', detail });
    this.#removeSoon();
  }

  async #tellEnd(transaction: Database, row: UploadRow & { readonly state: 'ready' | 'rejected' }): Promise<void> {
    const { outbox, clock } = this.#options;
    const { recordingId, fileId } = detailsOf(row);
    await outbox.append(transaction, {
      appId: row.app_id,
      type: `upload.${row.state}`,
      subject: subjectOf({ recordingId, fileId }),
      data: toUpload({ ...row, updated_at: clock.now() }, row.size_bytes),
    });
  }

  /** Gives up what was abandoned, and removes files of which no upload needs the bytes any more. */
  async sweep(): Promise<void> {
    const { clock, config, db } = this.#options;
    for (const row of await this.store.inStates('receiving')) {
      if (detailsOf(row).source === 'pull' || row.updated_at > clock.now() - abandonedAfterMs) continue;
      await this.store.move(db, row.upload_id, 'receiving', 'aborted', {
        detail: 'Nothing came for 24 hours',
      });
    }
    await this.store.forget(clock.now() - rememberedMs);
    // The names first: what begins meanwhile is not among them.
    const names = await readdir(config.uploadsFolder);
    const needed = new Set((await this.store.inStates('receiving', 'checking')).map((row) => row.upload_id));
    for (const name of names) {
      if (!needed.has(name.replace(/\..*$/, ''))) await rm(join(config.uploadsFolder, name), { force: true });
    }
  }

  /** What follows from a look into the file. What it does with files may be done again. */
  async #checked(job: InternalJob<'probe'>, outcome: Outcome<'probe'>): Promise<Commit | undefined> {
    const { library, config } = this.#options;
    const row = await this.store.find(job.input.uploadId);
    if (row?.state !== 'checking') return undefined;
    const rejection = rejectionOf(row, outcome);
    if (outcome.state !== 'done' || rejection !== undefined) {
      return async (transaction) => {
        await this.reject(transaction, row, rejection ?? 'The check failed');
        return undefined;
      };
    }
    const { facts } = outcome.result;
    const { fileId, intro, classId, tags, recordingId, source, startedAt } = detailsOf(row);
    const path = `${fileId}/0000-${fileId}.${facts.extension}`;
    await linkFile(this.pathOf(row.upload_id), join(config.recordingsFolder, path));
    const siblings = recordingId === null ? [] : ((await library.ofRecordings([recordingId])).get(recordingId) ?? []);
    return async (transaction) => {
      if (!(await this.store.move(transaction, row.upload_id, 'checking', 'ready', { fileId }))) return undefined;
      await library.addFile(transaction, {
        appId: row.app_id,
        fileId,
        source,
        path,
        facts,
        fileName: row.file_name,
        intro,
        classId,
        tags,
        recordingId,
        roomId: row.room_id,
        userId: row.user_id,
        segmentIndex: Math.max(-1, ...siblings.map(({ asset }) => asset.segmentIndex)) + 1,
        startedAt: startedAt ?? row.created_at,
      });
      await this.#tellEnd(transaction, { ...row, state: 'ready', file_id: fileId });
      this.#removeSoon();
      return { fileId };
    };
  }

  /** Removes what is not needed any more once the transaction under way is over. */
  #removeSoon(): void {
    setTimeout(() => {
      if (this.#timer === undefined) return;
      this.sweep().catch((error: unknown) =>
        this.#options.logger.error({ err: error }, 'uploads cannot be cleaned up'),
      );
    }, 200).unref();
  }

  async #describe(row: UploadRow): Promise<Upload> {
    const received = row.state === 'receiving' ? ((await sizeOf(this.pathOf(row.upload_id))) ?? 0) : row.size_bytes;
    return toUpload(row, received);
  }
}

/** A new upload's id: 32 hexadecimal digits, which nobody can guess. */
export function newUploadId(): string {
  return randomBytes(16).toString('hex');
}

/** Why the file cannot be taken, in one sentence; undefined when it can. */
function rejectionOf(row: UploadRow, outcome: Outcome<'probe'>): string | undefined {
  if (outcome.state !== 'done') return outcome.error.message;
  const { sha256 } = detailsOf(row);
  if (sha256 === null || sha256 === outcome.result.sha256) return undefined;
  return `The file's SHA-256 is ${outcome.result.sha256 ?? 'unknown'}, not ${sha256}`;
}
