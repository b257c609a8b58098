import { join } from 'node:path';
import { counterBreaks, encodeClip, readClip, readRecording, syncEvents, syncSummary } from '@aircheck/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { recordSimulated } from '../../../../bench/src/simulated-recording.ts';
import { doWork, ffmpeg, SMALL, sharedFolder, sourceOf } from '../jobs/works/clips.ts';
import { startMediaServer } from './media-server.ts';

const SECONDS = 12;
let folder: string;
let recording: string;

beforeAll(async () => {
  folder = await sharedFolder();
  const clip = readClip(await encodeClip({ ...SMALL, seconds: SECONDS, keyFrameSeconds: 2 }));
  recording = (await recordSimulated(clip, SECONDS, folder)).path;
});

const durations = (playlist: string) => [...playlist.matchAll(/#EXTINF:([\d.]+)/g)].map(([, text]) => Number(text));

describe('HLS of a file without fragments', () => {
  it('of a clip is made on the fly, from key frames on, and plays as the file does', async () => {
    const work = await doWork('clip', { source: sourceOf(recording), startMs: 3000, endMs: 10_500 });
    const media = await startMediaServer();
    const fileId = await media.addFile(join(work.folder, work.result.file.name));
    const { hls } = await media.urls(fileId);
    const response = await fetch(hls!);
    expect(response.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
    const playlist = await response.text();
    // The key frame is a second before what the clip shows.
    expect(playlist).toContain('#EXT-X-START:TIME-OFFSET=1.00000,PRECISE=YES');
    expect(playlist).toContain('#EXT-X-INDEPENDENT-SEGMENTS');
    expect(playlist).toContain('#EXT-X-PROGRAM-DATE-TIME:2025-12-31T23:59:59.000Z');
    expect(playlist.trimEnd().endsWith('#EXT-X-ENDLIST')).toBe(true);
    expect(Math.max(...durations(playlist))).toBeLessThanOrEqual(6);
    expect(durations(playlist).reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(8.5, 3);

    const content = await readRecording(hls!);
    expect(content.errors).toEqual([]);
    expect(counterBreaks(content)).toEqual([]);
    expect([content.pictures[0]!.counter, content.pictures.at(-1)!.counter]).toEqual([50, 262]);
    expect(content.audioHoles).toEqual([]);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(10);

    const [first] = playlist.split('\n').filter((line) => line.startsWith('segment-'));
    const segment = await fetch(new URL(first!, hls!));
    expect([segment.status, segment.headers.get('content-type')]).toEqual([200, 'video/mp4']);
    const head = await fetch(new URL(first!, hls!), { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String((await segment.arrayBuffer()).byteLength));
    const beyond = await fetch(new URL(first!.replace('-0.', '-99.'), hls!));
    expect([beyond.status, (await beyond.json()).code]).toEqual([404, 'asset-not-found']);
    expect((await fetch(new URL(first!.replace(/\?.*/, ''), hls!))).status).toBe(403);
  });

  it('of joined segments has every picture and every beep', async () => {
    const parts = [await doWork('clip', { source: sourceOf(recording), startMs: 0, endMs: 5000 })];
    parts.push(await doWork('clip', { source: sourceOf(recording), startMs: 6000 }));
    const sources = parts.map(({ folder, result }) => sourceOf(join(folder, result.file.name)));
    const work = await doWork('concat', { sources });
    const media = await startMediaServer();
    const { hls } = await media.urls(await media.addFile(join(work.folder, work.result.file.name)));
    const content = await readRecording(hls!);
    expect(content.errors).toEqual([]);
    expect(content.pictures.map(({ counter }) => counter)).toEqual([
      ...Array(125).keys(),
      ...Array.from({ length: 150 }, (_, index) => 150 + index),
    ]);
    expect(content.audioHoles).toEqual([]);
    expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(15);
  });

  const forms: [name: string, mimeType: string, options: string[]][] = [
    ['b-frames.mp4', 'video/mp4', ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-g', '50', '-c:a', 'aac']],
    ['one-key-frame.mov', 'video/quicktime', ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '9999', '-c:a', 'aac']],
    ['sound.m4a', 'audio/mp4', ['-vn', '-c:a', 'aac']],
  ];
  it.each(forms)('of %s that was uploaded plays from end to end', async (name, mimeType, options) => {
    const path = await ffmpeg(recording, join(folder, name), ...options);
    const media = await startMediaServer();
    const { hls } = await media.urls(await media.addFile(path, mimeType));
    const playlist = await (await fetch(hls!)).text();
    expect(Math.max(...durations(playlist))).toBeLessThanOrEqual(6);
    expect(durations(playlist).length).toBeGreaterThan(1);
    const content = await readRecording(hls!);
    expect(content.errors).toEqual([]);
    expect(content.pictures.map(({ counter }) => counter)).toEqual(
      mimeType === 'audio/mp4' ? [] : [...Array(300).keys()],
    );
    expect(content.audioHoles).toEqual([]);
    expect(content.beepsMs.length).toBeGreaterThanOrEqual(11);
    if (content.pictures.length > 0) expect(syncSummary(syncEvents(content)).worstMs).toBeLessThan(15);
  });

  it('of what only claims to be an MP4 is said to be none', async () => {
    const media = await startMediaServer();
    const { hls } = await media.urls(await media.addFile(Buffer.from('a text, nothing else')));
    const response = await fetch(hls!);
    expect([response.status, (await response.json()).code]).toEqual([422, 'media-invalid']);
  });
});
