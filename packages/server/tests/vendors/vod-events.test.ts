import type { Asset, Derivative, EventType, Job, JobState, JobType, PlayUrls, Upload } from '@aircheck/protocol';
import { describe, expect, it } from 'vitest';
import { purposeOf } from '../../src/vendors/tencent/notify-mode.ts';
import { VodEvents } from '../../src/vendors/tencent/vod-events.ts';
import type { VendorFile } from '../../src/vendors/vendor-files.ts';

const fileId = '17952585299924173';
const madeId = '17952585299924999';

const asset = {
  fileId,
  fileName: 'Lesson',
  source: 'upload',
  userId: null,
  durationMs: 10_400,
  sizeBytes: 1_000_000,
  coverId: null,
  md5: 'd41d8cd98f00b204e9800998ecf8427e',
  video: { codec: 'h264', width: 640, height: 360, frames: 250, fps: 25, bitrateBps: 500_000, rotation: 90 },
  audio: { codec: 'aac', sampleRate: 48_000, channels: 2, packets: 500, bitrateBps: 64_000 },
} as Asset;

const jobOf = (jobId: string, type: JobType, changes: Partial<Job> = {}): Job => ({
  jobId,
  type,
  state: 'done',
  priority: 0,
  fileId,
  parentId: null,
  progress: 100,
  attempts: 1,
  input: { type },
  output: null,
  error: null,
  createdAt: '2026-01-02T03:04:05.000Z',
  startedAt: null,
  finishedAt: null,
  ...changes,
});

const derivative = (jobId: string, index: number, changes: Partial<Derivative>): Derivative => ({
  derivativeId: `${jobId}-${index}`,
  fileId,
  kind: 'snapshot',
  definition: 10,
  mimeType: 'image/jpeg',
  sizeBytes: 1000,
  info: {},
  jobId,
  createdAt: '2026-01-02T03:04:05.000Z',
  ...changes,
});

/** A library of one file, of which that was made and on which those jobs are. */
function library({ jobs = [], made = [] }: { jobs?: readonly Job[]; made?: readonly Derivative[] }) {
  const images = made.map(({ derivativeId, kind, info }) => {
    return { derivativeId, kind, info, url: `https://a/${derivativeId}/1.jpg` };
  });
  const urls = { mp4: 'https://a/film.mp4', poster: null, renditions: [], images } as unknown as PlayUrls;
  const file: VendorFile = {
    stored: { appId: 'default', path: `${fileId}/0000.mp4`, asset },
    urls,
    derivatives: made,
  };
  const events = new VodEvents({
    files: { find: async (_appId, id) => (id === fileId ? file : undefined) },
    settings: { get: () => Promise.reject(new Error('nothing here was recorded')) },
    recording: () => Promise.reject(new Error('nothing here was recorded')),
    jobs: {
      get: async (_appId, jobId) => jobs.find((job) => job.jobId === jobId)!,
      list: async (_appId, filter) => ({ items: jobs.filter(({ type }) => type === filter.type), nextCursor: null }),
    },
  });
  const event = (type: EventType, data: unknown) =>
    ({ seq: 1, eventId: 'e', appId: 'default', type, subject: 's', createdAt: 0, data }) as const;
  return {
    /** What a subscriber gets; undefined when it is not told. */
    async told(type: EventType, data: unknown) {
      const rendered = await events.render(event(type, data));
      return rendered && JSON.parse(rendered.body);
    },
    asked: (type: EventType, data: unknown) => events.describe(event(type, data)),
  };
}

