import type { AgentStatus, AudioRecordClose, AudioRecordStart, Mp4Close, Mp4Start } from '@aircheck/protocol';
import type { RecordedFile } from '../room/index.ts';

/** What is told of a recording in every notice. */
export interface NoticeFacts {
  readonly kind: 'mp4' | 'aac';
  readonly id: string;
  readonly roomId: string;
  /** Empty for the mix. */
  readonly account: string;
  readonly file: string;
}

export function startNotice(
  { kind, id, roomId, account, file }: NoticeFacts,
  time: number,
): Mp4Start | AudioRecordStart {
  return kind === 'mp4'
    ? { type: 'mp4_start', mp4_file: file, time, id, account, roomId }
    : { type: 'audio_record_start', file, time, id, roomId };
}

/** @param callLost - the connection to the call could not be made again */
export function closeNotice(
  { kind, id, roomId, account, file }: NoticeFacts,
  recorded: RecordedFile,
  callLost: boolean,
): Mp4Close | AudioRecordClose {
  const { durationMs: time } = recorded;
  const status = statusOf(recorded, callLost);
  return kind === 'mp4'
    ? { type: 'mp4_close', mp4_file: file, time, status, id, account, roomId }
    : { type: 'audio_record_close', file, time, status, id, roomId };
}

function statusOf({ reason, sizeBytes }: RecordedFile, callLost: boolean): AgentStatus {
  switch (reason) {
    case 'format-changed':
      return 1;
    case 'storage-full':
    case 'storage-failed':
      return 2;
    default:
      // Where nothing came there is no file. A recording does not end by idleness here, but by a call that does not answer.
      return sizeBytes === 0 || callLost || reason === 'idle' ? 404 : 0;
  }
}
