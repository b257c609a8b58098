import { join } from 'node:path';
import { AircheckError, type JobRequest, type TranscodeSpec } from '@aircheck/protocol';
import type { Database, JobRow } from '../db/index.ts';
import { listDerivatives, requireAssetRow, type StoredAsset, toStoredAsset } from '../library/index.ts';
import { defaultSnapshot, defaultSprite } from './built-in-templates.ts';
import type { InternalInputs } from './internal-jobs.ts';
import { limits, requireDecodable, requirePicture, requireReady } from './limits.ts';
import type { Templates } from './templates.ts';
import type { SourceFile, WorkName, WorkOrders } from './work-orders.ts';

/** All but the procedure, which has jobs of its own. */
export type WorkRequest = Exclude<JobRequest, { type: 'procedure' }>;

type AnyOrder = { [N in WorkName]: { readonly name: N; readonly order: WorkOrders[N] } }[WorkName];

/** What a worker is told, and what it takes to do it. */
export type Prepared = AnyOrder & {
  /** The file that the job is about, of several the first one. */
  readonly fileId: string | undefined;
  /** Bytes that it will write, roughly. */
  readonly bytes: number;
  /** Where a clip begins in the file, in milliseconds. */
  readonly startMs?: number;
};

/** A file that is cut or joined, or a rendition of it. */
interface TakenFile {
  readonly source: SourceFile;
  readonly durationMs: number;
  readonly sizeBytes: number;
}

interface OrdersOptions {
  readonly templates: Templates;
  readonly config: { readonly recordingsFolder: string; readonly derivedFolder: string };
}

/** Turns requests into orders, and checks them by that: when they come in, and again when they are begun. */
export class Orders {
  readonly #templates: Templates;
  readonly #recordingsFolder: string;
  readonly #derivedFolder: string;

  constructor({ templates, config }: OrdersOptions) {
    this.#templates = templates;
    this.#recordingsFolder = config.recordingsFolder;
    this.#derivedFolder = config.derivedFolder;
  }

  /**
   * @throws AircheckError `asset-not-found`, `asset-state`, `template-not-found`, `media-invalid`, `request-invalid`;
   * `not-found` when a file has no rendition of the template that is asked for
   */
  async prepare(db: Database, appId: string, request: WorkRequest): Promise<Prepared> {
    if (request.type === 'concat') return this.#concat(db, appId, request);
    const stored = await this.#ready(db, appId, request.fileId);
    const { asset } = stored;
    const source = this.#source(stored);
    const { fileId } = asset;
    switch (request.type) {
      case 'transcode': {
        requireDecodable(asset);
        const { spec } = await this.#templates.find(db, appId, 'transcode', request.definition);
        const number = request.watermark ?? spec.watermark;
        const watermark = number === undefined ? undefined : await this.#templates.watermark(db, appId, number);
        const bytes = renditionBytes(spec, asset.durationMs);
        return { name: 'transcode', order: { source, spec, watermark }, fileId, bytes };
      }
      case 'aac': {
        requireDecodable(asset);
        if (asset.audio === null) throw new AircheckError('media-invalid', `The file ${fileId} has no sound`);
        return { name: 'aac', order: { source }, fileId, bytes: asset.sizeBytes };
      }
      case 'snapshot': {
        requirePicture(asset);
        const offsetsMs = snapshotTimes(request, asset.durationMs);
        const { spec } = await this.#templates.find(db, appId, 'snapshot', request.definition ?? defaultSnapshot);
        const bytes = offsetsMs.length * pictureBytes;
        return { name: 'snapshot', order: { source, offsetsMs, ...spec }, fileId, bytes };
      }
      case 'cover':
        requirePicture(asset);
        return { name: 'cover', order: { source }, fileId, bytes: 10 * pictureBytes };
      case 'sprite': {
        requirePicture(asset);
        const { spec } = await this.#templates.find(db, appId, 'sprite', request.definition ?? defaultSprite);
        return { name: 'sprite', order: { source, spec }, fileId, bytes: 10 * pictureBytes };
      }
      case 'clip': {
        const [taken] = await this.#taken(db, [stored], request.definition);
        const { source, durationMs, sizeBytes } = taken!;
        const { startMs, endMs } = placeInFile(request, durationMs);
        const bytes = (sizeBytes * (endMs - startMs)) / Math.max(1, durationMs);
        // An end that was rounded up is the end.
        const toEnd = request.endMs === undefined || request.endMs >= durationMs;
        const order = { source, startMs: request.startMs, endMs: toEnd ? undefined : request.endMs };
        return { name: 'clip', order, fileId, bytes, startMs };
      }
    }
  }

