export { type Cursor, decodeCursor, encodeCursor } from './cursor.ts';
export {
  type Database,
  type DatabaseKind,
  type DatabaseLocation,
  isUniqueViolation,
  openDatabase,
} from './database.ts';
export type {
  AppRow,
  AssetRow,
  DeliveryAttemptRow,
  DeliveryRow,
  DerivativeRow,
  EventRow,
  JobRow,
  NewAssetRow,
  ProcedureRow,
  RecordingRow,
  RoomRow,
  Schema,
  SubscriberRow,
  TemplateRow,
} from './schema.ts';
