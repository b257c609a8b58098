import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import { AircheckError, type AssetList, type AssetState, type EventType, type Statistics } from '@aircheck/protocol';
import type { Clock } from '../clock.ts';
import type { Database } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import { type AssetOwner, enterAsset, measuredColumns, type NewFile, noHealth } from './asset-entry.ts';
import { type AssetFilter, listAssets } from './asset-list.ts';
import { type AssetChanges, changeAsset } from './asset-update.ts';
import { requireAssetRow, type StoredAsset, subjectOf, toStoredAsset } from './assets.ts';
import { Classes } from './classes.ts';
import { insertDerivatives, listDerivatives, type NewDerivative, type StoredDerivative } from './derivatives.ts';
import { ChangedMeanwhile, type RemovalReason, restore, takeOut, wayOut } from './recycling.ts';
import { Retention } from './retention.ts';
import { Settings } from './settings.ts';
import { statisticsOf } from './statistics.ts';

/** Called in the transaction in which a file becomes ready. */
export type ReadyHook = (transaction: Database, stored: StoredAsset) => Promise<void>;

/** Puts the job that removes a file, already marked as `deleting`, into the queue. */
export type EnqueueRemoval = (
  transaction: Database,
  removal: { readonly appId: string; readonly fileId: string; readonly reason: RemovalReason },
) => Promise<void>;

export interface LibraryOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly enqueueRemoval: EnqueueRemoval;
}

/** States in which a file is not whole, or was given up; from all of them it may become ready. */
const openStates = ['recording', 'interrupted', 'failed'] as const satisfies readonly AssetState[];

