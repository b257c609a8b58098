import type { Derivative, DerivativeInfo, DerivativeKind } from '@aircheck/protocol';
import type { AssetRow, Database, DerivativeRow } from '../db/index.ts';

/** A derivative with what is not told outside: its app and where it is. */
export interface StoredDerivative {
  readonly appId: string;
  /** Relative to the folder of derivatives: `<fileId>/<derivativeId>.<ext>`, of a sprite `<fileId>/<derivativeId>/<sheet>`. */
  readonly path: string;
  readonly derivative: Derivative;
}

/** What a job has made. */
export interface NewDerivative {
  /** The same for the same thing of the same job, so that a job done again doubles nothing. */
  readonly derivativeId: string;
  readonly kind: DerivativeKind;
  readonly definition: number;
  /** See {@link StoredDerivative.path}. */
  readonly path: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
  readonly info: DerivativeInfo;
  readonly jobId: string;
}

export function toStoredDerivative(row: DerivativeRow): StoredDerivative {
  return {
    appId: row.app_id,
    path: row.path,
    derivative: {
      derivativeId: row.derivative_id,
      fileId: row.file_id,
      kind: row.kind as DerivativeKind,
      definition: row.definition,
      mimeType: row.mime_type,
      sizeBytes: row.size_bytes,
      info: JSON.parse(row.info) as DerivativeInfo,
      jobId: row.job_id,
      createdAt: new Date(row.created_at).toISOString(),
    },
  };
}

/** What was made of files, each file's oldest first. */
export async function listDerivatives(
  db: Database,
  fileIds: readonly string[],
): Promise<Map<string, StoredDerivative[]>> {
  const found = new Map<string, StoredDerivative[]>(fileIds.map((id) => [id, []]));
  if (fileIds.length === 0) return found;
  const rows = await db
    .selectFrom('derivatives')
    .selectAll()
    .where('file_id', 'in', fileIds)
    .orderBy('file_id')
    .orderBy('created_at')
    .orderBy('derivative_id')
    .execute();
  for (const row of rows) found.get(row.file_id)?.push(toStoredDerivative(row));
  return found;
}

/** Enters what was made of a file; what is there already stays as it is. */
export async function insertDerivatives(
  transaction: Database,
  now: number,
  { app_id, file_id }: Pick<AssetRow, 'app_id' | 'file_id'>,
  derivatives: readonly NewDerivative[],
): Promise<void> {
  for (const { derivativeId, kind, definition, path, mimeType, sizeBytes, info, jobId } of derivatives) {
    await transaction
      .insertInto('derivatives')
      .values({
        derivative_id: derivativeId,
        app_id,
        file_id,
        kind,
        definition,
        path,
        mime_type: mimeType,
        size_bytes: sizeBytes,
        info: JSON.stringify(info),
        job_id: jobId,
        created_at: now,
      })
      .onConflict((conflict) => conflict.column('derivative_id').doNothing())
      .execute();
  }
}
