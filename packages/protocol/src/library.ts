import { z } from 'zod';
import { AudioInfo, FileName, Health, RoomId, StorableText, UserId, VideoInfo } from './model.ts';
import { RecordingId } from './rest.ts';

/** A file's id: 17 to 20 decimal digits, more than a JavaScript number holds. */
export const FileId = z.string().regex(/^\d{17,20}$/, '17 to 20 digits');

/**
 * `recording`: still growing (and playable). `interrupted`: cut by a crash, recovery has yet to finish it. `recycled`: in
 * the recycle bin. `deleting`: its bytes are being removed.
 */
export const AssetState = z.enum(['recording', 'interrupted', 'ready', 'failed', 'recycled', 'deleting']);
export type AssetState = z.infer<typeof AssetState>;

/** How a file came into the library. */
export const AssetSource = z.enum(['record', 'upload', 'pull', 'clip', 'concat']);
export type AssetSource = z.infer<typeof AssetSource>;

export const Tag = StorableText.min(1).max(64);
export const Tags = z.array(Tag).max(32);

/** Tags that come in one text, separated by commas. */
export function splitTags(text: string): string[] {
  return text
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
}

/** 0 is the default class, 其他/Other. */
export const ClassId = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
export const Intro = StorableText.max(2000);

export const Asset = z.object({
  fileId: FileId,
  fileName: FileName,
  intro: z.string(),
  state: AssetState,
  source: AssetSource,
  /** Nobody may play it. */
  banned: z.boolean(),
  durationMs: z.number(),
  sizeBytes: z.number(),
  mimeType: z.string(),
  video: VideoInfo.nullable(),
  audio: AudioInfo.nullable(),
  tags: z.array(z.string()),
  classId: z.int(),
  /** Null, with room and user, for a file that no recording made. */
  recordingId: z.string().nullable(),
  roomId: RoomId.nullable(),
  userId: UserId.nullable(),
  /** Place among the files of its recording, from 0. */
  segmentIndex: z.int(),
  /** By the wall clock: of what is recorded, or of the upload. */
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  health: Health,
  /** Hex digests of the whole file, computed soon after it is ready. */
  sha256: z.string().nullable(),
  md5: z.string().nullable(),
  /** The derivative that stands for it in lists. */
  coverId: z.string().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  /** The file and all that was made of it is deleted then. */
  expiresAt: z.iso.datetime().nullable(),
  recycledAt: z.iso.datetime().nullable(),
});
export type Asset = z.infer<typeof Asset>;

/** `-`: the greatest first. Names are compared by code points, as far as their first 200. `segmentIndex` takes a `recordingId`. */
export const AssetSort = z.enum([
  'startedAt',
  '-startedAt',
  'createdAt',
  '-createdAt',
  'fileName',
  '-fileName',
  'sizeBytes',
  '-sizeBytes',
  'durationMs',
  '-durationMs',
  'segmentIndex',
  '-segmentIndex',
]);
export type AssetSort = z.infer<typeof AssetSort>;