/** The video library: every file from its first fragment on, and what was made of it. */
export class Library {
  readonly classes: Classes;
  readonly settings: Settings;
  readonly retention: Retention;
  readonly #options: LibraryOptions;
  readonly #db: Database;
  readonly #readyHooks: ReadyHook[] = [];

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#db = options.db;
    this.classes = new Classes(options.db, options.clock);
    this.settings = new Settings(options.db, options.clock);
    this.retention = new Retention(options.db, this.classes);
  }

  /** Runs in each transaction in which a file becomes ready; what it throws takes that back. */
  onReady(hook: ReadyHook): void {
    this.#readyHooks.push(hook);
  }

  /** Enters a recording's segment, or brings its entry up to date. Of a file that is ready nothing changes any more. */
  async save(owner: AssetOwner, segment: SegmentSnapshot, state: AssetState): Promise<void> {
    const over = state === 'ready' || state === 'failed';
    const progress = {
      state,
      started_at: Math.round(segment.startedAt),
      ended_at: over ? Math.round(segment.startedAt + segment.durationMs) : null,
      ...measuredColumns(segment),
      updated_at: this.#options.clock.now(),
    };
    await this.#db.transaction().execute(async (transaction) => {
      const entered = await enterAsset(transaction, this.classes, {
        ...progress,
        file_id: segment.fileId,
        app_id: owner.appId,
        source: 'record',
        recording_id: segment.recordingId,
        segment_index: segment.segmentIndex,
        room_id: owner.roomId,
        user_id: owner.userId,
        file_name: owner.fileName,
        path: segment.path,
        tags: owner.tags,
        class_id: owner.classId,
      });
      const changed =
        entered ||
        (
          await transaction
            .updateTable('assets')
            .set(progress)
            .where('file_id', '=', segment.fileId)
            .where('state', 'in', openStates)
            .executeTakeFirst()
        ).numUpdatedRows > 0n;
      if (changed && state === 'ready') await this.#becameReady(transaction, segment.fileId);
    });
    if (over) this.#options.outbox.wake();
  }

  /** Writes down how far growing files have come; those that have ended meanwhile stay as they are. */
  async saveProgress(segments: readonly SegmentSnapshot[]): Promise<void> {
    // Who locks several files does so in the order of their ids: of two, none waits for the other.
    const ordered = segments.toSorted((a, b) => (a.fileId < b.fileId ? -1 : 1));
    await this.#db.transaction().execute(async (transaction) => {
      for (const segment of ordered) {
        await transaction
          .updateTable('assets')
          .set(measuredColumns(segment))
          .where('file_id', '=', segment.fileId)
          .where('state', '=', 'recording')
          .execute();
      }
    });
  }

  /** Marks the growing files of a recording whose writer is gone. */
  async interrupt(recordingId: string): Promise<void> {
    await this.#db
      .updateTable('assets')
      .set({ state: 'interrupted' })
      .where('recording_id', '=', recordingId)
      .where('state', '=', 'recording')
      .execute();
  }

  /** The files of recordings, each recording's oldest first. */
  async ofRecordings(recordingIds: readonly string[], db: Database = this.#db): Promise<Map<string, StoredAsset[]>> {
    const found = new Map<string, StoredAsset[]>(recordingIds.map((id) => [id, []]));
    if (recordingIds.length === 0) return found;
    const rows = await db
      .selectFrom('assets')
      .selectAll()
      .where('recording_id', 'in', recordingIds)
      .orderBy('recording_id')
      .orderBy('segment_index')
      .orderBy('file_id')
      .execute();
    for (const row of rows) found.get(row.recording_id!)?.push(toStoredAsset(row));
    return found;
  }

  /** @throws AircheckError `asset-not-found`, also for a file of another app when `appId` is given */
  async get(fileId: string, appId?: string): Promise<StoredAsset> {
    return toStoredAsset(await requireAssetRow(this.#db, fileId, appId));
  }

  /** Those of the files that the app has, in the order asked for. */
  async getMany(appId: string, fileIds: readonly string[]): Promise<StoredAsset[]> {
    if (fileIds.length === 0) return [];
    const rows = await this.#db
      .selectFrom('assets')
      .selectAll()
      .where('app_id', '=', appId)
      .where('file_id', 'in', fileIds)
      .execute();
    const byId = new Map(rows.map((row) => [row.file_id, row]));
    return fileIds.flatMap((fileId) => byId.get(fileId) ?? []).map(toStoredAsset);
  }

  /** One page of the files that the filter lets through, and how many these are in all. */
  list(appId: string, filter: AssetFilter): Promise<AssetList> {
    return listAssets(this.#db, this.classes, appId, filter);
  }

  /**
   * Enters a whole file, which is ready at once. To be told of by {@link Outbox.wake} after the transaction.
   * @param transaction - the one in which that is recorded for which the file was made
   */
  async addFile(transaction: Database, file: NewFile): Promise<StoredAsset> {
    const { facts } = file;
    const now = this.#options.clock.now();
    const startedAt = Math.round(file.startedAt ?? now);
    const entered = await enterAsset(transaction, this.classes, {
      file_id: file.fileId,
      app_id: file.appId,
      source: file.source,
      recording_id: file.recordingId ?? null,
      segment_index: file.segmentIndex ?? 0,
      room_id: file.roomId ?? null,
      user_id: file.userId ?? null,
      file_name: file.fileName,
      intro: file.intro ?? '',
      path: file.path,
      state: 'ready',
      started_at: startedAt,
      ended_at: Math.round(startedAt + facts.durationMs),
      ...measuredColumns({ ...facts, health: noHealth }),
      tags: file.tags ?? [],
      class_id: file.classId ?? 0,
      updated_at: now,
      expires_at: file.expiresAt ?? null,
    });
    return entered
      ? this.#becameReady(transaction, file.fileId)
      : toStoredAsset(await requireAssetRow(transaction, file.fileId, file.appId));
  }

  /**
   * Changes what people may change of a file.
   * @throws AircheckError `asset-not-found`, `class-not-found`; `asset-state` in the recycle bin; `request-invalid` for a
   *   cover that is no picture of the file and for an expiry that has passed
   */
  async update(appId: string, fileId: string, changes: AssetChanges): Promise<StoredAsset> {
    const { clock, outbox } = this.#options;
    const stored = await this.#db.transaction().execute(async (transaction) => {
      const { stored, events } = await changeAsset(transaction, this.classes, clock.now(), appId, fileId, changes);
      for (const type of events) await this.#tell(transaction, type, stored);
      return stored;
    });
    outbox.wake();
    return stored;
  }

  /**
   * Puts a file into the recycle bin, or, where that is passed over or the app has none, has it removed by a job: it is
   * `deleting` until its bytes and all that was made of it are gone.
   * @returns the file in its new state; doing it twice changes nothing
   * @throws AircheckError `asset-not-found`; `asset-state` while it is being recorded
   */
  async remove(
    appId: string,
    fileId: string,
    { now = false, reason = 'request' }: { readonly now?: boolean; readonly reason?: RemovalReason } = {},
  ): Promise<StoredAsset> {
    const { clock, outbox, enqueueRemoval } = this.#options;
    const attempt = () =>
      this.#db.transaction().execute(async (transaction) => {
        const { recycleDays } = await this.settings.get(appId, transaction);
        const row = await requireAssetRow(transaction, fileId, appId);
        const to = wayOut(row, now || recycleDays === 0);
        if (to === undefined) return toStoredAsset(row);
        // Jobs before files, as the end of a job takes them: two transactions that wait for each other never end.
        if (to === 'deleting') await enqueueRemoval(transaction, { appId, fileId, reason });
        const stored = await takeOut(transaction, clock.now(), fileId, to);
        if (to === 'recycled') await this.#tell(transaction, 'asset.recycled', stored);
        return stored;
      });
    // Where somebody else was quicker, there is something else to be done, or nothing.
    const stored = await attempt().catch((error: unknown) => {
      if (error instanceof ChangedMeanwhile) return attempt();
      throw error;
    });
    outbox.wake();
    return stored;
  }

  /** Has the removal of a file tried again whose job has failed. @throws AircheckError `asset-state` when it is not being deleted */
  async removeAgain(appId: string, fileId: string): Promise<void> {
    const { clock, outbox, enqueueRemoval } = this.#options;
    const now = clock.now();
    await this.#db.transaction().execute(async (transaction) => {
      const row = await transaction
        .updateTable('assets')
        .set({ updated_at: now })
        .where('app_id', '=', appId)
        .where('file_id', '=', fileId)
        .where('state', '=', 'deleting')
        .returning('expires_at')
        .executeTakeFirst();
      if (row === undefined) throw new AircheckError('asset-state', `The file ${fileId} is not being deleted`);
      const expired = row.expires_at !== null && row.expires_at <= now;
      await enqueueRemoval(transaction, { appId, fileId, reason: expired ? 'expiry' : 'request' });
    });
    outbox.wake();
  }

  /** Takes a file out of the recycle bin. @throws AircheckError `asset-not-found`; `asset-state` when it is not in it */
  async restore(appId: string, fileId: string): Promise<StoredAsset> {
    const { clock, outbox } = this.#options;
    const stored = await this.#db.transaction().execute(async (transaction) => {
      const stored = await restore(transaction, clock.now(), appId, fileId);
      await this.#tell(transaction, 'asset.restored', stored);
      return stored;
    });
    outbox.wake();
    return stored;
  }

  /** What was made of files, each file's oldest first. */
  async derivativesOf(fileIds: readonly string[], db: Database = this.#db): Promise<Map<string, StoredDerivative[]>> {
    return listDerivatives(db, fileIds);
  }

  /**
   * Enters what a job has made of a file; what is there already stays as it is.
   * @param transaction - the one in which the job is recorded as done
   * @param coverId - the one of them that becomes the file's cover
   * @throws AircheckError `asset-not-found`; `asset-state` when the file is being removed: what was made must go then
   */
  async addDerivatives(
    transaction: Database,
    fileId: string,
    derivatives: readonly NewDerivative[],
    { coverId }: { readonly coverId?: string | undefined } = {},
  ): Promise<void> {
    const now = this.#options.clock.now();
    // A write, not a look: it waits for a removal that is about to be committed, and a removal waits for it.
    const { numUpdatedRows } = await transaction
      .updateTable('assets')
      .set({ updated_at: now, ...(coverId !== undefined && { cover_id: coverId }) })
      .where('file_id', '=', fileId)
      .where('state', '!=', 'deleting')
      .executeTakeFirst();
    const row = await requireAssetRow(transaction, fileId);
    if (numUpdatedRows === 0n) throw new AircheckError('asset-state', `The file ${fileId} is being deleted`);
    await insertDerivatives(transaction, now, row, derivatives);
    if (coverId !== undefined) await this.#tell(transaction, 'asset.updated', toStoredAsset(row));
  }

  /** What an app keeps and what was served of it. */
  statistics(appId: string): Promise<Statistics> {
    return statisticsOf(this.#db, appId);
  }

  /** Keeps the digests of a whole file, in hexadecimal. */
  async setDigests(
    transaction: Database,
    fileId: string,
    digests: { readonly sha256: string; readonly md5: string },
  ): Promise<void> {
    await transaction.updateTable('assets').set(digests).where('file_id', '=', fileId).execute();
  }

  async #becameReady(transaction: Database, fileId: string): Promise<StoredAsset> {
    const stored = toStoredAsset(await requireAssetRow(transaction, fileId));
    await this.#tell(transaction, 'asset.ready', stored);
    for (const hook of this.#readyHooks) await hook(transaction, stored);
    return stored;
  }

  #tell(transaction: Database, type: EventType, { appId, asset }: StoredAsset): Promise<void> {
    return this.#options.outbox.append(transaction, { appId, type, subject: subjectOf(asset), data: asset });
  }
}
