import { execFileSync } from 'node:child_process';
import { crc32, deflateSync } from 'node:zlib';
import type { Asset, Job, JobList, PlayUrls, Template } from '@aircheck/protocol';
import { type RunningServer, readRecording } from '@aircheck/testkit';
import { expect, it } from 'vitest';
import { publish, record, sentFor, serverForTest } from './support.ts';

/** A PNG of one colour. */
function png(width: number, height: number, [red, green, blue]: readonly [number, number, number]): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = [0, ...Array.from({ length: width }, () => [red, green, blue]).flat()];
  const pixels = deflateSync(Buffer.from(Array.from({ length: height }, () => row).flat()));
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', pixels), chunk('IEND', Buffer.alloc(0))]);
}

/** Mean colour of a corner of the first picture behind an address: its right upper tenth. */
function cornerOf(url: string): number[] {
  const filter = 'crop=iw*0.06:ih*0.06:iw*0.92:ih*0.02,scale=1:1,format=rgb24';
  const args = ['-v', 'error', '-i', url, '-vf', filter, '-frames:v', '1', '-f', 'rawvideo', '-'];
  return [...execFileSync('ffmpeg', args)];
}

async function jobsOf(server: RunningServer, query: string): Promise<Job[]> {
  return (await server.api.request<JobList>('GET', `/v1/jobs?${query}`)).items;
}

it('a recording is made into what its procedure says, by itself', { timeout: 200_000 }, async () => {
  const server = await serverForTest({ env: { AIRCHECK_MEDIA_WORKERS: '1' } });
  const { api } = server;
  const watermark = await api.request<Template>('POST', '/v1/templates', {
    kind: 'watermark',
    name: 'red corner',
    spec: { left: '90%', top: '0%', width: '10%', height: '10%' },
    image: png(64, 64, [255, 0, 0]).toString('base64'),
  });
  await api.request('PUT', '/v1/procedures/archive', {
    automatic: true,
    spec: {
      transcode: [{ definition: 10, watermark: watermark.definition }, { definition: 50 }],
      aac: true,
      cover: true,
      sprite: [510],
      snapshotOffsetsMs: [1000, 3_600_000],
    },
  });
  const publisher = await publish(server, 'studio', 'ann');
  const { recordingId } = await record(server, 'studio', { userId: 'ann', fileName: 'talk' });
  await sentFor(publisher, 4);
  const { fileIds } = await api.stopRecording(recordingId);
  const fileId = fileIds[0]!;

  const procedure = async () => (await jobsOf(server, `fileId=${fileId}&type=procedure`))[0];
  await expect.poll(async () => (await procedure())?.state, { timeout: 150_000 }).toBe('done');
  const parts = await jobsOf(server, `parentId=${(await procedure())!.jobId}`);
  expect(parts.map(({ type, state }) => `${type} ${state}`).toSorted()).toEqual([
    'aac done',
    'cover done',
    'snapshot done',
    'sprite done',
    'transcode done',
    'transcode done',
  ]);
  const digests = async () => (await api.request<Asset>('GET', `/v1/assets/${fileId}`)).sha256;
  await expect.poll(digests).toMatch(/^[0-9a-f]{64}$/);

  const urls = await api.request<PlayUrls>('POST', `/v1/assets/${fileId}/play-urls`, {});
  const rendition = (definition: number) => urls.renditions.find((one) => one.definition === definition)!;
  const mobile = await readRecording(rendition(10).url);
  expect(mobile.errors).toEqual([]);
  expect(mobile.pictures.length).toBeGreaterThan(100);
  expect(rendition(10).info).toMatchObject({ height: 360, video: { codec: 'h264' }, audio: { codec: 'aac' } });
  expect(rendition(50).info.video).toBeUndefined();
  expect(rendition(60).info).toMatchObject({ audio: { codec: 'aac' } });
  const [red, green, blue] = cornerOf(rendition(10).url) as [number, number, number];
  expect(red).toBeGreaterThan(200);
  expect(Math.max(green, blue)).toBeLessThan(60);
  const [plain] = cornerOf(rendition(60).url) as [number];
  expect(plain).toBeLessThan(200);
  expect((await fetch(urls.poster!)).headers.get('content-type')).toBe('image/jpeg');
  expect(await (await fetch(urls.sprite!)).text()).toMatch(/^WEBVTT[\s\S]*#xywh=0,0,160,90/);
  const kinds = urls.images.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'snapshot')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'cover')).toHaveLength(10);
});
