import { AircheckError, CreateJobRequest, FileId } from '@aircheck/protocol';
import { convertProcedure, processSpec } from '../../../jobs/index.ts';
import { notifyModes, purposeOf } from '../notify-mode.ts';
import { type ActionContext, type Actions, fileOf } from './context.ts';
import { VendorNumberError } from './errors.ts';
import type { Parameters } from './parameters.ts';

const noWatermark = 1163;
const maxNumber = 2 ** 31 - 1;
/** Samples of a file: the vendor's template 10 takes one each ten percent. */
const samplePercent = 10;

/** Parts of ProcessFile that nothing here can do. */
const unsupported = [
  'animatedGraphics',
  'classificationAIAnalysis',
  'tagAIAnalysis',
  'aiAnalysis',
  'pornReview',
  'terrorismReview',
  'transcode.drm',
  'transcode.mosaicList',
  'transcode.hlsMasterPlaylist',
];

/** Actions that begin work on files; all answer with the task that does it. */
export const processingActions: Actions = {
  /** By the app's procedure `ConvertVodFile`, or into SD and HD (266/7822). */
  async ConvertVodFile(context, parameters) {
    const { asset } = await fileOf(context, parameters);
    const watermark = parameters.flag('isWatermark');
    if (watermark) await firstWatermark(context);
    const procedures = await context.jobs.procedures.list(context.appId);
    const spec = processSpec(
      { transcode: true, screenshot: parameters.flag('isScreenshot'), watermark },
      procedures.find(({ name }) => name === convertProcedure)?.spec,
    );
    return begin(context, parameters, { type: 'procedure', fileId: asset.fileId, spec, purpose: convertProcedure });
  },

  /** Several things at once (266/9642). */
  async ProcessFile(context, parameters) {
    const part = unsupported.find((name) => parameters.text(name) || !parameters.object(name).isEmpty);
    if (part !== undefined) throw parameters.invalid(part, 'is nothing that this server can do');
    const purpose = purposeOf(parameters.oneOf('notifyMode', notifyModes) ?? 'Finish');
    const { asset } = await fileOf(context, parameters);
    const transcode = parameters.object('transcode');
    const watermark = await watermarkOf(context, transcode);
    const snapshots = parameters.object('snapshotByTimeOffset');
    const sprite = parameters.object('imageSprite').integer('definition', 0, maxNumber);
    const sampling = parameters.object('sampleSnapshot');
    const samples = { percent: samplePercent, definition: sampling.integer('definition', 0, maxNumber) };
    const spec = {
      transcode: integers(transcode, 'definition').map((definition) => ({
        definition,
        ...(watermark !== undefined && { watermark }),
      })),
      cover: !parameters.object('coverBySnapshot').isEmpty,
      sprite: sprite === undefined ? [] : [sprite],
      snapshotOffsetsMs: integers(snapshots, 'timeOffset'),
      snapshotDefinition: snapshots.integer('definition', 0, maxNumber),
      ...(!sampling.isEmpty && { samples }),
    };
    return begin(context, parameters, { type: 'procedure', fileId: asset.fileId, spec, purpose });
  },

  /** A procedure of the app, by its name, on one file (266/11030). */
  async RunProcedure(context, parameters) {
    const kind = parameters.oneOf('inputType', ['SingleFile', 'MultiFile', 'Stream', 'MultiStream', 'PullFile']);
    if (kind !== undefined && kind !== 'SingleFile') {
      throw parameters.invalid(
        'inputType',
        'must be SingleFile: make one file first, by ConcatVideo or MultiPullVodFile',
      );
    }
    const file = parameters.object('file');
    if (file.text('startTimeOffset') || file.text('endTimeOffset')) {
      throw file.invalid('startTimeOffset', 'is not taken: make the clip first, by ClipVideo');
    }
    const { asset } = file.isEmpty ? await fileOf(context, parameters) : await fileOf(context, file, 'id');
    const name = parameters.required('procedure');
    const purpose = purposeOf(parameters.oneOf('notifyMode', notifyModes) ?? 'Finish');
    return begin(context, parameters, { type: 'procedure', fileId: asset.fileId, name, purpose });
  },

  async CreateSnapshotByTimeOffset(context, parameters) {
    const { asset } = await fileOf(context, parameters);
    const definition = parameters.integer('definition', 0, maxNumber);
    const offsetsMs = integers(parameters, 'timeOffset');
    if (offsetsMs.length === 0) throw parameters.invalid('timeOffset', 'is missing');
    return begin(context, parameters, { type: 'snapshot', fileId: asset.fileId, offsetsMs, definition });
  },

  async CreateImageSprite(context, parameters) {
    const { asset } = await fileOf(context, parameters);
    const definition = parameters.integer('definition', 0, maxNumber);
    return begin(context, parameters, { type: 'sprite', fileId: asset.fileId, definition });
  },

  /** One MP4, whatever `dstType` says: it plays as HLS, too (266/7821). */
  async ConcatVideo(context, parameters) {
    const fileName = parameters.fileName('name');
    const wrong = parameters.list('dstType').find((type) => !['mp4', 'm3u8'].includes(type.toLowerCase()));
    if (wrong !== undefined) throw parameters.invalid('dstType', 'must be mp4 or m3u8');
    const fileIds = parameters.objects('srcFileList').map((file) => file.required('fileId'));
    if (fileIds.length < 2) throw parameters.invalid('srcFileList', 'names fewer than two files');
    const unknown = fileIds.find((fileId) => !FileId.safeParse(fileId).success);
    if (unknown !== undefined) throw new AircheckError('asset-not-found', `There is no file ${unknown}`);
    return begin(context, parameters, { type: 'concat', fileIds, fileName });
  },

  /** From and to in seconds; negative ones count from the end (266/10156). */
  async ClipVideo(context, parameters) {
    const { asset } = await fileOf(context, parameters);
    const fileName = parameters.fileName('newFileName');
    const start = parameters.decimal('startTimeOffset', -1e6, 1e6) ?? 0;
    const end = parameters.decimal('endTimeOffset', -1e6, 1e6);
    return begin(context, parameters, {
      type: 'clip',
      fileId: asset.fileId,
      fileName,
      startMs: Math.round(start * 1000),
      ...(end !== undefined && { endMs: Math.round(end * 1000) }),
      classId: asset.classId,
    });
  },
};

