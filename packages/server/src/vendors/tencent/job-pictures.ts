import type { Job } from '@aircheck/protocol';
import { type DerivingRequest, definitionOf } from '../../jobs/index.ts';
import { siblingUrl, type VendorFile } from '../vendor-files.ts';

/** The snapshots that a job has made, in the order of their times. */
export function picturesOf(file: VendorFile | undefined, jobId: string) {
  const urls = new Map(file?.urls.images.map(({ derivativeId, url }) => [derivativeId, url]));
  return (file?.derivatives ?? [])
    .filter((made) => made.jobId === jobId && (made.kind === 'snapshot' || made.kind === 'cover'))
    .map(({ derivativeId, definition, info }) => ({
      derivativeId,
      definition,
      timeOffset: Math.round(info.timeOffsetMs ?? 0),
      url: urls.get(derivativeId) ?? '',
    }))
    .toSorted((a, b) => a.timeOffset - b.timeOffset);
}

/** The sprite that a job has made. */
export function spriteOf(file: VendorFile | undefined, job: Pick<Job, 'jobId' | 'input'>) {
  const made = file?.derivatives.find(({ jobId, kind }) => jobId === job.jobId && kind === 'sprite');
  const url = file?.urls.images.find(({ derivativeId }) => derivativeId === made?.derivativeId)?.url ?? '';
  const { tiles = 0, sheets = [], vtt } = made?.info ?? {};
  return {
    definition: definitionOf(job.input as DerivingRequest),
    totalCount: tiles,
    imageSpriteUrl: sheets.map((sheet) => siblingUrl(url, sheet)),
    webVttUrl: vtt === undefined ? '' : siblingUrl(url, vtt),
  };
}
