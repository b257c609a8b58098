import { AircheckError, type ErrorCode, errorKinds } from '@aircheck/protocol';
import type { FastifyContextConfig, FastifySchema } from 'fastify';
import type { Json } from './openapi-examples.ts';

/** What a path that names one of these may not find. */
const missing: Readonly<Record<string, ErrorCode>> = {
  fileId: 'asset-not-found',
  roomId: 'room-not-found',
  recordingId: 'recording-not-found',
  classId: 'class-not-found',
  jobId: 'job-not-found',
  definition: 'template-not-found',
  subscriberId: 'subscriber-not-found',
  deliveryId: 'delivery-not-found',
  uploadId: 'upload-not-found',
  eventId: 'event-not-found',
  derivativeId: 'not-found',
};

export interface DescribedRoute {
  readonly method: string;
  readonly path: string;
  readonly schema: FastifySchema;
  readonly config: FastifyContextConfig;
  /** Properties of the body, where it is an object. */
  readonly bodyFields: readonly string[];
}

/**
 * All errors of a route: those that follow from what it takes (credentials, a body, ids in its path), and those that
 * it names itself, by status.
 */
export function errorsOf({ method, path, schema, config, bodyFields }: DescribedRoute): Map<number, ErrorCode[]> {
  const codes = new Set<ErrorCode>(schema.errors ?? []);
  if (config.access !== undefined)
    for (const code of ['unauthenticated', 'token-expired', 'forbidden'] as const) codes.add(code);
  if (schema.params !== undefined || schema.querystring !== undefined || schema.body !== undefined) {
    codes.add('request-invalid');
  }
  if (schema.body !== undefined) {
    for (const code of ['request-body-missing', 'media-type-unsupported', 'payload-too-large'] as const)
      codes.add(code);
  }
  if (bodyFields.includes('fileName')) codes.add('file-name-missing');
  if (bodyFields.includes('classId')) codes.add('class-not-found');
  // A PUT makes what it does not find.
  if (method !== 'put') {
    for (const [, name = ''] of path.matchAll(/\{(\w+)\}/g)) if (name in missing) codes.add(missing[name]!);
  }
  if (method !== 'get') codes.add('draining');
  codes.add('internal');
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = errorKinds[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return new Map([...byStatus].toSorted(([a], [b]) => a - b));
}

/** One answer of the description per status, with an example of each of its errors. */
export function errorAnswers(errors: ReadonlyMap<number, readonly ErrorCode[]>): Json {
  return Object.fromEntries(
    [...errors].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${errorKinds[code].title}`).join('. '),
        content: {
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
          },
        },
      },
    ]),
  );
}

/** An example of every error, by its code. */
export function errorExamples(): Json {
  return Object.fromEntries(
    (Object.keys(errorKinds) as ErrorCode[]).map((code) => [
      code,
      { summary: errorKinds[code].title, value: new AircheckError(code, errorKinds[code].title).toProblem() },
    ]),
  );
}
