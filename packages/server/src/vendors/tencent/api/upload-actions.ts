import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AircheckError, ClassId, FileName, PullRequest, splitTags, Tags } from '@aircheck/protocol';
import { detailsOf, type UploadRow } from '../../../library/index.ts';
import { type ActionContext, type Actions, requireFile } from './context.ts';
import { vendorFilesOf } from './media-format.ts';
import type { Parameters } from './parameters.ts';
import { uploadUrl } from './upload-targets.ts';

/** How long CommitUpload waits for the check of a file, and how often it looks, in milliseconds. */
const checkMs = 15_000;
const lookMs = 50;
/** The vendor's limit (266/7817). */
const maxPulls = 50;

/** Actions by which files come in. */
export const uploadActions: Actions = {
  /**
   * Promises an upload. The vendor's clients put the file into its object store; here it is PUT to `video.uploadUrl`,
   * with nothing beside (266/9756).
   */
  async ApplyUpload({ library, tickets, appId, origin }, parameters) {
    const type = parameters.required('videoType').toLowerCase();
    if (!/^\w{1,10}$/.test(type)) throw parameters.invalid('videoType', 'must be the ending of a file name');
    for (const name of ['procedure', 'coverType']) {
      if (parameters.text(name)) {
        throw parameters.invalid(name, 'is not taken: call RunProcedure or ProcessFile after CommitUpload');
      }
    }
    const id = randomBytes(16).toString('hex');
    const fileName = parameters.parsed('videoName', FileName) ?? id;
    const classId = await classOf(library, appId, parameters);
    const ticket = tickets.video(appId, id, { fileName, classId: String(classId) });
    return {
      video: { storagePath: `/${id}/f0.${type}`, uploadUrl: uploadUrl(origin, ticket) },
      storageBucket: 'aircheck',
      storageRegion: 'local',
      vodSessionKey: ticket,
    };
  },

  /** Waits for the check of the file: what is answered with an id is in the library. May be called again (266/9757). */
  async CommitUpload(context, parameters) {
    const { tickets, appId } = context;
    const { id } = tickets.open(parameters.required('vodSessionKey'), { kind: 'video', appId });
    const row = await checked(context, id);
    const [file] = await vendorFilesOf(context, [await requireFile(context, detailsOf(row).fileId)]);
    return { video: { url: file!.urls.mp4 }, fileId: file!.stored.asset.fileId };
  },

  /** Has files fetched; what their ids will be is known at once (266/7817). */
  async MultiPullVodFile({ library, uploads, appId }, parameters) {
    const wanted = parameters.objects('pullset');
    if (wanted.length === 0) throw parameters.invalid('pullset', 'is missing');
    if (wanted.length > maxPulls) throw parameters.invalid('pullset', `names more than ${maxPulls} files`);
    // All are looked at before the first is begun.
    const requests: PullRequest[] = [];
    for (const pull of wanted) {
      const classId = await classOf(library, appId, pull);
      requests.push({ ...pullOf(pull), classId });
    }
    const data: object[] = [];
    for (const request of requests) {
      const { uploadId, jobId } = await uploads.pull(appId, request);
      const { fileId } = detailsOf(await uploads.store.get(uploadId));
      data.push({
        source_url: request.url,
        file_id: fileId,
        file_name: request.fileName,
        vod_task_id: jobId ?? '',
      });
    }
    return { data };
  },
};

async function classOf(library: ActionContext['library'], appId: string, parameters: Parameters): Promise<number> {
  const given = parameters.integer('classId', -1, 2 ** 31 - 1) ?? 0;
  const classId = parameters.check('classId', ClassId, Math.max(0, given));
  await library.classes.require(appId, classId, 'classId');
  return classId;
}

function pullOf(pull: Parameters): PullRequest {
  for (const name of ['isTranscode', 'isScreenshot', 'isWatermark']) {
    if (pull.flag(name)) throw pull.invalid(name, 'is not taken: call ConvertVodFile when the file is there');
  }
  pull.integer('priority', 0, 2);
  return {
    url: pull.check('url', PullRequest.shape.url, pull.required('url')),
    fileName: pull.fileName('fileName'),
    tags: pull.check('tags', Tags, splitTags(pull.text('tags') ?? '')),
  };
}

/**
 * An upload once its file is in the library.
 * @throws AircheckError `upload-state` before all of it is there, `upload-gone`, `media-invalid` when it was rejected,
 *   `timeout` when the check takes long
 */
async function checked({ uploads, jobs, signal }: ActionContext, uploadId: string): Promise<UploadRow> {
  // Somebody waits for the check now: it need not wait for the next look into the queue.
  jobs.wake();
  const deadline = performance.now() + checkMs;
  for (;;) {
    const row = await uploads.store.find(uploadId);
    if (row === undefined || row.state === 'receiving') {
      throw new AircheckError('upload-state', 'The file has not been PUT yet', { input: 'vodSessionKey' });
    }
    if (row.state === 'aborted') throw new AircheckError('upload-gone', row.detail ?? 'The upload was given up');
    if (row.state === 'rejected') throw new AircheckError('media-invalid', row.detail ?? 'The file was rejected');
    if (row.state === 'ready') return row;
    if (performance.now() > deadline) {
      throw new AircheckError('timeout', 'The file is still being checked', { hint: 'Call CommitUpload again' });
    }
    await delay(lookMs, undefined, { signal });
  }
}
