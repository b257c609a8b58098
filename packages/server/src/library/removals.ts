import { rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { AircheckError, type AssetDeleted } from '@aircheck/protocol';
import type { Database } from '../db/index.ts';
import type { Outbox } from '../events/index.ts';
import type { Jobs } from '../jobs/index.ts';
import { subjectOf, timeOrNull } from './assets.ts';
import type { StoredDerivative } from './derivatives.ts';
import type { RemovalReason } from './recycling.ts';

export interface RemovalsOptions {
  readonly db: Database;
  readonly outbox: Outbox;
  readonly config: { readonly recordingsFolder: string; readonly derivedFolder: string };
}

/**
 * Carries removals out, as jobs of type `delete`. A file is `deleting` before anything of it goes, then its bytes and those
 * of all that was made of it go, then the rows with the event that tells of it, in one transaction. Killed at any point,
 * the job is done again from its beginning, which finds less to do.
 */
export class Removals {
  readonly #options: RemovalsOptions;

  constructor(options: RemovalsOptions) {
    this.#options = options;
  }

  /** Takes over the queue's jobs of type `delete`. */
  attach(jobs: Pick<Jobs, 'onRun' | 'onFinished' | 'removeRemainsOf'>): void {
    jobs.onRun('delete', async ({ input }) => {
      await this.removeBytes(input.fileId);
      // A clip that was being made of it lies where files lie, not with it.
      await jobs.removeRemainsOf(input.fileId);
      return {};
    });
    jobs.onFinished('delete', async ({ input }, outcome) =>
      // One that failed leaves the file `deleting`; the sweeper has it tried again.
      outcome.state === 'done'
        ? async (transaction) => {
            await this.removeRows(transaction, input.fileId, input.reason);
            return undefined;
          }
        : undefined,
    );
  }

  /**
   * Removes the bytes of a file that is being deleted, and of all that was made of it; of any other file nothing.
   * @throws AircheckError `storage-failed`, to be tried again
   */
  async removeBytes(fileId: string): Promise<void> {
    const { db, config } = this.#options;
    const row = await db
      .selectFrom('assets')
      .select(['path', 'state'])
      .where('file_id', '=', fileId)
      .executeTakeFirst();
    if (row?.state !== 'deleting') return;
    await removeInside(config.derivedFolder, fileId);
    await removeInside(config.recordingsFolder, row.path);
    // The folder is its recording's: the last file to go takes it along.
    await rmdir(dirname(join(config.recordingsFolder, row.path))).catch(() => {});
  }

  /** Removes all that is known of a file that is being deleted, and tells of it. */
  async removeRows(transaction: Database, fileId: string, reason: RemovalReason): Promise<void> {
    const row = await transaction
      .deleteFrom('assets')
      .where('file_id', '=', fileId)
      .where('state', '=', 'deleting')
      .returning(['app_id', 'file_name', 'recording_id', 'recycled_at'])
      .executeTakeFirst();
    if (row === undefined) return;
    await transaction.deleteFrom('derivatives').where('file_id', '=', fileId).execute();
    await transaction.deleteFrom('asset_tags').where('file_id', '=', fileId).execute();
    const data: AssetDeleted = {
      fileId,
      fileName: row.file_name,
      recordingId: row.recording_id,
      recycledAt: timeOrNull(row.recycled_at),
      reason,
    };
    await this.#options.outbox.append(transaction, {
      appId: row.app_id,
      type: 'asset.deleted',
      subject: subjectOf(data),
      data,
    });
  }

  /**
   * Removes one thing that was made of a file: its bytes first, so that a kill in between leaves what can be done again.
   * @throws AircheckError `storage-failed`
   */
  async removeDerivative({ path, derivative }: StoredDerivative): Promise<void> {
    const { db, config } = this.#options;
    // A sprite is a folder of sheets; each other kind is a file.
    await removeInside(config.derivedFolder, path.split('/').slice(0, 2).join('/'));
    await db.transaction().execute(async (transaction) => {
      const { derivativeId, fileId } = derivative;
      await transaction.deleteFrom('derivatives').where('derivative_id', '=', derivativeId).execute();
      await transaction
        .updateTable('assets')
        .set({ cover_id: null })
        .where('file_id', '=', fileId)
        .where('cover_id', '=', derivativeId)
        .execute();
    });
  }
}

async function removeInside(folder: string, path: string): Promise<void> {
  const whole = resolve(folder, path);
  // The path comes from our own database; a mistake there must not remove the rest of the disk.
  if (!whole.startsWith(resolve(folder) + sep)) {
    throw new AircheckError('internal', `${path} does not lie in ${folder}`);
  }
  try {
    await rm(whole, { recursive: true, force: true, maxRetries: 3 });
  } catch (cause) {
    throw new AircheckError('storage-failed', `The bytes of a file cannot be removed: ${String(cause)}`, { cause });
  }
}
