import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { SoundReader } from './sound-reader.ts';
import { READ_HEIGHT, READ_WIDTH, readMarker } from './synthetic-media/marker.ts';

const PICTURE_BYTES = READ_WIDTH * READ_HEIGHT;
const SAMPLE_RATE = 48_000;
const SAMPLE_BYTES = 2;
/** Ticks per second of the timestamps that ffmpeg tells of the decoded pictures. */
const PICTURE_CLOCK = 90_000;

export interface ReadPicture {
  /** Presentation time in milliseconds of the file's own clock. */
  readonly ptsMs: number;
  /** The number burnt in; null where it can't be read. */
  readonly counter: number | null;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ProbedStream {
  readonly kind: 'video' | 'audio';
  readonly codec: string;
  readonly packets: number;
  readonly durationMs: number;
  readonly startMs: number;
  readonly width?: number;
  readonly height?: number;
  readonly sampleRate?: number;
  readonly channels?: number;
}

export interface RecordingContent {
  readonly pictures: readonly ReadPicture[];
  /** First picture of each flash; left out where the picture before it is missing, since the flash may have begun there. */
  readonly flashesMs: readonly number[];
  /** Beginning of each beep, to a millisecond or so. */
  readonly beepsMs: readonly number[];
  /** Where there is not even the hum, 15 ms or longer. */
  readonly silences: readonly Span[];
  /** Where sound is missing between two decoded pieces of it. */
  readonly audioHoles: readonly Span[];
  /** What ffprobe and ffmpeg complained about; empty for a file without fault. */
  readonly errors: readonly string[];
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly streams: readonly ProbedStream[];
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Runs a program to its end. */
async function run(program: string, args: readonly string[]): Promise<{ out: string; errors: string[] }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const [out, err] = await Promise.race([Promise.all([textOf(child.stdout), textOf(child.stderr)]), failed]);
  return { out, errors: err.split('\n').filter((line) => line.trim() !== '') };
}

interface ProbeAnswer {
  readonly format?: { readonly duration?: string; readonly size?: string };
  readonly streams?: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly nb_read_packets?: string;
    readonly duration?: string;
    readonly start_time?: string;
    readonly width?: number;
    readonly height?: number;
    readonly sample_rate?: string;
    readonly channels?: number;
  }[];
}

/**
 * What ffprobe says of a file, after it has read all of it.
 * @param input - a path or an http URL
 */
export async function probeRecording(
  input: string,
): Promise<Pick<RecordingContent, 'durationMs' | 'sizeBytes' | 'streams' | 'errors'>> {
  const args = ['-v', 'error', '-count_packets', '-show_format', '-show_streams', '-of', 'json', input];
  const { out, errors } = await run('ffprobe', args);
  const probe = JSON.parse(out === '' ? '{}' : out) as ProbeAnswer;
  return {
    errors,
    durationMs: Number(probe.format?.duration ?? 0) * 1000,
    sizeBytes: Number(probe.format?.size ?? 0),
    streams: (probe.streams ?? []).map((stream) => ({
      kind: stream.codec_type === 'video' ? 'video' : 'audio',
      codec: stream.codec_name,
      packets: Number(stream.nb_read_packets ?? 0),
      durationMs: Number(stream.duration ?? 0) * 1000,
      startMs: Number(stream.start_time ?? 0) * 1000,
      ...(stream.width !== undefined && { width: stream.width }),
      ...(stream.height !== undefined && { height: stream.height }),
      ...(stream.sample_rate !== undefined && { sampleRate: Number(stream.sample_rate) }),
      ...(stream.channels !== undefined && { channels: stream.channels }),
    })),
  };
}

/** Reads the timestamps and sizes of a `framecrc` output, in milliseconds and bytes, in order. */
async function readTimes(stream: Readable): Promise<{ ptsMs: number; bytes: number }[]> {
  let clock = 0;
  const times: { ptsMs: number; bytes: number }[] = [];
  for (const line of (await textOf(stream)).split('\n')) {
    const timeBase = /^#tb \d+: (\d+)\/(\d+)/.exec(line);
    if (timeBase !== null) clock = Number(timeBase[1]) / Number(timeBase[2]);
    const fields = line.split(',');
    if (line.startsWith('#') || fields.length < 5) continue;
    times.push({ ptsMs: Number(fields[2]) * clock * 1000, bytes: Number(fields[4]) });
  }
  return times;
}

