import {
  Asset,
  AssetList,
  errorKinds,
  Health,
  Participant,
  PlayUrls,
  Recording,
  RecordingList,
  Room,
  Session,
  Track,
} from '@aircheck/protocol';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';

declare module 'fastify' {
  interface FastifySchema {
    /** One line; a route without it is left out of the API description. */
    summary?: string;
    description?: string;
    tags?: readonly string[];
    /** The route takes no credentials. */
    public?: boolean;
  }
}

type Json = Record<string, unknown>;

/** Schemas that the description names once and refers to. */
const named = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries({
  Asset,
  AssetList,
  Health,
  Participant,
  PlayUrls,
  Recording,
  RecordingList,
  Room,
  Session,
  Track,
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
  readonly #routes: { readonly method: string; readonly url: string; readonly schema: FastifySchema }[] = [];
  readonly #version: string;

  constructor(app: FastifyInstance, version: string) {
    this.#version = version;
    app.addHook('onRoute', ({ method, url, schema }) => {
      if (schema?.summary === undefined) return;
      for (const name of [method].flat()) {
        if (name !== 'HEAD' && name !== 'OPTIONS') this.#routes.push({ method: name.toLowerCase(), url, schema });
      }
    });
  }

  /** The OpenAPI 3.1 document. */
  document(): Json {
    const components: Json = { Problem: problemSchema };
    const paths: Record<string, Json> = {};
    for (const { method, url, schema } of this.#routes) {
      const path = url.replaceAll(/:(\w+)/g, '{$1}');
      paths[path] = { ...paths[path], [method]: operation(schema, path, components) };
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
        securitySchemes: {
          server: { type: 'http', scheme: 'basic', description: "The app's key and secret" },
          user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token' },
          console: { type: 'apiKey', in: 'cookie', name: 'aircheck_session' },
        },
      },
    };
  }
}

function operation(schema: FastifySchema, path: string, components: Json): Json {
  const responses: Json = {};
  for (const [status, answer] of Object.entries((schema.response ?? {}) as Record<string, z.ZodType>)) {
    responses[status] =
      answer instanceof z.ZodUndefined
        ? { description: 'Done' }
        : { description: 'Done', content: { 'application/json': { schema: toJson(answer, 'output', components) } } };
  }
  responses.default = {
    description: 'An error',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  return {
    summary: schema.summary,
    ...(schema.description !== undefined && { description: schema.description }),
    ...(schema.tags !== undefined && { tags: schema.tags }),
    ...(schema.public === true && { security: [] }),
    parameters: [
      ...parameters(schema.params, 'path', path, components),
      ...parameters(schema.querystring, 'query', path, components),
    ],
    ...(schema.body !== undefined && {
      requestBody: {
        content: { 'application/json': { schema: toJson(schema.body as z.ZodType, 'input', components) } },
      },
    }),
    responses,
  };
}

function parameters(schema: unknown, place: 'path' | 'query', path: string, components: Json): Json[] {
  const described = schema === undefined ? {} : toJson(schema as z.ZodType, 'input', components);
  const properties = (described.properties ?? {}) as Record<string, Json>;
  const required = (described.required ?? []) as string[];
  if (place === 'path') {
    return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
      name,
      in: place,
      required: true,
      schema: properties[name] ?? { type: 'string' },
    }));
  }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: property,
  }));
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
