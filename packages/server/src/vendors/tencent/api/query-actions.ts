import { AircheckError, ClassId, StorableText } from '@aircheck/protocol';
import type { AssetFilter, StoredAsset } from '../../../library/index.ts';
import type { VendorFile } from '../../vendor-files.ts';
import { playSetOf, seconds } from '../media-facts.ts';
import { classNames } from './class-actions.ts';
import { type ActionContext, type Actions, fileOf, isGone } from './context.ts';
import { filterOfStatus, statusNumber, vendorFilesOf } from './media-format.ts';
import type { Parameters } from './parameters.ts';
import { fromVendorTime, toVendorTime } from './times.ts';

type PageFilter = Omit<AssetFilter, 'limit' | 'offset' | 'cursor'>;

/** The vendor's limit (266/7823). */
const maxPageSize = 100;

/** Actions that look files up in lists. */
export const queryActions: Actions = {
  /** Files whose name begins with a text, oldest first, as the segments of a recording follow each other (266/7825). */
  async DescribeVodPlayInfo(context, parameters) {
    const fileNamePrefix = parameters.fileName('fileName');
    // Growing files come into the vendor's library when they are whole.
    const { files, total } = await page(context, parameters, { fileNamePrefix, state: 'ready', sort: 'startedAt' });
    return { totalCount: String(total), fileSet: (await vendorFilesOf(context, files)).map(playInfo) };
  },

  /** Files by id, or by time, class and state (266/7823). */
  async DescribeVodInfo(context, parameters) {
    const fileIds = parameters.list('fileIds');
    if (fileIds.length > maxPageSize) throw parameters.invalid('fileIds', `names more than ${maxPageSize} files`);
    const { files, total } =
      fileIds.length > 0 ? await named(context, fileIds) : await page(context, parameters, infoFilter(parameters));
    const [found, names] = await Promise.all([vendorFilesOf(context, files), classNames(context)]);
    return { totalCount: String(total), fileSet: found.map((file) => vodInfo(file, names)) };
  },

  /** Links to one file (266/7824). */
  async DescribeVodPlayUrls(context, parameters) {
    const [file] = await vendorFilesOf(context, [await fileOf(context, parameters)]);
    return { playSet: playSetOf(file!) };
  },

  /** One file, or all of a recording, by what callbacks call `video_id` and `task_id` (266/8227). */
  async DescribeRecordPlayInfo(context, parameters) {
    const name = parameters.text('vid') === undefined ? 'notifyUrl' : 'vid';
    const vid = parameters.check(name, StorableText.max(200), parameters.required(name));
    const files = (await filesOfVid(context, vid)).filter(({ asset }) => asset.state === 'ready');
    if (files.length === 0) throw new AircheckError('asset-not-found', `There is no file of ${vid}`);
    const found = await vendorFilesOf(context, files);
    return { fileSet: found.map((file) => ({ ...playInfo(file), image_url: file.urls.poster ?? '' })) };
  },
};

async function page(
  context: ActionContext,
  parameters: Parameters,
  filter: PageFilter,
): Promise<{ readonly files: StoredAsset[]; readonly total: number }> {
  const { appId, library } = context;
  const limit = parameters.integer('pageSize', 1, maxPageSize) ?? 10;
  const number = parameters.integer('pageNo', 1, 10_000_000) ?? 1;
  const { items, total } = await library.list(appId, { ...filter, limit, offset: (number - 1) * limit });
  const fileIds = items.map(({ fileId }) => fileId);
  return { files: await library.getMany(appId, fileIds), total };
}

/** @throws AircheckError `asset-not-found` when there is none of them */
async function named({ library, appId }: ActionContext, fileIds: readonly string[]) {
  const files = (await library.getMany(appId, fileIds)).filter((stored) => !isGone(stored));
  if (files.length === 0) throw new AircheckError('asset-not-found', `There is no file ${fileIds.join(', ')}`);
  return { files, total: files.length };
}

function infoFilter(parameters: Parameters): PageFilter {
  const status = parameters.integer('status', -1, 100);
  const ofStatus = status === undefined ? {} : filterOfStatus(status);
  if (ofStatus === undefined) {
    throw parameters.invalid('status', 'must be -1, 2, 3, 5, 6 or 100: files here have no other');
  }
  const classId = parameters.integer('classId', -1, 2 ** 31 - 1);
  return {
    ...ofStatus,
    classId: classId === undefined || classId === -1 ? undefined : parameters.check('classId', ClassId, classId),
    // What is answered as `createTime`.
    createdAfter: time(parameters, 'from'),
    createdBefore: time(parameters, 'to'),
    sort: parameters.integer('orderby', 0, 1) === 1 ? '-createdAt' : 'createdAt',
  };
}

function time(parameters: Parameters, name: string): string | undefined {
  const text = parameters.text(name);
  return text === undefined || text === '' ? undefined : fromVendorTime(parameters, name);
}

/** `<account>_<fileId>` or the file's id alone; else the id of a recording. */
async function filesOfVid({ appId, library }: ActionContext, vid: string): Promise<StoredAsset[]> {
  const file = await library.getMany(appId, [vid.replace(/^\d+_/, '')]);
  if (file.length > 0) return file;
  const ofRecording = (await library.ofRecordings([vid])).get(vid) ?? [];
  return ofRecording.filter((stored) => stored.appId === appId);
}

function playInfo(file: VendorFile) {
  const { asset } = file.stored;
  return {
    fileId: asset.fileId,
    fileName: asset.fileName,
    duration: seconds(asset.durationMs),
    status: String(statusNumber(asset)),
    imageUrl: file.urls.poster ?? '',
    playSet: playSetOf(file),
  };
}

function vodInfo({ stored: { asset }, urls }: VendorFile, classes: ReadonlyMap<number, string>) {
  return {
    fileId: asset.fileId,
    fileName: asset.fileName,
    fileIntro: asset.intro,
    size: String(asset.sizeBytes),
    duration: String(seconds(asset.durationMs)),
    status: String(statusNumber(asset)),
    vid: asset.fileId,
    createTime: toVendorTime(asset.createdAt),
    updateTime: toVendorTime(asset.updatedAt),
    classId: String(asset.classId),
    className: classes.get(asset.classId) ?? '',
    imageUrl: urls.poster ?? '',
    tags: asset.tags,
    description: asset.intro,
  };
}