async function readMarkers(stream: Readable): Promise<ReturnType<typeof readMarker>[]> {
  const markers: ReturnType<typeof readMarker>[] = [];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    let at = 0;
    for (; at + PICTURE_BYTES <= bytes.length; at += PICTURE_BYTES) {
      markers.push(readMarker(bytes.subarray(at, at + PICTURE_BYTES)));
    }
    rest = bytes.subarray(at);
  }
  return markers;
}

/**
 * Decodes a recording of the synthetic host from end to end and reads what was burnt into picture and sound.
 * Needs `ffmpeg` and `ffprobe` 5 or later.
 * @param input - a path or an http URL
 * @throws Error when ffmpeg can't be started
 */
export async function readRecording(input: string): Promise<RecordingContent> {
  const probe = await probeRecording(input);
  const has = (kind: string) => probe.streams.some((stream) => stream.kind === kind);
  const filters: string[] = [];
  const outputs: string[] = [];
  // Raw output has no timestamps: each stream goes out twice, once as it is and once as a list of times.
  if (has('video')) {
    filters.push(`[0:v:0]scale=${READ_WIDTH}:${READ_HEIGHT}:flags=area,format=gray,split[picture][pictureTimes]`);
    const timing = ['-fps_mode', 'passthrough', '-enc_time_base:v', `1/${PICTURE_CLOCK}`];
    outputs.push('-map', '[picture]', ...timing, '-f', 'rawvideo', 'pipe:3');
    outputs.push('-map', '[pictureTimes]', ...timing, '-f', 'framecrc', 'pipe:4');
  }
  if (has('audio')) {
    // One channel as it is: a mix would hide what the other lacks, and both carry the same.
    filters.push(`[0:a:0]pan=mono|c0=c0,aresample=${SAMPLE_RATE},aformat=s16,asplit[sound][soundTimes]`);
    outputs.push('-map', '[sound]', '-f', 's16le', 'pipe:5', '-map', '[soundTimes]', '-f', 'framecrc', 'pipe:6');
  }
  if (outputs.length === 0) {
    return { ...probe, pictures: [], flashesMs: [], beepsMs: [], silences: [], audioHoles: [] };
  }
  // The filters are kept where the size changes, as `scale` can: new ones would lose what is on its way through the old.
  const reading = ['-v', 'error', '-nostdin', '-copyts', '-reinit_filter', '0', '-i', input];
  const args = [...reading, '-filter_complex', filters.join(';'), ...outputs];
  const child = spawn('ffmpeg', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] });
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const pipe = (index: number) => child.stdio[index] as Readable;
  const sound = new SoundReader(SAMPLE_RATE);
  const [complaints, markers, pictureTimes, , soundTimes] = await Promise.race([
    Promise.all([textOf(pipe(2)), readMarkers(pipe(3)), readTimes(pipe(4)), sound.read(pipe(5)), readTimes(pipe(6))]),
    failed,
  ]);
  const errors = [...probe.errors, ...complaints.split('\n').filter((line) => line.trim() !== '')];
  if (markers.length !== pictureTimes.length) {
    errors.push(`${markers.length} pictures decoded, ${pictureTimes.length} of them with a time`);
  }
  const pictures = markers.map((marker, index) => ({ ...marker, ptsMs: pictureTimes[index]?.ptsMs ?? Number.NaN }));
  const pieces = soundTimes.map(({ ptsMs, bytes }) => ({ ptsMs, samples: bytes / SAMPLE_BYTES }));
  return {
    ...probe,
    errors,
    pictures: pictures.map(({ ptsMs, counter }) => ({ ptsMs, counter })),
    flashesMs: pictures
      .filter(({ flash, counter }, index) => {
        const before = pictures[index - 1];
        return flash && before?.flash === false && before.counter !== null && before.counter + 1 === counter;
      })
      .map(({ ptsMs }) => ptsMs),
    ...sound.analyse(pieces),
  };
}
