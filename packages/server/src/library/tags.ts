import type { Database } from '../db/index.ts';

/** Each tag once, in the order given. */
export function distinctTags(tags: readonly string[]): string[] {
  return [...new Set(tags)];
}

/** Brings the tags that are searched in step with those of the file. */
export async function replaceTags(
  transaction: Database,
  appId: string,
  fileId: string,
  tags: readonly string[],
): Promise<void> {
  await transaction.deleteFrom('asset_tags').where('file_id', '=', fileId).execute();
  if (tags.length === 0) return;
  await transaction
    .insertInto('asset_tags')
    .values(tags.map((tag) => ({ file_id: fileId, app_id: appId, tag })))
    .execute();
}
