import type { Asset, AssetState, AudioInfo, Health, VideoInfo } from '@aircheck/protocol';
import type { AssetRow } from '../db/index.ts';

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
      state: row.state as AssetState,
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
      endedAt: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
      health: JSON.parse(row.health) as Health,
    },
  };
}
