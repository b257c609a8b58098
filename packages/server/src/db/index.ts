export { type Cursor, decodeCursor, encodeCursor } from './cursor.ts';
export {
  type Database,
  type DatabaseKind,
  type DatabaseLocation,
  isUniqueViolation,
  openDatabase,
} from './database.ts';
export type { AppRow, AssetRow, NewAssetRow, NewRecordingRow, RecordingRow, RoomRow, Schema } from './schema.ts';
