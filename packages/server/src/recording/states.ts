import type { RecordingState } from '@aircheck/protocol';

/** From where each state may be reached. `starting` is where a recording is made. */
export const reachableFrom: Readonly<Record<RecordingState, readonly RecordingState[]>> = {
  starting: [],
  recording: ['starting', 'paused'],
  paused: ['starting', 'recording'],
  finalizing: ['starting', 'recording', 'paused'],
  interrupted: ['starting', 'recording', 'paused', 'finalizing'],
  ready: ['finalizing', 'interrupted'],
  failed: ['finalizing', 'interrupted'],
};

/** States of a recording that still takes media. */
export const takingStates = ['starting', 'recording', 'paused'] as const satisfies readonly RecordingState[];

/** States of a recording that has not ended. */
export const liveStates = [...takingStates, 'finalizing'] as const satisfies readonly RecordingState[];

/** States that a server finds after a crash. */
export const unfinishedStates = [...liveStates, 'interrupted'] as const satisfies readonly RecordingState[];

export function isFinal(state: RecordingState): boolean {
  return state === 'ready' || state === 'failed';
}

export function isTaking(state: RecordingState): boolean {
  return (takingStates as readonly RecordingState[]).includes(state);
}
