import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { READ_HEIGHT, READ_WIDTH, readMarker } from '@aircheck/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { doWork, ffmpeg, newFolder, run, SMALL, sharedFolder, sourceOf, writeRecording } from './clips.ts';

let recording: string;

beforeAll(async () => {
  recording = join(await sharedFolder(), 'recording.mp4');
  // A single key frame, as a sender that is never asked for one makes it.
  await writeRecording(recording, { ...SMALL, keyFrameSeconds: 3 });
});

/** Reads the frame counter in a picture, or in a part of it: `w:h:x:y`. */
async function counterIn(path: string, crop?: string): Promise<number | null> {
  const scale = `scale=${READ_WIDTH}:${READ_HEIGHT}:flags=area`;
  const filters = crop === undefined ? scale : `crop=${crop},${scale}`;
  const options = ['-vf', filters, '-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', '-'];
  return readMarker(await run('ffmpeg', ['-v', 'error', '-i', path, ...options])).counter;
}

async function sizeOf(path: string): Promise<string> {
  const entries = ['-show_entries', 'stream=codec_name,width,height', '-of', 'csv=p=0'];
  return String(await run('ffprobe', ['-v', 'error', ...entries, path])).trim();
}

describe('snapshots', () => {
  test('show the very frame of their time, in the order asked for', async () => {
    // 40 ms a picture: 40 is the first moment of picture 1, 1999 the last of 49, 3000 the end.
    const offsetsMs = [2500, 0, 39, 40, 1000, 1999, 2960, 3000];
    const order = { source: sourceOf(recording), offsetsMs, format: 'jpeg' } as const;
    const { folder, result } = await doWork('snapshot', order);
    const counters = await Promise.all(result.files.map(({ name }) => counterIn(join(folder, name))));
    expect(counters).toEqual([62, 0, 0, 1, 25, 49, 74, 74]);
    expect(result.files.map(({ info }) => info.timeOffsetMs)).toEqual(offsetsMs);
    expect(result.files[0]).toMatchObject({
      name: 'snapshot-001.jpg',
      mimeType: 'image/jpeg',
      info: { width: 320, height: 180 },
    });
    expect(await sizeOf(join(folder, 'snapshot-001.jpg'))).toBe('mjpeg,320,180');
  });

  test('are exact in files of other kinds, too', async () => {
    const folder = await newFolder();
    const offsetsMs = [1010, 50, 2930];
    for (const [extension, ...options] of [
      ['webm', '-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-g', '20', '-b:v', '1M', '-an'],
      ['ts', '-c:v', 'libx264', '-bf', '2', '-g', '20', '-an'],
      ['flv', '-c:v', 'copy', '-an'],
    ] as const) {
      const source = await ffmpeg(recording, join(folder, `source.${extension}`), ...options);
      const { folder: made, result } = await doWork('snapshot', { source: sourceOf(source), offsetsMs, format: 'png' });
      const counters = await Promise.all(result.files.map(({ name }) => counterIn(join(made, name))));
      expect([extension, ...counters]).toEqual([extension, 25, 1, 73]);
    }
  });

  test('are made as narrow as is asked for, as PNG, and never larger than the picture', async () => {
    const source = sourceOf(recording);
    const small = await doWork('snapshot', { source, offsetsMs: [1000], width: 160, format: 'png' });
    expect(await sizeOf(join(small.folder, 'snapshot-001.png'))).toBe('png,160,90');
    const large = await doWork('snapshot', { source, offsetsMs: [1000], width: 1920, format: 'png' });
    expect(large.result.files[0]).toMatchObject({ mimeType: 'image/png', info: { width: 320, height: 180 } });
  });

  test('are refused behind the end, and of a file without a picture', async () => {
    const source = sourceOf(recording);
    await expect(doWork('snapshot', { source, offsetsMs: [100, 3100], format: 'jpeg' })).rejects.toMatchObject({
      code: 'request-invalid',
      input: 'offsetsMs',
      message: /3100 ms .* 3000 ms/,
    });
    const blind = await ffmpeg(recording, join(await newFolder(), 'blind.webm'), '-vn', '-c', 'copy');
    const order = { source: sourceOf(blind), offsetsMs: [0], format: 'jpeg' } as const;
    await expect(doWork('snapshot', order)).rejects.toMatchObject({ code: 'media-invalid', message: /no picture/ });
  });
});