/** @throws AircheckError `request-invalid` for what is no job, and whatever {@link Jobs.create} throws */
async function begin(
  { jobs, appId }: ActionContext,
  parameters: Parameters,
  request: CreateJobRequest,
): Promise<{ readonly vodTaskId: string }> {
  const priority = parameters.integer('priority', -10, 10) ?? 0;
  const result = CreateJobRequest.safeParse({ ...request, priority });
  if (!result.success) {
    const [issue] = result.error.issues;
    const input = issue?.path.map(String).join('.') ?? '';
    throw new AircheckError('request-invalid', `${input}: ${issue?.message}`, { input, cause: result.error });
  }
  const { jobId } = await jobs.create(appId, result.data);
  return { vodTaskId: jobId };
}

function integers(parameters: Parameters, name: string): number[] {
  return parameters.list(name).map((text) => {
    if (!/^\d{1,10}$/.test(text)) throw parameters.invalid(name, 'must be whole numbers');
    return Number(text);
  });
}

/** 1 stands for the watermark of the vendor's console: here the app's first one. */
async function watermarkOf(context: ActionContext, transcode: Parameters): Promise<number | undefined> {
  const number = transcode.integer('watermark', 0, maxNumber);
  if (number === undefined || number === 0) return undefined;
  return number === 1 ? firstWatermark(context) : number;
}

async function firstWatermark({ jobs, appId }: ActionContext): Promise<number> {
  const [first] = await jobs.templates.list(appId, 'watermark');
  if (first !== undefined) return first.definition;
  throw new VendorNumberError(
    noWatermark,
    new AircheckError('template-not-found', 'The app has no watermark', {
      hint: 'Make one by CreateWatermarkTemplate',
    }),
  );
}
