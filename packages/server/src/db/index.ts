export {
  type Database,
  type DatabaseKind,
  type DatabaseLocation,
  isUniqueViolation,
  openDatabase,
} from './database.ts';
export type { AppRow, AssetRow, NewAssetRow, NewRecordingRow, RecordingRow, RoomRow, Schema } from './schema.ts';
