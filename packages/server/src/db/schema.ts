import type { Insertable, Selectable } from 'kysely';

/*
 * Tables as Kysely sees them. Times are milliseconds since 1970; JSON is text; only what SQLite and PostgreSQL both
 * understand the same way is used.
 */

export interface AppsTable {
  app_id: string;
  name: string;
  /** `kid` of access tokens, user name of HTTP Basic. */
  api_key: string;
  api_secret: string;
  created_at: number;
}

export interface RoomsTable {
  app_id: string;
  room_id: string;
  /** RoomType */
  type: string;
  created_at: number;
}

export interface RecordingsTable {
  recording_id: string;
  app_id: string;
  room_id: string;
  user_id: string;
  /** RecordingSource */
  source: string;
  /** RecordingMedia */
  media: string;
  file_name: string;
  /** JSON array of strings */
  tags: string;
  class_id: number;
  segment_seconds: number;
  idle_seconds: number;
  /** RecordingState; moved by `recording/` alone. */
  state: string;
  /** EndReason */
  end_reason: string | null;
  detail: string | null;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
}

export interface AssetsTable {
  file_id: string;
  app_id: string;
  recording_id: string;
  segment_index: number;
  room_id: string;
  user_id: string;
  file_name: string;
  /** Relative to the recordings folder. */
  path: string;
  /** AssetState */
  state: string;
  mime_type: string;
  started_at: number;
  ended_at: number | null;
  duration_ms: number;
  size_bytes: number;
  /** JSON VideoInfo */
  video: string | null;
  /** JSON AudioInfo */
  audio: string | null;
  /** JSON array of strings */
  tags: string;
  class_id: number;
  /** JSON Health */
  health: string;
}

export interface Schema {
  apps: AppsTable;
  rooms: RoomsTable;
  recordings: RecordingsTable;
  assets: AssetsTable;
}

export type AppRow = Selectable<AppsTable>;
export type RoomRow = Selectable<RoomsTable>;
export type RecordingRow = Selectable<RecordingsTable>;
export type NewRecordingRow = Insertable<RecordingsTable>;
export type AssetRow = Selectable<AssetsTable>;
export type NewAssetRow = Insertable<AssetsTable>;
