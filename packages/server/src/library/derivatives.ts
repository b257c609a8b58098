import type { Derivative, DerivativeInfo, DerivativeKind } from '@aircheck/protocol';
import type { DerivativeRow } from '../db/index.ts';

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
