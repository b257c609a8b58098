import {
  AircheckError,
  type Asset,
  type AssetSource,
  type AssetState,
  type AudioInfo,
  type Health,
  type VideoInfo,
} from '@aircheck/protocol';
import type { AssetRow, Database } from '../db/index.ts';

/** An asset with what is not told outside: its app and where its file is. */
export interface StoredAsset {
  readonly appId: string;
  /** Relative to the recordings folder. */
  readonly path: string;
  readonly asset: Asset;
}

export function toStoredAsset(row: AssetRow): StoredAsset {
  return {
    appId: row.app_id,
    path: row.path,
    asset: {
      fileId: row.file_id,
      fileName: row.file_name,
      intro: row.intro,
      state: row.state as AssetState,
      source: row.source as AssetSource,
      banned: row.banned !== 0,
      durationMs: row.duration_ms,
      sizeBytes: row.size_bytes,
      mimeType: row.mime_type,
      video: row.video === null ? null : (JSON.parse(row.video) as VideoInfo),
      audio: row.audio === null ? null : (JSON.parse(row.audio) as AudioInfo),
      tags: JSON.parse(row.tags) as string[],
      classId: row.class_id,
      recordingId: row.recording_id,
      roomId: row.room_id,
      userId: row.user_id,
      segmentIndex: row.segment_index,
      startedAt: new Date(row.started_at).toISOString(),
      endedAt: timeOrNull(row.ended_at),
      health: JSON.parse(row.health) as Health,
      sha256: row.sha256,
      md5: row.md5,
      coverId: row.cover_id,
      createdAt: new Date(row.created_at).toISOString(),
      updatedAt: new Date(row.updated_at).toISOString(),
      expiresAt: timeOrNull(row.expires_at),
      recycledAt: timeOrNull(row.recycled_at),
    },
  };
}

/** What order of events is kept for: the recording that a file belongs to, else the file itself. */
export function subjectOf(asset: { readonly recordingId: string | null; readonly fileId: string }): string {
  return asset.recordingId ?? asset.fileId;
}

/** @throws AircheckError `asset-not-found`, also for a file of another app when `appId` is given */
export async function requireAssetRow(db: Database, fileId: string, appId?: string): Promise<AssetRow> {
  const row = await db.selectFrom('assets').selectAll().where('file_id', '=', fileId).executeTakeFirst();
  if (row === undefined || (appId !== undefined && row.app_id !== appId)) {
    throw new AircheckError('asset-not-found', `There is no file ${fileId}`);
  }
  return row;
}

export function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
