import { createHash } from 'node:crypto';
import type { RecordingSource } from '@aircheck/protocol';

/**
 * The live code (直播码) of a participant's stream: `BIZID_MD5(room_user_main|aux)`, in lower case, where `main` is the
 * camera and `aux` the screen.
 */
export function streamIdOf(bizId: string, roomId: string, userId: string, source: RecordingSource): string {
  const kind = source === 'screen' ? 'aux' : 'main';
  return `${bizId}_${createHash('md5').update(`${roomId}_${userId}_${kind}`).digest('hex')}`;
}
