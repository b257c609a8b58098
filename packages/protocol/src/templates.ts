import { z } from 'zod';
import { StorableText } from './model.ts';

/** A length in percent of the picture, or in pixels: `10%`, `100px`. */
export const Length = z.string().regex(/^(100|\d{1,2}(\.\d+)?)%$|^\d{1,4}px$/, 'such as 10% or 100px');

export const TranscodeVideo = z.object({
  codec: z.literal('h264').default('h264'),
  /** Even numbers; with one of the two the other follows from the picture, with neither the picture keeps its size. It is never enlarged. */
  width: z.int().min(16).max(3840).optional(),
  height: z.int().min(16).max(2160).optional(),
  /** At most that many pictures a second. */
  fps: z.number().min(1).max(60).optional(),
  bitrateBps: z.int().min(50_000).max(50_000_000),
});
export const TranscodeAudio = z.object({
  codec: z.literal('aac').default('aac'),
  bitrateBps: z.int().min(16_000).max(320_000).default(64_000),
  sampleRate: z.union([z.literal(44_100), z.literal(48_000)]).default(48_000),
  channels: z.union([z.literal(1), z.literal(2)]).default(2),
});
/** One of `video` and `audio` at least. `hls` is the same MP4, offered as a playlist. */
export const TranscodeSpec = z.object({
  container: z.enum(['mp4', 'hls', 'm4a']),
  video: TranscodeVideo.nullable(),
  audio: TranscodeAudio.nullable(),
  /** Definition of a watermark template. */
  watermark: z.int().optional(),
});
export type TranscodeSpec = z.infer<typeof TranscodeSpec>;

/** The picture is kept with the template. */
export const WatermarkSpec = z.object({ left: Length, top: Length, width: Length, height: Length.optional() });
export type WatermarkSpec = z.infer<typeof WatermarkSpec>;

export const SpriteSpec = z.object({
  tileWidth: z.int().min(16).max(1000).default(160),
  columns: z.int().min(1).max(20).default(10),
  rows: z.int().min(1).max(20).default(10),
  /** Milliseconds between two tiles; absent: so that all of the file goes into one sheet, at least a second. */
  intervalMs: z.int().min(200).max(600_000).optional(),
});
export type SpriteSpec = z.infer<typeof SpriteSpec>;

export const SnapshotSpec = z.object({
  width: z.int().min(16).max(3840).optional(),
  format: z.enum(['jpeg', 'png']).default('jpeg'),
});
export type SnapshotSpec = z.infer<typeof SnapshotSpec>;

export const TemplateKind = z.enum(['transcode', 'watermark', 'sprite', 'snapshot']);
export type TemplateKind = z.infer<typeof TemplateKind>;

const common = { definition: z.int(), name: z.string(), builtIn: z.boolean() };
export const Template = z.discriminatedUnion('kind', [
  z.object({ ...common, kind: z.literal('transcode'), spec: TranscodeSpec }),
  z.object({ ...common, kind: z.literal('watermark'), spec: WatermarkSpec }),
  z.object({ ...common, kind: z.literal('sprite'), spec: SpriteSpec }),
  z.object({ ...common, kind: z.literal('snapshot'), spec: SnapshotSpec }),
]);
export type Template = z.infer<typeof Template>;
export const TemplateList = z.object({ items: z.array(Template) });

const name = StorableText.min(1).max(64);
export const CreateTemplateRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('transcode'), name, spec: TranscodeSpec }),
  /** `image`: the PNG in Base64, 100 KB at most. */
  z.object({ kind: z.literal('watermark'), name, spec: WatermarkSpec, image: z.base64().max(140_000) }),
  z.object({ kind: z.literal('sprite'), name, spec: SpriteSpec }),
  z.object({ kind: z.literal('snapshot'), name, spec: SnapshotSpec }),
]);
/** What may be changed of an own template; absent fields stay. `spec` is of the template's kind and replaces the former. */
export const UpdateTemplateRequest = z.object({
  name: name.optional(),
  spec: z.record(z.string(), z.unknown()).optional(),
  image: z.base64().max(140_000).optional(),
});
export const TemplateQuery = z.object({ kind: TemplateKind.optional() });

export const SamplePercent = z.int().min(1).max(50);

/**
 * What runs on a file under one name; steps are independent of one another. Those that need a picture are left out for a
 * file without one, as are snapshots beyond its end.
 */
export const ProcedureSpec = z.object({
  transcode: z
    .array(z.object({ definition: z.int(), watermark: z.int().optional() }))
    .max(16)
    .default([]),
  /** An MP4 with AAC sound and the picture as it came. */
  aac: z.boolean().default(false),
  cover: z.boolean().default(false),
  sprite: z.array(z.int()).max(4).default([]),
  snapshotOffsetsMs: z.array(z.int().min(0)).max(100).default([]),
  /** Template of those snapshots; the built-in one when absent. */
  snapshotDefinition: z.int().optional(),
  /** Snapshots all over the file, one each so many percent of it. */
  samples: z.object({ percent: SamplePercent, definition: z.int().optional() }).optional(),
});
export type ProcedureSpec = z.infer<typeof ProcedureSpec>;
export const ProcedureName = StorableText.min(1).max(64);
export const Procedure = z.object({
  name: z.string(),
  spec: ProcedureSpec,
  /** Runs by itself on each new recording. */
  automatic: z.boolean(),
});
export type Procedure = z.infer<typeof Procedure>;
export const PutProcedureRequest = z.object({ spec: ProcedureSpec, automatic: z.boolean().default(false) });
export const ProcedureList = z.object({ items: z.array(Procedure) });
