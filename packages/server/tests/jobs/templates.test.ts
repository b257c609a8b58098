import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { Template } from '@aircheck/protocol';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../databases.ts';
import { appId, jobService } from './job-service.ts';

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(data.length, 0);
  sizes.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([sizes.subarray(0, 4), body, sizes.subarray(4)]);
}

/** A grey PNG that says it is that large; its pixels are those of another size unless told. */
function png(width: number, height: number, ...extra: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const pixels = deflateSync(Buffer.alloc((Math.min(width, 64) + 1) * Math.min(height, 64)));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const spec = { left: '5%', top: '5%', width: '20%' };
const watermark = (image: Buffer) => ({ kind: 'watermark', name: 'logo', spec, image: image.toString('base64') });
const transcode = (name: string, changes: object = {}) => ({
  kind: 'transcode',
  name,
  spec: { container: 'mp4', video: { height: 480, bitrateBps: 800_000 }, audio: {}, ...changes },
});

describeOnBothDatabases('templates', (database) => {
  it('has built-in ones of every kind but watermarks, which stay as they are', async () => {
    const api = await (await jobService(database.db)).api();
    const { body } = await api('GET', '/v1/templates');
    const numbers = body.items.map(({ definition }: Template) => definition);
    expect(numbers).toEqual([10, 20, 30, 40, 50, 210, 220, 230, 240, 510, 610]);
    expect((await api('GET', '/v1/templates?kind=sprite')).body.items).toHaveLength(1);
    expect((await api('GET', '/v1/templates/230')).body).toMatchObject({
      kind: 'transcode',
      spec: { container: 'hls' },
    });
    expect(await api('PATCH', '/v1/templates/10', { name: 'x' })).toMatchObject({ status: 400 });
    expect(await api('DELETE', '/v1/templates/10')).toMatchObject({ status: 400 });
  });

  it('makes, changes and deletes own ones, with numbers from 1000 on', async () => {
    const api = await (await jobService(database.db)).api();
    const created = await api('POST', '/v1/templates', transcode('480p'));
    expect(created).toMatchObject({
      status: 201,
      body: { definition: 1000, builtIn: false, spec: { audio: { codec: 'aac', bitrateBps: 64_000 } } },
    });
    expect(
      (await api('POST', '/v1/templates', { kind: 'snapshot', name: 's', spec: { format: 'png' } })).body.definition,
    ).toBe(1001);
    const changed = await api('PATCH', '/v1/templates/1000', {
      name: 'sound',
      spec: { container: 'm4a', video: null, audio: { channels: 1 } },
    });
    expect(changed.body).toMatchObject({ name: 'sound', spec: { container: 'm4a', audio: { channels: 1 } } });
    expect((await api('GET', '/v1/templates/1000')).body).toEqual(changed.body);
    expect((await api('DELETE', '/v1/templates/1000')).status).toBe(204);
    expect((await api('GET', '/v1/templates/1000')).body.code).toBe('template-not-found');
    expect((await api('DELETE', '/v1/templates/1000')).body.code).toBe('template-not-found');
  });

  it('never gives a number again, since procedures may still name it', async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const create = async () => (await api('POST', '/v1/templates', transcode('x'))).body.definition;
    expect([await create(), await create()]).toEqual([1000, 1001]);
    for (const definition of [1000, 1001]) await api('DELETE', `/v1/templates/${definition}`);
    expect(await create()).toBe(1002);
  });

  it('refuses what makes no template, and names what is wrong', async () => {
    const api = await (await jobService(database.db)).api();
    const refused = async (body: object) => {
      const answer = await api('POST', '/v1/templates', body);
      expect(answer.status).toBe(400);
      return answer.body.input;
    };
    expect(await refused(transcode('x', { video: null, audio: null }))).toBe('body.spec');
    expect(await refused(transcode('x', { container: 'm4a' }))).toBe('body.spec.container');
    expect(await refused(transcode('x', { video: { bitrateBps: 1 } }))).toBe('body.spec.video.bitrateBps');
    expect(await refused({ ...watermark(png(8, 8)), spec: { ...spec, left: '101%' } })).toBe('body.spec.left');
    const own = await api('POST', '/v1/templates', transcode('x'));
    const changed = await api('PATCH', `/v1/templates/${own.body.definition}`, { spec: { tileWidth: 3 } });
    expect(changed).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
    expect((await api('POST', '/v1/templates', transcode('x', { watermark: 4711 }))).body.code).toBe(
      'template-not-found',
    );
  });

  it('takes 16 of a kind, also when they come all at once', async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const answers = await Promise.all(
      Array.from({ length: 18 }, (_, index) => api('POST', '/v1/templates', transcode(`${index}`))),
    );
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ body }) => body.definition)).size).toBe(16);
    expect(answers.filter(({ body }) => body.code === 'template-limit')).toHaveLength(2);
    expect((await service.jobs.templates.list('another')).every(({ builtIn }) => builtIn)).toBe(true);
  });

  it("keeps a watermark's picture, without all that is not needed for its pixels", async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const bomb = chunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(10_000_000))]));
    const { body } = await api('POST', '/v1/templates', watermark(png(64, 64, bomb)));
    const image = await api('GET', `/v1/templates/${body.definition}/image`);
    expect(image).toEqual({ status: 200, body: png(64, 64).toString() });
    expect((await api('GET', '/v1/templates/10/image')).body.code).toBe('template-not-found');
    const { path, ...place } = await service.jobs.templates.watermark(database.db, appId, body.definition);
    expect(place).toEqual(spec);
    expect(await readFile(path)).toEqual(png(64, 64));
    await api('PATCH', `/v1/templates/${body.definition}`, { image: png(32, 32).toString('base64') });
    expect(await readFile(path)).toEqual(png(32, 32));
    await api('DELETE', `/v1/templates/${body.definition}`);
    expect(await readdir(join(service.folder, 'watermarks'))).toEqual([]);
  });

  it('refuses pictures that are too large, too many pixels, damaged or no PNG, without unpacking them', async () => {
    const service = await jobService(database.db);
    const api = await service.api();
    const damaged = png(64, 64);
    damaged[50]! ^= 1;
    const wrong: [Buffer, RegExp][] = [
      [png(100_000, 100_000), /100000 × 100000 pixels/],
      [png(64, 5000), /64 × 5000 pixels/],
      [png(0, 64), /0 × 64 pixels/],
      [Buffer.concat([png(64, 64), Buffer.alloc(103_000)]), /102400 are taken/],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /no PNG|not a PNG/],
      [damaged, /damaged/],
      [png(64, 64).subarray(0, 60), /cut off/],
      [Buffer.alloc(0), /not a PNG/],
    ];
    for (const [image, detail] of wrong) {
      const { status, body } = await api('POST', '/v1/templates', watermark(image));
      expect({ status, ...body }).toMatchObject({
        status: 400,
        input: 'body.image',
        detail: expect.stringMatching(detail),
      });
    }
    expect(await readdir(service.folder)).not.toContain('watermarks');
  });

  it('finds no picture by the name of an app', async () => {
    const service = await jobService(database.db);
    await writeFile(join(service.folder, 'secret.png'), png(8, 8));
    await expect(service.jobs.templates.watermark(database.db, '../secret', 10)).rejects.toMatchObject({
      code: 'template-not-found',
    });
  });
});