export const AssetQuery = z.object({
  fileNamePrefix: StorableText.max(1000).optional(),
  roomId: RoomId.optional(),
  userId: UserId.optional(),
  recordingId: RecordingId.optional(),
  /** Files of the class and of those below it. */
  classId: z.coerce.number().pipe(ClassId).optional(),
  tag: Tag.optional(),
  source: AssetSource.optional(),
  /** Absent: all but those in the recycle bin and those being deleted. */
  state: AssetState.optional(),
  /** Only those that nobody may play, or only the others. */
  banned: z.stringbool().optional(),
  /** That time itself among it. */
  startedAfter: z.iso.datetime({ offset: true }).optional(),
  /** That time itself no more. */
  startedBefore: z.iso.datetime({ offset: true }).optional(),
  /** As of `started…`, by the time at which the file came into the library. */
  createdAfter: z.iso.datetime({ offset: true }).optional(),
  createdBefore: z.iso.datetime({ offset: true }).optional(),
  sort: AssetSort.default('-startedAt'),
  cursor: z.string().max(2000).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const AssetList = z.object({ items: z.array(Asset), nextCursor: z.string().nullable(), total: z.int() });
export type AssetList = z.infer<typeof AssetList>;

/** What may be changed of an asset; absent fields stay. */
export const UpdateAssetRequest = z.object({
  fileName: FileName.optional(),
  intro: Intro.optional(),
  classId: ClassId.optional(),
  tags: Tags.optional(),
  expiresAt: z.iso.datetime({ offset: true }).nullable().optional(),
  banned: z.boolean().optional(),
  /** A cover or snapshot of the same file. */
  coverId: z.string().max(100).nullable().optional(),
});
export type UpdateAssetRequest = z.input<typeof UpdateAssetRequest>;

export const DerivativeKind = z.enum(['rendition', 'snapshot', 'cover', 'sprite']);
export type DerivativeKind = z.infer<typeof DerivativeKind>;

/** What is known of a derivative beside its size; what does not apply is absent. */
export const DerivativeInfo = z.object({
  width: z.int().optional(),
  height: z.int().optional(),
  durationMs: z.number().optional(),
  bitrateBps: z.int().optional(),
  video: VideoInfo.optional(),
  audio: AudioInfo.optional(),
  /** Of a snapshot: its place in the file. */
  timeOffsetMs: z.number().optional(),
  /** Of a snapshot that is one of several all over the file: percent of it between two of them. */
  samplePercent: z.int().optional(),
  /** Of a sprite: all its sheets and the WebVTT file, names inside of its folder; tiles are `tileWidth` × `tileHeight`. */
  sheets: z.array(z.string()).optional(),
  vtt: z.string().optional(),
  tileWidth: z.int().optional(),
  tileHeight: z.int().optional(),
  columns: z.int().optional(),
  rows: z.int().optional(),
  tiles: z.int().optional(),
  intervalMs: z.number().optional(),
});
export type DerivativeInfo = z.infer<typeof DerivativeInfo>;

export const Derivative = z.object({
  derivativeId: z.string(),
  fileId: FileId,
  kind: DerivativeKind,
  /** The template that it was made by. */
  definition: z.int(),
  mimeType: z.string(),
  sizeBytes: z.number(),
  info: DerivativeInfo,
  jobId: z.string(),
  createdAt: z.iso.datetime(),
});
export type Derivative = z.infer<typeof Derivative>;
export const DerivativeList = z.object({ items: z.array(Derivative) });

export const PlayUrlsRequest = z.object({
  ttlSeconds: z
    .int()
    .min(10)
    .max(30 * 86_400)
    .default(3600),
});
/** Absolute URLs that play without further credentials until `expiresAt`. `mp4` is the original (WebM for VP8, which then has no `hls`). */
export const PlayUrls = z.object({
  mp4: z.url(),
  hls: z.url().nullable(),
  /** The cover, where there is one. */
  poster: z.url().nullable(),
  /** WebVTT of the newest sprite, for the scrub bar. */
  sprite: z.url().nullable(),
  renditions: z.array(
    z.object({
      derivativeId: z.string(),
      definition: z.int(),
      url: z.url(),
      hls: z.url().nullable(),
      info: DerivativeInfo,
    }),
  ),
  images: z.array(z.object({ derivativeId: z.string(), kind: DerivativeKind, url: z.url(), info: DerivativeInfo })),
  expiresAt: z.iso.datetime(),
});
export type PlayUrls = z.infer<typeof PlayUrls>;

/** `hls` plays all files of a recording one behind another, until `expiresAt`; null where none of them is MP4. */
export const RecordingPlayUrls = z.object({ hls: z.url().nullable(), expiresAt: z.iso.datetime() });
export type RecordingPlayUrls = z.infer<typeof RecordingPlayUrls>;

export const AssetClass = z.object({
  classId: ClassId,
  /** 0: at the top. */
  parentId: ClassId,
  name: z.string(),
  /** 1 at the top, 4 at most. */
  level: z.int(),
  /** Files of this very class. */
  fileCount: z.int(),
  createdAt: z.iso.datetime().nullable(),
  updatedAt: z.iso.datetime().nullable(),
});
export type AssetClass = z.infer<typeof AssetClass>;
/** All classes, parents before their children; the default class first. */
export const ClassList = z.object({ items: z.array(AssetClass) });
export const CreateClassRequest = z.object({ name: StorableText.min(1).max(64), parentId: ClassId.default(0) });
export const UpdateClassRequest = z.object({
  name: StorableText.min(1).max(64).optional(),
  parentId: ClassId.optional(),
});

export const AppSettings = z.object({
  /** Days that a deleted file can be restored; 0: it goes at once. */
  recycleDays: z.int().min(0).max(365),
  /** Key of Tencent's hotlink signature; null: links signed that way are refused. */
  hotlinkKey: z
    .string()
    .regex(/^[0-9A-Za-z]{8,20}$/, '8 to 20 letters and digits')
    .nullable(),
  /** The account's number in Tencent's formats. */
  sdkAppId: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  /** What Tencent's stream ids begin with. */
  bizId: z.string().regex(/^[0-9A-Za-z]{1,20}$/),
  /** The user whose UserSig lets a back end do what the app may, in Tencent's REST interface of rooms. */
  adminIdentifier: UserId,
});
export type AppSettings = z.infer<typeof AppSettings>;
export const UpdateAppSettings = AppSettings.partial();

export const RetentionRule = z.object({
  /** -1: files of every class without a rule of its own. */
  classId: z.int().min(-1),
  /** Files are deleted that many days after their end. */
  days: z.int().min(1).max(36_500),
});
export type RetentionRule = z.infer<typeof RetentionRule>;
export const RetentionRules = z.object({ items: z.array(RetentionRule) });
export type RetentionRules = z.infer<typeof RetentionRules>;

/** `receiving` → `checking` → `ready` | `rejected`. `aborted`: given up before it was whole. */
export const UploadState = z.enum(['receiving', 'checking', 'ready', 'rejected', 'aborted']);
export type UploadState = z.infer<typeof UploadState>;
export const Upload = z.object({
  uploadId: z.string(),
  source: z.enum(['upload', 'pull']),
  fileName: FileName,
  /** 0 while it is not known yet: of a pull, or of a file that still grows. */
  sizeBytes: z.number(),
  receivedBytes: z.number(),
  state: UploadState,
  /** Why it was rejected. */
  detail: z.string().nullable(),
  /** The file in the library, once it is ready. */
  fileId: FileId.nullable(),
  /** Of a pull: the job that does it. */
  jobId: z.string().nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Upload = z.infer<typeof Upload>;
export const UploadList = z.object({ items: z.array(Upload), nextCursor: z.string().nullable() });
export type UploadList = z.infer<typeof UploadList>;
export const UploadQuery = z.object({
  state: UploadState.optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const UploadId = z.string().regex(/^[0-9a-f]{32}$/, '32 hexadecimal digits');

/** Hex digest that a whole file must have. */
const UploadDigest = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, '64 hexadecimal digits')
  .transform((text) => text.toLowerCase());

/** What finishing a file may have changed at its front, in bytes: headers of our own have some hundred at most. */
export const uploadHeadMaxBytes = 2048;

/** `Upload-Metadata` of the tus protocol, decoded. What it does not name is ignored. */
export const UploadMetadata = z.object({
  /** `filename` and `name`, as common tus clients call it, are taken, too. */
  fileName: FileName,
  intro: Intro.default(''),
  classId: z.coerce.number().pipe(ClassId).default(0),
  /** Separated by commas, or a JSON array. */
  tags: z
    .string()
    .transform((text, context): unknown => {
      if (!text.startsWith('[')) return splitTags(text);
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'must be tags separated by commas, or a JSON array' });
        return z.NEVER;
      }
    })
    .pipe(Tags)
    .default([]),
  /** The recording that the file belongs to; gives room and user where they are not named. */
  recordingId: RecordingId.optional(),
  roomId: RoomId.optional(),
  userId: UserId.optional(),
  /** When what is in the file began; the upload's own beginning when absent. */
  startedAt: z.iso.datetime({ offset: true }).optional(),
  sha256: UploadDigest.optional(),
});
export type UploadMetadata = z.infer<typeof UploadMetadata>;

/**
 * `Upload-Metadata` of the request that tells the length of an upload that was begun without one, decoded: what a file that
 * grew while it was sent can only say now.
 */
export const UploadCompletion = z.object({
  sha256: UploadDigest.optional(),
  /**
   * Base64: the file's first bytes as they are now, written over those that were sent before the file was finished (the
   * header of a hybrid MP4 or WebM). Only together with `sha256`.
   */
  head: z
    .base64()
    .max(Math.ceil(uploadHeadMaxBytes / 3) * 4, `at most ${uploadHeadMaxBytes} bytes`)
    .optional(),
});
export type UploadCompletion = z.infer<typeof UploadCompletion>;

/** Pulls a file into the library from an address. */
export const PullRequest = z.object({
  url: z.url({ protocol: /^https?$/ }).max(2000),
  fileName: FileName,
  intro: Intro.default(''),
  classId: ClassId.default(0),
  tags: Tags.default([]),
  /** Hex digest that the whole file must have. */
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, '64 hexadecimal digits')
    .optional(),
});
export type PullRequest = z.input<typeof PullRequest>;

export const ServedBytes = z.object({ day: z.string(), bytes: z.number(), requests: z.int() });
export const Statistics = z.object({
  files: z.int(),
  /** Originals alone, and with all that was made of them. */
  originalBytes: z.number(),
  totalBytes: z.number(),
  durationMs: z.number(),
  /** The last 30 days on which something was served. */
  served: z.array(ServedBytes),
});
export type Statistics = z.infer<typeof Statistics>;