describe('a task that came to nothing is told to Tencent VOD with a number and the reason', () => {
  const ends = [
    ['failed', { code: 'media-invalid', detail: 'There is nothing in the file but its header' }, 30_009],
    ['failed', { code: 'media-unlike', detail: 'The second file is another codec' }, 30_009],
    ['failed', { code: 'storage-full', detail: 'The disk is full' }, 30_010],
    ['failed', { code: 'job-crashed', detail: 'It took its worker down' }, 30_010],
    ['cancelled', { code: 'job-cancelled', detail: 'The file is being deleted' }, 30_010],
  ] as const;

  it.each(ends)('%s by %j', async (state, error, status) => {
    const message = state === 'cancelled' ? 'The task was cancelled' : error.detail;
    const tell = async (type: JobType, input: object, target: string | null = fileId) => {
      const job = jobOf('j', type, { state, error, input: { type, ...input }, fileId: target });
      return library({}).told(`job.${state}`, job);
    };
    const version = '4.0';
    expect(await tell('transcode', { definition: 20 })).toEqual({
      version,
      eventType: 'TranscodeComplete',
      data: { status, message, vodTaskId: 'j', fileId },
    });
    expect(await tell('aac', {})).toEqual({
      version,
      eventType: 'TranscodeComplete',
      data: { status, message, vodTaskId: 'j', fileId },
    });
    expect(await tell('clip', { startMs: 0, fileName: 'x' })).toEqual({
      version,
      eventType: 'ClipComplete',
      data: { vodTaskId: 'j', srcFileId: fileId, fileInfo: { fileType: 'mp4', status, message } },
    });
    // It has numbers of its own.
    expect(await tell('concat', { fileIds: [fileId, fileId], fileName: 'x' })).toEqual({
      version,
      eventType: 'ConcatComplete',
      data: { vodTaskId: 'j', fileInfo: [{ fileType: 'mp4', status: -1, message }] },
    });
    expect(await tell('snapshot', { offsetsMs: [0, 1500], definition: 10 })).toEqual({
      version,
      eventType: 'CreateSnapshotByTimeOffsetComplete',
      data: {
        vodTaskId: 'j',
        fileId,
        definition: 10,
        picInfo: [
          { status, timeOffset: 0, url: '' },
          { status, timeOffset: 1500, url: '' },
        ],
      },
    });
    expect(await tell('sprite', { definition: 10 })).toEqual({
      version,
      eventType: 'CreateImageSpriteComplete',
      data: {
        status,
        message,
        vodTaskId: 'j',
        fileId,
        definition: 10,
        totalCount: 0,
        imageSpriteUrl: [],
        webVttUrl: '',
      },
    });
  });
});

describe('a task flow', () => {
  const done = jobOf('done', 'snapshot', {
    parentId: 'flow',
    input: { type: 'snapshot', offsetsMs: [500], definition: 10 },
  });
  const sampled = jobOf('sampled', 'snapshot', {
    parentId: 'flow',
    input: { type: 'snapshot', samplePercent: 50, definition: 10 },
  });
  const coded = jobOf('coded', 'transcode', {
    parentId: 'flow',
    state: 'running',
    input: { type: 'transcode', definition: 20, watermark: 1000 },
  });
  const failed = jobOf('failed', 'sprite', {
    parentId: 'flow',
    state: 'failed',
    input: { type: 'sprite', definition: 10 },
    error: { code: 'media-invalid', detail: 'No picture can be decoded' },
  });
  const made = [
    derivative('done', 0, { info: { timeOffsetMs: 500 } }),
    derivative('sampled', 0, { info: { timeOffsetMs: 0, samplePercent: 50 } }),
    derivative('sampled', 1, { info: { timeOffsetMs: 5200, samplePercent: 50 } }),
  ];
  const flowOf = (purpose?: string) => jobOf('flow', 'procedure', { input: { type: 'procedure', fileId, purpose } });
  const changed = (state: JobState, parts: readonly Job[]) => ({
    jobId: 'flow',
    fileId,
    name: null,
    state,
    jobs: parts.map((part) => ({ jobId: part.jobId, type: part.type, state: part.state, definition: null })),
  });
  const parts = [done, sampled, coded, failed];

  it('tells each of its tasks in its state', async () => {
    const { told } = library({ jobs: [flowOf(purposeOf('Change')), ...parts], made });
    const watermarkDefinition: never[] = [];
    expect(await told('procedure.changed', changed('running', parts))).toEqual({
      version: '4.0',
      eventType: 'ProcedureStateChanged',
      data: {
        vodTaskId: 'flow',
        status: 'PROCESSING',
        errCode: 0,
        message: '',
        fileId,
        metaData: {
          size: 1_000_000,
          container: 'mp4',
          bitrate: 564,
          height: 360,
          width: 640,
          md5: asset.md5,
          duration: 10,
          rotate: 90,
          videoStreamList: [{ bitrate: 500, height: 360, width: 640, codec: 'h264', fps: 25 }],
          audioStreamList: [{ bitrate: 64, samplingRate: 48_000, codec: 'aac' }],
        },
        processTaskList: [
          {
            taskType: 'SnapshotByTimeOffset',
            status: 'SUCCESS',
            errCode: 0,
            message: '',
            input: { definition: 10, timeOffset: [500], watermarkDefinition },
            output: { imgInfo: [{ timeOffset: 500, url: 'https://a/done-0/1.jpg' }] },
          },
          {
            taskType: 'SampleSnapshot',
            status: 'SUCCESS',
            errCode: 0,
            message: '',
            input: { definition: 10, watermarkDefinition },
            output: { imageUrls: ['https://a/sampled-0/1.jpg', 'https://a/sampled-1/1.jpg'] },
          },
          {
            taskType: 'Transcode',
            status: 'PROCESSING',
            errCode: 0,
            message: '',
            input: { definition: 20, watermark: 1 },
          },
          {
            taskType: 'ImageSprites',
            status: 'FAIL',
            errCode: 30_009,
            message: 'No picture can be decoded',
            input: { definition: 10 },
          },
        ],
      },
    });
    const { data } = await told('procedure.changed', changed('failed', [done, failed]));
    expect(data).toMatchObject({ status: 'FINISH', errCode: 30_009, message: 'No picture can be decoded' });
  });

  it.each([
    ['Change', purposeOf('Change'), ['PROCESSING', 'FINISH']],
    ['Finish', purposeOf('Finish'), [undefined, 'FINISH']],
    ['None', purposeOf('None'), [undefined, undefined]],
    ['nothing', undefined, [undefined, 'FINISH']],
  ])('with notifyMode %s is told accordingly, and shown to whoever asks', async (_mode, purpose, told) => {
    const flow = library({ jobs: [flowOf(purpose), ...parts], made });
    const states = [changed('running', parts), changed('failed', parts)];
    const heard = await Promise.all(states.map((state) => flow.told('procedure.changed', state)));
    expect(heard.map((event) => event?.data.status)).toEqual(told);
    const seen = await Promise.all(states.map((state) => flow.asked('procedure.changed', state)));
    expect(seen).toMatchObject([{ status: 'PROCESSING' }, { status: 'FINISH' }]);
  });
});

