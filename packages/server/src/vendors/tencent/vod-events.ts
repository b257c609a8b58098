import {
  AircheckError,
  type Asset,
  type AssetDeleted,
  type Job,
  type ProcedureChanged,
  type Recording,
  type Upload,
} from '@aircheck/protocol';
import type { DeliveryFormat, StoredEvent } from '../../events/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import { convertProcedure, type DerivingRequest, definitionOf } from '../../jobs/index.ts';
import type { Settings } from '../../library/index.ts';
import type { VendorFile, VendorFiles } from '../vendor-files.ts';
import { picturesOf, spriteOf } from './job-pictures.ts';
import { metaDataOfFile, playSetOf, seconds } from './media-facts.ts';
import { notifyModeOf } from './notify-mode.ts';
import { failureOf, processTask, sourceBad } from './process-tasks.ts';
import { streamIdOf } from './stream-id.ts';

export interface VodEventsOptions {
  readonly files: Pick<VendorFiles, 'find'>;
  readonly settings: Pick<Settings, 'get'>;
  readonly jobs: Pick<Jobs, 'get' | 'list'>;
  readonly recording: (appId: string, recordingId: string) => Promise<Recording>;
}

interface Envelope {
  readonly eventType: string;
  readonly data: object;
}

/** ConcatComplete has numbers of its own: 0, or -1 and 4 for a failure. */
const concatFailed = -1;

/** `sourceContext` holds that many bytes at most. */
const sourceContextBytes = 256;

/**
 * Events of Tencent's VOD, version 4.0 (event notifications of the server API of 2017). What it has no event for is not
 * told: recordings as such, changes of names, covers made alone. Each job of a procedure is told as a part of it.
 */
export class VodEvents implements DeliveryFormat {
  readonly #options: VodEventsOptions;

  constructor(options: VodEventsOptions) {
    this.#options = options;
  }

