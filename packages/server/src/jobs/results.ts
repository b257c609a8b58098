import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { DerivativeKind, VideoInfo } from '@aircheck/protocol';
import type { JobRow } from '../db/index.ts';
import type { Library, NewDerivative } from '../library/index.ts';
import { aacDefinition, defaultSnapshot, defaultSprite } from './built-in-templates.ts';
import type { Commit } from './internal-jobs.ts';
import { move } from './move.ts';
import { findAsset, type WorkRequest } from './orders.ts';
import type { MediaFacts, ProducedFile } from './work-orders.ts';

/** What a job has made, in its place on the disk but not in the database yet. */
export interface Kept {
  readonly commit: Commit;
  /** Removes it again. */
  discard(): Promise<void>;
}

interface ResultsOptions {
  readonly library: Library;
  readonly config: { readonly recordingsFolder: string; readonly derivedFolder: string };
}

export type Made =
  | { readonly files: readonly ProducedFile[] }
  | { readonly file: ProducedFile; readonly facts: MediaFacts };

const kinds = {
  transcode: 'rendition',
  aac: 'rendition',
  snapshot: 'snapshot',
  cover: 'cover',
  sprite: 'sprite',
} as const satisfies Record<string, DerivativeKind>;

/**
 * Takes what works have made into the library. All names follow from the job's id: a job that was killed after its files
 * were moved and is done again moves the same ones over them.
 */
export class Results {
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /**
   * Moves what was made to where it is kept, on the disk for good.
   * @param folder - the folder that the work had
   * @param startMs - where what was made begins in the file that the job is about
   */
  async keep(row: JobRow, request: WorkRequest, made: Made, folder: string, startMs = 0): Promise<Kept> {
    return 'file' in made
      ? this.#keepFile(row, request as NewFileRequest, made, folder, startMs)
      : this.#keepDerivatives(row, request as DerivingRequest, made.files, folder);
  }

  async #keepDerivatives(
    row: JobRow,
    request: DerivingRequest,
    files: readonly ProducedFile[],
    folder: string,
  ): Promise<Kept> {
    const { derivedFolder } = this.#options.config;
    const { fileId } = request;
    const targets: string[] = [];
    const derivatives: NewDerivative[] = [];
    for (const [index, file] of files.entries()) {
      const derivativeId = `${row.job_id}-${index}`;
      // Sheets of a sprite and its WebVTT file name one another: they stay together.
      const together = request.type === 'sprite';
      const name = together ? derivativeId : `${derivativeId}${extname(file.name)}`;
      const target = join(derivedFolder, fileId, name);
      targets.push(target);
      await move(together ? folder : join(folder, file.name), target);
      derivatives.push({
        derivativeId,
        kind: kinds[request.type],
        definition: definitionOf(request),
        path: together ? `${fileId}/${name}/${file.name}` : `${fileId}/${name}`,
        mimeType: file.mimeType,
        sizeBytes: file.sizeBytes,
        info: request.type === 'snapshot' ? { ...file.info, samplePercent: request.samplePercent } : file.info,
        jobId: row.job_id,
      });
    }
    const coverId = request.type === 'cover' ? derivatives[0]?.derivativeId : undefined;
    return {
      commit: async (transaction) => {
        await this.#options.library.addDerivatives(transaction, fileId, derivatives, { coverId });
        return { derivativeIds: derivatives.map(({ derivativeId }) => derivativeId) };
      },
      discard: () => removeAll(targets),
    };
  }

  async #keepFile(
    row: JobRow,
    request: NewFileRequest,
    { file, facts }: { readonly file: ProducedFile; readonly facts: MediaFacts },
    folder: string,
    startMs: number,
  ): Promise<Kept> {
    const { library, config } = this.#options;
    const fileId = fileIdOf(row);
    const path = `${fileId}/0000-${fileId}.${facts.extension}`;
    const target = join(config.recordingsFolder, path);
    await move(join(folder, file.name), target);
    return {
      commit: async (transaction) => {
        const { asset: source } = await findAsset(transaction, row.app_id, row.file_id!);
        const { fileName, classId, tags, definition } = request;
        // Renditions are upright.
        const video = definition === undefined ? turnedAs(source.video, facts.video) : facts.video;
        await library.addFile(transaction, {
          appId: row.app_id,
          fileId,
          source: request.type,
          path,
          facts: { ...facts, video },
          fileName,
          classId,
          tags,
          // When what is in it was said, by the wall clock.
          startedAt: Date.parse(source.startedAt) + startMs,
        });
        return { fileId };
      },
      discard: () => removeAll([dirname(target)]),
    };
  }

  /** Removes what a job left that was killed between its files and its end, and will not be done again. */
  async removeRemains(row: JobRow): Promise<void> {
    const { derivedFolder, recordingsFolder } = this.#options.config;
    if (row.type === 'clip' || row.type === 'concat') await removeAll([join(recordingsFolder, fileIdOf(row))]);
    if (!(row.type in kinds) || row.file_id === null) return;
    const folder = join(derivedFolder, row.file_id);
    const names = await readdir(folder).catch(() => []);
    await removeAll(names.filter((name) => name.startsWith(`${row.job_id}-`)).map((name) => join(folder, name)));
  }
}

type NewFileRequest = Extract<WorkRequest, { type: 'clip' | 'concat' }>;
export type DerivingRequest = Exclude<WorkRequest, NewFileRequest>;

/** The template that a job's derivatives are made by. */
export function definitionOf(request: DerivingRequest): number {
  switch (request.type) {
    case 'transcode':
      return request.definition;
    case 'aac':
      return aacDefinition;
    case 'snapshot':
      return request.definition ?? defaultSnapshot;
    case 'sprite':
      return request.definition ?? defaultSprite;
    case 'cover':
      return 0;
  }
}

/** The same for the same job, in the form of all file ids: milliseconds, then six digits. */
export function fileIdOf(row: Pick<JobRow, 'job_id' | 'created_at'>): string {
  const digits = createHash('sha256').update(row.job_id).digest().readUIntBE(0, 6) % 1_000_000;
  return `${row.created_at}${String(digits).padStart(6, '0')}`;
}

/** What is copied picture by picture is turned for display as its source is; its own facts have the picture as it is coded. */
function turnedAs(source: VideoInfo | null, video: VideoInfo | null): VideoInfo | null {
  const rotation = source?.rotation;
  if (rotation === undefined || video === null) return video;
  const { width, height } = video;
  return { ...video, ...(rotation % 180 !== 0 && { width: height, height: width }), rotation };
}

async function removeAll(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true, force: true });
}
