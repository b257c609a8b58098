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
  };
}
