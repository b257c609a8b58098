import type { Job, JobState } from '@aircheck/protocol';
import type { LibraryTranslate } from '../../i18n/library-i18n.ts';

export const jobTones: Record<JobState, 'rec' | 'wait' | 'ok' | 'bad' | 'none'> = {
  waiting: 'none',
  running: 'wait',
  done: 'ok',
  failed: 'bad',
  cancelled: 'none',
};

export function isOpen({ state }: Pick<Job, 'state'>): boolean {
  return state === 'waiting' || state === 'running';
}

/** What a job does, in words. */
export function jobName({ type }: Pick<Job, 'type'>, t: LibraryTranslate): string {
  return t(`job.${type}`);
}
