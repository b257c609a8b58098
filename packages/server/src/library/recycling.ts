import { AircheckError, type AssetDeleted, type AssetState } from '@aircheck/protocol';
import type { AssetRow, Database } from '../db/index.ts';
import { requireAssetRow, type StoredAsset, toStoredAsset } from './assets.ts';

export type RemovalReason = AssetDeleted['reason'];

/** A state on a file's way out of the library. */
type OutState = Extract<AssetState, 'recycled' | 'deleting'>;

/** From where each state on the way out may be reached. */
const reachableFrom: Readonly<Record<OutState, readonly AssetState[]>> = {
  recycled: ['ready'],
  deleting: ['ready', 'failed', 'recycled'],
};

/** The file was moved into another state between a look at it and its change. */
export class ChangedMeanwhile extends Error {}

/**
 * Where a file goes that is to leave the library. One that failed has nothing to restore: it goes at once.
 * @returns undefined when it is there already
 * @throws AircheckError `asset-state` while it is being recorded or recovered
 */
export function wayOut(row: AssetRow, atOnce: boolean): OutState | undefined {
  const state = row.state as AssetState;
  if (state === 'recording' || state === 'interrupted') {
    throw new AircheckError('asset-state', `The file ${row.file_id} is still being recorded`, {
      hint: 'End the recording first',
    });
  }
  const to = atOnce || state === 'failed' ? 'deleting' : 'recycled';
  return reachableFrom[to].includes(state) ? to : undefined;
}

/** Takes a file out of the library: into the recycle bin, or towards its removal. @throws ChangedMeanwhile */
export async function takeOut(transaction: Database, now: number, fileId: string, to: OutState): Promise<StoredAsset> {
  const row = await transaction
    .updateTable('assets')
    .set({ state: to, updated_at: now, ...(to === 'recycled' && { recycled_at: now }) })
    .where('file_id', '=', fileId)
    .where('state', 'in', reachableFrom[to])
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) throw new ChangedMeanwhile();
  return toStoredAsset(row);
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