describe('a new file', () => {
  const upload = { uploadId: 'u', source: 'pull', state: 'ready', fileId, jobId: 'pull', detail: null } as Upload;

  it.each([
    ['upload', null, 'ServerUpload'],
    ['upload', 'anna', 'ClientUpload'],
    ['pull', null, 'Pull'],
  ] as const)('by %s of %s is told as %s', async (source, userId, sourceType) => {
    const { eventType, data } = await library({}).told('asset.ready', { ...asset, source, userId });
    expect([eventType, data.sourceType, data.fileUrl]).toEqual(['NewFileUpload', sourceType, 'https://a/film.mp4']);
  });

  it('by a pull is told as the end of that, too', async () => {
    const { told } = library({});
    expect(await told('upload.ready', upload)).toEqual({
      version: '4.0',
      eventType: 'PullComplete',
      data: {
        status: 0,
        message: '',
        vodTaskId: 'pull',
        fileId,
        fileUrl: 'https://a/film.mp4',
        transcodeTaskId: '',
      },
    });
    const rejected = { ...upload, state: 'rejected', fileId: null, detail: 'The address answers 404' };
    expect(await told('upload.rejected', rejected)).toEqual({
      version: '4.0',
      eventType: 'PullComplete',
      data: { status: 30_009, message: 'The address answers 404', vodTaskId: 'pull', fileId: '', fileUrl: '' },
    });
    expect(await told('upload.ready', { ...upload, source: 'upload' })).toBeUndefined();
  });

  it('names the tasks that began with it, however late it is told and whatever was begun since', async () => {
    const begun = (jobId: string, input: object) =>
      jobOf(jobId, 'procedure', { input: { type: 'procedure', ...input } });
    // Newest first, as lists are; what began at once comes in any order.
    const jobs = [
      begun('asked for later', { purpose: 'ConvertVodFile' }),
      begun('run later', { name: 'archive' }),
      begun('flags', { purpose: 'ConvertVodFile', automatic: true }),
      begun('pictures', { automatic: true }),
      begun('first', { name: 'a', automatic: true }),
      begun('second', { name: 'b', automatic: true }),
    ];
    const { data } = await library({ jobs }).told('asset.ready', asset);
    expect(data).toMatchObject({ procedureTaskId: 'first', transcodeTaskId: 'flags' });
    const pictures = await library({ jobs: jobs.slice(0, 4) }).told('asset.ready', asset);
    expect(pictures.data.procedureTaskId).toBe('pictures');
    const later = await library({ jobs: jobs.slice(0, 2) }).told('asset.ready', asset);
    expect(later.data).toMatchObject({ procedureTaskId: '', transcodeTaskId: '' });
    expect((await library({ jobs }).told('upload.ready', upload)).data.transcodeTaskId).toBe('flags');
  });

  it('cut or joined is told by its task alone', async () => {
    for (const source of ['clip', 'concat']) {
      expect(await library({}).told('asset.ready', { ...asset, fileId: madeId, source })).toBeUndefined();
    }
  });
});
