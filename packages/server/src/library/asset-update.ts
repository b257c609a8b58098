import { AircheckError, type EventType } from '@aircheck/protocol';
import type { AssetRow, Database } from '../db/index.ts';
import { requireAssetRow, type StoredAsset, toStoredAsset } from './assets.ts';
import type { Classes } from './classes.ts';
import { distinctTags, replaceTags } from './tags.ts';

/** What people may change of a file; what is absent stays. */
export interface AssetChanges {
  readonly fileName?: string | undefined;
  readonly intro?: string | undefined;
  readonly classId?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  /** A time as ISO 8601; null: never. */
  readonly expiresAt?: string | null | undefined;
  readonly banned?: boolean | undefined;
  readonly coverId?: string | null | undefined;
}

/**
 * Changes a file's row.
 * @returns the file, and what is to be told of it: nothing when all was so before
 * @throws AircheckError see {@link Library.update}
 */
export async function changeAsset(
  transaction: Database,
  classes: Classes,
  now: number,
  appId: string,
  fileId: string,
  changes: AssetChanges,
): Promise<{ readonly stored: StoredAsset; readonly events: readonly EventType[] }> {
  const row = await requireAssetRow(transaction, fileId, appId);
  if (row.hidden !== 0) {
    throw new AircheckError('asset-state', `The file ${fileId} is ${row.state}: it cannot be changed`, {
      ...(row.state === 'recycled' && { hint: 'Restore it first' }),
    });
  }
  const { fileName, intro, classId, expiresAt, coverId } = changes;
  if (classId !== undefined) await classes.require(appId, classId, 'body.classId', transaction);
  if (typeof coverId === 'string') await requirePicture(transaction, fileId, coverId);
  const tags = changes.tags === undefined ? undefined : distinctTags(changes.tags);
  const wanted = {
    ...(fileName !== undefined && { file_name: fileName }),
    ...(intro !== undefined && { intro }),
    ...(classId !== undefined && { class_id: classId }),
    ...(tags !== undefined && { tags: JSON.stringify(tags) }),
    ...(expiresAt !== undefined && { expires_at: expiresAt === null ? null : futureTime(expiresAt, now) }),
    ...(coverId !== undefined && { cover_id: coverId }),
  } satisfies Partial<AssetRow>;
  const updated = differs(row, wanted);
  const banned = changes.banned === undefined ? row.banned : Number(changes.banned);
  if (!updated && banned === row.banned) return { stored: toStoredAsset(row), events: [] };

  await transaction
    .updateTable('assets')
    .set({ ...wanted, banned, updated_at: now })
    .where('file_id', '=', fileId)
    .execute();
  if (tags !== undefined) await replaceTags(transaction, appId, fileId, tags);
  return {
    stored: toStoredAsset(await requireAssetRow(transaction, fileId)),
    events: [
      ...(updated ? (['asset.updated'] as const) : []),
      ...(banned === row.banned ? [] : ([banned === 1 ? 'asset.banned' : 'asset.unbanned'] as const)),
    ],
  };
}

function differs(row: AssetRow, wanted: Partial<AssetRow>): boolean {
  return Object.entries(wanted).some(([column, value]) => row[column as keyof AssetRow] !== value);
}

/** A time that has passed is more likely a mistake than a wish, and it could not be taken back. */
function futureTime(iso: string, now: number): number {
  const at = Date.parse(iso);
  if (at > now) return at;
  throw new AircheckError('request-invalid', `body.expiresAt: ${iso} has passed`, {
    input: 'body.expiresAt',
    hint: 'Delete the file if it shall go now',
  });
}

async function requirePicture(transaction: Database, fileId: string, derivativeId: string): Promise<void> {
  const picture = await transaction
    .selectFrom('derivatives')
    .select('derivative_id')
    .where('derivative_id', '=', derivativeId)
    .where('file_id', '=', fileId)
    .where('kind', 'in', ['cover', 'snapshot'])
    .executeTakeFirst();
  if (picture !== undefined) return;
  throw new AircheckError('request-invalid', `body.coverId: the file has no picture ${derivativeId}`, {
    input: 'body.coverId',
    hint: 'GET /v1/assets/{fileId}/derivatives lists its covers and snapshots',
  });
}
