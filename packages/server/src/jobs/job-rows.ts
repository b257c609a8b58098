import type { Job, JobOutput, JobState, JobType } from '@aircheck/protocol';
import type { JobRow } from '../db/index.ts';

/** A job as it is told outside. */
export function toJob(row: JobRow): Job {
  return {
    jobId: row.job_id,
    type: row.type as JobType,
    state: row.state as JobState,
    priority: row.priority,
    fileId: row.file_id,
    parentId: row.parent_id,
    progress: row.progress,
    attempts: row.attempts,
    input: JSON.parse(row.input) as Record<string, unknown>,
    output: row.output === null ? null : (JSON.parse(row.output) as JobOutput),
    error: row.error_code === null ? null : { code: row.error_code, detail: row.error_detail ?? '' },
    createdAt: new Date(row.created_at).toISOString(),
    startedAt: row.started_at === null ? null : new Date(row.started_at).toISOString(),
    finishedAt: row.finished_at === null ? null : new Date(row.finished_at).toISOString(),
  };
}

export const finalStates: readonly JobState[] = ['done', 'failed', 'cancelled'];

export function isFinal(state: string): boolean {
  return finalStates.includes(state as JobState);
}
