import { z } from 'zod';
import { ClassId, FileId, Tags } from './library.ts';
import { FileName } from './model.ts';
import { RecordingId } from './rest.ts';
import { ProcedureName, ProcedureSpec, SamplePercent } from './templates.ts';

/** What a job does. The last four are begun by the library itself. */
export const JobType = z.enum([
  'transcode',
  'aac', // an MP4 with AAC sound, the picture as it came
  'snapshot',
  'cover', // ten candidates; the best becomes the cover
  'sprite',
  'concat',
  'clip',
  'procedure',
  'hash',
  'probe', // checks an upload
  'pull',
  'delete',
]);
export type JobType = z.infer<typeof JobType>;

/** `waiting` → `running` → `done` | `failed` | `cancelled`; a lost worker puts it back to `waiting`. */
export const JobState = z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']);
export type JobState = z.infer<typeof JobState>;

const newFile = { fileName: FileName, classId: ClassId.default(0), tags: Tags.default([]) };

const fromRendition = {
  /** Takes of each file the newest rendition of that template instead of the original. */
  definition: z.int().optional(),
};

export const JobRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('transcode'), fileId: FileId, definition: z.int(), watermark: z.int().optional() }),
  z.object({ type: z.literal('aac'), fileId: FileId }),
  z.object({
    type: z.literal('snapshot'),
    fileId: FileId,
    /** Times in the file; or `samplePercent`. */
    offsetsMs: z.array(z.number().min(0)).min(1).max(100).optional(),
    /** One picture each so many percent of the file, from its beginning on. */
    samplePercent: SamplePercent.optional(),
    definition: z.int().optional(),
  }),
  z.object({ type: z.literal('cover'), fileId: FileId }),
  z.object({ type: z.literal('sprite'), fileId: FileId, definition: z.int().optional() }),
  /** Files in their order, or all of a recording. */
  z.object({
    type: z.literal('concat'),
    fileIds: z.array(FileId).min(2).max(500).optional(),
    recordingId: RecordingId.optional(),
    ...fromRendition,
    ...newFile,
  }),
  /** From the beginning of the file; negative: from its end. Absent `endMs`: to the end. */
  z.object({
    type: z.literal('clip'),
    fileId: FileId,
    startMs: z.number(),
    endMs: z.number().optional(),
    ...fromRendition,
    ...newFile,
  }),
  z.object({
    type: z.literal('procedure'),
    fileId: FileId,
    /** One of the app's procedures, or `spec` as given. */
    name: ProcedureName.optional(),
    spec: ProcedureSpec.optional(),
    /** Whatever whoever asks wants to know it by; kept with the job's input. */
    purpose: z.string().max(64).optional(),
  }),
]);
export type JobRequest = z.infer<typeof JobRequest>;

export const CreateJobRequest = z.intersection(
  JobRequest,
  z.object({ /** The higher, the sooner. */ priority: z.int().min(-10).max(10).default(0) }),
);
export type CreateJobRequest = z.input<typeof CreateJobRequest>;

/** What a job brought. */
export const JobOutput = z.object({
  /** New derivatives of the file. */
  derivativeIds: z.array(z.string()).optional(),
  /** A new file in the library. */
  fileId: FileId.optional(),
  sha256: z.string().optional(),
  md5: z.string().optional(),
});
export type JobOutput = z.infer<typeof JobOutput>;

export const Job = z.object({
  jobId: z.string(),
  type: JobType,
  state: JobState,
  priority: z.int(),
  fileId: FileId.nullable(),
  /** The procedure that it is a part of. */
  parentId: z.string().nullable(),
  /** Percent. */
  progress: z.number().min(0).max(100),
  /** Times it was begun. */
  attempts: z.int(),
  input: z.record(z.string(), z.unknown()),
  output: JobOutput.nullable(),
  error: z.object({ code: z.string(), detail: z.string() }).nullable(),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
});
export type Job = z.infer<typeof Job>;
export const JobList = z.object({ items: z.array(Job), nextCursor: z.string().nullable() });
export type JobList = z.infer<typeof JobList>;
export const JobQuery = z.object({
  fileId: FileId.optional(),
  type: JobType.optional(),
  state: JobState.optional(),
  parentId: z.string().max(100).optional(),
  cursor: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export const JobId = z.string().regex(/^[\w-]{1,100}$/, 'letters, digits, _ and - only');
