import type { SegmentSnapshot } from '@aircheck/engine/recorder';
import type { AssetSource } from '@aircheck/protocol';
import type { Database, NewAssetRow } from '../db/index.ts';
import type { MediaFacts } from '../jobs/work-orders.ts';
import type { Classes } from './classes.ts';
import { distinctTags, replaceTags } from './tags.ts';

/** What a file has from the recording it belongs to. */
export interface AssetOwner {
  readonly appId: string;
  readonly roomId: string;
  readonly userId: string;
  readonly fileName: string;
  readonly tags: readonly string[];
  readonly classId: number;
}

/** A whole file that comes into the library. */
export interface NewFile {
  readonly appId: string;
  readonly fileId: string;
  readonly source: AssetSource;
  /** Relative to the recordings folder. */
  readonly path: string;
  readonly facts: MediaFacts;
  readonly fileName: string;
  readonly intro?: string | undefined;
  /** A class that is not there (any more) becomes the default one. */
  readonly classId?: number | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly recordingId?: string | null | undefined;
  readonly roomId?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly segmentIndex?: number | undefined;
  /** Milliseconds since 1970; now when absent. */
  readonly startedAt?: number | undefined;
  readonly expiresAt?: number | null | undefined;
}

type OptionalColumn = 'intro' | 'banned' | 'sha256' | 'md5' | 'cover_id' | 'expires_at' | 'recycled_at';
type FileColumns = Omit<NewAssetRow, OptionalColumn | 'tags' | 'created_at'> &
  Partial<Pick<NewAssetRow, OptionalColumn>> & { readonly tags: readonly string[] };

/** Of a file that was not recorded here nothing is known to be wrong. */
export const noHealth = {
  gaps: [],
  gapCount: 0,
  lostPackets: 0,
  recoveredPackets: 0,
  lostFrames: 0,
  frozenMs: 0,
  silenceMs: 0,
  clockDriftPpm: {},
  resolutionChanges: [],
};

/** What is measured of a file, as columns. */
export function measuredColumns(
  facts: Pick<SegmentSnapshot, 'mimeType' | 'durationMs' | 'sizeBytes' | 'video' | 'audio' | 'health'>,
) {
  return {
    mime_type: facts.mimeType,
    duration_ms: facts.durationMs,
    size_bytes: facts.sizeBytes,
    video: facts.video === null ? null : JSON.stringify(facts.video),
    audio: facts.audio === null ? null : JSON.stringify(facts.audio),
    health: JSON.stringify(facts.health),
  };
}

/** Enters a file and its tags. @returns false when it has been entered already */
export async function enterAsset(transaction: Database, classes: Classes, file: FileColumns): Promise<boolean> {
  const { tags, ...columns } = file;
  const distinct = distinctTags(tags);
  const { numInsertedOrUpdatedRows } = await transaction
    .insertInto('assets')
    .values({
      intro: '',
      banned: 0,
      sha256: null,
      md5: null,
      cover_id: null,
      expires_at: null,
      recycled_at: null,
      ...columns,
      tags: JSON.stringify(distinct),
      class_id: await classes.orDefault(file.app_id, file.class_id, transaction),
      created_at: file.updated_at,
    })
    .onConflict((conflict) => conflict.column('file_id').doNothing())
    .executeTakeFirst();
  if (numInsertedOrUpdatedRows === 0n) return false;
  await replaceTags(transaction, file.app_id, file.file_id, distinct);
  return true;
}
