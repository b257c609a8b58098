import type { Job, JobType } from '@aircheck/protocol';
import { type DerivingRequest, definitionOf } from '../../jobs/index.ts';
import { extensionOf, renditionUrl, type VendorFile } from '../vendor-files.ts';
import { picturesOf, spriteOf } from './job-pictures.ts';
import { metaDataOf } from './media-facts.ts';

/** What a job is called as a part of a procedure (`processTaskList[].taskType`). */
const taskTypes: Partial<Readonly<Record<JobType, string>>> = {
  transcode: 'Transcode',
  aac: 'Transcode',
  snapshot: 'SnapshotByTimeOffset',
  cover: 'CoverBySnapshot',
  sprite: 'ImageSprites',
};

/** Numbers of failures: the file is not what it should be, or the system failed. */
export const sourceBad = 30_009;
const systemFailed = 30_010;

/** `status` 0, or the number of the failure with its reason. */
export function failureOf({ state, error }: Pick<Job, 'state' | 'error'>): { status: number; message: string } {
  if (state === 'failed') {
    const status = error?.code === 'media-invalid' || error?.code === 'media-unlike' ? sourceBad : systemFailed;
    return { status, message: error?.detail ?? '' };
  }
  return state === 'cancelled'
    ? { status: systemFailed, message: 'The task was cancelled' }
    : { status: 0, message: '' };
}

/** A job as an element of `processTaskList`. */
export function processTask(job: Job, file: VendorFile | undefined) {
  const { status: errCode, message } = failureOf(job);
  return {
    taskType: isSampled(job) ? 'SampleSnapshot' : (taskTypes[job.type] ?? job.type),
    status: job.state === 'done' ? 'SUCCESS' : errCode === 0 ? 'PROCESSING' : 'FAIL',
    errCode,
    message,
    input: inputOf(job),
    ...(job.state === 'done' && { output: outputOf(job, file) }),
  };
}

/** Pictures all over a file are a task of their own to the vendor. */
function isSampled({ type, input }: Pick<Job, 'type' | 'input'>): boolean {
  return type === 'snapshot' && input.samplePercent !== undefined;
}

function inputOf(job: Job) {
  const { type, input } = job;
  const definition = definitionOf(input as DerivingRequest);
  switch (type) {
    case 'transcode':
      return { definition, watermark: input.watermark === undefined ? 0 : 1 };
    case 'snapshot':
      return {
        definition,
        ...(!isSampled(job) && { timeOffset: input.offsetsMs }),
        watermarkDefinition: [],
      };
    case 'cover':
      return { definition, positionType: 'Percent', position: 0, watermarkDefinition: [] };
    default:
      return { definition };
  }
}

function outputOf(job: Job, file: VendorFile | undefined) {
  const pictures = picturesOf(file, job.jobId);
  switch (job.type) {
    case 'snapshot':
      if (isSampled(job)) return { imageUrls: pictures.map(({ url }) => url) };
      return { imgInfo: pictures.map(({ timeOffset, url }) => ({ timeOffset, url })) };
    case 'cover': {
      const chosen = pictures.find(({ derivativeId }) => derivativeId === file?.stored.asset.coverId) ?? pictures[0];
      return { imageUrl: chosen?.url ?? '' };
    }
    case 'sprite': {
      const { totalCount, imageSpriteUrl, webVttUrl } = spriteOf(file, job);
      return { totalCount, urlList: imageSpriteUrl, webVttUrl };
    }
    default: {
      const made = file?.derivatives.find(({ jobId, kind }) => jobId === job.jobId && kind === 'rendition');
      const rendition = file?.urls.renditions.find(({ derivativeId }) => derivativeId === made?.derivativeId);
      if (made === undefined || rendition === undefined) return {};
      const url = renditionUrl(rendition);
      return {
        url,
        ...metaDataOf({
          ...made.info,
          sizeBytes: made.sizeBytes,
          durationMs: made.info.durationMs ?? 0,
          container: extensionOf({ path: new URL(url).pathname }),
        }),
      };
    }
  }
}
