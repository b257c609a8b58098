import { AircheckError, UploadMetadata } from '@aircheck/protocol';
import type { Principal } from '../../apps/index.ts';
import type { UploadRow } from './upload-store.ts';

/** What an upload needs to know of a recording. */
export interface RecordingOwner {
  readonly roomId: string;
  readonly userId: string;
}

/**
 * Reads the metadata of the tus protocol.
 * @throws AircheckError `file-name-missing`, `request-invalid` that names the field
 */
export function readMetadata(given: Readonly<Record<string, string | null>>): UploadMetadata {
  const fileName = given.fileName ?? given.filename ?? given.name ?? undefined;
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== ''));
  const result = UploadMetadata.safeParse({ ...fields, fileName });
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const input = `metadata.${issue.path.map(String).join('.')}`;
  if (input === 'metadata.fileName' && (fileName === undefined || fileName === '')) {
    throw new AircheckError('file-name-missing', 'The metadata holds no fileName', { input });
  }
  throw new AircheckError('request-invalid', `${input}: ${issue.message}`, { input, cause: result.error });
}

/**
 * Whom a new file belongs to. The app may name any room and user; a host its own room and anyone in it, a guest itself,
 * the audience uploads nothing.
 * @param recording - the recording that the metadata names
 * @throws AircheckError `forbidden`
 */
export function ownerOfUpload(
  principal: Principal,
  metadata: UploadMetadata,
  recording: RecordingOwner | undefined,
): { readonly roomId: string | null; readonly userId: string | null } {
  const roomId = metadata.roomId ?? recording?.roomId;
  const userId = metadata.userId ?? recording?.userId;
  if (recording !== undefined && (roomId !== recording.roomId || userId !== recording.userId)) {
    throw new AircheckError('forbidden', 'The recording is of another room or user than the metadata says', {
      input: 'metadata.recordingId',
    });
  }
  if (principal.kind !== 'user') return { roomId: roomId ?? null, userId: userId ?? null };
  if (principal.role === 'audience') throw new AircheckError('forbidden', 'The audience may not upload');
  if (roomId !== undefined && roomId !== principal.roomId) {
    throw new AircheckError('forbidden', `The access token is for another room than ${roomId}`, {
      input: 'metadata.roomId',
    });
  }
  if (userId !== undefined && userId !== principal.userId && principal.role !== 'host') {
    throw new AircheckError('forbidden', 'A guest may upload for itself only', { input: 'metadata.userId' });
  }
  return { roomId: principal.roomId, userId: userId ?? principal.userId };
}

/**
 * A user sees its own uploads, a host those of its room, the app all.
 * @throws AircheckError `upload-not-found`, which does not tell whether there is one
 */
export function requireUpload(principal: Principal, row: UploadRow | undefined, uploadId: string): UploadRow {
  const visible =
    row !== undefined &&
    row.app_id === principal.appId &&
    (principal.kind !== 'user' ||
      (row.room_id === principal.roomId && (row.user_id === principal.userId || principal.role === 'host')));
  if (!visible) throw new AircheckError('upload-not-found', `There is no upload ${uploadId}`);
  return row;
}
