import { AircheckError, type AssetDeleted, type AssetState } from '@aircheck/protocol';
import type { Database } from '../db/index.ts';
import { requireAssetRow, type StoredAsset, toStoredAsset } from './assets.ts';

export type RemovalReason = AssetDeleted['reason'];

/** From where each state on the way out may be reached. A file that failed has nothing to restore: it goes at once. */
const reachableFrom = {
  recycled: ['ready'],
  deleting: ['ready', 'failed', 'recycled'],
} as const satisfies Partial<Record<AssetState, readonly AssetState[]>>;

/**
 * Takes a file out of the library: into the recycle bin, or towards its removal.
 * @returns the file; `changed` is false when it was there already
 * @throws AircheckError `asset-not-found`; `asset-state` while it is being recorded or recovered
 */
export async function recycle(
  transaction: Database,
  now: number,
  appId: string,
  fileId: string,
  atOnce: boolean,
): Promise<{ readonly stored: StoredAsset; readonly changed: boolean }> {
  const before = await requireAssetRow(transaction, fileId, appId);
  const state = atOnce || before.state === 'failed' ? 'deleting' : 'recycled';
  const { numUpdatedRows } = await transaction
    .updateTable('assets')
    .set({ state, updated_at: now, ...(state === 'recycled' && { recycled_at: now }) })
    .where('file_id', '=', fileId)
    .where('state', 'in', reachableFrom[state])
    .executeTakeFirst();
  const stored = toStoredAsset(await requireAssetRow(transaction, fileId, appId));
  if (numUpdatedRows === 0n && (stored.asset.state === 'recording' || stored.asset.state === 'interrupted')) {
    throw new AircheckError('asset-state', `The file ${fileId} is still being recorded`, {
      hint: 'End the recording first',
    });
  }
  return { stored, changed: numUpdatedRows > 0n };
}

/** Takes a file out of the recycle bin. @throws AircheckError `asset-not-found`; `asset-state` when it is not in it */
export async function restore(transaction: Database, now: number, appId: string, fileId: string): Promise<StoredAsset> {
  const { numUpdatedRows } = await transaction
    .updateTable('assets')
    .set({ state: 'ready', recycled_at: null, updated_at: now })
    .where('app_id', '=', appId)
    .where('file_id', '=', fileId)
    .where('state', '=', 'recycled')
    .executeTakeFirst();
  const stored = toStoredAsset(await requireAssetRow(transaction, fileId, appId));
  if (numUpdatedRows === 0n) {
    throw new AircheckError('asset-state', `The file ${fileId} is ${stored.asset.state}, not in the recycle bin`);
  }
  return stored;
}
