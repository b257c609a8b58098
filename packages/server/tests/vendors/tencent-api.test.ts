import { connect } from 'node:net';
import type { UploadList } from '@aircheck/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../src/db/index.ts';
import { databases, LegacyServer } from './legacy-server.ts';
import { callsOf } from './tencent-client.ts';

const now = () => Math.round(Date.now() / 1000);

describe.each(databases)('the library by the legacy API of Tencent VOD (%s)', { timeout: 60_000 }, (kind) => {
  const server = new LegacyServer(kind);
  const call: typeof server.call = (...parameters) => server.call(...parameters);
  const fileSetOf = async (fileName: string) => (await call('DescribeVodPlayInfo', { fileName })).fileSet;

  describe('signatures', () => {
    it('are taken by GET and POST, with SHA-1 and SHA-256, whatever the values hold', async () => {
      for (const method of ['GET', 'POST'] as const) {
        for (const signatureMethod of ['sha1', 'sha256'] as const) {
          const fileName = `a b+c&d=e%20/?#~*'"()_. 中文🎬 ${method}`;
          const answer = await call('DescribeVodPlayInfo', { fileName }, { method, signatureMethod });
          expect(answer).toEqual({ code: 0, message: '', codeDesc: 'Success', totalCount: '0', fileSet: [] });
        }
      }
    });

    it('are taken for the host without its port, and for the vendor’s own', async () => {
      const { port } = new URL(server.running.url);
      for (const host of ['127.0.0.1', 'vod.api.qcloud.com']) {
        const query = server.client().generateQueryString(
          { Action: 'DescribeClass' },
          {
            ...(server.client() as unknown as { defaults: object }).defaults,
            host,
          },
        );
        const answer = await fetch(`http://127.0.0.1:${port}/v2/index.php?${query}`);
        expect(await answer.json()).toMatchObject({ code: 0 });
      }
    });

    it('are refused with another secret, of nobody, with changed values, for another host, and without', async () => {
      const wrong = { code: 4100, codeDesc: 'unauthenticated' };
      const { apiKey } = server.running;
      expect(await callsOf(server.client(apiKey, 'wrong'))('DescribeClass')).toMatchObject(wrong);
      expect(await callsOf(server.client('ak_nobody', 'nobody'))('DescribeClass')).toMatchObject(wrong);
      const url = `${server.running.url}/v2/index.php`;
      const query = server.client().generateQueryString({ Action: 'DeleteVodFile', fileId: '1' });
      const changed = await fetch(`${url}?${query.replace('fileId=1', 'fileId=2')}`);
      expect(changed.status).toBe(200);
      expect(await changed.json()).toMatchObject(wrong);
      expect(await (await fetch(`${url}?${query}&priority=0`)).json()).toMatchObject(wrong);
      expect(await (await fetch(`${url}?${query}`, { method: 'POST' })).json()).toMatchObject(wrong);
      for (const name of ['Signature', 'SecretId', 'Timestamp', 'Nonce']) {
        const without = query.replace(new RegExp(`&?${name}=[^&]*`), '');
        const answer = await (await fetch(`${url}?${without}`)).json();
        expect(answer).toMatchObject({ code: 4000, message: expect.stringContaining(name) });
      }
      const method = query.replace('&Signature=', '&SignatureMethod=MD5&Signature=');
      expect(await (await fetch(`${url}?${method}`)).json()).toMatchObject({ code: 4000 });
    });

    it('are good once, within two hours', async () => {
      const query = server.client().generateQueryString({ Action: 'DescribeClass' });
      const url = `${server.running.url}/v2/index.php`;
      const send = async () => (await (await fetch(`${url}?${query}`)).json()).code;
      // At the same time, too, it is taken once.
      expect((await Promise.all([send(), send(), send()])).sort()).toEqual([0, 4500, 4500]);
      expect(await send()).toBe(4500);
      for (const [seconds, code] of [
        [-7300, 4200],
        [7300, 4200],
        [-7000, 0],
        [7000, 0],
      ] as const) {
        expect(await call('DescribeClass', { Timestamp: now() + seconds })).toMatchObject({ code });
      }
      expect(await call('DescribeClass', { Timestamp: 'yesterday' })).toMatchObject({ code: 4000 });
    });

    it('do not cover what clients leave out of a POST, which then counts as not sent', async () => {
      const answer = await call('DescribeVodPlayInfo', { fileName: '@secret' }, { method: 'POST' });
      expect(answer).toMatchObject({ code: 4000, message: 'fileName is missing' });
      expect(await call('DescribeVodPlayInfo', { fileName: '@secret' })).toMatchObject({ code: 0 });
    });
  });

  it('refuses what is no call', async () => {
    expect(await call('DropTables')).toMatchObject({ code: 4000, codeDesc: 'request-invalid' });
    expect(await call('__proto__')).toMatchObject({ code: 4000 });
    const url = `${server.running.url}/v2/index.php`;
    const json = await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(await json.json()).toMatchObject({ code: 4000 });
    const xml = await fetch(url, { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } });
    expect(await xml.json()).toMatchObject({ code: 4600, codeDesc: 'media-type-unsupported' });
    const large = new URLSearchParams({ a: 'x'.repeat(300_000) });
    expect(await (await fetch(url, { method: 'POST', body: large })).json()).toMatchObject({ code: 4000 });
    expect(await (await fetch(`${url}?a=1&a=2`)).json()).toMatchObject({ code: 4000, message: 'a is there twice' });
    expect(await (await fetch(`${url}?a=%00`)).json()).toMatchObject({ code: 4000, message: 'a must not hold NUL' });
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405);
  });

  it('finds files by the beginning of their name, page by page, in the vendor’s types', async () => {
    const fileIds = [await server.upload('lesson_1'), await server.upload('lesson_2'), await server.upload('lesson%3')];
    const found = await call('DescribeVodPlayInfo', { fileName: 'lesson' });
    expect(found.totalCount).toBe('3');
    expect(found.fileSet.map((file: { fileId: string }) => file.fileId)).toEqual(fileIds);
    expect(found.fileSet[0]).toEqual({
      fileId: fileIds[0],
      fileName: 'lesson_1',
      duration: 3,
      status: '2',
      imageUrl: '',
      playSet: [{ url: expect.any(String), definition: 0, vbitrate: expect.any(Number), vheight: 180, vwidth: 320 }],
    });
    const played = await fetch(found.fileSet[0].playSet[0].url);
    expect(Buffer.from(await played.arrayBuffer()).equals(server.film)).toBe(true);

    // `_` and `%` stand for themselves.
    expect(await fileSetOf('lesson_')).toHaveLength(2);
    expect(await fileSetOf('lesson%')).toHaveLength(1);
    const second = await call('DescribeVodPlayInfo', { fileName: 'lesson', pageNo: 2, pageSize: 2 });
    expect([second.totalCount, second.fileSet.map((file: { fileName: string }) => file.fileName)]).toEqual([
      '3',
      ['lesson%3'],
    ]);
    expect((await call('DescribeVodPlayInfo', { fileName: 'lesson', pageNo: 9999 })).fileSet).toEqual([]);

    const info = await call('DescribeVodInfo', { fileIds: [fileIds[1], 'nonsense'] });
    expect(info).toMatchObject({
      totalCount: '1',
      fileSet: [
        {
          fileId: fileIds[1],
          size: String(server.film.byteLength),
          duration: '3',
          status: '2',
          classId: '0',
          className: '其他',
          tags: [],
          createTime: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
        },
      ],
    });
    const named = await call('DescribeVodInfo', { 'fileIds.1': fileIds[0], 'fileIds.2': fileIds[2] });
    expect(named.fileSet.map((file: { fileId: string }) => file.fileId)).toEqual([fileIds[0], fileIds[2]]);
    const newest = await call('DescribeVodInfo', { orderby: 1, status: 2, from: '2015-01-12 21:37:11', pageSize: 10 });
    expect(newest.fileSet[0].fileId).toBe(fileIds[2]);
    expect((await call('DescribeVodInfo', { to: '2015-01-12 21:37:11' })).totalCount).toBe('0');

    expect((await call('DescribeVodPlayUrls', { fileId: fileIds[0] })).playSet).toHaveLength(1);
    const byVid = await call('DescribeRecordPlayInfo', { vid: `1400000000_${fileIds[0]}` });
    expect(byVid).toMatchObject({ code: 0, fileSet: [{ fileId: fileIds[0], image_url: '' }] });
  });

  it('finds files by when they came into the library, however old what they show is', async () => {
    const fileId = await server.upload('of last year');
    const db = await openDatabase(server.database);
    onTestFinished(() => db.destroy());
    // As that of a clip, which has the time of what it was cut from.
    const startedAt = Date.now() - 365 * 86_400_000;
    await db.updateTable('assets').set({ started_at: startedAt }).where('file_id', '=', fileId).execute();
    const found = async (filter: object) => {
      const { fileSet } = await call('DescribeVodInfo', { pageSize: 100, ...filter });
      return fileSet.map((file: { fileId: string }) => file.fileId) as string[];
    };
    const hoursAgo = (hours: number) =>
      new Date(Date.now() + (8 - hours) * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
    expect((await found({ from: hoursAgo(1), orderby: 1 }))[0]).toBe(fileId);
    expect((await found({ from: hoursAgo(1), orderby: 0 })).at(-1)).toBe(fileId);
    expect(await found({ to: hoursAgo(1) })).toEqual([]);
    const { createTime } = (await call('DescribeVodInfo', { fileIds: [fileId] })).fileSet[0];
    expect(createTime > hoursAgo(1) && createTime <= hoursAgo(0)).toBe(true);
  });

  it('tells all of a file, or what is asked for', async () => {
    const fileId = await server.upload('whole');
    const all = await call('GetVideoInfo', { fileId });
    expect(all).toMatchObject({
      basicInfo: { name: 'whole', duration: 3, status: 'normal', classificationName: '其他', type: 'mp4' },
      metaData: {
        size: server.film.byteLength,
        width: 320,
        videoStreamList: [{ codec: 'h264', width: 320, height: 180, fps: 25 }],
        audioStreamList: [{ codec: 'opus', samplingRate: 48_000 }],
      },
    });
    expect(all.metaData.rotate).toBe(0);
    expect(all).not.toHaveProperty('transcodeInfo');
    const some = await call('GetVideoInfo', { fileId, infoFilter: ['metaData', 'drm'] });
    expect(Object.keys(some).sort()).toEqual(['code', 'codeDesc', 'message', 'metaData']);
    expect(await call('GetVideoInfo', { fileId, infoFilter: ['secrets'] })).toMatchObject({ code: 4000 });

    const db = await openDatabase(server.database);
    onTestFinished(() => db.destroy());
    const row = await db.selectFrom('assets').select('video').where('file_id', '=', fileId).executeTakeFirstOrThrow();
    const video = JSON.stringify({ ...JSON.parse(row.video!), rotation: 90 });
    await db.updateTable('assets').set({ video }).where('file_id', '=', fileId).execute();
    expect((await call('GetVideoInfo', { fileId })).metaData.rotate).toBe(90);
  });

  it('changes files, their tags and whether they play', async () => {
    const fileId = await server.upload('before');
    const changes = { fileName: 'after', fileIntro: 'an intro', expireTime: '2090-1-2 03:04:05' };
    expect(await call('ModifyVodInfo', { fileId, ...changes }, { method: 'POST' })).toMatchObject({ code: 0 });
    expect((await call('GetVideoInfo', { fileId })).basicInfo).toMatchObject({
      name: 'after',
      description: 'an intro',
      // The vendor's times are those of China.
      expireTime: Date.UTC(2090, 0, 1, 19, 4, 5) / 1000,
    });
    for (const expireTime of ['soon', '2090-02-30 00:00:00', '2001-01-01 00:00:00']) {
      expect(await call('ModifyVodInfo', { fileId, expireTime })).toMatchObject({ code: 4000 });
    }

    const tags = async () => (await call('DescribeVodInfo', { fileIds: [fileId] })).fileSet[0].tags;
    await call('CreateVodTags', { fileId, tags: ['数学', 'b', 'a'] });
    await call('CreateVodTags', { fileId, 'tags.1': 'a', 'tags.2': 'c' });
    expect(await tags()).toEqual(['数学', 'b', 'a', 'c']);
    await call('DeleteVodTags', { fileId, tags: ['b', 'nothing'] });
    expect(await tags()).toEqual(['数学', 'a', 'c']);
    expect(await call('CreateVodTags', { fileId })).toMatchObject({ code: 4000 });

    const [{ url }] = (await call('DescribeVodPlayUrls', { fileId })).playSet;
    expect(await call('BanningVod', { fileId, refreshCdn: 1 })).toMatchObject({ code: 0, replayUrl: '' });
    expect((await fetch(url)).status).toBe(403);
    expect((await fileSetOf('after'))[0].status).toBe('3');
    const ofStatus = async (status: number) => {
      const { totalCount, fileSet } = await call('DescribeVodInfo', { status, pageSize: 100 });
      expect(totalCount).toBe(String(fileSet.length));
      for (const file of fileSet) expect(file.status).toBe(String(status));
      return fileSet.map((file: { fileId: string }) => file.fileId);
    };
    const other = await server.upload('never banned');
    expect(await ofStatus(3)).toEqual([fileId]);
    expect(await ofStatus(2)).toContain(other);
    expect(await ofStatus(2)).not.toContain(fileId);
    expect(await call('UnbanningVod', { fileId })).toMatchObject({ code: 0 });
    expect((await fetch(url)).status).toBe(200);
    expect(await ofStatus(3)).toEqual([]);
    expect(await ofStatus(2)).toContain(fileId);
  });

  it('tells the states of files in the vendor’s numbers', async () => {
    const fileId = await server.upload('stateful');
    const db = await openDatabase(server.database);
    onTestFinished(() => db.destroy());
    for (const [state, status] of [
      ['recording', '5'],
      ['interrupted', '5'],
      ['failed', '-1'],
      ['ready', '2'],
    ] as const) {
      await db.updateTable('assets').set({ state }).where('file_id', '=', fileId).execute();
      const [file] = (await call('DescribeVodInfo', { fileIds: [fileId] })).fileSet;
      expect([state, file.status]).toEqual([state, status]);
      // A file that was cut off by a crash is repaired soon: nobody asks for such files.
      const { fileSet } = await call('DescribeVodInfo', { status, pageSize: 100 });
      const found = fileSet.some((other: { fileId: string }) => other.fileId === fileId);
      expect([state, found]).toEqual([state, state !== 'interrupted']);
      expect(await fileSetOf('stateful')).toHaveLength(state === 'ready' ? 1 : 0);
      if (state !== 'recording') continue;
      const whole = { fileId, newFileName: 'x', definition: 10, timeOffset: [0], priority: 0 };
      for (const action of ['ClipVideo', 'ConvertVodFile', 'CreateSnapshotByTimeOffset', 'DeleteVodFile']) {
        expect([action, (await call(action, whole)).code]).toEqual([action, 10009]);
      }
    }
  });

  it('gives bare links to an app that signs them itself', async () => {
    const fileId = await server.upload('signed elsewhere');
    const setKey = (hotlinkKey: string | null) => server.running.api.request('PATCH', '/v1/settings', { hotlinkKey });
    await setKey('hotlinkkey1');
    try {
      const [{ url }] = (await call('DescribeVodPlayUrls', { fileId })).playSet;
      expect(url).toMatch(/\/v1\/media\/\d+\/[^?]+$/);
      expect((await fetch(url)).status).toBe(403);
    } finally {
      await setKey(null);
    }
  });

  it('deletes a file for its callers at once', async () => {
    const fileId = await server.upload('gone');
    expect(await call('DeleteVodFile', { fileId, priority: 0 })).toMatchObject({ code: 0 });
    expect(await call('DeleteVodFile', { fileId, priority: 0 })).toMatchObject({ code: 10008 });
    expect(await call('GetVideoInfo', { fileId })).toMatchObject({ code: 10008 });
    expect(await fileSetOf('gone')).toEqual([]);
  });

  it('keeps a tree of classes', async () => {
    const create = async (className: string, parentId?: unknown) =>
      await call('CreateClass', { className, ...(parentId !== undefined && { parentId }) });
    const top = (await create('数学', -1)).newClassId;
    expect(top).toMatch(/^\d+$/);
    const second = (await create('second', top)).newClassId;
    const third = (await create('third', second)).newClassId;
    const fourth = (await create('fourth', third)).newClassId;
    expect(await create('fifth', fourth)).toMatchObject({ code: 1906 });
    expect(await create('below the default', 0)).toMatchObject({ code: 1903 });
    expect(await create('below nothing', 4711)).toMatchObject({ code: 1905 });
    expect(await create('')).toMatchObject({ code: 4000, message: 'className is missing' });
    expect(await create('loop', 'second')).toMatchObject({ code: 4000 });

    const fileId = await server.upload('in a class', { classId: second });
    const { data } = await call('DescribeAllClass');
    expect(data[0]).toEqual({
      info: { id: 0, parent_id: -1, name: '其他', level: 0, file_num: expect.any(Number) },
      subclass: [],
    });
    expect(data[1]).toMatchObject({
      info: { id: Number(top), parent_id: -1, name: '数学', level: 0, file_num: 0 },
      subclass: [
        {
          info: { id: Number(second), parent_id: Number(top), level: 1, file_num: 1 },
          subclass: [{ info: { level: 2 } }],
        },
      ],
    });
    expect((await call('DescribeClass')).data).toContainEqual({
      id: fourth,
      name: 'fourth',
      create_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      update_time: expect.any(String),
    });

    expect(await call('ModifyClass', { classId: fourth, className: '4th' })).toMatchObject({ code: 0 });
    expect(await call('ModifyClass', { classId: 0, className: 'x' })).toMatchObject({ code: 1906 });
    expect(await call('ModifyClass', { classId: 4711, className: 'x' })).toMatchObject({ code: 1905 });
    expect(await call('DeleteClass', { classId: top })).toMatchObject({ code: 1904 });
    for (const classId of [fourth, third, second])
      expect(await call('DeleteClass', { classId })).toMatchObject({ code: 0 });
    expect(await call('DeleteClass', { classId: second })).toMatchObject({ code: 1905 });
    expect((await call('GetVideoInfo', { fileId })).basicInfo).toMatchObject({ classificationId: 0 });
    expect(await call('ModifyVodInfo', { fileId, classId: second })).toMatchObject({ code: 1905 });
  });

  const hostile = [`'; drop table assets; --`, `" or 1=1 --`, '../../../etc/passwd', '$(id)', '<script>', '%', '\\'];

  it('takes SQL and paths for what they are: text', async () => {
    const fileId = await server.upload('victim');
    for (const text of hostile) {
      expect(await fileSetOf(text)).toEqual([]);
      for (const [action, code] of [
        ['GetVideoInfo', 10008],
        ['DescribeVodPlayUrls', 10008],
        ['ModifyVodInfo', 10008],
        ['DeleteVodFile', 10008],
        ['BanningVod', 10008],
        ['ConvertVodFile', 10008],
        ['ProcessFile', 10008],
        ['DescribeVodInfo', 10008],
      ] as const) {
        const named = action === 'DescribeVodInfo' ? { fileIds: [text] } : { fileId: text };
        expect([action, await call(action, named)]).toMatchObject([action, { code }]);
      }
      expect(await call('DescribeRecordPlayInfo', { vid: text })).toMatchObject({ code: 10008 });
      expect(await call('GetTaskInfo', { vodTaskId: text })).toMatchObject({ code: 70014 });
      expect(await call('RedoTask', { vodTaskId: text })).toMatchObject({ code: 70014 });
      expect(await call('GetTaskList', { status: 'FINISH', next: text })).toMatchObject({ code: 4000 });
      expect(await call('GetTaskList', { status: text })).toMatchObject({ code: 4000 });
      expect(await call('CommitUpload', { vodSessionKey: text })).toMatchObject({ code: 31001 });
      expect(await call('ConfirmEvent', { msgHandle: [text] })).toMatchObject({ code: 4000 });
      expect(await call('RunProcedure', { fileId, procedure: text })).toMatchObject({ code: 50007 });
      expect(await call('CreateWatermarkTemplate', { url: text, width: '10%' })).toMatchObject({ code: 31001 });
      expect(await call('CreateWatermarkTemplate', { url: 'x', width: text })).toMatchObject({ code: 4000 });
      expect(await call('QueryTranscodeTemplate', { definition: text })).toMatchObject({ code: 4000 });
      expect(await call('ConcatVideo', { srcFileList: [{ fileId: text }, { fileId }], name: 'x' })).toMatchObject({
        code: 10008,
      });
      const pull = { url: text, fileName: 'x' };
      expect(await call('MultiPullVodFile', { pullset: [pull] }, { method: 'POST' })).toMatchObject({ code: 4000 });
      // As names and tags they are kept as they are.
      await call('ModifyVodInfo', { fileId, fileName: text, fileIntro: text });
      await call('CreateVodTags', { fileId, tags: [text] });
      expect((await fileSetOf(text)).map((file: { fileName: string }) => file.fileName)).toEqual([text]);
      await call('ModifyVodInfo', { fileId, fileName: 'victim' });
    }
    expect((await call('DescribeVodInfo', { fileIds: [fileId] })).fileSet[0]).toMatchObject({ tags: hostile });
  });

  it('keeps SQL and paths as the names that they are, and refuses them where there is more to say', async () => {
    const fileId = await server.upload('to be named');
    const audio = { codec: 'aac', bitrate: 48, sampleRate: 48_000 };
    const template = { container: 'mp4', video: { codec: 'libx264', height: 240, bitrate: 256 }, audio };
    for (const text of hostile) {
      for (const [action, parameters] of [
        ['DescribeVodInfo', { from: text }],
        ['DescribeVodInfo', { to: text }],
        ['DescribeVodInfo', { status: text }],
        ['DescribeVodInfo', { classId: text }],
        ['GetVideoInfo', { fileId, infoFilter: [text] }],
        ['ModifyVodInfo', { fileId, expireTime: text }],
        ['CreateClass', { className: 'x', parentId: text }],
        ['ProcessFile', { fileId, notifyMode: text }],
        ['ProcessFile', { fileId, transcode: { definition: [text] } }],
        ['RunProcedure', { fileId, procedure: 'x', inputType: text }],
        ['ClipVideo', { fileId, newFileName: 'x', startTimeOffset: text }],
        ['ConcatVideo', { srcFileList: [{ fileId }, { fileId }], name: 'x', dstType: [text] }],
        ['ApplyUpload', { videoType: text, videoName: 'x' }],
        ['ApplyUploadWatermark', { type: text }],
        ['CreateTranscodeTemplate', { ...template, container: text }],
        ['CreateTranscodeTemplate', { ...template, video: { ...template.video, codec: text } }],
        ['CreateTranscodeTemplate', { ...template, audio: { ...audio, codec: text } }],
        ['CreateWatermarkTemplate', { url: 'x', left: text }],
        ['CreateWatermarkTemplate', { url: 'x', top: text }],
        ['CreateWatermarkTemplate', { url: 'x', height: text }],
        ['GetTaskList', { status: 'FINISH', maxCount: text }],
      ] as const) {
        expect([action, text, await call(action, parameters)]).toMatchObject([action, text, { code: 4000 }]);
      }
      const { code, newClassId: classId } = await call('CreateClass', { className: text });
      expect([text, code]).toEqual([text, 0]);
      expect((await call('DescribeClass')).data).toContainEqual(expect.objectContaining({ id: classId, name: text }));
      expect(await call('ModifyClass', { classId, className: `${text}!` })).toMatchObject({ code: 0 });
      expect(await call('DeleteClass', { classId })).toMatchObject({ code: 0 });
      const { data } = await call('CreateTranscodeTemplate', { ...template, name: text });
      expect(await call('QueryTranscodeTemplate', { definition: data.definition })).toMatchObject({ name: text });
      expect(await call('DeleteTranscodeTemplate', { definition: data.definition })).toMatchObject({ code: 0 });
    }
    for (const text of ["'; drop table assets; --", '../../../etc/passwd']) {
      const [uploaded, cut, joined] = [`uploaded ${text}`, `cut ${text}`, `joined ${text}`];
      await server.upload(uploaded);
      await call('ClipVideo', { fileId, newFileName: cut, startTimeOffset: 1 });
      await call('ConcatVideo', { srcFileList: [{ fileId }, { fileId }], name: joined });
      for (const name of [uploaded, cut, joined]) {
        const names = async () => (await fileSetOf(name)).map(({ fileName }: { fileName: string }) => fileName);
        await expect.poll(names, { timeout: 30_000 }).toEqual([name]);
      }
    }
  });

  it('refuses what is too long, too large or no number', async () => {
    const prefix = { fileName: 'x'.repeat(10_000) };
    expect(await call('DescribeVodPlayInfo', prefix, { method: 'POST' })).toMatchObject({
      code: 4000,
      message: expect.stringContaining('fileName'),
    });
    expect(await call('DescribeVodPlayInfo', { fileName: '' })).toMatchObject({ code: 4000 });
    for (const pageSize of [0, -1, 101, 1e9, 'ten', '1e1', '0x10', '10 or 1=1']) {
      expect(await call('DescribeVodPlayInfo', { fileName: 'a', pageSize })).toMatchObject({
        code: 4000,
        message: 'pageSize must be a whole number from 1 to 100',
      });
    }
    for (const pageNo of [0, -1, 1e12, 'x']) {
      expect(await call('DescribeVodInfo', { pageNo })).toMatchObject({ code: 4000 });
    }
    for (const odd of [{ status: 4 }, { from: '2015' }, { orderby: 2 }, { classId: 1.5 }]) {
      expect(await call('DescribeVodInfo', odd)).toMatchObject({ code: 4000 });
    }
    expect(await call('DescribeVodInfo', { classId: 4711 })).toMatchObject({ code: 0, fileSet: [] });
  });

  it('takes no other bytes than were promised, and nothing forged', async () => {
    const applied = await call('ApplyUpload', { videoType: 'mp4', videoName: 'text' });
    expect(await call('CommitUpload', { vodSessionKey: applied.vodSessionKey })).toMatchObject({ code: 31001 });
    const { uploadUrl } = applied.video;
    const [content, signature] = applied.vodSessionKey.split('.');
    const forged = Buffer.from(content, 'base64url').toString().replace('default', 'another');
    const key = `${Buffer.from(forged).toString('base64url')}.${signature}`;
    const target = new URL(uploadUrl);
    for (const ticket of ['', 'x', content, `${content}.x`, key]) {
      target.searchParams.set('ticket', ticket);
      const answer = await fetch(target, { method: 'PUT', body: 'x' });
      expect(answer.status).toBe(404);
      await answer.body?.cancel();
      if (ticket !== '')
        expect(await call('CommitUpload', { vodSessionKey: ticket })).toMatchObject({
          code: expect.toBeOneOf([31001, 5000]),
        });
    }
    const text = await fetch(uploadUrl, { method: 'PUT', body: 'this is no film. '.repeat(100) });
    expect(text.status).toBe(200);
    expect(await call('CommitUpload', { vodSessionKey: applied.vodSessionKey })).toMatchObject({ code: 10009 });
    const again = await fetch(uploadUrl, { method: 'PUT', body: 'x' });
    expect([again.status, ((await again.json()) as { code: string }).code]).toEqual([409, 'upload-state']);
    expect(await call('ApplyUpload', { videoType: '../x' })).toMatchObject({ code: 4000 });
    expect(await call('ApplyUpload', { videoType: 'mp4', classId: 4711 })).toMatchObject({ code: 1905 });
    expect(await call('ApplyUpload', { videoType: 'mp4', procedure: 'x' })).toMatchObject({ code: 4000 });
  });

  it('takes a file again whose upload was cut off', async () => {
    const applied = await call('ApplyUpload', { videoType: 'mp4', videoName: 'cut off' });
    const { hostname, port, pathname, search } = new URL(applied.video.uploadUrl);
    const socket = connect(Number(port), hostname);
    const length = server.film.byteLength;
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: ${length}\r\n\r\n`);
    socket.write(server.film.subarray(0, length / 2));
    const uploads = () => server.running.api.request<UploadList>('GET', '/v1/uploads?state=receiving');
    const begun = async () => (await uploads()).items.some(({ fileName }) => fileName === 'cut off');
    await expect.poll(begun).toBe(true);
    expect(await call('CommitUpload', { vodSessionKey: applied.vodSessionKey })).toMatchObject({ code: 31001 });
    const put = (content: Buffer) =>
      fetch(applied.video.uploadUrl, { method: 'PUT', body: new Uint8Array(content) }).then(({ status }) => status);
    expect(await put(server.film)).toBe(409);
    socket.destroy();
    expect(await put(server.film.subarray(1))).toBe(409);
    await expect.poll(() => put(server.film)).toBe(200);
    const { fileId } = await call('CommitUpload', { vodSessionKey: applied.vodSessionKey });
    expect((await call('GetVideoInfo', { fileId })).basicInfo).toMatchObject({ name: 'cut off', size: length });
    expect(await call('CommitUpload', { vodSessionKey: applied.vodSessionKey })).toMatchObject({ code: 0, fileId });
    await call('DeleteVodFile', { fileId });
    expect(await call('CommitUpload', { vodSessionKey: applied.vodSessionKey })).toMatchObject({ code: 10008 });
  });

  it('says how much is stored', async () => {
    const { data } = await call('DescribeVodStorage');
    expect(data.used_space).toBeGreaterThan(server.film.byteLength);
  });
});