  async render(event: StoredEvent) {
    const envelope = await this.#envelope(event, false);
    if (envelope === undefined) return undefined;
    return {
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ version: '4.0', ...envelope }),
    };
  }

  /** What an event tells to somebody who asks, whether it is told by itself or not: see {@link notifyModes}. */
  async describe(event: Pick<StoredEvent, 'type' | 'appId' | 'data'>): Promise<object | undefined> {
    return (await this.#envelope(event, true))?.data;
  }

  async #envelope(
    { type, appId, data }: Pick<StoredEvent, 'type' | 'appId' | 'data'>,
    asked: boolean,
  ): Promise<Envelope | undefined> {
    switch (type) {
      case 'asset.ready':
        return this.#assetReady(appId, data as Asset);
      case 'upload.ready':
      case 'upload.rejected':
        return this.#uploadOver(appId, data as Upload);
      // Who asked for it hears at once: to the vendor's callers what is in the recycle bin is gone.
      case 'asset.recycled':
        return fileDeleted((data as Asset).fileId);
      case 'asset.deleted': {
        const { fileId, recycledAt } = data as AssetDeleted;
        return recycledAt ? undefined : fileDeleted(fileId);
      }
      case 'job.done':
      case 'job.failed':
      case 'job.cancelled':
        return this.#jobEnded(appId, data as Job);
      case 'procedure.changed':
        return this.#procedureChanged(appId, data as ProcedureChanged, asked);
      default:
        return undefined;
    }
  }

  async #assetReady(appId: string, asset: Asset): Promise<Envelope | undefined> {
    const { fileId } = asset;
    const file = await this.#options.files.find(appId, fileId);
    // Of clips and joined files their own events tell.
    if (asset.source === 'clip' || asset.source === 'concat') return undefined;
    const { streamId, sourceContext } = await this.#sourceOf(appId, asset);
    return {
      eventType: 'NewFileUpload',
      data: {
        status: 0,
        message: '',
        fileId,
        fileName: asset.fileName,
        fileUrl: file?.urls.mp4 ?? '',
        coverUrl: file?.urls.poster ?? '',
        author: asset.userId ?? '',
        sourceType: sourceTypeOf(asset),
        sourceContext,
        streamId,
        ...(await this.#tasksWith(appId, fileId)),
        duration: seconds(asset.durationMs),
        fileSize: asset.sizeBytes,
        width: asset.video?.width ?? 0,
        height: asset.video?.height ?? 0,
        bitrate: (asset.video?.bitrateBps ?? 0) + (asset.audio?.bitrateBps ?? 0),
      },
    };
  }

  /** The tasks that were begun by themselves with the file, and not later by somebody. */
  async #tasksWith(appId: string, fileId: string) {
    const { items } = await this.#options.jobs.list(appId, { fileId, type: 'procedure', limit: 200 });
    const begun = items.filter(({ input }) => input.automatic === true);
    const transcode = begun.find(({ input }) => input.purpose === convertProcedure);
    // Of several the first by name; what was asked for with the recording has none.
    const nameOf = ({ input }: Job) => (typeof input.name === 'string' ? input.name : '\u{10ffff}');
    const [procedure] = begun.filter((job) => job !== transcode).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    return { procedureTaskId: procedure?.jobId ?? '', transcodeTaskId: transcode?.jobId ?? '' };
  }

  /** A pull has brought a file, or has not. */
  async #uploadOver(appId: string, upload: Upload): Promise<Envelope | undefined> {
    if (upload.source !== 'pull') return undefined;
    const { jobId, state, detail } = upload;
    const fileId = upload.fileId ?? '';
    const vodTaskId = jobId ?? '';
    if (state === 'rejected') {
      const failed = { status: sourceBad, message: detail ?? '', vodTaskId, fileId: '', fileUrl: '' };
      return { eventType: 'PullComplete', data: failed };
    }
    const fileUrl = (await this.#find(appId, fileId))?.urls.mp4 ?? '';
    const { transcodeTaskId } = await this.#tasksWith(appId, fileId);
    return {
      eventType: 'PullComplete',
      data: { status: 0, message: '', vodTaskId, fileId, fileUrl, transcodeTaskId },
    };
  }

  /** Which stream was recorded, and in what room: in the words of the live callback's `stream_param`. */
  async #sourceOf(appId: string, { source, roomId, userId, recordingId }: Asset) {
    if (source !== 'record' || roomId === null || userId === null || recordingId === null) {
      return { streamId: '', sourceContext: '' };
    }
    const { bizId } = await this.#options.settings.get(appId);
    const recording = await this.#options.recording(appId, recordingId);
    const context = `groupid=${encodeURIComponent(roomId)}&userid=${encodeURIComponent(userId)}&cliRecoId=${recordingId}`;
    return {
      streamId: streamIdOf(bizId, roomId, userId, recording.source),
      sourceContext: Buffer.byteLength(context) > sourceContextBytes ? `cliRecoId=${recordingId}` : context,
    };
  }

  async #jobEnded(appId: string, job: Job): Promise<Envelope | undefined> {
    const { jobId: vodTaskId, fileId, output } = job;
    if (job.parentId !== null) return undefined;
    const { status, message } = failureOf(job);
    const made = output?.fileId;
    const file = await this.#find(appId, made ?? fileId);
    switch (job.type) {
      case 'transcode':
      case 'aac':
        return { eventType: 'TranscodeComplete', data: transcodeData(file, { vodTaskId, fileId, status, message }) };
      case 'concat':
      case 'clip': {
        const fileInfo = {
          fileType: 'mp4',
          status: job.type === 'concat' && status !== 0 ? concatFailed : status,
          message,
          ...(made !== undefined && { fileId: made, fileUrl: file?.urls.mp4 ?? '' }),
        };
        return job.type === 'concat'
          ? { eventType: 'ConcatComplete', data: { vodTaskId, fileInfo: [fileInfo] } }
          : { eventType: 'ClipComplete', data: { vodTaskId, srcFileId: fileId, fileInfo } };
      }
      case 'snapshot': {
        const pictures = picturesOf(file, vodTaskId);
        const offsets = (job.input.offsetsMs ?? []) as number[];
        const definition = definitionOf(job.input as DerivingRequest);
        return {
          eventType: 'CreateSnapshotByTimeOffsetComplete',
          data: {
            vodTaskId,
            fileId,
            definition,
            picInfo:
              status === 0
                ? pictures.map(({ timeOffset, url }) => ({ status, timeOffset, url }))
                : offsets.map((timeOffset) => ({ status, timeOffset, url: '' })),
          },
        };
      }
      case 'sprite':
        return {
          eventType: 'CreateImageSpriteComplete',
          data: { status, message, vodTaskId, fileId, ...spriteOf(file, job) },
        };
      default:
        return undefined;
    }
  }

  async #procedureChanged(appId: string, changed: ProcedureChanged, asked: boolean): Promise<Envelope | undefined> {
    const { jobId, fileId, state } = changed;
    const over = state !== 'waiting' && state !== 'running';
    const purpose = (await this.#job(appId, jobId))?.input.purpose;
    const mode = notifyModeOf(purpose);
    const told = mode === 'Change' || (mode === 'Finish' && over);
    if (!told && !asked) return undefined;
    const converts = purpose === convertProcedure;
    // Such a task has no states of its parts: one event tells that it is over.
    if (converts && !over) return undefined;
    const file = await this.#find(appId, fileId);
    const parts = await Promise.all(
      changed.jobs.map(async (part) => {
        const job = await this.#job(appId, part.jobId);
        return job === undefined ? [] : [processTask({ ...job, state: part.state }, file)];
      }),
    );
    const tasks = parts.flat();
    const failed = tasks.find(({ errCode }) => errCode !== 0);
    if (converts) {
      const head = { vodTaskId: jobId, fileId, status: failed?.errCode ?? 0, message: failed?.message ?? '' };
      return { eventType: 'TranscodeComplete', data: transcodeData(file, head) };
    }
    return {
      eventType: 'ProcedureStateChanged',
      data: {
        vodTaskId: jobId,
        status: over ? 'FINISH' : 'PROCESSING',
        errCode: over ? (failed?.errCode ?? 0) : 0,
        message: over ? (failed?.message ?? '') : '',
        fileId,
        metaData: file === undefined ? {} : metaDataOfFile(file),
        processTaskList: tasks,
      },
    };
  }

  /** @returns undefined when the job is forgotten by now */
  async #job(appId: string, jobId: string): Promise<Job | undefined> {
    try {
      return await this.#options.jobs.get(appId, jobId);
    } catch (error) {
      if (error instanceof AircheckError && error.code === 'job-not-found') return undefined;
      throw error;
    }
  }

  async #find(appId: string, fileId: string | null): Promise<VendorFile | undefined> {
    return fileId === null ? undefined : this.#options.files.find(appId, fileId);
  }
}

function fileDeleted(fileId: string): Envelope {
  return { eventType: 'FileDeleted', data: { status: 0, message: '', fileInfo: [{ fileId }] } };
}

function sourceTypeOf({ source, userId }: Asset): string {
  if (source === 'record') return 'Record';
  if (source === 'pull') return 'Pull';
  return userId === null ? 'ServerUpload' : 'ClientUpload';
}

/** What a transcoding that came to nothing says is its ids and the reason alone. */
function transcodeData(
  file: VendorFile | undefined,
  head: { vodTaskId: string; fileId: string | null; status: number; message: string },
) {
  if (head.status !== 0 || file === undefined) return head;
  const { fileName, durationMs } = file.stored.asset;
  return {
    ...head,
    fileName,
    duration: seconds(durationMs),
    coverUrl: file.urls.poster ?? '',
    playSet: playSetOf(file),
  };
}
