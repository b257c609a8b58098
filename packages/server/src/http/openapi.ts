import {
  Asset,
  AssetClass,
  AssetList,
  Delivery,
  Derivative,
  type ErrorCode,
  Event,
  errorKinds,
  Health,
  Job,
  Participant,
  PlayUrls,
  Procedure,
  Recording,
  RecordingList,
  RecordingPlayUrls,
  Room,
  Session,
  Subscriber,
  Template,
  Track,
  Upload,
} from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type DescribedRoute, errorAnswers, errorExamples, errorsOf } from './openapi-errors.ts';
import { exampleOf, type Json } from './openapi-examples.ts';

declare module 'fastify' {
  interface FastifySchema {
    /** One line; a route without it is left out of the API description. */
    summary?: string;
    description?: string;
    tags?: readonly string[];
    /** The route takes no credentials. */
    public?: boolean;
    /** Errors that do not follow from what the route takes, see `openapi-errors.ts`. */
    errors?: readonly ErrorCode[];
    /** Content type of a body that is no JSON, and of such an answer. */
    consumes?: string;
    produces?: string;
  }
}

/** Schemas that the description names once and refers to. */
const named = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries({
  Asset,
  AssetClass,
  AssetList,
  Delivery,
  Derivative,
  Event,
  Health,
  Job,
  Participant,
  PlayUrls,
  Procedure,
  Recording,
  RecordingList,
  RecordingPlayUrls,
  Room,
  Session,
  Subscriber,
  Template,
  Track,
  Upload,
})) {
  named.add(schema, { id });
}

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { enum: Object.keys(errorKinds) },
    vendorCode: { type: 'integer' },
    input: { type: 'string', description: 'Which input was wrong, e.g. body.fileName' },
    hint: { type: 'string' },
  },
};

/** Collects the routes that are registered after it, and describes them. */
export class ApiDescription {
  readonly #routes: Omit<DescribedRoute, 'bodyFields'>[] = [];
  readonly #version: string;
  #made: { readonly routes: number; readonly json: Json } | undefined;

  constructor(app: FastifyInstance, version: string) {
    this.#version = version;
    app.addHook('onRoute', ({ method, url, schema, config = {} }) => {
      if (schema?.summary === undefined) return;
      for (const name of [method].flat()) {
        if (name === 'OPTIONS') continue;
        this.#routes.push({ method: name.toLowerCase(), path: bracedPath(url), schema, config });
      }
    });
  }

