import type { Generated, GeneratedAlways, Insertable, Selectable } from 'kysely';

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
  /** The number that was given to a template last. */
  last_template: Generated<number>;
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
  /** JSON of RecordingProcess; null where nothing is made of its files. */
  process: string | null;
}

export interface AssetsTable {
  file_id: string;
  app_id: string;
  /** AssetSource */
  source: string;
  /** Null for files that no recording made, as are room and user then. */
  recording_id: string | null;
  segment_index: number;
  room_id: string | null;
  user_id: string | null;
  file_name: string;
  intro: string;
  /** Relative to the recordings folder. */
  path: string;
  /** AssetState */
  state: string;
  /** 1: may not be played by anyone. */
  banned: number;
  mime_type: string;
  started_at: number;
  ended_at: number | null;
  duration_ms: number;
  size_bytes: number;
  /** JSON VideoInfo */
  video: string | null;
  /** JSON AudioInfo */
  audio: string | null;
  /** JSON array of strings; `asset_tags` has the same for the search. */
  tags: string;
  class_id: number;
  /** JSON Health */
  health: string;
  /** Hex digests of the whole file; null until they have been computed. */
  sha256: string | null;
  md5: string | null;
  /** The derivative that stands for the file in lists. */
  cover_id: string | null;
  created_at: number;
  updated_at: number;
  /** When the file and all that was made of it goes by itself. */
  expires_at: number | null;
  /** When it was put into the recycle bin. */
  recycled_at: number | null;
  /** 1: in the recycle bin or being deleted; follows `state` by itself. */
  hidden: GeneratedAlways<number>;
  /** First 200 letters of the name, for indexes; follows `file_name` by itself. */
  name_key: GeneratedAlways<string>;
}

/** How many files that are not hidden have a name from `first_key` up to the next block's; kept by triggers. */
export interface NameBlocksTable {
  app_id: string;
  first_key: string;
  files: number;
}

/** The tags of assets, one by one. */
export interface AssetTagsTable {
  file_id: string;
  app_id: string;
  tag: string;
}

/** Classes of an app, a tree; 0, the default class, has no row. */
export interface ClassesTable {
  app_id: string;
  class_id: number;
  /** 0 for a class at the top. */
  parent_id: number;
  name: string;
  /** 1 at the top, 4 at most. */
  level: number;
  created_at: number;
  updated_at: number;
}

/** What jobs have made of an asset: renditions, snapshots, covers, sprites. */
export interface DerivativesTable {
  derivative_id: string;
  app_id: string;
  file_id: string;
  /** DerivativeKind */
  kind: string;
  /** The template that it was made by. */
  definition: number;
  /** Relative to the folder of derivatives. */
  path: string;
  mime_type: string;
  size_bytes: number;
  /** JSON DerivativeInfo: sizes, length, codecs, place in time. */
  info: string;
  job_id: string;
  created_at: number;
}

/** Settings of an app, one JSON object. */
export interface AppSettingsTable {
  app_id: string;
  settings: string;
  updated_at: number;
}

/** How long files are kept, per class; class -1: those of every class without a rule of its own. */
export interface RetentionRulesTable {
  app_id: string;
  class_id: number;
  days: number;
}

/** Files on their way into the library. */
export interface UploadsTable {
  upload_id: string;
  app_id: string;
  /** Who uploads: null for the app itself. */
  user_id: string | null;
  room_id: string | null;
  file_name: string;
  /** JSON: what the asset gets: intro, classId, tags, recordingId … */
  details: string;
  size_bytes: number;
  /** UploadState */
  state: string;
  /** Why it was rejected. */
  detail: string | null;
  file_id: string | null;
  created_at: number;
  updated_at: number;
}

/** Work on assets that runs later. */
export interface JobsTable {
  job_id: string;
  app_id: string;
  /** JobType */
  type: string;
  /** JobState */
  state: string;
  /** The higher, the sooner. */
  priority: number;
  /** The asset it is about, or the first of several. */
  file_id: string | null;
  /** The procedure it is a part of. */
  parent_id: string | null;
  /** JSON JobRequest, or what an internal job needs. */
  input: string;
  /** JSON */
  output: string | null;
  error_code: string | null;
  error_detail: string | null;
  /** Percent, 0 to 100. */
  progress: number;
  /** Times it was begun. */
  attempts: number;
  /** Times it took its worker down. */
  crashes: number;
  /** Times the server went down, unclosed, while it ran. */
  losses: Generated<number>;
  /** Not to be begun before. */
  run_at: number;
  lease_owner: string | null;
  lease_until: number | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  /** JobLane; follows `type` by itself. */
  lane: GeneratedAlways<string>;
}

