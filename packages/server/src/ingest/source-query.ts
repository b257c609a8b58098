import { AircheckError, RecordingSource } from '@aircheck/protocol';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';

const SourceQuery = z.object({ source: RecordingSource.default('camera') });

/**
 * What the query names as the picture's source; the camera when it names none.
 * @throws AircheckError `source-invalid`
 */
export function sourceOf(request: FastifyRequest): RecordingSource {
  const query = SourceQuery.safeParse(request.query);
  if (query.success) return query.data.source;
  throw new AircheckError('source-invalid', 'source must be camera or screen', { input: 'query.source' });
}
