import { AircheckError, type Room } from '../core/index.ts';
import type { MediaRecordingWish } from './media-recording.ts';
import { NetcallError } from './netcall-error.ts';

/** @throws NetcallError 67003 when a user is not there or sends nothing, 67008 when all that it sends has ended */
export function checkSending(room: Room, { account, mediaType }: MediaRecordingWish): void {
  if (account === undefined) return;
  const self = account === room.self.userId;
  if (!self && !room.participants.some(({ userId }) => userId === account)) {
    throw new NetcallError(67003, `"${account}" is not in the channel`, { input: 'account' });
  }
  const tracks = self ? room.localTracks : room.remoteTracks.filter(({ userId }) => userId === account);
  const described = self ? tracks : (room.participants.find(({ userId }) => userId === account)?.tracks ?? []);
  const wanted =
    mediaType === 'audio' ? ['microphone', 'screen-audio'] : [mediaType === 'screen' ? 'screen' : 'camera'];
  // A user without a camera is recorded with the sound that there is.
  const fits = ({ source }: { readonly source: string }) =>
    mediaType === 'screen' ? source === 'screen' : wanted.includes(source) || source === 'microphone';
  if (!described.some(fits)) throw new NetcallError(67003, `"${account}" sends nothing that could be recorded`);
  const received = tracks.filter(fits);
  if (received.length > 0 && received.every(({ mediaStreamTrack }) => mediaStreamTrack.readyState === 'ended')) {
    throw new NetcallError(67008);
  }
}

/** Errors of the recorder in the vendor's numbers. */
export function recordingError(cause: unknown): NetcallError {
  if (!(cause instanceof AircheckError)) return NetcallError.from(cause);
  const { message } = cause;
  switch (cause.code) {
    case 'recording-exists':
      return new NetcallError(67006, message, { cause });
    case 'participant-not-found':
    case 'track-not-found':
      return new NetcallError(67003, message, { cause });
    case 'recording-not-found':
      return new NetcallError(67001, message, { cause });
    case 'storage-full':
      return new NetcallError(2, message, { cause });
    case 'browser-unsupported':
      return new NetcallError(67004, message, { cause });
    case 'codec-unsupported':
      return new NetcallError(67005, message, { cause });
    case 'request-invalid':
      return cause.input === 'container' || cause.input === 'audioCodec'
        ? new NetcallError(67005, message, { cause })
        : NetcallError.from(cause);
    default:
      return NetcallError.from(cause);
  }
}

export function rejectRecordingError(cause: unknown): never {
  throw recordingError(cause);
}
