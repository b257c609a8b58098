import { AircheckError, type Job, JobId, type JobState, type JobType, type ProcedureChanged } from '@aircheck/protocol';
import { convertProcedure } from '../../../jobs/index.ts';
import { type ActionContext, type Actions, fileOf } from './context.ts';
import type { Parameters } from './parameters.ts';
import { toUnixTime } from './times.ts';

/** Jobs that the vendor has tasks for, and what it calls them. */
const taskTypes: Partial<Readonly<Record<JobType, string>>> = {
  procedure: 'procedure',
  transcode: 'transcode',
  aac: 'transcode',
  clip: 'clipVideo',
  concat: 'concat',
  snapshot: 'createSnapshotByTimeOffset',
  sprite: 'createImageSprite',
  cover: 'coverBySnapshot',
  pull: 'pull',
};

const states: Readonly<Record<'WAITING' | 'PROCESSING' | 'FINISH', readonly JobState[]>> = {
  WAITING: ['waiting'],
  PROCESSING: ['running'],
  FINISH: ['done', 'failed', 'cancelled'],
};

/** The vendor forgets tasks then. */
const rememberedMs = 72 * 3_600_000;

/** Actions on tasks, which are jobs here; `vodTaskId` is the job's id. */
export const taskActions: Actions = {
  /** Newest first. */
  async GetTaskList(context, parameters) {
    const status = parameters.oneOf('status', Object.keys(states) as (keyof typeof states)[]);
    if (status === undefined) throw parameters.invalid('status', 'is missing');
    const fileId = parameters.text('fileId') ? (await fileOf(context, parameters)).asset.fileId : undefined;
    const { items, nextCursor } = await context.jobs.list(context.appId, {
      fileId,
      type: Object.keys(taskTypes) as JobType[],
      state: states[status],
      parentId: null,
      createdAfter: context.now - rememberedMs,
      limit: parameters.integer('maxCount', 1, 100) ?? 10,
      cursor: parameters.text('next') || undefined,
    });
    return {
      data: { status, next: nextCursor ?? '', taskList: items.map((job) => ({ vodTaskId: job.jobId, ...head(job) })) },
    };
  },

  /** `data` is that of the event which tells of the task's end. */
  async GetTaskInfo(context, parameters) {
    const job = await taskOf(context, parameters);
    return { ...head(job), data: await dataOf(context, job) };
  },

  async RedoTask(context, parameters) {
    const { jobId } = await taskOf(context, parameters);
    await context.jobs.redo(context.appId, jobId);
    return {};
  },
};

/** @throws AircheckError `job-not-found`, also for jobs that are the library's own business */
async function taskOf({ jobs, appId, now }: ActionContext, parameters: Parameters): Promise<Job> {
  const id = parameters.required('vodTaskId');
  const job = JobId.safeParse(id).success ? await jobs.get(appId, id) : undefined;
  if (job === undefined || taskTypes[job.type] === undefined || Date.parse(job.createdAt) < now - rememberedMs) {
    throw new AircheckError('job-not-found', `There is no task ${id}`);
  }
  return job;
}

function head({ type, input, createdAt, startedAt, finishedAt }: Job) {
  return {
    // To the vendor's callers ConvertVodFile is one transcoding, however many forms it makes.
    type: input.purpose === convertProcedure ? 'transcode' : (taskTypes[type] ?? type),
    createTime: toUnixTime(createdAt),
    beginProcessTime: toUnixTime(startedAt),
    finishTime: toUnixTime(finishedAt),
  };
}

async function dataOf(context: ActionContext, job: Job): Promise<object> {
  const { appId, taskEvents } = context;
  const { jobId, fileId, state, error } = job;
  const over = states.FINISH.includes(state);
  if (over || job.type === 'procedure') {
    const described = await taskEvents.describe({
      appId,
      ...(job.type === 'procedure'
        ? { type: 'procedure.changed' as const, data: await procedureChanged(context, job) }
        : { type: `job.${state}` as 'job.done', data: job }),
    });
    if (described !== undefined) return described;
  }
  const failed = state === 'failed' || state === 'cancelled';
  return {
    vodTaskId: jobId,
    status: over ? 'FINISH' : state === 'waiting' ? 'WAITING' : 'PROCESSING',
    errCode: failed ? 30_010 : 0,
    message: error?.detail ?? '',
    fileId: fileId ?? '',
    progress: Math.round(job.progress),
  };
}

async function procedureChanged({ jobs, appId }: ActionContext, job: Job): Promise<ProcedureChanged> {
  const { items } = await jobs.list(appId, { parentId: job.jobId, limit: 200 });
  return {
    jobId: job.jobId,
    fileId: job.fileId ?? '',
    name: typeof job.input.name === 'string' ? job.input.name : null,
    state: job.state,
    jobs: items
      .map(({ jobId, type, state, input }) => ({
        jobId,
        type,
        state,
        definition: typeof input.definition === 'number' ? input.definition : null,
      }))
      .reverse(),
  };
}
