import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counterBreaks, readRecording } from '@aircheck/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { WatermarkImage } from '../../../src/jobs/work-orders.ts';
import { doWork, newFolder, run, SMALL, sharedFolder, sourceOf, writeRecording } from './clips.ts';

let folder: string;
let recording: string;
let logo: string;

beforeAll(async () => {
  folder = await sharedFolder();
  recording = join(folder, 'recording.mp4');
  await writeRecording(recording, { ...SMALL, seconds: 1 });
  logo = join(folder, 'logo.png');
  // Green; its left half covers all, its right half lets half of what is under it through.
  const picture = "color=c=0x00c800:s=80x40,format=rgba,geq=r=0:g=200:b=0:a='if(lt(X,40),255,128)'";
  await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', picture, '-frames:v', '1', logo]);
});

async function draw(watermark: Omit<WatermarkImage, 'path'>, height?: number) {
  const video = { codec: 'h264', bitrateBps: 2_000_000, width: 320, ...(height && { height }) } as const;
  const order = {
    source: sourceOf(recording),
    spec: { container: 'mp4', video, audio: null },
    watermark: { ...watermark, path: logo },
  } as const;
  const made = await doWork('transcode', order);
  return join(made.folder, made.result.files[0]!.name);
}

/** Mean colour of a square of 4 × 4 pixels in the last picture. */
async function colourAt(path: string, x: number, y: number): Promise<[red: number, green: number, blue: number]> {
  const options = ['-vf', `select=eq(n\\,24),crop=4:4:${x}:${y},scale=1:1:flags=area`, '-frames:v', '1'];
  const pixel = await run('ffmpeg', [
    '-v',
    'error',
    '-i',
    path,
    ...options,
    '-f',
    'rawvideo',
    '-pix_fmt',
    'rgb24',
    '-',
  ]);
  return [pixel[0]!, pixel[1]!, pixel[2]!];
}

function isGreen([red, green, blue]: readonly [number, number, number]): boolean {
  return Math.abs(green - 200) < 20 && red < 25 && blue < 25;
}

describe('a watermark', () => {
  test('lies where pixels say, lets through what its transparency says, and leaves the rest alone', async () => {
    const marked = await draw({ left: '100px', top: '60px', width: '80px' });
    const content = await readRecording(marked);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    for (const [x, y] of [
      [104, 64],
      [132, 92],
    ] as const)
      expect(isGreen(await colourAt(marked, x, y))).toBe(true);
    for (const [x, y] of [
      [92, 64],
      [104, 52],
      [104, 104],
      [184, 80],
    ] as const) {
      expect([x, y, isGreen(await colourAt(marked, x, y))]).toEqual([x, y, false]);
    }
    const under = await colourAt(recording, 160, 80);
    const mixed = await colourAt(marked, 160, 80);
    const expected = under.map((value, index) => (value + [0, 200, 0][index]!) / 2);
    for (const [index, value] of mixed.entries()) expect(Math.abs(value - expected[index]!)).toBeLessThan(20);
  });

  test('lies where parts of the picture say, is scaled, and is cut off at the edge', async () => {
    // 256,90; 80 wide: a fifth reaches beyond the right edge. Twice as high as its shape would make it.
    const marked = await draw({ left: '80%', top: '50%', width: '25%', height: '80px' });
    expect(isGreen(await colourAt(marked, 258, 92))).toBe(true);
    expect(isGreen(await colourAt(marked, 290, 164))).toBe(true);
    expect(isGreen(await colourAt(marked, 250, 92))).toBe(false);
    expect(isGreen(await colourAt(marked, 290, 174))).toBe(false);
    expect(isGreen(await colourAt(marked, 0, 120))).toBe(false);
  });

  test('stays as transparent as it is on the margin beside the picture, frame by frame', async () => {
    const marked = await draw({ left: '0px', top: '0px', width: '80px' }, 320);
    const [red, green, blue] = await colourAt(marked, 60, 16);
    expect(Math.abs(green - 100)).toBeLessThan(15);
    expect(Math.max(red, blue)).toBeLessThan(25);
  });

  test('is refused when it is no PNG, or says that it is huge', async () => {
    const other = join(await newFolder(), 'other.png');
    const spec = { container: 'mp4', video: { codec: 'h264', bitrateBps: 500_000 }, audio: null } as const;
    const watermark = { left: '0px', top: '0px', width: '10%', path: other };
    const order = { source: sourceOf(recording), spec, watermark };
    await writeFile(other, 'no picture at all, just some text');
    await expect(doWork('transcode', order)).rejects.toMatchObject({ code: 'media-invalid', message: /no PNG/ });
    const bomb = Buffer.alloc(60);
    bomb.write('\x89PNG\r\n\x1a\n', 'latin1');
    bomb.write('IHDR', 12);
    bomb.writeUInt32BE(50_000, 16);
    bomb.writeUInt32BE(50_000, 20);
    await writeFile(other, bomb);
    await expect(doWork('transcode', order)).rejects.toMatchObject({ code: 'media-invalid', message: /50000×50000/ });
  });
});
