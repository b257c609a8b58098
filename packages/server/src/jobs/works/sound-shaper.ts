import { type Av, succeed } from './av.ts';
import type { Frame } from './media-input.ts';

/** What AAC takes at once. */
export const FRAME_SAMPLES = 1024;
/** A hole that long is filled with silence here, piece by piece; shorter ones the resampler fills. */
const LONG_HOLE_MS = 200;
/** Nothing fills more than that at once: a time that is far off is damage, not silence. */
const LONGEST_HOLE_MS = 3 * 3_600_000;
/**
 * Where timestamps and samples disagree: from 1 ms on the sound is stretched, by 2 % at most, which nobody hears; from
 * 40 ms on it is filled with silence or cut.
 */
const STRETCH = 'async=1000:min_comp=0.001:min_hard_comp=0.04';

export interface SoundFormat {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
}

/**
 * Brings decoded sound of any format into one, without a hole: sample n of what comes out sounds n / sampleRate after
 * the file's zero.
 */
export class SoundShaper {
  readonly #av: Av;
  readonly #format: SoundFormat;
  readonly #out: Frame;
  #graph: Graph | undefined;
  #samples = 0;
  /** Where what came in so far ends. */
  #endMs = 0;

  constructor(av: Av, format: SoundFormat) {
    this.#av = av;
    this.#format = format;
    this.#out = new av.Frame();
    this.#out.alloc();
  }

  /**
   * @param atMs - when the frame sounds, from the file's zero; undefined: right after the one before
   * @returns frames of {@link FRAME_SAMPLES} samples, valid until the next one is asked for
   */
  *shape(frame: Frame, atMs: number | undefined): Generator<Frame, void, void> {
    const { nbSamples, sampleRate } = frame;
    if (nbSamples === 0 || sampleRate <= 0) return;
    const startMs = atMs ?? this.#endMs;
    const endMs = startMs + (nbSamples * 1000) / sampleRate;
    // Before the zero, or said already: a file that goes back in time would not come to an end.
    if (endMs <= 0 || endMs < this.#endMs - LONG_HOLE_MS || startMs - this.#endMs > LONGEST_HOLE_MS) return;
    if (!this.#graph?.takes(frame)) {
      if (this.#graph !== undefined) yield* this.#drain(this.#graph.end(), FRAME_SAMPLES);
      this.#graph?.close();
      this.#graph = new Graph(this.#av, frame, this.#format, this.#samples);
    }
    for (; startMs - this.#endMs > LONG_HOLE_MS; this.#endMs += LONG_HOLE_MS) {
      this.#graph.addSilence(this.#endMs, LONG_HOLE_MS);
      yield* this.#drain(this.#graph);
    }
    this.#graph.add(frame, startMs);
    this.#endMs = endMs;
    yield* this.#drain(this.#graph);
  }

  /** What is left at the end; the last frame may be shorter. */
  *finish(): Generator<Frame, void, void> {
    if (this.#graph !== undefined) yield* this.#drain(this.#graph.end());
  }

  /** @param atLeast - shorter frames are left out: only the very last one may be short */
  *#drain(graph: Graph, atLeast = 1): Generator<Frame, void, void> {
    while (graph.take(this.#out)) {
      if (this.#out.nbSamples < atLeast) break;
      this.#samples += this.#out.nbSamples;
      yield this.#out;
      this.#out.unref();
    }
  }

  close(): void {
    this.#graph?.close();
    this.#out.free();
  }
}

/** The filters for sound of one format. */
class Graph {
  readonly #av: Av;
  readonly #graph: InstanceType<Av['FilterGraph']>;
  readonly #source: InstanceType<Av['FilterContext']>;
  readonly #sink: InstanceType<Av['FilterContext']>;
  readonly #key: string;
  readonly #sampleRate: number;
  readonly #silence: Pick<Frame, 'format' | 'channelLayout'>;

  /** @param firstSample - where what comes out is to begin */
  constructor(av: Av, like: Frame, { sampleRate, channels }: SoundFormat, firstSample: number) {
    this.#av = av;
    this.#key = keyOf(like);
    this.#sampleRate = like.sampleRate;
    this.#silence = { format: like.format, channelLayout: like.channelLayout };
    this.#graph = new av.FilterGraph();
    this.#graph.alloc();
    this.#graph.nbThreads = 1;
    const sampleFormat = av.avGetSampleFmtName(like.format as Parameters<Av['avGetSampleFmtName']>[0]);
    const layout = av.avChannelLayoutDescribe(like.channelLayout) || `${like.channels}c`;
    const source = `sample_rate=${like.sampleRate}:sample_fmt=${sampleFormat}:channel_layout=${layout}`;
    const target = `${sampleRate}:osf=fltp:ochl=${channels === 1 ? 'mono' : 'stereo'}`;
    const filters = [
      `abuffer@in=${source}:time_base=1/${like.sampleRate}`,
      `aresample=${target}:${STRETCH}:first_pts=${firstSample}`,
      `asetnsamples=n=${FRAME_SAMPLES}:p=0`,
      'abuffersink@out',
    ];
    succeed(av, this.#graph.parse2(filters.join(',')), `sound of ${source}`);
    succeed(av, this.#graph.configSync(), `sound of ${source}`);
    this.#source = this.#graph.getFilter('abuffer@in')!;
    this.#sink = this.#graph.getFilter('abuffersink@out')!;
  }

  takes(frame: Frame): boolean {
    return this.#key === keyOf(frame);
  }

  add(frame: Frame, atMs: number): void {
    frame.pts = BigInt(Math.round((atMs * this.#sampleRate) / 1000));
    succeed(this.#av, this.#source.buffersrcAddFrameSync(frame, this.#av.AV_BUFFERSRC_FLAG_KEEP_REF), 'resample');
  }

  addSilence(atMs: number, durationMs: number): void {
    const frame = new this.#av.Frame();
    frame.alloc();
    frame.format = this.#silence.format;
    frame.channelLayout = this.#silence.channelLayout;
    frame.sampleRate = this.#sampleRate;
    frame.nbSamples = Math.round((durationMs * this.#sampleRate) / 1000);
    succeed(this.#av, frame.getBuffer(0), 'allocate sound');
    // Unsigned 8-bit samples have their zero in the middle.
    const unsigned = frame.format === this.#av.AV_SAMPLE_FMT_U8 || frame.format === this.#av.AV_SAMPLE_FMT_U8P;
    for (const plane of frame.extendedData ?? []) plane.fill(unsigned ? 0x80 : 0);
    this.add(frame, atMs);
    frame.free();
  }

  end(): this {
    succeed(this.#av, this.#source.buffersrcAddFrameSync(null), 'resample');
    return this;
  }

  take(frame: Frame): boolean {
    return this.#sink.buffersinkGetFrameSync(frame) >= 0;
  }

  close(): void {
    this.#graph.free();
  }
}

function keyOf({ format, sampleRate, channels, channelLayout }: Frame): string {
  return [format, sampleRate, channels, channelLayout.mask].join();
}