  async #concat(db: Database, appId: string, request: Extract<WorkRequest, { type: 'concat' }>): Promise<Prepared> {
    const files = await this.#parts(db, appId, request);
    for (const { asset } of files) requireReady(asset);
    const taken = await this.#taken(db, files, request.definition);
    const bytes = taken.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (files.length > limits.concatFiles || bytes > limits.concatBytes) {
      throw new AircheckError(
        'request-invalid',
        `${files.length} files of ${bytes} bytes: at most ${limits.concatFiles} of ${limits.concatBytes} bytes are joined`,
        { input: request.fileIds === undefined ? 'body.recordingId' : 'body.fileIds' },
      );
    }
    const order = { sources: taken.map(({ source }) => source) };
    return { name: 'concat', order, fileId: files[0]!.asset.fileId, bytes };
  }

  /** What is cut and joined: the files themselves, or the newest rendition of a template of each. */
  async #taken(db: Database, files: readonly StoredAsset[], definition: number | undefined): Promise<TakenFile[]> {
    if (definition === undefined) return files.map((stored) => ({ ...stored.asset, source: this.#source(stored) }));
    const made = await listDerivatives(
      db,
      files.map(({ asset }) => asset.fileId),
    );
    return files.map(({ asset: { fileId, durationMs } }) => {
      const found = made
        .get(fileId)
        ?.findLast(({ derivative }) => derivative.kind === 'rendition' && derivative.definition === definition);
      if (found === undefined) {
        throw new AircheckError('not-found', `The file ${fileId} has no rendition of template ${definition}`, {
          input: 'body.definition',
          hint: `Make one first: POST /v1/jobs with { "type": "transcode", "fileId": "${fileId}", "definition": ${definition} }`,
        });
      }
      const { mimeType, sizeBytes, info } = found.derivative;
      const source = { fileId, path: join(this.#derivedFolder, found.path), mimeType };
      return { source, sizeBytes, durationMs: info.durationMs ?? durationMs };
    });
  }

  async #parts(
    db: Database,
    appId: string,
    { fileIds, recordingId }: Extract<WorkRequest, { type: 'concat' }>,
  ): Promise<StoredAsset[]> {
    if ((fileIds === undefined) === (recordingId === undefined)) {
      throw new AircheckError('request-invalid', 'Files to join are named by fileIds or by recordingId', {
        input: 'body.fileIds',
      });
    }
    if (fileIds !== undefined) {
      const files: StoredAsset[] = [];
      for (const fileId of fileIds) files.push(await findAsset(db, appId, fileId));
      return files;
    }
    const rows = await db
      .selectFrom('assets')
      .selectAll()
      .where('app_id', '=', appId)
      .where('recording_id', '=', recordingId!)
      .where('source', '=', 'record')
      .where('state', '!=', 'failed')
      .orderBy('segment_index')
      .execute();
    if (rows.length >= 2) return rows.map(toStoredAsset);
    throw new AircheckError('request-invalid', `The recording ${recordingId} has ${rows.length} files to join`, {
      input: 'body.recordingId',
    });
  }

  /** The order of a job from the queue. @throws as {@link prepare} */
  async prepareRow(db: Database, row: JobRow): Promise<Prepared> {
    const input: unknown = JSON.parse(row.input);
    if (row.type === 'probe') {
      const { path, digests } = input as InternalInputs['probe'];
      return { name: 'probe', order: { path, digests }, fileId: undefined, bytes: 0 };
    }
    if (row.type === 'hash') {
      const { fileId } = input as InternalInputs['hash'];
      const source = this.#source(await findAsset(db, row.app_id, fileId));
      return { name: 'hash', order: { source }, fileId, bytes: 0 };
    }
    return this.prepare(db, row.app_id, input as WorkRequest);
  }

  async #ready(db: Database, appId: string, fileId: string): Promise<StoredAsset> {
    const stored = await findAsset(db, appId, fileId);
    requireReady(stored.asset);
    return stored;
  }

  #source({ path, asset }: StoredAsset): SourceFile {
    return { fileId: asset.fileId, path: join(this.#recordingsFolder, path), mimeType: asset.mimeType };
  }
}

/** Bytes of a picture, as a rule. */
const pictureBytes = 1_000_000;

function renditionBytes({ video, audio }: TranscodeSpec, durationMs: number): number {
  return (((video?.bitrateBps ?? 0) + (audio?.bitrateBps ?? 0)) * durationMs) / 8000;
}

/** @throws AircheckError `asset-not-found` */
export async function findAsset(db: Database, appId: string, fileId: string): Promise<StoredAsset> {
  // Not by the library: its own connection would wait for the transaction that this may be a part of.
  return toStoredAsset(await requireAssetRow(db, fileId, appId));
}

/** Where a clip begins and ends, from the beginning of the file. @throws AircheckError `request-invalid` */
export function placeInFile(
  clip: { readonly startMs: number; readonly endMs?: number | undefined },
  durationMs: number,
): { readonly startMs: number; readonly endMs: number } {
  const fromBeginning = (ms: number): number => (ms < 0 ? durationMs + ms : ms);
  const startMs = fromBeginning(clip.startMs);
  const endMs = clip.endMs === undefined ? durationMs : fromBeginning(clip.endMs);
  if (startMs < 0 || startMs > durationMs - limits.clipMs) throw outside('startMs', durationMs);
  // What a player shows as the end may be rounded up.
  if (endMs > Math.ceil(durationMs / 1000) * 1000 || endMs < 0) throw outside('endMs', durationMs);
  if (endMs - startMs < limits.clipMs) {
    throw new AircheckError('request-invalid', `A clip ends at least ${limits.clipMs} ms after its start`, {
      input: 'body.endMs',
    });
  }
  return { startMs, endMs: Math.min(endMs, durationMs) };
}

/** Where pictures are taken, in milliseconds. @throws AircheckError `request-invalid` */
function snapshotTimes(
  { offsetsMs, samplePercent }: Extract<WorkRequest, { type: 'snapshot' }>,
  durationMs: number,
): readonly number[] {
  if (offsetsMs !== undefined && samplePercent === undefined) {
    const beyond = offsetsMs.findIndex((offsetMs) => offsetMs > durationMs);
    if (beyond >= 0) throw outside(`offsetsMs.${beyond}`, durationMs);
    return offsetsMs;
  }
  if (offsetsMs === undefined && samplePercent !== undefined) {
    const count = Math.ceil(100 / samplePercent);
    return Array.from({ length: count }, (_, index) => Math.floor((durationMs * index * samplePercent) / 100));
  }
  throw new AircheckError('request-invalid', 'Snapshots are taken at offsetsMs or each samplePercent', {
    input: 'body.offsetsMs',
  });
}

function outside(field: string, durationMs: number): AircheckError {
  return new AircheckError('request-invalid', `${field} lies outside of the file, which has ${durationMs} ms`, {
    input: `body.${field}`,
  });
}
