import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Asset, Job } from '@aircheck/protocol';
import { type RunningServer, startServer, startWhipPublisher } from '@aircheck/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { databaseForServer } from '../databases.ts';
import { SMALL, sharedFolder, writeRecording } from '../jobs/works/clips.ts';
import { makeUserBuf, makeUserSig } from './user-sig-maker.ts';

const sdkAppId = 1_400_012_345;
const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex');
const sha1 = (data: string) => createHash('sha1').update(data).digest('hex');

interface Call {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test reads the parts it is about
  readonly body: any;
}

/** A back end that was written for the vendors: takes what comes, and keeps it. */
class BackEnd {
  readonly calls: Call[] = [];
  readonly #server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    this.calls.push({
      path: request.url!,
      method: request.method!,
      headers: request.headers,
      text,
      body: JSON.parse(text),
    });
    response.end('{"code":200}');
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The first call to a path that meets the condition, past or to come. */
  async told(path: string, condition: (call: Call) => boolean = () => true): Promise<Call> {
    const find = () => this.calls.find((call) => call.path === path && condition(call));
    await expect.poll(() => find() !== undefined, { timeout: 40_000 }).toBe(true);
    return find()!;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('callbacks in the formats of vendors', { timeout: 90_000 }, () => {
  const backEnd = new BackEnd();
  let server: RunningServer;
  let sourceUrl: string;
  let film: Buffer;
  const source = createServer((request, response) => {
    if (request.url === '/film.mp4') response.end(film);
    else response.writeHead(404).end();
  });
  /** The file that was recorded, and when, in milliseconds. */
  let recorded: { fileId: string; fromMs: number; toMs: number };

  // biome-ignore lint/suspicious/noExplicitAny: each test reads the parts it is about
  const vod = (eventType: string, condition: (data: any) => boolean = () => true) =>
    backEnd.told('/vod', ({ body }) => body.eventType === eventType && condition(body.data));
  const jobOf = async (request: object) => (await server.api.request<Job>('POST', '/v1/jobs', request)).jobId;

  /** A command of a back end of ILiveSDK. */
  async function relay(head: object, reqbody: object, query: Record<string, string> = {}) {
    const usersig = makeUserSig({ secret: server.apiSecret, sdkAppId, userId: 'administrator' });
    const all = { usersig, identifier: 'administrator', sdkappid: String(sdkAppId), random: '7', apn: '0', ...query };
    const answer = await fetch(`${server.url}/v3/openim/videorelay?${new URLSearchParams(all)}&contenttype=json`, {
      method: 'POST',
      // Whatever the library of the back end says it is.
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: JSON.stringify({ reqhead: { uint32_sdk_appid: sdkAppId, uint32_auth_key: 4711, ...head }, reqbody }),
    });
    expect(answer.status).toBe(200);
    // biome-ignore lint/suspicious/noExplicitAny: each test reads the parts it is about
    return (await answer.json()) as any;
  }
  const recordHead = { uint32_sub_cmd: 5, uint32_seq: 99, rpt_to_Account: ['anna'], bytes_cookie_buff: 'cookie' };

  beforeAll(async () => {
    const url = await backEnd.start();
    source.listen(0, '127.0.0.1');
    await once(source, 'listening');
    sourceUrl = `http://127.0.0.1:${(source.address() as AddressInfo).port}`;
    const path = join(await sharedFolder(), 'film.mp4');
    await writeRecording(path, { ...SMALL });
    film = await readFile(path);
    const env = { AIRCHECK_MEDIA_WORKERS: '1', AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1' };
    server = await startServer({ env, database: await databaseForServer() });
    await server.api.request('PATCH', '/v1/settings', { sdkAppId, bizId: '8525', hotlinkKey: 'abcDEF12345' });
    for (const [kind, path, more] of [
      ['tencent-vod', '/vod', {}],
      ['tencent-live', '/live', { secret: 'the live key' }],
      ['yunxin', '/yunxin', { secret: 'the app secret', options: { appKey: 'the app key' } }],
    ] as const) {
      await server.api.request('POST', '/v1/subscribers', { name: kind, kind, url: url + path, ...more });
    }
    await server.api.request('PUT', '/v1/procedures/ConvertVodFile', { spec: { transcode: [{ definition: 10 }] } });
    // A host with Tencent's credentials comes into a room, and a back end has it recorded.
    const userbuf = makeUserBuf({ sdkAppId, userId: 'anna', room: 4711, rights: 0xff });
    const publisher = await startWhipPublisher({
      url: `${server.url}/whip/4711`,
      token: makeUserSig({ secret: server.apiSecret, sdkAppId, userId: 'anna', userbuf }),
      media: { kind: 'live' },
    });
    const fromMs = Date.now();
    let started: { rspbody: { rsp_0x5: { uint32_result: number } } };
    do {
      started = await relay(recordHead, {
        req_0x5: {
          uint32_oper: 1,
          string_file_name: 'sxb_anna',
          string_tags: 'lesson, live',
          uint32_classid: 0,
          uint32_sdk_type: 1,
          uint32_record_data_type: 0,
          uint32_IsTransCode: 1,
          uint32_IsScreenShot: 1,
          uint32_IsWaterMark: 0,
        },
      });
      // 30000411: its picture has not come yet.
    } while (started.rspbody.rsp_0x5.uint32_result === 30_000_411 && Date.now() < fromMs + 20_000);
    expect(started).toEqual({
      reqhead: {
        uint32_sub_cmd: 5,
        uint32_seq: 99,
        uint32_auth_key: 4711,
        uint32_sdk_appid: sdkAppId,
        bytes_cookie_buff: 'cookie',
        uint32_result: 0,
        str_error_msg: '',
      },
      rspbody: { rsp_0x5: { uint32_result: 0, str_errorinfo: '' } },
    });
    await vi.waitUntil(async () => ((await server.api.listAssets()).items[0]?.durationMs ?? 0) > 1500, {
      timeout: 20_000,
    });
    const again = await relay(recordHead, {
      req_0x5: { uint32_oper: 1, string_file_name: 'x', string_tags: ['lesson'], uint32_record_data_type: 0 },
    });
    expect(again.rspbody.rsp_0x5.uint32_result).toBe(30_000_415);
    const stop = { req_0x5: { uint32_oper: 2, uint32_sdk_type: 1, uint32_record_data_type: 0 } };
    const stopped = await relay(recordHead, stop);
    expect(stopped.rspbody.rsp_0x5).toEqual({ uint32_result: 0, str_errorinfo: '', str_fileID: [expect.any(String)] });
    recorded = { fileId: stopped.rspbody.rsp_0x5.str_fileID[0], fromMs, toMs: Date.now() };
    expect((await relay(recordHead, stop)).rspbody.rsp_0x5.uint32_result).toBe(30_000_412);
    // Sent away, the host leaves an empty room.
    const kicked = await relay({ ...recordHead, uint32_sub_cmd: 1 }, {});
    expect(kicked.rspbody.rsp_0x1.uint32_result).toBe(0);
    await publisher.kill();
  }, 90_000);
  afterAll(async () => {
    await server.stop();
    backEnd.close();
    source.close();
    await rm(server.dataFolder, { recursive: true, force: true });
  });

  it('tell Tencent VOD of a new file', async () => {
    const { body, headers } = await vod('NewFileUpload', ({ fileId }) => fileId === recorded.fileId);
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(body.version).toBe('4.0');
    expect(body.data).toMatchObject({
      fileId: expect.stringMatching(/^\d{17,20}$/),
      fileName: 'sxb_anna',
      author: 'anna',
      sourceType: 'Record',
      streamId: `8525_${md5('4711_anna_main')}`,
      status: 0,
      message: '',
    });
    const { tags } = await server.api.request<Asset>('GET', `/v1/assets/${recorded.fileId}`);
    expect(tags).toEqual(['lesson', 'live']);
    expect(Buffer.byteLength(body.data.sourceContext)).toBeLessThanOrEqual(256);
    expect(new URLSearchParams(body.data.sourceContext).get('groupid')).toBe('4711');
    const bytes = Buffer.from(await (await fetch(body.data.fileUrl)).arrayBuffer());
    expect(bytes.byteLength).toBe(body.data.fileSize);
  });

  it('tell Tencent VOD of what the flags of the recording asked for', async () => {
    const { body } = await vod('TranscodeComplete', ({ fileId }) => fileId === recorded.fileId);
    const { transcodeTaskId } = (await vod('NewFileUpload', ({ fileId }) => fileId === recorded.fileId)).body.data;
    expect(body.data.vodTaskId).toBe(transcodeTaskId);
    expect(body.data).toMatchObject({ status: 0, fileName: 'sxb_anna', coverUrl: expect.stringContaining('http') });
    const sizes = body.data.playSet.map(({ definition }: { definition: number }) => definition);
    expect(sizes).toEqual(expect.arrayContaining([0, 10]));
  });

  it('tell a live code of a new file, signed', async () => {
    const { body } = await backEnd.told('/live');
    expect(body.sign).toBe(md5(`the live key${body.t}`));
    expect(Math.abs(body.t - (Date.now() / 1000 + 600))).toBeLessThan(90);
    expect(body).toMatchObject({
      event_type: 100,
      appid: sdkAppId,
      stream_id: `8525_${md5('4711_anna_main')}`,
      channel_id: body.stream_id,
      file_id: recorded.fileId,
      record_file_id: recorded.fileId,
      file_format: 'mp4',
      file_size: expect.any(Number),
      duration: expect.any(Number),
      start_time: expect.any(Number),
      end_time: expect.any(Number),
      task_id: expect.any(String),
      video_id: expect.any(String),
      video_url: expect.stringContaining(recorded.fileId),
    });
    expect(body.start_time).toBeGreaterThanOrEqual(Math.floor(recorded.fromMs / 1000) - 1);
    expect(body.end_time).toBeLessThanOrEqual(Math.ceil(recorded.toMs / 1000));
    expect(body.end_time - body.start_time).toBeCloseTo(body.duration, -0.5);
    const param = new URLSearchParams(body.stream_param);
    expect(param.get('groupid')).toBe('4711');
    expect(Buffer.from(param.get('userid')!, 'base64').toString()).toBe('anna');
    expect(backEnd.calls.filter(({ path }) => path === '/live')).toHaveLength(1);
  });

  it('copy the end of a call and its files to Yunxin, signed', async () => {
    const file = await backEnd.told('/yunxin', ({ body }) => body.eventType === '6');
    const call = await backEnd.told('/yunxin', ({ body }) => body.eventType === '5');
    for (const { headers, text } of [file, call]) {
      expect(headers.appkey).toBe('the app key');
      expect(headers.curtime).toMatch(/^\d{13}$/);
      expect(headers.md5).toBe(md5(text));
      expect(headers.checksum).toBe(sha1(`the app secret${md5(text)}${headers.curtime}`));
      expect(headers['content-type']).toBe('application/json');
    }
    const asset = await server.api.request<Asset>('GET', `/v1/assets/${recorded.fileId}`);
    expect(Object.keys(file.body).toSorted()).toEqual(['eventType', 'fileinfo']);
    const [info, ...others] = JSON.parse(file.body.fileinfo);
    expect(others).toEqual([]);
    expect(info).toEqual({
      caller: true,
      channelid: call.body.channelId,
      filename: `anna-${call.body.channelId}-0.mp4`,
      md5: asset.md5,
      mix: false,
      pieceindex: '0',
      size: String(asset.sizeBytes),
      type: 'mp4',
      url: expect.any(String),
      user: 'anna',
      vid: recorded.fileId,
      timestamp: String(Math.floor(Date.parse(asset.startedAt) / 1000)),
    });
    expect(md5(Buffer.from(await (await fetch(info.url)).arrayBuffer()))).toBe(info.md5);
    expect(call.body).toMatchObject({
      eventType: '5',
      channelId: expect.stringMatching(/^\d+$/),
      createtime: expect.stringMatching(/^\d{13}$/),
      duration: expect.stringMatching(/^\d+$/),
      live: '0',
      status: 'SINGLE_PARTICIPATE',
      type: 'VEDIO',
    });
    expect(JSON.parse(call.body.members)).toEqual([{ accid: 'anna', duration: expect.any(Number), caller: true }]);
  });

  it('tell Tencent VOD what came of tasks', async () => {
    const { fileId } = recorded;
    const snapshot = await jobOf({ type: 'snapshot', fileId, offsetsMs: [1000, 0] });
    const sprite = await jobOf({ type: 'sprite', fileId });
    const clip = await jobOf({ type: 'clip', fileId, startMs: 0, endMs: 1000, fileName: 'clip' });
    const transcode = await jobOf({ type: 'transcode', fileId, definition: 10 });
    const procedure = await jobOf({ type: 'procedure', fileId, spec: { cover: true, snapshotOffsetsMs: [500] } });
    const opens = async (url: string, type: string) => {
      const answer = await fetch(url);
      expect([url, answer.status, answer.headers.get('content-type')]).toEqual([
        url,
        200,
        expect.stringContaining(type),
      ]);
    };

    const pictures = (await vod('CreateSnapshotByTimeOffsetComplete')).body.data;
    expect(pictures).toMatchObject({
      vodTaskId: snapshot,
      fileId,
      picInfo: [{ status: 0, timeOffset: 0 }, { status: 0 }],
    });
    for (const { url } of pictures.picInfo) await opens(url, 'image/');

    const sheet = (await vod('CreateImageSpriteComplete')).body.data;
    expect(sheet).toMatchObject({ status: 0, message: '', vodTaskId: sprite, fileId, totalCount: expect.any(Number) });
    for (const url of sheet.imageSpriteUrl) await opens(url, 'image/');
    await opens(sheet.webVttUrl, 'text/vtt');

    const clipped = (await vod('ClipComplete')).body.data;
    expect(clipped).toMatchObject({
      vodTaskId: clip,
      srcFileId: fileId,
      fileInfo: { fileType: 'mp4', status: 0, message: '' },
    });
    await opens(clipped.fileInfo.fileUrl, 'video/mp4');

    const coded = (await vod('TranscodeComplete', ({ vodTaskId }) => vodTaskId === transcode)).body.data;
    expect(coded).toMatchObject({ status: 0, message: '', fileId, fileName: 'sxb_anna' });
    // One more than what the flags of the recording asked for.
    expect(coded.playSet.map(({ definition }: { definition: number }) => definition)).toEqual([0, 10, 10]);
    for (const { url } of coded.playSet) await opens(url, 'video/mp4');

    const convert = await jobOf({
      type: 'procedure',
      fileId,
      spec: { transcode: [{ definition: 20 }] },
      purpose: 'ConvertVodFile',
    });
    const converted = await vod('TranscodeComplete', ({ vodTaskId }) => vodTaskId === convert);
    expect(converted.body.data).toMatchObject({ status: 0, message: '', fileId, playSet: expect.any(Array) });

    const concat = await jobOf({ type: 'concat', fileIds: [fileId, fileId], fileName: 'joined' });
    const joined = (await vod('ConcatComplete')).body.data;
    expect(joined).toMatchObject({ vodTaskId: concat, fileInfo: [{ fileType: 'mp4', status: 0, message: '' }] });
    await opens(joined.fileInfo[0].fileUrl, 'video/mp4');

    const flow = (await vod('ProcedureStateChanged', ({ status }) => status === 'FINISH')).body.data;
    expect(flow).toMatchObject({
      vodTaskId: procedure,
      errCode: 0,
      message: '',
      fileId,
      metaData: { container: 'mp4' },
    });
    const tasks = Object.fromEntries(flow.processTaskList.map((task: { taskType: string }) => [task.taskType, task]));
    expect(Object.keys(tasks).toSorted()).toEqual(['CoverBySnapshot', 'SnapshotByTimeOffset']);
    expect(tasks.SnapshotByTimeOffset).toMatchObject({ status: 'SUCCESS', errCode: 0, input: { timeOffset: [500] } });
    await opens(tasks.SnapshotByTimeOffset.output.imgInfo[0].url, 'image/');
    await opens(tasks.CoverBySnapshot.output.imageUrl, 'image/');
    // Parts of a procedure are told with it, not one by one.
    const snapshots = backEnd.calls.filter(({ body }) => body.eventType === 'CreateSnapshotByTimeOffsetComplete');
    expect(snapshots).toHaveLength(1);
  });

  it('tell Tencent VOD of pulls that succeed and that do not, and of deleted files', async () => {
    const pull = (path: string) =>
      server.api.request<{ jobId: string }>('POST', '/v1/pulls', { url: sourceUrl + path, fileName: 'pulled' });
    const good = await pull('/film.mp4');
    const bad = await pull('/nothing.mp4');
    const { body } = await vod('PullComplete', ({ vodTaskId }) => vodTaskId === good.jobId);
    const entered = await vod('NewFileUpload', ({ fileId }) => fileId === body.data.fileId);
    expect(entered.body.data).toMatchObject({ sourceType: 'Pull', fileName: 'pulled', fileUrl: expect.any(String) });
    expect(body.data).toMatchObject({ status: 0, message: '', fileId: expect.stringMatching(/^\d+$/) });
    expect((await fetch(body.data.fileUrl)).status).toBe(200);
    const failed = await vod('PullComplete', ({ vodTaskId }) => vodTaskId === bad.jobId);
    expect(failed.body.data).toMatchObject({ status: 30_009, message: expect.stringContaining('404') });

    const { fileId } = body.data;
    await server.api.request('DELETE', `/v1/assets/${fileId}?now=true`);
    const deleted = await vod('FileDeleted');
    expect(deleted.body.data).toEqual({ status: 0, message: '', fileInfo: [{ fileId }] });
  });

  it('are refused to a subscriber of Yunxin without an appKey', async () => {
    const request = { name: 'x', kind: 'yunxin', url: 'http://127.0.0.1:1/', secret: 'the app secret' };
    await expect(server.api.request('POST', '/v1/subscribers', request)).rejects.toMatchObject({
      status: 400,
      problem: { input: 'body.options.appKey' },
    });
  });

  it('open files to links with a hotlink signature', async () => {
    const dir = `/v1/media/${recorded.fileId}/`;
    const link = (seconds: number, us = 'r1') => {
      const t = Math.floor(Date.now() / 1000 + seconds).toString(16);
      return `${server.url}${dir}a.mp4?t=${t}&us=${us}&sign=${md5(`abcDEF12345${dir}${t}r1`)}`;
    };
    expect((await fetch(link(60))).status).toBe(200);
    expect((await fetch(link(-250))).status).toBe(200);
    expect((await fetch(link(-310))).status).toBe(403);
    expect((await fetch(link(60, 'r2'))).status).toBe(403);
  });

  it('come of commands alone that an administrator gives', async () => {
    const start = { req_0x5: { uint32_oper: 1, string_file_name: 'x', uint32_record_data_type: 0 } };
    const secret = server.apiSecret;
    const of = (userId: string, more: object = {}) => makeUserSig({ secret, sdkAppId, userId, ...more });
    for (const query of [
      { usersig: of('anna'), identifier: 'anna' },
      { usersig: of('anna') },
      { usersig: of('administrator', { expire: -1 }) },
      { usersig: of('administrator', { secret: 'another secret of letters' }) },
      { sdkappid: '1400099999' },
      { usersig: 'none' },
    ]) {
      const { reqhead, rspbody } = await relay(recordHead, start, query as Record<string, string>);
      expect([query, reqhead.uint32_result, rspbody]).toEqual([query, -5, undefined]);
    }
    const result = async (head: object, body: object) =>
      (await relay({ ...recordHead, ...head }, body)).rspbody.rsp_0x5.uint32_result;
    expect(await result({ uint32_auth_key: 1 }, start)).toBe(30_000_403);
    expect(await result({ rpt_to_Account: ['nobody'] }, start)).toBe(30_000_411);
    expect(await result({ rpt_to_Account: ['a', 'b'] }, start)).toBe(30_000_000);
    expect(await result({}, {})).toBe(30_000_001);
    expect(await result({}, { req_0x5: { uint32_oper: 1, uint32_record_data_type: 0 } })).toBe(30_000_002);
    expect(await result({}, { req_0x5: { string_file_name: 'x' } })).toBe(30_000_003);
    expect(await result({}, { req_0x5: { ...start.req_0x5, uint32_record_data_type: 9 } })).toBe(30_000_004);
    expect((await relay({ ...recordHead, uint32_sub_cmd: 6 }, {})).reqhead.uint32_result).toBe(-2);
    expect((await relay({ uint32_sub_cmd: 5, uint32_auth_key: '../x' }, {})).reqhead.uint32_result).toBe(-4);
    const text = await fetch(`${server.url}/v3/openim/videorelay`, { method: 'POST', body: 'not JSON' });
    expect((await text.json()).reqhead.uint32_result).toBe(-1);
  });
});
