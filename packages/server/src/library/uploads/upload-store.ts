import { AircheckError, type Upload, type UploadList, type UploadState } from '@aircheck/protocol';
import type { Selectable } from 'kysely';
import { isUserToken, roleIn, type UserPrincipal } from '../../apps/index.ts';
import type { Clock } from '../../clock.ts';
import { type Database, decodeCursor, encodeCursor } from '../../db/index.ts';
import type { UploadsTable } from '../../db/schema.ts';

/** In milliseconds. */
const touchEveryMs = 60_000;

export type UploadRow = Selectable<UploadsTable>;

/** What an upload's row keeps as JSON. */
export interface UploadDetails {
  readonly source: 'upload' | 'pull';
  /** The id that the file gets; given beforehand, so that what a crash cut can be done again and doubles nothing. */
  readonly fileId: string;
  readonly intro: string;
  readonly classId: number;
  readonly tags: readonly string[];
  readonly recordingId: string | null;
  /** Hex digest that the file must have. */
  readonly sha256: string | null;
  /** Base64: written over the file's first bytes when all has come. */
  readonly head?: string;
  /** When what is in the file began, in milliseconds since 1970. */
  readonly startedAt?: number;
  /** As the client gave it; it is given back by HEAD. */
  readonly metadata?: Readonly<Record<string, string | null>>;
  /** Of a pull. */
  readonly jobId?: string;
}

export interface UploadFilter {
  readonly state?: UploadState | undefined;
  /** What a user may see: its own, a host those of its room. */
  readonly user?: UserPrincipal | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export function detailsOf(row: UploadRow): UploadDetails {
  return JSON.parse(row.details) as UploadDetails;
}

/** The rows of files on their way in. */
export class UploadStore {
  readonly #db: Database;
  readonly #clock: Clock;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  async insert(
    row: Omit<UploadRow, 'details' | 'created_at' | 'updated_at' | 'state' | 'detail' | 'file_id'>,
    details: UploadDetails,
    db: Database = this.#db,
  ): Promise<UploadRow> {
    const now = this.#clock.now();
    const whole: UploadRow = {
      ...row,
      details: JSON.stringify(details),
      state: 'receiving',
      detail: null,
      file_id: null,
      created_at: now,
      updated_at: now,
    };
    await db.insertInto('uploads').values(whole).execute();
    return whole;
  }

  find(uploadId: string, db: Database = this.#db): Promise<UploadRow | undefined> {
    return db.selectFrom('uploads').selectAll().where('upload_id', '=', uploadId).executeTakeFirst();
  }

  /** @throws AircheckError `upload-not-found` */
  async get(uploadId: string): Promise<UploadRow> {
    const row = await this.find(uploadId);
    if (row === undefined) throw new AircheckError('upload-not-found', `There is no upload ${uploadId}`);
    return row;
  }

  async list(
    appId: string,
    filter: UploadFilter,
  ): Promise<{ rows: UploadRow[]; nextCursor: UploadList['nextCursor'] }> {
    let query = this.#db.selectFrom('uploads').selectAll().where('app_id', '=', appId);
    if (filter.state !== undefined) query = query.where('state', '=', filter.state);
    const { user } = filter;
    if (user !== undefined && isUserToken(user)) {
      const hosted = [...(user.presence?.keys() ?? [])].filter((roomId) => roleIn(user, roomId) === 'host');
      query = query.where((where) =>
        where.or([
          where('user_id', '=', user.userId),
          ...(hosted.length === 0 ? [] : [where('room_id', 'in', hosted)]),
        ]),
      );
    } else if (user !== undefined) {
      query = query.where('room_id', '=', user.roomId);
      if (roleIn(user, user.roomId) !== 'host') query = query.where('user_id', '=', user.userId);
    }
    if (filter.cursor !== undefined) {
      const { at, id } = decodeCursor(filter.cursor);
      query = query.where((where) =>
        where.or([
          where('created_at', '<', at),
          where.and([where('created_at', '=', at), where('upload_id', '<', id)]),
        ]),
      );
    }
    const rows = await query
      .orderBy('created_at', 'desc')
      .orderBy('upload_id', 'desc')
      .limit(filter.limit + 1)
      .execute();
    const last = rows.length > filter.limit ? rows[filter.limit - 1] : undefined;
    return {
      rows: rows.slice(0, filter.limit),
      nextCursor: last === undefined ? null : encodeCursor({ at: last.created_at, id: last.upload_id }),
    };
  }

  /** All uploads in one of these states. */
  inStates(...states: UploadState[]): Promise<UploadRow[]> {
    return this.#db.selectFrom('uploads').selectAll().where('state', 'in', states).execute();
  }

  /**
   * Moves an upload on.
   * @returns false when it is not in the state `from` any more
   */
  async move(
    db: Database,
    uploadId: string,
    from: UploadState,
    to: UploadState,
    changes: { readonly detail?: string; readonly fileId?: string; readonly sizeBytes?: number } = {},
  ): Promise<boolean> {
    const { numUpdatedRows } = await db
      .updateTable('uploads')
      .set({
        state: to,
        updated_at: this.#clock.now(),
        ...(changes.detail !== undefined && { detail: changes.detail }),
        ...(changes.fileId !== undefined && { file_id: changes.fileId }),
        ...(changes.sizeBytes !== undefined && { size_bytes: changes.sizeBytes }),
      })
      .where('upload_id', '=', uploadId)
      .where('state', '=', from)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Something has come: it is not abandoned. Noted once a minute, since a file that grows is sent in many small pieces. */
  async touch(uploadId: string): Promise<void> {
    const now = this.#clock.now();
    await this.#db
      .updateTable('uploads')
      .set({ updated_at: now })
      .where('upload_id', '=', uploadId)
      .where('state', '=', 'receiving')
      .where('updated_at', '<=', now - touchEveryMs)
      .execute();
  }

  /** The length that an address tells of its file; 0 when it tells none. */
  async setSize(uploadId: string, sizeBytes: number): Promise<void> {
    await this.#db
      .updateTable('uploads')
      .set({ updated_at: this.#clock.now(), size_bytes: sizeBytes })
      .where('upload_id', '=', uploadId)
      .where('state', '=', 'receiving')
      .execute();
  }

  /** The length of an upload that was begun without one, and what is known of the file only now. */
  async declare(
    uploadId: string,
    sizeBytes: number,
    changes: Partial<Pick<UploadDetails, 'sha256' | 'head'>>,
  ): Promise<void> {
    const details: UploadDetails = { ...detailsOf(await this.get(uploadId)), ...changes };
    await this.#db
      .updateTable('uploads')
      .set({ updated_at: this.#clock.now(), size_bytes: sizeBytes, details: JSON.stringify(details) })
      .where('upload_id', '=', uploadId)
      .where('state', '=', 'receiving')
      .execute();
  }

  /** Forgets what has come to its end before a time, in milliseconds since 1970. */
  async forget(before: number): Promise<void> {
    await this.#db
      .deleteFrom('uploads')
      .where('state', 'in', ['ready', 'rejected', 'aborted'])
      .where('updated_at', '<', before)
      .execute();
  }
}

/** @param receivedBytes - what lies there of it */
export function toUpload(row: UploadRow, receivedBytes: number): Upload {
  const { source, jobId } = detailsOf(row);
  return {
    uploadId: row.upload_id,
    source,
    fileName: row.file_name,
    sizeBytes: row.size_bytes,
    receivedBytes,
    state: row.state as UploadState,
    detail: row.detail,
    fileId: row.file_id,
    jobId: jobId ?? null,
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}
