import type { Room } from '../core/index.ts';
import type { BrowserRecorder, Container } from '../recorder/index.ts';

/** What of a room's recorder is needed here, and what this browser can write. */
export interface Recorder extends Pick<BrowserRecorder, 'start' | 'listRecoverable'> {
  readonly containers: readonly Container[];
}

/** The recorder of a room, and what it can write; loaded when the first recording begins. */
export async function loadRecorder(room: Room): Promise<Recorder> {
  const { BrowserRecorder } = await import('../recorder/index.ts');
  const { containers } = await BrowserRecorder.capabilities();
  const recorder = new BrowserRecorder(room);
  return {
    containers,
    start: recorder.start.bind(recorder),
    listRecoverable: recorder.listRecoverable.bind(recorder),
  };
}
