import type { AgentStatus, AudioRecordClose, AudioRecordStart, Mp4Close, Mp4Start } from '@aircheck/protocol';
import type { FileEndReason, RecordedFile } from '../room/index.ts';

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

export function closeNotice(
  { kind, id, roomId, account, file }: NoticeFacts,
  { reason, durationMs: time }: RecordedFile,
): Mp4Close | AudioRecordClose {
  const status = statusOf(reason);
  return kind === 'mp4'
    ? { type: 'mp4_close', mp4_file: file, time, status, id, account, roomId }
    : { type: 'audio_record_close', file, time, status, id, roomId };
}

function statusOf(reason: FileEndReason): AgentStatus {
  switch (reason) {
    case 'format-changed':
      return 1;
    case 'storage-full':
    case 'storage-failed':
      return 2;
    case 'no-media':
      return 404;
    default:
      return 0;
  }
}