  /** The OpenAPI 3.1 document of the routes so far. */
  document(): Json {
    // Made once: it takes long, and anybody may ask for it.
    if (this.#made?.routes !== this.#routes.length) this.#made = { routes: this.#routes.length, json: this.#make() };
    return this.#made.json;
  }

  #make(): Json {
    const components: Json = { Problem: problemSchema };
    const paths: Record<string, Json> = {};
    for (const route of this.#routes) {
      paths[route.path] = { ...paths[route.path], [route.method]: operation(route, components) };
    }
    // HEAD answers as GET does, without the body, and is described where it is more than that.
    for (const methods of Object.values(paths)) {
      if ((methods.head as Json | undefined)?.summary === (methods.get as Json | undefined)?.summary)
        delete methods.head;
    }
    return {
      openapi: '3.1.0',
      info: {
        title: 'Aircheck',
        version: this.#version,
        description: 'Records live rooms. Errors are RFC 9457 problem details whose `code` is the contract.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      security: [{ server: [] }, { user: [] }, { console: [] }],
      paths,
      components: {
        schemas: components,
        examples: errorExamples(),
        securitySchemes: {
          server: { type: 'http', scheme: 'basic', description: "The app's key and secret" },
          user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token' },
          console: { type: 'apiKey', in: 'cookie', name: 'aircheck_session' },
        },
      },
    };
  }
}

/** Codes of all errors that the description names for a route. */
export function errorCodesOf(route: { readonly method: string; readonly path: string } & RouteParts): ErrorCode[] {
  const path = bracedPath(route.path);
  return [...errorsOf({ ...route, path, bodyFields: bodyFieldsOf(route.schema, {}) }).values()].flat();
}

type RouteParts = Pick<DescribedRoute, 'schema' | 'config'>;

/** `/v1/rooms/:roomId` as OpenAPI writes it. */
function bracedPath(path: string): string {
  return path.replaceAll(/:(\w+)/g, '{$1}');
}

function bodyFieldsOf({ body }: DescribedRoute['schema'], components: Json): string[] {
  if (body === undefined) return [];
  return Object.keys((exampleOf(toJson(body as z.ZodType, 'input', components), components, 'input') ?? {}) as object);
}

function operation(route: Omit<DescribedRoute, 'bodyFields'>, components: Json): Json {
  const { path, schema, config } = route;
  const content = (part: z.ZodType, io: 'input' | 'output') => {
    const json = toJson(part, io, components);
    return { 'application/json': { schema: json, example: exampleOf(json, components, io) } };
  };
  const bytes = (type: string) => ({ [type]: { schema: { type: 'string', format: 'binary' } } });

  const responses: Json = {};
  for (const [status, answer] of Object.entries((schema.response ?? {}) as Record<string, z.ZodType>)) {
    const empty = answer instanceof z.ZodUndefined;
    responses[status] = { description: 'Done', ...(!empty && { content: content(answer, 'output') }) };
  }
  if (schema.produces !== undefined) responses[200] = { description: 'Done', content: bytes(schema.produces) };
  const body = schema.body === undefined ? undefined : content(schema.body as z.ZodType, 'input');
  return {
    summary: schema.summary,
    ...(schema.description !== undefined && { description: schema.description }),
    ...(schema.tags !== undefined && { tags: schema.tags }),
    ...(schema.public === true && { security: [] }),
    ...(config.access === 'server' && { security: [{ server: [] }, { console: [] }] }),
    parameters: [
      ...parameters(schema.params, 'path', path, components),
      ...parameters(schema.querystring, 'query', path, components),
    ],
    ...(body !== undefined && { requestBody: { content: body } }),
    ...(schema.consumes !== undefined && { requestBody: { content: bytes(schema.consumes) } }),
    responses: { ...responses, ...errorAnswers(errorsOf({ ...route, bodyFields: bodyFieldsOf(schema, components) })) },
  };
}

function parameters(schema: unknown, place: 'path' | 'query', path: string, components: Json): Json[] {
  const described = schema === undefined ? {} : toJson(schema as z.ZodType, 'input', components);
  const properties = (described.properties ?? {}) as Record<string, Json>;
  const required = (described.required ?? []) as string[];
  const shown =
    place === 'query'
      ? Object.entries(properties)
      : [...path.matchAll(/\{(\w+)\}/g)].map(
          ([, name = '']) => [name, properties[name] ?? { type: 'string' }] as const,
        );
  return shown.map(([name, property]) => {
    const example = exampleOf({ type: 'object', properties: { [name]: property } }, components, 'input') as Json;
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      schema: property,
      example: example[name],
    };
  });
}

/** JSON Schema of a zod schema; named parts go into `components`. */
function toJson(schema: z.ZodType, io: 'input' | 'output', components: Json): Json {
  const { $schema: _dialect, $defs, ...json } = z.toJSONSchema(schema, { io, metadata: named, unrepresentable: 'any' });
  const id = named.get(schema)?.id;
  for (const [name, definition] of Object.entries($defs ?? {})) components[name] ??= relocated(definition);
  if (id === undefined) return relocated(json);
  components[id] ??= relocated(json);
  return { $ref: `#/components/schemas/${id}` };
}

function relocated(json: unknown): Json {
  const text = JSON.stringify(json, (key, value: unknown) =>
    key === 'id' && typeof value === 'string' ? undefined : value,
  );
  return JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}
