import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { EventList, Job, JobList } from '@aircheck/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newFolder, run } from '../jobs/works/clips.ts';
import { databases, LegacyServer } from './legacy-server.ts';
import type { Answer } from './tencent-client.ts';

describe.each(databases)('work by the legacy API of Tencent VOD (%s)', { timeout: 60_000 }, (kind) => {
  const server = new LegacyServer(kind);
  const call: typeof server.call = (...parameters) => server.call(...parameters);

  /** Begins a task and waits for its end. @returns what GetTaskInfo says then */
  async function done(action: string, parameters: object): Promise<Answer> {
    const { code, message, vodTaskId } = await call(action, parameters, { method: 'POST' });
    expect([action, code, message]).toEqual([action, 0, '']);
    const info = () => call('GetTaskInfo', { vodTaskId });
    await expect.poll(async () => (await info()).finishTime, { timeout: 40_000, interval: 200 }).toBeGreaterThan(0);
    return { ...(await info()), vodTaskId };
  }
  const typeOf = async (url: string) => {
    const answer = await fetch(url);
    const content = Buffer.from(await answer.arrayBuffer());
    return [answer.status, answer.headers.get('content-type'), content] as const;
  };

  it('cuts a clip out of a file, from either end', async () => {
    const fileId = await server.upload('to cut');
    const task = await done('ClipVideo', { fileId, newFileName: 'cut', startTimeOffset: '1.0', endTimeOffset: -1 });
    expect(task).toMatchObject({
      type: 'clipVideo',
      data: { srcFileId: fileId, fileInfo: { status: 0, fileType: 'mp4' } },
    });
    const made = await call('GetVideoInfo', { fileId: task.data.fileInfo.fileId });
    expect(made.basicInfo).toMatchObject({ name: 'cut', duration: 1 });
    for (const beyond of [{ startTimeOffset: 3.5 }, { endTimeOffset: 3.5 }, { startTimeOffset: 2, endTimeOffset: 1 }]) {
      const answer = await call('ClipVideo', { fileId, newFileName: 'x', ...beyond });
      expect(answer).toMatchObject({ code: 4000, codeDesc: 'request-invalid' });
    }
    expect(await call('ClipVideo', { fileId, newFileName: 'x', startTimeOffset: '1e3' })).toMatchObject({ code: 4000 });
    expect(await call('ClipVideo', { fileId })).toMatchObject({ code: 4000, message: 'newFileName is missing' });
  });

  it('joins files, named from 0 or from 1 on', async () => {
    const fileId = await server.upload('to join');
    const task = await done('ConcatVideo', {
      'srcFileList.1.fileId': fileId,
      'srcFileList.2.fileId': fileId,
      name: 'joined',
      dstType: ['m3u8'],
    });
    const made = await call('GetVideoInfo', { fileId: task.data.fileInfo[0].fileId });
    expect(made.basicInfo).toMatchObject({ name: 'joined', duration: 6, type: 'mp4' });
    const join = (parameters: object) => call('ConcatVideo', { name: 'x', dstType: ['mp4'], ...parameters });
    expect(await join({ srcFileList: [{ fileId }] })).toMatchObject({ code: 4000 });
    expect(await join({ srcFileList: [{ fileId }, { fileId: '12345678901234567' }] })).toMatchObject({ code: 10008 });
    expect(await join({ srcFileList: [{ fileId }, { fileId }], dstType: ['avi'] })).toMatchObject({ code: 4000 });
  });

  it('takes pictures at times and a sprite', async () => {
    const fileId = await server.upload('pictures');
    const shots = await done('CreateSnapshotByTimeOffset', { fileId, definition: 10, timeOffset: [0, 1500] });
    expect(shots).toMatchObject({ data: { fileId, picInfo: [{ timeOffset: 0 }, { timeOffset: 1500 }] } });
    const sprite = await done('CreateImageSprite', { fileId, definition: 10 });
    expect(sprite).toMatchObject({ type: 'createImageSprite', data: { status: 0, fileId } });

    const info = await call('GetVideoInfo', { fileId });
    const [{ picInfoList }] = info.snapshotByTimeOffsetInfo.snapshotByTimeOffsetList;
    expect(picInfoList.map((picture: { timeOffset: number }) => picture.timeOffset)).toEqual([0, 1500]);
    const [status, type, picture] = await typeOf(picInfoList[1].url);
    expect([status, type, picture.subarray(0, 3).toString('hex')]).toEqual([200, 'image/jpeg', 'ffd8ff']);
    const [{ imageUrls, webVttUrl, totalCount }] = info.imageSpriteInfo.imageSpriteList;
    expect(totalCount).toBeGreaterThan(1);
    expect((await typeOf(imageUrls[0])).slice(0, 2)).toEqual([200, 'image/jpeg']);
    expect((await typeOf(webVttUrl))[2].toString()).toMatch(/^WEBVTT/);

    const beyond = { fileId, definition: 10, timeOffset: [999_999] };
    expect(await call('CreateSnapshotByTimeOffset', beyond)).toMatchObject({ code: 4000 });
    expect(await call('CreateSnapshotByTimeOffset', { fileId, definition: 10 })).toMatchObject({ code: 4000 });
    expect(await call('CreateImageSprite', { fileId, definition: 4711 })).toMatchObject({ code: 10704 });
  });

  it('transcodes into several forms at once, and takes a cover', async () => {
    const fileId = await server.upload('many forms');
    const task = await done('ProcessFile', {
      fileId,
      transcode: { definition: [10, 210] },
      coverBySnapshot: { definition: 10, positionType: 'Percent', position: 10 },
      notifyMode: 'Finish',
      priority: 5,
    });
    expect(task).toMatchObject({ type: 'procedure', data: { status: 'FINISH', errCode: 0, fileId } });
    const tasks: { taskType: string; status: string }[] = task.data.processTaskList;
    expect(tasks.map(({ taskType, status }) => `${taskType} ${status}`).sort()).toEqual([
      'CoverBySnapshot SUCCESS',
      'Transcode SUCCESS',
      'Transcode SUCCESS',
    ]);
    const [file] = (await call('DescribeVodPlayInfo', { fileName: 'many forms' })).fileSet;
    expect(file.playSet.map(({ definition }: { definition: number }) => definition).sort()).toEqual([0, 10, 210]);
    expect((await typeOf(file.imageUrl)).slice(0, 2)).toEqual([200, 'image/jpeg']);
    const hls = file.playSet.find(({ definition }: { definition: number }) => definition === 210);
    expect((await typeOf(hls.url))[2].toString()).toMatch(/^#EXTM3U/);
    const { transcodeInfo, basicInfo, sampleSnapshotInfo } = await call('GetVideoInfo', { fileId });
    expect(transcodeInfo.transcodeList).toHaveLength(3);
    expect(transcodeInfo.transcodeList[1]).toMatchObject({ audioStreamList: [{ codec: 'aac' }] });
    const [path] = file.imageUrl.split('?');
    expect(basicInfo.coverUrl).toContain(path);
    // The candidates for the cover are nothing that was asked for.
    expect(sampleSnapshotInfo).toBeUndefined();

    const refused = async (parameters: object) => (await call('ProcessFile', { fileId, ...parameters })).code;
    expect(await refused({ transcode: { definition: [4711] } })).toBe(10704);
    expect(await refused({ transcode: { definition: ['ten'] } })).toBe(4000);
    expect(await refused({ transcode: { definition: [10], drm: { definition: 10 } } })).toBe(4000);
    expect(await refused({ pornReview: { definition: 10 } })).toBe(4000);
    expect(await refused({ transcode: { definition: [10] }, priority: 11 })).toBe(4000);
    expect(await refused({})).toBe(4000);
  });

  it('takes pictures all over a file, at times and as a sprite at once, and shows each as its own', async () => {
    const fileId = await server.upload('all pictures');
    const task = await done('ProcessFile', {
      fileId,
      sampleSnapshot: { definition: 10 },
      snapshotByTimeOffset: { definition: 10, timeOffset: [0, 1500] },
      imageSprite: { definition: 10 },
    });
    const tasks: { taskType: string; status: string; input: object; output: Record<string, unknown> }[] =
      task.data.processTaskList;
    const [sampled, sprite, single] = ['SampleSnapshot', 'ImageSprites', 'SnapshotByTimeOffset'].map(
      (name) => tasks.find(({ taskType }) => taskType === name)!,
    );
    expect(tasks).toHaveLength(3);
    for (const { status, input } of tasks) expect([status, input]).toMatchObject(['SUCCESS', { definition: 10 }]);
    expect(single!.input).toMatchObject({ timeOffset: [0, 1500] });
    expect(single!.output.imgInfo).toMatchObject([{ timeOffset: 0 }, { timeOffset: 1500 }]);
    expect(sprite!.output).toMatchObject({ totalCount: expect.any(Number), urlList: [expect.any(String)] });

    const info = await call('GetVideoInfo', { fileId });
    const bare = (urls: unknown) => (urls as string[]).map((url) => url.split('?')[0]);
    expect(info.sampleSnapshotInfo).toMatchObject([{ definition: 10, sampleType: 'percent', Interval: 10 }]);
    expect(bare(info.sampleSnapshotInfo[0].imageUrls)).toEqual(bare(sampled!.output.imageUrls));
    const shown = [];
    for (const url of info.sampleSnapshotInfo[0].imageUrls) {
      const [status, type, picture] = await typeOf(url);
      expect([status, type]).toEqual([200, 'image/jpeg']);
      shown.push(picture.toString('base64'));
    }
    // Ten different pictures of the three seconds.
    expect(new Set(shown).size).toBe(10);
    const [{ picInfoList }, ...others] = info.snapshotByTimeOffsetInfo.snapshotByTimeOffsetList;
    expect([picInfoList, others]).toMatchObject([[{ timeOffset: 0 }, { timeOffset: 1500 }], []]);
    expect(info.imageSpriteInfo.imageSpriteList).toMatchObject([{ definition: 10 }]);

    const refused = async (parameters: object) => (await call('ProcessFile', { fileId, ...parameters })).code;
    expect(await refused({ sampleSnapshot: { definition: 4711 } })).toBe(10704);
    expect(await refused({ snapshotByTimeOffset: { definition: 4711, timeOffset: [0] } })).toBe(10704);
    expect(await refused({ imageSprite: { definition: 4711 } })).toBe(10704);
    expect(await refused({ sampleSnapshot: { definition: 10 }, notifyMode: 'Sometimes' })).toBe(4000);
  });

  it('does a task again that has failed', async () => {
    const fileId = await server.upload('broken');
    const path = join(server.running.dataFolder, 'recordings', fileId, `0000-${fileId}.mp4`);
    await writeFile(path, 'this is no film any more. '.repeat(100));
    const failed = await done('CreateSnapshotByTimeOffset', { fileId, definition: 10, timeOffset: [0] });
    expect(failed.data.picInfo).toEqual([{ status: 30_009, timeOffset: 0, url: '' }]);
    await writeFile(path, server.film);
    const { vodTaskId } = failed;
    expect(await call('RedoTask', { vodTaskId })).toMatchObject({ code: 0, message: '' });
    const picture = async () => (await call('GetTaskInfo', { vodTaskId })).data.picInfo?.[0].status;
    await expect.poll(picture, { timeout: 30_000, interval: 200 }).toBe(0);
    expect(await call('RedoTask', { vodTaskId })).toMatchObject({ code: 70034 });
  });

  it('runs the procedures of the app, and lists tasks', async () => {
    const fileId = await server.upload('procedures');
    const put = (name: string, spec: object) =>
      server.running.api.request('PUT', `/v1/procedures/${name}`, { spec, automatic: false });
    await put('pictures', { snapshotOffsetsMs: [0] });
    await put('ConvertVodFile', { aac: true });
    const named = { inputType: 'SingleFile', file: { id: fileId }, procedure: 'pictures' };
    const first = await done('RunProcedure', named);
    const second = await done('ConvertVodFile', { fileId, isScreenshot: 1 });
    expect(second.data).toMatchObject({ status: 0, fileId, coverUrl: expect.stringContaining('http') });
    expect(second.data.playSet.map(({ definition }: { definition: number }) => definition)).toEqual([0, 60]);
    expect(await call('RunProcedure', { ...named, inputType: 'Stream' })).toMatchObject({ code: 4000 });

    const newest = await call('GetTaskList', { fileId, status: 'FINISH', maxCount: 1 });
    expect(newest.data).toMatchObject({
      status: 'FINISH',
      taskList: [{ vodTaskId: second.vodTaskId, type: 'transcode' }],
    });
    const older = await call('GetTaskList', { fileId, status: 'FINISH', maxCount: 10, next: newest.data.next });
    expect(older.data).toMatchObject({ next: '', taskList: [{ vodTaskId: first.vodTaskId }] });
    expect((await call('GetTaskList', { fileId, status: 'WAITING' })).data.taskList).toEqual([]);
    expect(await call('RedoTask', { vodTaskId: first.vodTaskId })).toMatchObject({ code: 70034 });
    // What the library does by itself is nobody's task.
    const { items } = await server.running.api.request<JobList>('GET', `/v1/jobs?fileId=${fileId}&type=hash`);
    expect(await call('GetTaskInfo', { vodTaskId: items[0]!.jobId })).toMatchObject({ code: 70014 });
  });

  it('keeps templates of transcoding', async () => {
    const template = {
      name: 'own',
      container: 'mp4',
      video: { codec: 'libx264', fps: 25, height: 240, bitrate: -256 },
      audio: { codec: 'libfdk_aac', bitrate: 48, soundSystem: 2, sampleRate: 44_100 },
    };
    const { data } = await call('CreateTranscodeTemplate', template, { method: 'POST' });
    const { definition } = data;
    const query = () => call('QueryTranscodeTemplate', { definition });
    const video = { codec: 'libx264', fps: 25, height: 240, width: 0, bitrate: 256 };
    expect(await query()).toMatchObject({
      name: 'own',
      container: 'mp4',
      video,
      audio: { bitrate: 48, sampleRate: 44_100 },
    });
    expect(await call('UpdateTranscodeTemplate', { definition, video: { height: 360 } })).toMatchObject({ code: 0 });
    expect(await query()).toMatchObject({ name: 'own', video: { ...video, height: 360 }, audio: { bitrate: 48 } });
    const list = (await call('QueryTranscodeTemplateList')).data;
    expect(list.map((item: { definition: number }) => item.definition)).toEqual(
      expect.arrayContaining([10, 20, 30, 40, 210, 220, 230, 240, definition]),
    );

    const refused = async (changes: object) =>
      (await call('CreateTranscodeTemplate', { ...template, ...changes })).code;
    expect(await refused({ container: 'flv' })).toBe(4000);
    expect(await refused({ container: '' })).toBe(4000);
    expect(await refused({ video: { ...template.video, codec: 'libx265' } })).toBe(4000);
    expect(await refused({ video: { ...template.video, height: 1e6 } })).toBe(4000);
    expect(await refused({ isFiltrateVideo: 1, isFiltrateAudio: 1 })).toBe(4000);
    const codes: number[] = [];
    for (let count = 1; count < 17; count++) codes.push(await refused({ name: `n${count}` }));
    expect(codes.slice(-2)).toEqual([0, 10706]);
    expect(await call('DeleteTranscodeTemplate', { definition })).toMatchObject({ code: 0 });
    expect(await query()).toMatchObject({ code: 10704 });
    expect(await call('DeleteTranscodeTemplate', { definition: 10 })).toMatchObject({ code: 4000 });
  });

  it('takes watermarks by an upload, and draws them', async () => {
    const fileId = await server.upload('marked');
    expect(await call('ConvertVodFile', { fileId, isWatermark: 1 })).toMatchObject({ code: 1163 });
    const { uploadUrl } = await call('ApplyUploadWatermark', { type: 'png' });
    const template = { name: 'mark', url: uploadUrl, left: '10%', top: '5px', width: '20%', height: '0px' };
    expect(await call('CreateWatermarkTemplate', template)).toMatchObject({ code: 31001 });
    const put = (body: Uint8Array<ArrayBuffer>) => fetch(uploadUrl, { method: 'PUT', body });
    expect((await put(new Uint8Array(200_000))).status).toBe(413);
    expect((await put(new Uint8Array(100))).status).toBe(200);
    expect(await call('CreateWatermarkTemplate', template)).toMatchObject({ code: 4000 });
    const logo = join(await newFolder(), 'logo.png');
    await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=c=red:s=16x16', '-frames:v', '1', logo]);
    expect((await put(new Uint8Array(await readFile(logo)))).status).toBe(200);
    const { definition } = await call('CreateWatermarkTemplate', template);
    expect(await call('QueryWatermarkTemplate', { definition })).toMatchObject({
      name: 'mark',
      left: '10%',
      type: 'image',
    });
    expect(await call('UpdateWatermarkTemplate', { definition, left: '1px', width: '30%' })).toMatchObject({ code: 0 });
    expect((await call('QueryWatermarkTemplateList'))['0']).toMatchObject({
      definition,
      left: '1px',
      top: '5px',
      width: '30%',
    });

    const task = await done('ProcessFile', { fileId, transcode: { definition: [10], watermark: 1 } });
    expect(task.data.processTaskList).toMatchObject([{ taskType: 'Transcode', status: 'SUCCESS' }]);
    const { items } = await server.running.api.request<{ items: Job[] }>('GET', `/v1/jobs?parentId=${task.vodTaskId}`);
    expect(items[0]!.input).toMatchObject({ watermark: definition });
    expect(await call('DeleteWatermarkTemplate', { definition })).toMatchObject({ code: 0 });
    expect(await call('QueryWatermarkTemplate', { definition })).toMatchObject({ code: 10704 });
  });

  it('hands events out until they are confirmed', async () => {
    const subscriber = { name: 'back end', kind: 'tencent-queue' };
    await server.running.api.request('POST', '/v1/subscribers', subscriber);
    const fileId = await server.upload('told of');
    const [event] = (await call('PullEvent')).eventList;
    expect(event.eventContent).toMatchObject({
      version: '4.0',
      eventType: 'NewFileUpload',
      data: { fileId, fileName: 'told of', sourceType: 'ServerUpload' },
    });
    expect(await call('ConfirmEvent', { msgHandle: [event.msgHandle] })).toMatchObject({ code: 0 });
    expect(await call('ConfirmEvent', { msgHandle: [event.msgHandle] })).toMatchObject({ code: 4000 });
    expect(await call('ConfirmEvent')).toMatchObject({ code: 4000 });

    // A deletion is told when it is asked for, and not again when the file leaves the recycle bin.
    const { api } = server.running;
    const next = async () => {
      const { eventList } = await call('PullEvent');
      expect(eventList).toHaveLength(1);
      expect(await call('ConfirmEvent', { msgHandle: [eventList[0].msgHandle] })).toMatchObject({ code: 0 });
      return eventList[0].eventContent;
    };
    const deleted = (of: string) => ({
      version: '4.0',
      eventType: 'FileDeleted',
      data: { status: 0, message: '', fileInfo: [{ fileId: of }] },
    });
    expect(await call('DeleteVodFile', { fileId, priority: 0 })).toMatchObject({ code: 0 });
    expect(await next()).toEqual(deleted(fileId));
    const removed = async (of: string) => {
      await api.request('DELETE', `/v1/assets/${of}?now=true`);
      const events = () => api.request<EventList>('GET', `/v1/events?type=asset.deleted&subject=${of}`);
      await expect.poll(async () => (await events()).items.length).toBe(1);
    };
    await removed(fileId);
    const other = await server.upload('deleted at once');
    expect(await next()).toMatchObject({ eventType: 'NewFileUpload', data: { fileId: other } });
    await removed(other);
    expect(await next()).toEqual(deleted(other));
  });

  it('has files fetched from addresses', async () => {
    const source = createServer((_request, response) => response.end(server.film)).listen(0, '127.0.0.1');
    onTestFinished(() => void source.close());
    await new Promise((resolve) => source.once('listening', resolve));
    const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/film.mp4`;
    const pull = (pullset: object[]) => call('MultiPullVodFile', { pullset }, { method: 'POST' });
    const { data } = await pull([
      { url, fileName: 'pulled 1', tags: 'a,b', classId: 0, priority: 1 },
      { url: 'http://10.255.255.1/film.mp4', fileName: 'pulled 2' },
    ]);
    expect(data[0]).toEqual({
      source_url: url,
      file_name: 'pulled 1',
      file_id: expect.stringMatching(/^\d{17,20}$/),
      vod_task_id: expect.any(String),
    });
    const file = () => call('DescribeVodInfo', { fileIds: [data[0].file_id] });
    await expect.poll(async () => (await file()).code, { timeout: 30_000, interval: 200 }).toBe(0);
    expect((await file()).fileSet[0]).toMatchObject({ fileName: 'pulled 1', tags: ['a', 'b'], duration: '3' });
    expect(await call('GetVideoInfo', { fileId: data[1].file_id })).toMatchObject({ code: 10008 });

    expect(await pull([{ url, fileName: 'x', isTranscode: 1 }])).toMatchObject({ code: 4000 });
    expect(await pull([{ url, fileName: 'x', classId: 4711 }])).toMatchObject({ code: 1905 });
    expect(await pull([{ url: 'file:///etc/passwd', fileName: 'x' }])).toMatchObject({ code: 4000 });
    expect(await pull([{ url }])).toMatchObject({ code: 4000, message: 'pullset.0.fileName is missing' });
    expect(await pull(Array.from({ length: 51 }, () => ({ url, fileName: 'x' })))).toMatchObject({ code: 4000 });
    expect(await pull([])).toMatchObject({ code: 4000 });
  });
});
