import { type Av, succeed } from './av.ts';
import { Canvas, fitInside, type Size } from './canvas.ts';
import type { Frame } from './media-input.ts';

/** By clockwise quarter turns. */
const TURNS = ['', 'transpose=clock', 'hflip,vflip', 'transpose=cclock'] as const;

/** The size at which decoded pictures are to be shown: upright, with square pixels. */
export function displaySize(
  picture: Size & { readonly sampleAspectRatio: { readonly num: number; readonly den: number } },
  quarterTurns: number,
): Size {
  const { num, den } = picture.sampleAspectRatio;
  const aspect = num > 0 && den > 0 ? num / den : 1;
  // The longer side of a pixel stays, the other shrinks: nothing is enlarged.
  const width = Math.max(1, Math.round(picture.width * Math.min(1, aspect)));
  const height = Math.max(1, Math.round(picture.height * Math.min(1, 1 / aspect)));
  return quarterTurns % 2 === 0 ? { width, height } : { width: height, height: width };
}

/**
 * Draws decoded pictures of any size and format upright into canvases, whole, in the middle, as large as they fit: where a
 * sender's pictures became smaller for a while, players show them no smaller.
 */
export class PictureFitter {
  readonly #av: Av;
  readonly #quarterTurns: number;
  /** Takes pictures of any size and format, and follows their changes. */
  readonly #scaler: InstanceType<Av['SoftwareScaleContext']>;
  #turner: Turner | undefined;
  /** What does not fill its canvas is scaled here first. */
  #part: Canvas | undefined;
  #canvasOfPart: Canvas | undefined;

  /** @param quarterTurns - clockwise turns by 90° until the pictures stand upright */
  constructor(av: Av, quarterTurns: number) {
    this.#av = av;
    this.#quarterTurns = quarterTurns;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
  }

  draw(picture: Frame, canvas: Canvas): void {
    const upright = this.#turn(picture);
    const size = fitInside(displaySize(upright, 0), canvas, true);
    canvas.prepare();
    if (size.width >= canvas.width - 1 && size.height >= canvas.height - 1) {
      this.#scale(upright, canvas);
      this.#dropPart();
      return;
    }
    if (this.#part?.width !== size.width || this.#part.height !== size.height || this.#canvasOfPart !== canvas) {
      this.#dropPart();
      this.#part = new Canvas(this.#av, size, canvas.range);
      this.#canvasOfPart = canvas;
    }
    // Also where nothing is drawn over it: a mark on the margin would else be drawn over itself again and again.
    canvas.clear();
    this.#scale(upright, this.#part);
    canvas.draw(this.#part, halfway(canvas.width - size.width), halfway(canvas.height - size.height));
  }

  #scale(picture: Frame, canvas: Canvas): void {
    if (canvas.range === 'video') copyColours(this.#av, picture, canvas.frame);
    succeed(this.#av, this.#scaler.scaleFrameSync(canvas.frame, picture), 'scale a picture');
  }

  #turn(picture: Frame): Frame {
    if (this.#quarterTurns === 0) return picture;
    if (!this.#turner?.takes(picture)) {
      this.#turner?.close();
      this.#turner = new Turner(this.#av, TURNS[this.#quarterTurns]!, picture);
    }
    return this.#turner.turn(picture);
  }

  #dropPart(): void {
    this.#part?.free();
    this.#part = undefined;
    this.#canvasOfPart = undefined;
  }

  close(): void {
    this.#dropPart();
    this.#turner?.close();
    this.#scaler.freeContext();
  }
}

function halfway(length: number): number {
  return Math.floor(length / 4) * 2;
}

/** Colours stay what they are: the scaler converts them where two pictures say different things. */
export function copyColours(av: Av, from: Frame, to: Pick<Frame, 'colorSpace' | 'colorPrimaries' | 'colorTrc'>): void {
  to.colorSpace = from.colorSpace === av.AVCOL_SPC_RGB ? av.AVCOL_SPC_SMPTE170M : from.colorSpace;
  to.colorPrimaries = from.colorPrimaries;
  to.colorTrc = from.colorTrc;
}

/** Turns pictures of one size and format. */
class Turner {
  readonly #av: Av;
  readonly #graph: InstanceType<Av['FilterGraph']>;
  readonly #source: InstanceType<Av['FilterContext']>;
  readonly #sink: InstanceType<Av['FilterContext']>;
  readonly #turned: Frame;
  readonly #key: string;

  constructor(av: Av, filters: string, picture: Frame) {
    this.#av = av;
    this.#key = keyOf(picture);
    this.#graph = new av.FilterGraph();
    this.#graph.alloc();
    this.#graph.nbThreads = 1;
    const { num, den } = picture.sampleAspectRatio;
    const format = `video_size=${picture.width}x${picture.height}:pix_fmt=${picture.format}:time_base=1/1000`;
    const shape = `pixel_aspect=${num}/${Math.max(1, den)}`;
    const colour = `colorspace=${picture.colorSpace}:range=${picture.colorRange}`;
    const source = `buffer@in=${format}:${shape}:${colour}`;
    succeed(av, this.#graph.parse2(`${source},${filters},buffersink@out`), 'turn a picture');
    succeed(av, this.#graph.configSync(), 'turn a picture');
    this.#source = this.#graph.getFilter('buffer@in')!;
    this.#sink = this.#graph.getFilter('buffersink@out')!;
    this.#turned = new av.Frame();
    this.#turned.alloc();
  }

  takes(picture: Frame): boolean {
    return this.#key === keyOf(picture);
  }

  /** @returns a picture that the next call overwrites */
  turn(picture: Frame): Frame {
    this.#turned.unref();
    succeed(
      this.#av,
      this.#source.buffersrcAddFrameSync(picture, this.#av.AV_BUFFERSRC_FLAG_KEEP_REF),
      'turn a picture',
    );
    succeed(this.#av, this.#sink.buffersinkGetFrameSync(this.#turned), 'turn a picture');
    return this.#turned;
  }

  close(): void {
    this.#turned.free();
    this.#graph.free();
  }
}

function keyOf({ width, height, format, sampleAspectRatio, colorSpace, colorRange }: Frame): string {
  return [width, height, format, sampleAspectRatio.num, sampleAspectRatio.den, colorSpace, colorRange].join();
}
