import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { doWork, ffmpeg, newFolder, run, SMALL, sharedFolder, writeRecording } from './clips.ts';

let folder: string;
let recording: string;

beforeAll(async () => {
  folder = await sharedFolder();
  recording = join(folder, 'recording.mp4');
  await writeRecording(recording, SMALL);
});

async function probe(path: string) {
  return (await doWork('probe', { path })).result.facts;
}

describe('what a file is', () => {
  test('is told of a recording, exactly', async () => {
    const bytes = (await stat(recording)).size;
    expect(await probe(recording)).toEqual({
      mimeType: 'video/mp4',
      extension: 'mp4',
      durationMs: 3000,
      sizeBytes: bytes,
      video: { codec: 'h264', width: 320, height: 180, frames: 75, fps: 25, bitrateBps: expect.any(Number) },
      audio: { codec: 'opus', sampleRate: 48_000, channels: 2, packets: 150, bitrateBps: 64_000 },
    });
  });

  const others = [
    [
      'webm',
      ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-c:a', 'copy'],
      'video/webm',
      'vp8',
      'opus',
    ],
    ['mkv', ['-c:v', 'mpeg4', '-c:a', 'libvorbis'], 'video/x-matroska', 'mpeg4', 'vorbis'],
    ['flv', ['-c:v', 'copy', '-c:a', 'libmp3lame', '-ar', '44100'], 'video/x-flv', 'h264', 'mp3'],
    ['ts', ['-c:v', 'copy', '-c:a', 'aac'], 'video/mp2t', 'h264', 'aac'],
    ['mov', ['-c:v', 'libx265', '-preset', 'ultrafast', '-c:a', 'aac'], 'video/quicktime', 'hevc', 'aac'],
    ['m4a', ['-vn', '-c:a', 'aac'], 'audio/mp4', undefined, 'aac'],
    ['mp3', ['-vn', '-c:a', 'libmp3lame'], 'audio/mpeg', undefined, 'mp3'],
    ['wav', ['-vn'], 'audio/wav', undefined, 'pcm_s16le'],
  ] as const;
  test.each(others)('is told of .%s', async (extension, options, mimeType, video, audio) => {
    const facts = await probe(await ffmpeg(recording, join(folder, `other.${extension}`), ...options));
    expect(facts).toMatchObject({ mimeType, extension });
    expect(facts.video?.codec).toBe(video);
    expect(facts.audio?.codec).toBe(audio);
    if (video !== undefined) expect(facts.video).toMatchObject({ width: 320, height: 180, frames: 75 });
    expect(Math.abs(facts.durationMs - 3000)).toBeLessThan(80);
  });

  test('is told of a picture that is turned for display', async () => {
    const lying = await ffmpeg(
      recording,
      join(folder, 'lying.mp4'),
      '-vf',
      'transpose=cclock',
      '-c:v',
      'libx264',
      '-an',
    );
    const turned = await ffmpeg(lying, join(folder, 'turned.mov'), '-c', 'copy', '-metadata:s:v:0', 'rotate=270');
    expect((await probe(lying)).video).toMatchObject({ width: 180, height: 320 });
    expect((await probe(lying)).video).not.toHaveProperty('rotation');
    expect((await probe(turned)).video).toMatchObject({ width: 320, height: 180, rotation: 90 });
  });

  test('is found out for a WebM that tells no length', async () => {
    const live = join(folder, 'live.webm');
    const webm = await run('ffmpeg', [
      '-v',
      'error',
      '-i',
      recording,
      '-c:v',
      'libvpx',
      '-threads',
      '1',
      '-cpu-used',
      '8',
      '-deadline',
      'realtime',
      '-c:a',
      'copy',
      '-f',
      'webm',
      '-',
    ]);
    await writeFile(live, webm);
    expect((await probe(live)).durationMs).toBeCloseTo(3000, -2);
  });
});

describe('what is no media', () => {
  async function refused(name: string, bytes: Buffer | string): Promise<string> {
    const path = join(await newFolder(), name);
    await writeFile(path, bytes);
    const error = await probe(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'AircheckError', code: 'media-invalid' });
    return (error as Error).message;
  }

  test('is named', async () => {
    const png = await run('ffmpeg', [
      '-v',
      'error',
      '-i',
      recording,
      '-frames:v',
      '1',
      '-f',
      'image2',
      '-c:v',
      'png',
      '-',
    ]);
    const jpeg = await run('ffmpeg', [
      '-v',
      'error',
      '-i',
      recording,
      '-frames:v',
      '1',
      '-f',
      'image2',
      '-c:v',
      'mjpeg',
      '-',
    ]);
    expect(await refused('empty.mp4', '')).toBe('The file is empty');
    expect(await refused('text.mp4', 'Übrigens: this is no video.\n'.repeat(500))).toBe(
      'The file is text, not picture or sound',
    );
    expect(await refused('list.m3u8', '#EXTM3U\nfile:///etc/passwd\n')).toMatch(/text/);
    expect(await refused('picture.mp4', png)).toMatch(/PNG picture/);
    expect(await refused('picture.webm', jpeg)).toMatch(/JPEG picture/);
    expect(await refused('archive.mp4', Buffer.from('PK\x03\x04\0\0\0\0', 'latin1'))).toMatch(/ZIP archive/);
    const noise = Buffer.from(Array.from({ length: 50_000 }, (_, n) => (n * 7919 + (n >> 5) * 104_729) & 0xff));
    expect(await refused('noise.mp4', noise)).toMatch(/no media|neither|nothing|cannot be decoded/);
  });

  test('is a file whose index is missing, or that holds nothing', async () => {
    const plain = await readFile(await ffmpeg(recording, join(folder, 'plain.mp4'), '-c', 'copy'));
    expect(await refused('cut.mp4', plain.subarray(0, plain.length - 20_000))).toMatch(/index is missing/);
    expect(await refused('header.mp4', (await readFile(recording)).subarray(0, 1200))).toMatch(
      /nothing|neither|missing/,
    );
  });

  test('is an encrypted file', async () => {
    const key = '0123456789abcdef0123456789abcdef';
    const options = [
      '-c',
      'copy',
      '-encryption_scheme',
      'cenc-aes-ctr',
      '-encryption_key',
      key,
      '-encryption_kid',
      key,
    ];
    const path = await ffmpeg(recording, join(folder, 'secret.mp4'), '-an', ...options);
    await expect(probe(path)).rejects.toMatchObject({ code: 'media-invalid', message: /encrypted/ });
  });

  test('is a picture of absurd size', async () => {
    const path = join(folder, 'huge.mkv');
    await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=s=9000x64:d=0.2', '-c:v', 'ffv1', path]);
    await expect(probe(path)).rejects.toMatchObject({ code: 'media-invalid', message: /9000×64.*8192/ });
  });

  test('is what claims to be media and cannot be decoded', async () => {
    const bytes = await readFile(
      await ffmpeg(recording, join(folder, 'zeroed.mp4'), '-an', '-c:v', 'libx264', '-x264-params', 'annexb=0'),
    );
    const start = bytes.indexOf('mdat') + 4;
    const end = bytes.indexOf('moov') > start ? bytes.indexOf('moov') - 4 : bytes.length;
    bytes.fill(0xff, start, end);
    expect(await refused('zeroed.mp4', bytes)).toMatch(/picture \(h264\) cannot be decoded/);
  });
});
