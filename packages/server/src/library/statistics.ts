import type { Statistics } from '@aircheck/protocol';
import type { Database } from '../db/index.ts';

/** Days of which served bytes are told. */
const servedDays = 30;

/** What an app keeps and what was served of it. Files in the recycle bin count: their bytes are still there. */
export async function statisticsOf(db: Database, appId: string): Promise<Statistics> {
  const originals = await db
    .selectFrom('assets')
    .select(({ fn }) => [
      fn.countAll<number>().as('files'),
      fn.sum<number | string | null>('size_bytes').as('bytes'),
      fn.sum<number | string | null>('duration_ms').as('durationMs'),
    ])
    .where('app_id', '=', appId)
    .executeTakeFirstOrThrow();
  const derived = await db
    .selectFrom('derivatives')
    .select(({ fn }) => fn.sum<number | string | null>('size_bytes').as('bytes'))
    .where('app_id', '=', appId)
    .executeTakeFirstOrThrow();
  const served = await db
    .selectFrom('served_bytes')
    .select(({ fn }) => [
      'day',
      fn.sum<number | string>('bytes').as('bytes'),
      fn.sum<number | string>('requests').as('requests'),
    ])
    .where('app_id', '=', appId)
    .groupBy('day')
    .orderBy('day', 'desc')
    .limit(servedDays)
    .execute();
  // PostgreSQL sums bigints to numerics, which come as text.
  const originalBytes = Number(originals.bytes ?? 0);
  return {
    files: originals.files,
    originalBytes,
    totalBytes: originalBytes + Number(derived.bytes ?? 0),
    durationMs: Number(originals.durationMs ?? 0),
    served: served.map(({ day, bytes, requests }) => ({ day, bytes: Number(bytes), requests: Number(requests) })),
  };
}
