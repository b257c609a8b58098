import type {
  AudioInfo,
  DerivativeInfo,
  SpriteSpec,
  TranscodeSpec,
  VideoInfo,
  WatermarkSpec,
} from '@aircheck/protocol';

/*
 * What the control process tells a job worker to do, and what it gets back. An order holds all that the work needs, since
 * a worker knows neither the database nor the library; what comes of it lies in the order's folder until it is taken over.
 */

/** A file to work on. */
export interface SourceFile {
  readonly fileId: string;
  /** Absolute path. */
  readonly path: string;
  readonly mimeType: string;
}

/** A picture to draw over another. */
export interface WatermarkImage extends WatermarkSpec {
  /** Absolute path of the PNG. */
  readonly path: string;
}

export interface WorkOrders {
  transcode: {
    readonly source: SourceFile;
    readonly spec: TranscodeSpec;
    readonly watermark?: WatermarkImage | undefined;
  };
  aac: { readonly source: SourceFile };
  snapshot: {
    readonly source: SourceFile;
    readonly offsetsMs: readonly number[];
    readonly width?: number | undefined;
    readonly format: 'jpeg' | 'png';
  };
  cover: { readonly source: SourceFile };
  sprite: { readonly source: SourceFile; readonly spec: SpriteSpec };
  concat: { readonly sources: readonly SourceFile[] };
  /** Negative times count from the end. */
  clip: { readonly source: SourceFile; readonly startMs: number; readonly endMs?: number | undefined };
  hash: { readonly source: SourceFile };
  /** Says what a file is, or why it is nothing that can be kept. */
  probe: { readonly path: string /** Computes its digests, too. */; readonly digests?: boolean | undefined };
}
export type WorkName = keyof WorkOrders;

/** A file that was made, in the order's folder. */
export interface ProducedFile {
  /** Without path parts. */
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  readonly info: DerivativeInfo;
}

/** What is in a media file. */
export interface MediaFacts {
  readonly mimeType: string;
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly video: VideoInfo | null;
  readonly audio: AudioInfo | null;
  /** Usual ending of such a file's name, without a dot: `mp4`, `webm`, `flv` … */
  readonly extension: string;
}

export interface WorkResults {
  transcode: { readonly files: readonly ProducedFile[] };
  aac: { readonly files: readonly ProducedFile[] };
  snapshot: { readonly files: readonly ProducedFile[] };
  /** The best candidate first. */
  cover: { readonly files: readonly ProducedFile[] };
  /** The first sheet; all others and the WebVTT file are in the folder, named in `info`. */
  sprite: { readonly files: readonly ProducedFile[] };
  concat: { readonly file: ProducedFile; readonly facts: MediaFacts };
  clip: { readonly file: ProducedFile; readonly facts: MediaFacts };
  hash: { readonly sha256: string; readonly md5: string };
  probe: { readonly facts: MediaFacts; readonly sha256?: string | undefined; readonly md5?: string | undefined };
}

export interface WorkContext {
  /** Absolute path of an empty folder for what is made. */
  readonly folder: string;
  /** Tells how far it has come, in percent. May be called often. */
  progress(percent: number): void;
  /** Cancelled, or nobody waits for it any more: the work ends soon with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Does one kind of work. @throws AircheckError `media-invalid`, `media-unlike`, `request-invalid`, `storage-full`, … */
export type Work<N extends WorkName> = (order: WorkOrders[N], context: WorkContext) => Promise<WorkResults[N]>;

export type Works = { readonly [N in WorkName]: Work<N> };
