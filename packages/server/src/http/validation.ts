import { AircheckError } from '@aircheck/protocol';
import type { FastifySchemaCompiler, FastifySerializerCompiler, FastifyTypeProvider } from 'fastify';
import type { z } from 'zod';

/** Lets routes take zod schemas: `app.withTypeProvider<ZodTypeProvider>()` types params, query, body and answers by them. */
export interface ZodTypeProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  readonly serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown;
}

const partNames: Readonly<Record<string, string>> = {
  body: 'body',
  params: 'path',
  querystring: 'query',
  headers: 'headers',
};

/** Checks a part of a request; what is wrong is told as AircheckError that names the input, e.g. `body.fileName`. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart = 'body' }) =>
  (data: unknown) => {
    const missing = httpPart === 'body' && (data === undefined || data === null);
    // A body whose every field has a default may be left out.
    const result = schema.safeParse(missing ? {} : data);
    if (result.success) return { value: result.data };
    if (missing) return { error: new AircheckError('request-body-missing', 'The request needs a JSON body') };
    return { error: invalid(result.error, partNames[httpPart] ?? httpPart, data) };
  };

/** Answers are what their schema says and no more: the API description stays true, and nothing leaks by accident. */
export const serializerCompiler: FastifySerializerCompiler<z.ZodType> =
  ({ schema }) =>
  (data: unknown) =>
    JSON.stringify(schema.parse(data));

function invalid(error: z.ZodError, part: string, data: unknown): AircheckError {
  const issue = deepest(error.issues[0]);
  const path = (issue?.path ?? []).map(String);
  const input = [part, ...path].join('.');
  const value = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], data);
  const options = { input, cause: error };
  if (input === 'body.fileName' && (value === undefined || value === null || value === '')) {
    return new AircheckError('file-name-missing', 'fileName is missing or empty', options);
  }
  if (input === 'body.source') {
    return new AircheckError('source-invalid', 'source must be camera or screen', options);
  }
  return new AircheckError('request-invalid', `${input}: ${issue?.message ?? 'not valid'}`, options);
}

/** Of a union none of whose members fit, the complaint of the one that came nearest says more than "invalid input". */
function deepest(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== 'invalid_union') return issue;
  const nearest = issue.errors
    .map((issues) => deepest(issues[0]))
    .toSorted((a, b) => (b?.path.length ?? 0) - (a?.path.length ?? 0))[0];
  return nearest === undefined ? issue : { ...nearest, path: [...issue.path, ...nearest.path] };
}
