import { AircheckError, UploadCompletion, UploadMetadata } from '@aircheck/protocol';
import type { ZodError } from 'zod';
import { isUserToken, type Principal, roleIn } from '../../apps/index.ts';
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
  const error = metadataError(result.error);
  if (error.input === 'metadata.fileName' && (fileName === undefined || fileName === '')) {
    throw new AircheckError('file-name-missing', 'The metadata holds no fileName', { input: error.input });
  }
  throw error;
}

/**
 * Reads the metadata that come with a late length.
 * @throws AircheckError `request-invalid` that names the field
 */
export function readCompletion(given: Readonly<Record<string, string | null>>): UploadCompletion {
  const result = UploadCompletion.safeParse(given);
  if (result.success) return result.data;
  throw metadataError(result.error);
}

function metadataError(error: ZodError): AircheckError {
  const issue = error.issues[0]!;
  const input = `metadata.${issue.path.map(String).join('.')}`;
  return new AircheckError('request-invalid', `${input}: ${issue.message}`, { input, cause: error });
}

/**
 * Whom a new file belongs to. The app may name any room and user; a host its own room and anyone in it, a guest itself,
 * the audience uploads nothing. With a user token one uploads for oneself to any room, as one could after joining it: what
 * a closed tab left is sent up later, when its user is not inside any more.
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
  const role = roomId === undefined ? principal.role : roleIn(principal, roomId);
  if ((role ?? principal.role) === 'audience') throw new AircheckError('forbidden', 'The audience may not upload');
  if (role === undefined && !isUserToken(principal)) {
    throw new AircheckError('forbidden', `The access token is for another room than ${roomId}`, {
      input: 'metadata.roomId',
    });
  }
  const isHost = isUserToken(principal) ? roleIn(principal, roomId ?? null) === 'host' : role === 'host';
  if (userId !== undefined && userId !== principal.userId && !isHost) {
    throw new AircheckError('forbidden', 'Only a host of the room may upload for others', { input: 'metadata.userId' });
  }
  const ownRoom = isUserToken(principal) ? null : principal.roomId;
  return { roomId: roomId ?? ownRoom, userId: userId ?? principal.userId };
}

/**
 * A user sees its own uploads, a host those of its room, the app all.
 * @throws AircheckError `upload-not-found`, which does not tell whether there is one
 */
export function requireUpload(principal: Principal, row: UploadRow | undefined, uploadId: string): UploadRow {
  const visible = row !== undefined && row.app_id === principal.appId && sees(principal, row);
  if (!visible) throw new AircheckError('upload-not-found', `There is no upload ${uploadId}`);
  return row;
}

function sees(principal: Principal, { room_id, user_id }: UploadRow): boolean {
  if (principal.kind !== 'user' || roleIn(principal, room_id) === 'host') return true;
  return user_id === principal.userId && (isUserToken(principal) || room_id === principal.roomId);
}
