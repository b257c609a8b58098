import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import type { AudioTrackOptions, Sample, VideoTrackOptions } from '../../src/container/index.ts';
import type { VideoCodec } from '../../src/frame.ts';

const run = promisify(execFile);

/** Really encoded picture and sound, as tracks and samples for a container writer. */
export interface EncodedMedia {
  readonly video: VideoTrackOptions;
  readonly videoSamples: readonly Sample[];
  readonly audio: AudioTrackOptions;
  readonly audioSamples: readonly Sample[];
}

export interface EncodeOptions {
  readonly seconds?: number;
  readonly size?: string;
  readonly codec?: VideoCodec;
  readonly audioCodec?: 'opus' | 'aac';
  readonly bFrames?: number;
  /** Frames between key frames. */
  readonly keyFrameInterval?: number;
}

const FRAME_TICKS = 3000;

/** Encodes a test picture (30 fps) and a tone with the ffmpeg command, and takes the file apart with mediabunny. */
export async function encodeMedia({
  seconds = 4,
  size = '320x240',
  codec = 'h264',
  audioCodec = 'opus',
  bFrames = 0,
  keyFrameInterval = 30,
}: EncodeOptions = {}): Promise<EncodedMedia> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-media-'));
  try {
    const extension = codec === 'vp8' ? 'webm' : 'mp4';
    const file = join(folder, `encoded.${extension}`);
    const encoders: Record<VideoCodec, string[]> = {
      h264: [
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', bFrames > 0 ? 'main' : 'baseline'],
        ...['-bf', String(bFrames), '-x264-params', 'repeat-headers=1:scenecut=0', '-pix_fmt', 'yuv420p'],
      ],
      vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k', '-auto-alt-ref', '0'],
      vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k', '-pix_fmt', 'yuv420p'],
      av1: [
        '-c:v',
        'libsvtav1',
        '-preset',
        '12',
        '-b:v',
        '500k',
        '-pix_fmt',
        'yuv420p',
        '-svtav1-params',
        'pred-struct=1',
      ],
    };
    await run('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', `testsrc=size=${size}:rate=30:duration=${seconds}`],
      ...['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`],
      ...encoders[codec],
      ...['-g', String(keyFrameInterval)],
      ...(audioCodec === 'opus' ? ['-c:a', 'libopus', '-b:a', '32k'] : ['-c:a', 'aac', '-b:a', '64k']),
      file,
    ]);
    return await takeApart(await readFile(file), codec, audioCodec, seconds);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeApart(
  bytes: Buffer,
  codec: VideoCodec,
  audioCodec: 'opus' | 'aac',
  seconds: number,
): Promise<EncodedMedia> {
  using input = new Input({ source: new BufferSource(bytes), formats: ALL_FORMATS });
  const videoTrack = (await input.getPrimaryVideoTrack())!;
  const audioTrack = (await input.getPrimaryAudioTrack())!;

  const videoSamples: Sample[] = [];
  for await (const packet of new EncodedPacketSink(videoTrack).packets()) {
    // Constant rate, in decode order: the n-th sample is decoded at n frames.
    const timestamp = videoSamples.length * FRAME_TICKS;
    const compositionOffset = Math.round(packet.timestamp * 30) * FRAME_TICKS - timestamp;
    const keyFrame = packet.type === 'key';
    videoSamples.push({ data: packet.data, timestamp, duration: FRAME_TICKS, keyFrame, compositionOffset });
  }
  const audioSamples: Sample[] = [];
  const audioDuration = audioCodec === 'opus' ? 960 : 1024;
  for await (const { data } of new EncodedPacketSink(audioTrack).packets()) {
    // Encoders add a packet or two for their delay.
    if (audioSamples.length === Math.floor((seconds * 48000) / audioDuration)) break;
    audioSamples.push({
      data,
      timestamp: audioSamples.length * audioDuration,
      duration: audioDuration,
      keyFrame: true,
    });
  }
  const videoConfig = (await videoTrack.getDecoderConfig())!;
  const audioConfig = (await audioTrack.getDecoderConfig())!;
  return {
    video: {
      kind: 'video',
      codec,
      timescale: 90000,
      width: videoConfig.codedWidth!,
      height: videoConfig.codedHeight!,
      description: videoDescription(codec, videoConfig.description, bytes),
    },
    videoSamples,
    audio: {
      kind: 'audio',
      codec: audioCodec,
      timescale: 48000,
      sampleRate: 48000,
      channels: audioConfig.numberOfChannels,
      description:
        audioCodec === 'opus'
          ? Uint8Array.of(0, audioConfig.numberOfChannels, 0, 0, 0, 0, 0xbb, 0x80, 0, 0, 0)
          : toBytes(audioConfig.description!),
    },
    audioSamples,
  };
}