/** How to transcode, to take snapshots, to draw watermarks. */
export interface TemplatesTable {
  app_id: string;
  definition: number;
  /** TemplateKind */
  kind: string;
  name: string;
  /** JSON */
  spec: string;
  created_at: number;
  updated_at: number;
}

/** Jobs that run one after another or beside one another on a file, by a name. */
export interface ProceduresTable {
  app_id: string;
  name: string;
  /** JSON ProcedureSpec */
  spec: string;
  /** 1: runs by itself on each new recording. */
  automatic: number;
  created_at: number;
  updated_at: number;
}

/** The outbox: written in the transaction of what it tells. */
export interface EventsTable {
  /** Order of writing; given by the database. */
  seq: Generated<number>;
  event_id: string;
  app_id: string;
  /** EventType */
  type: string;
  /** What order is kept for: a recording's id, else a file's, a job's, a room's. */
  subject: string;
  /** JSON */
  data: string;
  created_at: number;
}

/** Who is told of events. */
export interface SubscribersTable {
  subscriber_id: string;
  app_id: string;
  name: string;
  /** SubscriberKind */
  kind: string;
  /** Null for a pull queue. */
  url: string | null;
  secret: string;
  /** JSON array of event types, `recording.*` or `*`. */
  types: string;
  /** JSON: what the kind needs beside, as the app key of Yunxin. */
  options: string;
  /** 0: paused, its deliveries wait. */
  enabled: number;
  created_at: number;
  updated_at: number;
}

/** One event for one subscriber. */
export interface DeliveriesTable {
  delivery_id: string;
  subscriber_id: string;
  app_id: string;
  event_seq: number;
  event_id: string;
  subject: string;
  /** DeliveryState */
  state: string;
  attempts: number;
  /** Not to be tried before. */
  next_at: number;
  /** An attempt that fails after it is the last one. */
  give_up_at: number;
  /** An attempt is under way, or a pull queue has given it out, until then. */
  lease_until: number | null;
  /** The handle under which a pull queue gave it out. */
  handle: string | null;
  created_at: number;
  finished_at: number | null;
}

export interface DeliveryAttemptsTable {
  delivery_id: string;
  attempt: number;
  at: number;
  /** HTTP status; null when there was no answer. */
  status: number | null;
  latency_ms: number;
  /** First KiB of the answer. */
  answer: string;
  error: string | null;
}

/** Bytes that were served, per file and day. */
export interface ServedBytesTable {
  app_id: string;
  /** YYYY-MM-DD, UTC */
  day: string;
  file_id: string;
  bytes: number;
  requests: number;
}

/** Nonces of the signed legacy API, until they may come again. */
export interface NoncesTable {
  app_id: string;
  nonce: string;
  expires_at: number;
}

/** Meetings that are on in rooms; what is here at a start was ended by a kill. */
export interface MeetingsTable {
  channel_id: string;
  app_id: string;
  /** JSON: what is told if it ends now (`RoomEnded`). */
  data: string;
}

export interface Schema {
  apps: AppsTable;
  rooms: RoomsTable;
  meetings: MeetingsTable;
  recordings: RecordingsTable;
  assets: AssetsTable;
  name_blocks: NameBlocksTable;
  asset_tags: AssetTagsTable;
  classes: ClassesTable;
  derivatives: DerivativesTable;
  app_settings: AppSettingsTable;
  retention_rules: RetentionRulesTable;
  uploads: UploadsTable;
  jobs: JobsTable;
  templates: TemplatesTable;
  procedures: ProceduresTable;
  events: EventsTable;
  subscribers: SubscribersTable;
  deliveries: DeliveriesTable;
  delivery_attempts: DeliveryAttemptsTable;
  served_bytes: ServedBytesTable;
  nonces: NoncesTable;
}

export type AppRow = Selectable<AppsTable>;
export type RoomRow = Selectable<RoomsTable>;
export type RecordingRow = Selectable<RecordingsTable>;
export type AssetRow = Selectable<AssetsTable>;
export type NewAssetRow = Insertable<AssetsTable>;
export type DerivativeRow = Selectable<DerivativesTable>;
export type JobRow = Selectable<JobsTable>;
export type TemplateRow = Selectable<TemplatesTable>;
export type ProcedureRow = Selectable<ProceduresTable>;
export type EventRow = Selectable<EventsTable>;
export type SubscriberRow = Selectable<SubscribersTable>;
export type DeliveryAttemptRow = Selectable<DeliveryAttemptsTable>;
export type DeliveryRow = Selectable<DeliveriesTable>;
