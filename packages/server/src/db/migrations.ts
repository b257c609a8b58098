import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { DatabaseKind } from './database.ts';

/**
 * All migrations, in order of their names. A migration that has been released is never edited: a new one follows it.
 * @param kind - the few places where the two databases spell the same thing differently
 */
export function migrations(kind: DatabaseKind): Record<string, Migration> {
  // Prefix search walks a range of an index, which needs names in the order of their code points. SQLite compares text
  // that way by itself; PostgreSQL does so under the collation "C" only, whatever locale the database was made with.
  const nameType = kind === 'postgres' ? sql`text collate "C"` : sql`text`;

  return {
    '0001-rooms-and-recordings': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema
          .createTable('apps')
          .addColumn('app_id', 'text', (c) => c.primaryKey())
          .addColumn('name', 'text', (c) => c.notNull())
          .addColumn('api_key', 'text', (c) => c.notNull().unique())
          .addColumn('api_secret', 'text', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .execute();

        await db.schema
          .createTable('rooms')
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('room_id', 'text', (c) => c.notNull())
          .addColumn('type', 'text', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('rooms_pk', ['app_id', 'room_id'])
          .execute();

        // No reference to rooms: a recording stays when its room is deleted.
        await db.schema
          .createTable('recordings')
          .addColumn('recording_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('room_id', 'text', (c) => c.notNull())
          .addColumn('user_id', 'text', (c) => c.notNull())
          .addColumn('source', 'text', (c) => c.notNull())
          .addColumn('media', 'text', (c) => c.notNull())
          .addColumn('file_name', nameType, (c) => c.notNull())
          .addColumn('tags', 'text', (c) => c.notNull())
          .addColumn('class_id', 'bigint', (c) => c.notNull())
          .addColumn('segment_seconds', 'bigint', (c) => c.notNull())
          .addColumn('idle_seconds', 'bigint', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('end_reason', 'text')
          .addColumn('detail', 'text')
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('started_at', 'bigint')
          .addColumn('ended_at', 'bigint')
          .execute();
        // One live recording per participant and source, whatever races there are.
        await sql`create unique index recordings_live on recordings (app_id, room_id, user_id, source)
          where state in ('starting', 'recording', 'paused')`.execute(db);
        await db.schema
          .createIndex('recordings_newest')
          .on('recordings')
          .columns(['app_id', 'created_at', 'recording_id'])
          .execute();
        await db.schema
          .createIndex('recordings_by_room')
          .on('recordings')
          .columns(['app_id', 'room_id', 'created_at', 'recording_id'])
          .execute();
        await db.schema.createIndex('recordings_by_state').on('recordings').columns(['state']).execute();

        await db.schema
          .createTable('assets')
          .addColumn('file_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('recording_id', 'text', (c) => c.notNull().references('recordings.recording_id'))
          .addColumn('segment_index', 'integer', (c) => c.notNull())
          .addColumn('room_id', 'text', (c) => c.notNull())
          .addColumn('user_id', 'text', (c) => c.notNull())
          .addColumn('file_name', nameType, (c) => c.notNull())
          .addColumn('path', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('mime_type', 'text', (c) => c.notNull())
          .addColumn('started_at', 'bigint', (c) => c.notNull())
          .addColumn('ended_at', 'bigint')
          .addColumn('duration_ms', 'double precision', (c) => c.notNull())
          .addColumn('size_bytes', 'bigint', (c) => c.notNull())
          .addColumn('video', 'text')
          .addColumn('audio', 'text')
          .addColumn('tags', 'text', (c) => c.notNull())
          .addColumn('class_id', 'bigint', (c) => c.notNull())
          .addColumn('health', 'text', (c) => c.notNull())
          .execute();
        await db.schema
          .createIndex('assets_newest')
          .on('assets')
          .columns(['app_id', 'started_at', 'file_id'])
          .execute();
        await db.schema
          .createIndex('assets_by_name')
          .on('assets')
          .columns(['app_id', 'file_name', 'started_at', 'file_id'])
          .execute();
        await db.schema
          .createIndex('assets_by_room')
          .on('assets')
          .columns(['app_id', 'room_id', 'started_at', 'file_id'])
          .execute();
        await db.schema
          .createIndex('assets_by_recording')
          .on('assets')
          .columns(['recording_id', 'segment_index'])
          .execute();
      },
    },

    '0002-library-jobs-events': {
      async up(db: Kysely<unknown>): Promise<void> {
        // Files need no recording any more, and SQLite changes no column: the table is made anew.
        await db.schema
          .createTable('assets_2')
          .addColumn('file_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('source', 'text', (c) => c.notNull())
          .addColumn('recording_id', 'text', (c) => c.references('recordings.recording_id'))
          .addColumn('segment_index', 'integer', (c) => c.notNull())
          .addColumn('room_id', 'text')
          .addColumn('user_id', 'text')
          .addColumn('file_name', nameType, (c) => c.notNull())
          .addColumn('intro', 'text', (c) => c.notNull())
          .addColumn('path', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('banned', 'integer', (c) => c.notNull())
          .addColumn('mime_type', 'text', (c) => c.notNull())
          .addColumn('started_at', 'bigint', (c) => c.notNull())
          .addColumn('ended_at', 'bigint')
          .addColumn('duration_ms', 'double precision', (c) => c.notNull())
          .addColumn('size_bytes', 'bigint', (c) => c.notNull())
          .addColumn('video', 'text')
          .addColumn('audio', 'text')
          .addColumn('tags', 'text', (c) => c.notNull())
          .addColumn('class_id', 'bigint', (c) => c.notNull())
          .addColumn('health', 'text', (c) => c.notNull())
          .addColumn('sha256', 'text')
          .addColumn('md5', 'text')
          .addColumn('cover_id', 'text')
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .addColumn('expires_at', 'bigint')
          .addColumn('recycled_at', 'bigint')
          // Kept by the database itself, so that they can't be out of step.
          .addColumn('hidden', 'integer', (c) =>
            c.generatedAlwaysAs(sql`case when state in ('recycled', 'deleting') then 1 else 0 end`).stored().notNull(),
          )
          // PostgreSQL takes at most 2,704 bytes into an index; a name may have 4,000.
          .addColumn('name_key', nameType, (c) =>
            c.generatedAlwaysAs(sql`substr(file_name, 1, 200)`).stored().notNull(),
          )
          .execute();
        await sql`insert into assets_2 select file_id, app_id, 'record', recording_id, segment_index, room_id, user_id,
          file_name, '', path, state, 0, mime_type, started_at, ended_at, duration_ms, size_bytes, video, audio, tags,
          class_id, health, null, null, null, started_at, coalesce(ended_at, started_at), null, null
          from assets`.execute(db);
        await db.schema.dropTable('assets').execute();
        await db.schema.alterTable('assets_2').renameTo('assets').execute();
        // What a list is sorted by, then what makes its places unique; after that what a prefix search and its count look
        // at, so that neither reads rows that it does not answer with.
        const assetIndexes: Record<string, string[]> = {
          assets_by_name: ['app_id', 'hidden', 'name_key', 'file_id', 'started_at', 'size_bytes', 'duration_ms'],
          assets_newest: ['app_id', 'hidden', 'started_at', 'file_id', 'name_key'],
          assets_by_size: ['app_id', 'hidden', 'size_bytes', 'file_id', 'name_key'],
          assets_by_duration: ['app_id', 'hidden', 'duration_ms', 'file_id', 'name_key'],
          assets_by_room: ['app_id', 'room_id', 'hidden', 'started_at', 'file_id'],
          assets_by_user: ['app_id', 'user_id', 'hidden', 'started_at', 'file_id'],
          assets_by_class: ['app_id', 'class_id', 'hidden', 'started_at', 'file_id'],
          assets_by_recording: ['recording_id', 'segment_index'],
          assets_by_expiry: ['expires_at'],
          assets_by_recycling: ['recycled_at'],
        };
        for (const [name, columns] of Object.entries(assetIndexes)) {
          await db.schema.createIndex(name).on('assets').columns(columns).execute();
        }

        await db.schema
          .createTable('name_blocks')
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('first_key', nameType, (c) => c.notNull())
          .addColumn('files', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('name_blocks_pk', ['app_id', 'first_key'])
          .execute();
        await sql`insert into name_blocks select app_id, '', count(*) from assets where hidden = 0 group by app_id`.execute(
          db,
        );
        for (const statement of countNames(kind)) await sql.raw(statement).execute(db);

        await db.schema
          .createTable('asset_tags')
          .addColumn('file_id', 'text', (c) => c.notNull())
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('tag', nameType, (c) => c.notNull())
          .addPrimaryKeyConstraint('asset_tags_pk', ['file_id', 'tag'])
          .execute();
        await db.schema
          .createIndex('asset_tags_by_tag')
          .on('asset_tags')
          .columns(['app_id', 'tag', 'file_id'])
          .execute();
        const each =
          kind === 'postgres' ? 'jsonb_array_elements_text(tags::jsonb) as each(value)' : 'json_each(tags) as each';
        await sql`insert into asset_tags select distinct file_id, app_id, each.value from assets, ${sql.raw(each)}`.execute(
          db,
        );

        await db.schema
          .createTable('classes')
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('class_id', 'bigint', (c) => c.notNull())
          .addColumn('parent_id', 'bigint', (c) => c.notNull())
          .addColumn('name', 'text', (c) => c.notNull())
          .addColumn('level', 'integer', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('classes_pk', ['app_id', 'class_id'])
          .execute();

        await db.schema
          .createTable('derivatives')
          .addColumn('derivative_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('file_id', 'text', (c) => c.notNull())
          .addColumn('kind', 'text', (c) => c.notNull())
          .addColumn('definition', 'integer', (c) => c.notNull())
          .addColumn('path', 'text', (c) => c.notNull())
          .addColumn('mime_type', 'text', (c) => c.notNull())
          .addColumn('size_bytes', 'bigint', (c) => c.notNull())
          .addColumn('info', 'text', (c) => c.notNull())
          .addColumn('job_id', 'text', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .execute();
        await db.schema
          .createIndex('derivatives_by_file')
          .on('derivatives')
          .columns(['file_id', 'kind', 'created_at'])
          .execute();

        await db.schema
          .createTable('app_settings')
          .addColumn('app_id', 'text', (c) => c.primaryKey().references('apps.app_id'))
          .addColumn('settings', 'text', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .execute();

        await db.schema
          .createTable('retention_rules')
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('class_id', 'bigint', (c) => c.notNull())
          .addColumn('days', 'integer', (c) => c.notNull())
          .addPrimaryKeyConstraint('retention_rules_pk', ['app_id', 'class_id'])
          .execute();

        await db.schema
          .createTable('uploads')
          .addColumn('upload_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('user_id', 'text')
          .addColumn('room_id', 'text')
          .addColumn('file_name', 'text', (c) => c.notNull())
          .addColumn('details', 'text', (c) => c.notNull())
          .addColumn('size_bytes', 'bigint', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('detail', 'text')
          .addColumn('file_id', 'text')
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .execute();
        await db.schema.createIndex('uploads_by_file').on('uploads').columns(['file_id']).execute();
        await db.schema.createIndex('uploads_by_state').on('uploads').columns(['state']).execute();

        await db.schema
          .createTable('jobs')
          .addColumn('job_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('type', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('priority', 'integer', (c) => c.notNull())
          .addColumn('file_id', 'text')
          .addColumn('parent_id', 'text')
          .addColumn('input', 'text', (c) => c.notNull())
          .addColumn('output', 'text')
          .addColumn('error_code', 'text')
          .addColumn('error_detail', 'text')
          .addColumn('progress', 'double precision', (c) => c.notNull())
          .addColumn('attempts', 'integer', (c) => c.notNull())
          .addColumn('crashes', 'integer', (c) => c.notNull())
          .addColumn('run_at', 'bigint', (c) => c.notNull())
          .addColumn('lease_owner', 'text')
          .addColumn('lease_until', 'bigint')
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('started_at', 'bigint')
          .addColumn('finished_at', 'bigint')
          // Which of the queue's lanes it goes by, so that jobs of one are found however many wait in another.
          .addColumn('lane', 'text', (c) =>
            c
              .generatedAlwaysAs(
                sql`case when type in ('transcode', 'aac') then 'encode' when type in ('pull', 'delete') then type
                  when type = 'procedure' then 'none' else 'short' end`,
              )
              .stored()
              .notNull(),
          )
          .execute();
        const jobIndexes: Record<string, string[]> = {
          jobs_due: ['state', 'lane', 'priority desc', 'run_at', 'job_id'],
          jobs_by_end: ['finished_at'],
          jobs_newest: ['app_id', 'created_at', 'job_id'],
          jobs_by_file: ['file_id', 'created_at'],
          jobs_by_parent: ['parent_id'],
        };
        for (const [name, columns] of Object.entries(jobIndexes)) {
          await db.schema.createIndex(name).on('jobs').columns(columns).execute();
        }

        await db.schema
          .createTable('templates')
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('definition', 'integer', (c) => c.notNull())
          .addColumn('kind', 'text', (c) => c.notNull())
          .addColumn('name', 'text', (c) => c.notNull())
          .addColumn('spec', 'text', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('templates_pk', ['app_id', 'definition'])
          .execute();
        // Numbers of templates are never given twice, also after the newest are gone.
        await db.schema
          .alterTable('apps')
          .addColumn('last_template', 'integer', (c) => c.notNull().defaultTo(999))
          .execute();

        await db.schema
          .createTable('procedures')
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('name', 'text', (c) => c.notNull())
          .addColumn('spec', 'text', (c) => c.notNull())
          .addColumn('automatic', 'integer', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('procedures_pk', ['app_id', 'name'])
          .execute();

        await db.schema
          .createTable('events')
          // Numbers are never given twice, also after the newest rows are gone.
          .addColumn('seq', kind === 'postgres' ? 'bigserial' : 'integer', (c) =>
            kind === 'postgres' ? c.primaryKey() : c.primaryKey().autoIncrement(),
          )
          .addColumn('event_id', 'text', (c) => c.notNull().unique())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('type', 'text', (c) => c.notNull())
          .addColumn('subject', 'text', (c) => c.notNull())
          .addColumn('data', 'text', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .execute();
        await db.schema.createIndex('events_by_app').on('events').columns(['app_id', 'seq']).execute();
        await db.schema.createIndex('events_by_subject').on('events').columns(['app_id', 'subject', 'seq']).execute();
        await db.schema.createIndex('events_by_age').on('events').columns(['created_at']).execute();

        await db.schema
          .createTable('subscribers')
          .addColumn('subscriber_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull().references('apps.app_id'))
          .addColumn('name', 'text', (c) => c.notNull())
          .addColumn('kind', 'text', (c) => c.notNull())
          .addColumn('url', 'text')
          .addColumn('secret', 'text', (c) => c.notNull())
          .addColumn('types', 'text', (c) => c.notNull())
          .addColumn('options', 'text', (c) => c.notNull())
          .addColumn('enabled', 'integer', (c) => c.notNull())
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('updated_at', 'bigint', (c) => c.notNull())
          .execute();

        await db.schema
          .createTable('deliveries')
          .addColumn('delivery_id', 'text', (c) => c.primaryKey())
          .addColumn('subscriber_id', 'text', (c) => c.notNull())
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('event_seq', 'bigint', (c) => c.notNull())
          .addColumn('event_id', 'text', (c) => c.notNull())
          .addColumn('subject', 'text', (c) => c.notNull())
          .addColumn('state', 'text', (c) => c.notNull())
          .addColumn('attempts', 'integer', (c) => c.notNull())
          .addColumn('next_at', 'bigint', (c) => c.notNull())
          .addColumn('give_up_at', 'bigint', (c) => c.notNull())
          .addColumn('lease_until', 'bigint')
          .addColumn('handle', 'text')
          .addColumn('created_at', 'bigint', (c) => c.notNull())
          .addColumn('finished_at', 'bigint')
          .execute();
        const deliveryIndexes: Record<string, string[]> = {
          deliveries_due: ['subscriber_id', 'state', 'next_at'],
          deliveries_in_order: ['subscriber_id', 'subject', 'state', 'event_seq'],
          deliveries_queued: ['subscriber_id', 'state', 'event_seq'],
          deliveries_newest: ['app_id', 'created_at', 'delivery_id'],
          deliveries_by_event: ['event_seq'],
          deliveries_by_handle: ['handle'],
          deliveries_by_age: ['created_at'],
        };
        for (const [name, columns] of Object.entries(deliveryIndexes)) {
          await db.schema.createIndex(name).on('deliveries').columns(columns).execute();
        }

        await db.schema
          .createTable('delivery_attempts')
          .addColumn('delivery_id', 'text', (c) => c.notNull())
          .addColumn('attempt', 'integer', (c) => c.notNull())
          .addColumn('at', 'bigint', (c) => c.notNull())
          .addColumn('status', 'integer')
          .addColumn('latency_ms', 'double precision', (c) => c.notNull())
          .addColumn('answer', 'text', (c) => c.notNull())
          .addColumn('error', 'text')
          .addPrimaryKeyConstraint('delivery_attempts_pk', ['delivery_id', 'attempt'])
          .execute();

        await db.schema
          .createTable('served_bytes')
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('day', 'text', (c) => c.notNull())
          .addColumn('file_id', 'text', (c) => c.notNull())
          .addColumn('bytes', 'bigint', (c) => c.notNull())
          .addColumn('requests', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('served_bytes_pk', ['app_id', 'day', 'file_id'])
          .execute();

        await db.schema
          .createTable('nonces')
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('nonce', 'text', (c) => c.notNull())
          .addColumn('expires_at', 'bigint', (c) => c.notNull())
          .addPrimaryKeyConstraint('nonces_pk', ['app_id', 'nonce'])
          .execute();
      },
    },

    '0003-processed-recordings': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema.alterTable('recordings').addColumn('process', 'text').execute();
        await db.schema
          .createIndex('recordings_by_user')
          .on('recordings')
          .columns(['app_id', 'user_id', 'created_at', 'recording_id'])
          .execute();
      },
    },

    '0004-meetings': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema
          .createTable('meetings')
          .addColumn('channel_id', 'text', (c) => c.primaryKey())
          .addColumn('app_id', 'text', (c) => c.notNull())
          .addColumn('data', 'text', (c) => c.notNull())
          .execute();
      },
    },

    '0005-assets-by-creation': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema
          .createIndex('assets_by_creation')
          .on('assets')
          .columns(['app_id', 'hidden', 'created_at', 'file_id', 'name_key'])
          .execute();
      },
    },

    '0006-lost-jobs': {
      async up(db: Kysely<unknown>): Promise<void> {
        await db.schema
          .alterTable('jobs')
          .addColumn('losses', 'integer', (c) => c.notNull().defaultTo(0))
          .execute();
      },
    },

    '0007-unfinished-files': {
      async up(db: Kysely<unknown>): Promise<void> {
        // So few that a list of those that are ready leaves them out, instead of reading the state of each file.
        await sql`create index assets_unfinished on assets (app_id, hidden, name_key, file_id)
          where hidden = 0 and state <> 'ready'`.execute(db);
      },
    },
  };
}

/**
 * Keeps `name_blocks` in step with the files that are not hidden, in the transaction of whatever changes them: see
 * `library/name-counts.ts`.
 */
function countNames(kind: DatabaseKind): string[] {
  const add = (row: 'new' | 'old', files: 1 | -1) =>
    `insert into name_blocks select ${row}.app_id, coalesce(max(first_key), ''), ${files} from name_blocks
      where app_id = ${row}.app_id and first_key <= ${row}.name_key
      on conflict (app_id, first_key) do update set files = name_blocks.files + excluded.files;`;
  const changed = 'old.hidden <> new.hidden or (new.hidden = 0 and old.name_key <> new.name_key)';
  if (kind === 'sqlite') {
    const trigger = (name: string, event: string, when: string, body: string) =>
      `create trigger ${name} after ${event} on assets when ${when} begin ${body} end`;
    return [
      trigger('name_entered', 'insert', 'new.hidden = 0', add('new', 1)),
      trigger('name_removed', 'delete', 'old.hidden = 0', add('old', -1)),
      trigger('name_left', 'update of file_name, state', `old.hidden = 0 and (${changed})`, add('old', -1)),
      trigger('name_came', 'update of file_name, state', `new.hidden = 0 and (${changed})`, add('new', 1)),
    ];
  }
  return [
    `create function count_names() returns trigger language plpgsql as $$ begin
      if tg_op = 'UPDATE' and not (${changed}) then return null; end if;
      if tg_op <> 'INSERT' and old.hidden = 0 then ${add('old', -1)} end if;
      if tg_op <> 'DELETE' and new.hidden = 0 then ${add('new', 1)} end if;
      return null;
    end $$`,
    `create trigger count_names after insert or delete or update of file_name, state on assets
      for each row execute function count_names()`,
  ];
}
