import type { RecordingState } from '@aircheck/protocol';

/** Whether a recording is over for good: its files are whole (`ready`), or it came to nothing (`failed`). */
export function isFinal(state: RecordingState): boolean {
  return state === 'ready' || state === 'failed';
}