function videoDescription(
  codec: VideoCodec,
  fromConfig: AllowSharedBufferSource | undefined,
  file: Buffer,
): Uint8Array {
  if (codec === 'h264') return toBytes(fromConfig!);
  if (codec === 'vp8') return new Uint8Array();
  const position = file.indexOf(codec === 'vp9' ? 'vpcC' : 'av1C');
  return new Uint8Array(file.subarray(position + 4, position - 4 + file.readUInt32BE(position - 4)));
}

function toBytes(source: AllowSharedBufferSource): Uint8Array {
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer.slice(source.byteOffset, source.byteOffset + source.byteLength) as ArrayBuffer)
    : new Uint8Array(source.slice(0) as ArrayBuffer);
}

/** A packet as ffprobe sees it, times in the stream's timescale. */
export interface ProbedPacket {
  readonly pts: number;
  readonly dts: number;
  readonly duration: number;
  readonly size: number;
  readonly keyFrame: boolean;
}

export interface ProbedStream {
  readonly codec: string;
  readonly timeBase: string;
  readonly durationSeconds: number;
  readonly packets: readonly ProbedPacket[];
}

export interface Probed {
  readonly durationSeconds: number;
  readonly streams: readonly ProbedStream[];
}

/** Runs `use` with the bytes in a file of a folder of their own. */
export async function withFile<T>(name: string, bytes: Uint8Array, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-media-'));
  try {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Reads a file with ffprobe; what it says of errors is thrown. */
export async function probe(path: string, ...options: string[]): Promise<Probed> {
  const { stdout, stderr } = await run(
    'ffprobe',
    ['-v', 'error', ...options, '-show_packets', '-show_streams', '-show_format', '-of', 'json', path],
    { maxBuffer: 1 << 28 },
  );
  if (stderr.trim() !== '') throw new Error(`ffprobe: ${stderr}`);
  const parsed = JSON.parse(stdout);
  return {
    durationSeconds: Number(parsed.format.duration),
    streams: parsed.streams.map((stream: Record<string, string | number>) => ({
      codec: stream.codec_name,
      timeBase: stream.time_base,
      durationSeconds: Number(stream.duration),
      packets: parsed.packets
        .filter((packet: Record<string, unknown>) => packet.stream_index === stream.index)
        .map((packet: Record<string, string | number>) => ({
          pts: Number(packet.pts),
          dts: Number(packet.dts),
          duration: Number(packet.duration),
          size: Number(packet.size),
          keyFrame: String(packet.flags).startsWith('K'),
        })),
    })),
  };
}

/** Decodes a whole file with ffmpeg. @returns how many pictures came out; whatever ffmpeg says of errors is thrown */
export async function decode(path: string, ...inputOptions: string[]): Promise<number> {
  const { stdout, stderr } = await run('ffmpeg', [
    ...['-v', 'error', ...inputOptions, '-i', path],
    ...['-map', '0', '-fps_mode', 'passthrough', '-progress', '-', '-f', 'null', '-'],
  ]);
  if (stderr.trim() !== '') throw new Error(`ffmpeg: ${stderr}`);
  return Number([...stdout.matchAll(/^frame=\s*(\d+)/gm)].at(-1)?.[1] ?? 0);
}