describe('covers', () => {
  test('are ten candidates from all over the file, dark ones last', async () => {
    const dim = join(await newFolder(), 'dim.mp4');
    // Black in the first half.
    await ffmpeg(recording, dim, '-vf', "drawbox=color=black:t=fill:enable='lt(t,1.5)'", '-c:a', 'copy', '-g', '25');
    const { folder, result } = await doWork('cover', { source: sourceOf(dim) });
    expect(result.files).toHaveLength(10);
    const times = result.files.map(({ info }) => info.timeOffsetMs!);
    expect([...times].sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, n) => 150 + n * 300));
    expect(Math.min(...times.slice(0, 5))).toBeGreaterThan(1500);
    expect(await counterIn(join(folder, 'cover-01.jpg'))).toBe(Math.floor(times[0]! / 40));
    expect(result.files[0]).toMatchObject({
      name: 'cover-01.jpg',
      mimeType: 'image/jpeg',
      info: { width: 320, height: 180 },
    });
  });
});

describe('sprites', () => {
  test('have the frame of each interval in its tile, and a WebVTT file that finds it', async () => {
    const spec = { tileWidth: 160, columns: 3, rows: 2, intervalMs: 400 };
    const { folder, result } = await doWork('sprite', { source: sourceOf(recording), spec });
    const [file] = result.files;
    expect(file).toMatchObject({ name: 'sprite-001.jpg', mimeType: 'image/jpeg' });
    expect(file!.info).toEqual({
      sheets: ['sprite-001.jpg', 'sprite-002.jpg'],
      vtt: 'sprite.vtt',
      tileWidth: 160,
      tileHeight: 90,
      columns: 3,
      rows: 2,
      tiles: 8,
      intervalMs: 400,
    });
    expect(await sizeOf(join(folder, 'sprite-001.jpg'))).toBe('mjpeg,480,180');
    expect(await sizeOf(join(folder, 'sprite-002.jpg'))).toBe('mjpeg,320,90');
    const vtt = await readFile(join(folder, 'sprite.vtt'), 'utf8');
    expect(vtt.startsWith('WEBVTT\n\n00:00:00.000 --> 00:00:00.400\nsprite-001.jpg#xywh=0,0,160,90\n')).toBe(true);
    const cues = [...vtt.matchAll(/([\d:.]+) --> ([\d:.]+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)\n/g)];
    expect(cues.map(([, from]) => from)).toEqual(Array.from({ length: 8 }, (_, n) => `00:00:0${(n * 0.4).toFixed(3)}`));
    expect(cues.at(-1)?.[2]).toBe('00:00:03.000');
    const counters = await Promise.all(
      cues.map(([, , , name, x, y, width, height]) => counterIn(join(folder, name!), `${width}:${height}:${x}:${y}`)),
    );
    expect(counters).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
  });

  test('go into one sheet when no interval is given, and are refused when they would be too large', async () => {
    const source = sourceOf(recording);
    const spec = { tileWidth: 64, columns: 10, rows: 10 };
    const { result } = await doWork('sprite', { source, spec });
    expect(result.files[0]!.info).toMatchObject({ sheets: ['sprite-001.jpg'], tiles: 3, intervalMs: 1000 });
    const huge = { tileWidth: 1000, columns: 20, rows: 20, intervalMs: 200 };
    const long = join(await newFolder(), 'long.mkv');
    await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=s=64x64:r=1:d=120', '-c:v', 'libx264', long]);
    await expect(doWork('sprite', { source: sourceOf(long), spec: huge })).rejects.toMatchObject({
      code: 'request-invalid',
      message: /pixels/,
    });
  });
});

test('digests are those of the whole file', async () => {
  const path = join(await newFolder(), 'bytes');
  await writeFile(path, Buffer.alloc(3_000_000, 'aircheck'));
  const { result, percents } = await doWork('hash', { source: sourceOf(path) });
  expect(result.sha256).toBe(String(await run('sha256sum', [path])).split(' ')[0]);
  expect(result.md5).toBe(String(await run('md5sum', [path])).split(' ')[0]);
  expect(percents.at(-1)).toBe(100);
  expect(percents.length).toBeGreaterThan(1);
  const gone = doWork('hash', { source: sourceOf(`${path}.gone`) });
  await expect(gone).rejects.toMatchObject({ code: 'asset-not-found' });
});
