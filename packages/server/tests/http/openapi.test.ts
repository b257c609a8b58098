import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createServer, type Server } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { openDatabase } from '../../src/db/index.ts';
import { exampleOf, type Json } from '../../src/http/openapi-examples.ts';

interface Content {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Record<string, { readonly $ref: string }>;
}
interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly object[];
  readonly parameters: readonly { name: string; in: string; required: boolean; schema: object; example: unknown }[];
  readonly requestBody?: { readonly content: Record<string, Content> };
  readonly responses: Record<string, { readonly description: string; readonly content?: Record<string, Content> }>;
}
interface Description {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    readonly examples: Record<string, { value: { code: string; status: number } }>;
  };
}

let server: Server;
let folder: string;
let config: Config;
let description: Description;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-openapi-'));
  config = readConfig({
    AIRCHECK_DATA: folder,
    AIRCHECK_PORT: '0',
    AIRCHECK_UDP_PORTS: '0',
    AIRCHECK_MEDIA_WORKERS: '1',
    // What is told and fetched in these tests finds a closed port.
    AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1',
  });
  server = await createServer(config, pino({ level: 'silent' }));
  description = (await server.app.inject({ url: '/v1/openapi.json' })).json();
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const operations = () =>
  Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      method,
      operation,
    })),
  );

/** What is not as the schema says. */
function complaints(schema: object, value: unknown): string[] {
  // Patterns with classes of letters are for regular expressions of Unicode, which zod's are not.
  const whole = JSON.stringify({ ...schema, $defs: description.components.schemas }, (key, part: unknown) =>
    key === 'pattern' && String(part).includes('\\p{') ? undefined : part,
  );
  const parsed = z.fromJSONSchema(JSON.parse(whole.replaceAll('#/components/schemas/', '#/$defs/'))).safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('the description of the whole API', () => {
  it('has every route below /v1 but itself and the protocols that are not REST', () => {
    // A tree: four characters of indentation a level, each line the rest of the path of the one that it hangs from.
    const parents: string[] = [];
    const routes = server.app
      .printRoutes({ commonPrefix: false })
      .split('\n')
      .flatMap((line) => {
        const [, indentation = '', part = '', methods = ''] = /^([│├└─ ]*)(\S*)(?: \(([^)]+)\))?$/u.exec(line) ?? [];
        const depth = indentation.length / 4;
        parents[depth] = (depth > 1 ? parents[depth - 1]! : '') + part;
        const path = parents[depth]!.replaceAll(/:(\w+)/g, '{$1}');
        return methods === '' || !path.startsWith('/v1/')
          ? []
          : methods.split(', ').map((method) => `${method} ${path}`);
      });
    expect(routes.length).toBeGreaterThan(60);
    const described = new Set(operations().map(({ name }) => name));
    const left = routes.filter(
      (name) =>
        !described.has(name) &&
        !name.startsWith('OPTIONS ') &&
        // Answered as GET is.
        !(name.startsWith('HEAD ') && described.has(name.replace('HEAD', 'GET'))),
    );
    expect(left.toSorted()).toEqual([
      'GET /v1/openapi.json',
      'GET /v1/signal',
      'HEAD /v1/openapi.json',
      'HEAD /v1/signal',
    ]);
  });

  it('says of each route in one line what it does, and where it belongs', () => {
    for (const { name, operation } of operations()) {
      expect([name, operation.summary]).toEqual([name, expect.stringMatching(/^\p{Lu}.{2,100}[^.]$/u)]);
      expect([name, operation.tags]).toEqual([name, [expect.any(String)]]);
    }
  });

  it('has a schema and an example of each request and answer, and each example is as its schema says', () => {
    const wrong: string[] = [];
    let examples = 0;
    const check = (where: string, { schema, example }: Content | Operation['parameters'][number]) => {
      examples += 1;
      if (example === undefined) wrong.push(`${where} has no example`);
      else wrong.push(...complaints(schema, example).map((complaint) => `${where}: ${complaint}`));
    };
    for (const { name, path, method, operation } of operations()) {
      for (const parameter of operation.parameters) check(`${name} ${parameter.in}.${parameter.name}`, parameter);
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').length;
      expect([name, inPath]).toEqual([name, path.match(/\{/g)?.length ?? 0]);
      if (['put', 'patch'].includes(method)) expect([name, operation.requestBody]).toEqual([name, expect.anything()]);
      for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) {
        if (type === 'application/json') check(`${name} body`, content);
      }
      const answers = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
      if (answers.length === 0) wrong.push(`${name} has no answer`);
      for (const [status, { content = {} }] of answers) {
        if (status !== '204' && status !== '201' && Object.keys(content).length === 0)
          wrong.push(`${name} ${status} is empty`);
        for (const [type, part] of Object.entries(content))
          if (type === 'application/json') check(`${name} ${status}`, part);
      }
    }
    expect(wrong).toEqual([]);
    expect(examples).toBeGreaterThan(150);
  });

  it('names the errors of each route, each with an example', () => {
    for (const { name, method, operation } of operations()) {
      const errors = Object.entries(operation.responses).filter(([status]) => Number(status) >= 400);
      const codes = errors.flatMap(([status, { content }]) => {
        const { examples = {} } = content!['application/problem+json']!;
        return Object.entries(examples).map(([code, { $ref }]) => {
          expect($ref).toBe(`#/components/examples/${code}`);
          const { value } = description.components.examples[code]!;
          expect([value.code, value.status]).toEqual([code, Number(status)]);
          expect(complaints({ $ref: '#/components/schemas/Problem' }, value)).toEqual([]);
          return code;
        });
      });
      expect([name, codes]).toEqual([name, expect.arrayContaining(['internal'])]);
      if (method !== 'get' && method !== 'head')
        expect([name, codes]).toEqual([name, expect.arrayContaining(['draining'])]);
      if (operation.security?.length !== 0)
        expect([name, codes]).toEqual([name, expect.arrayContaining(['unauthenticated'])]);
      if (operation.parameters.length > 0)
        expect([name, codes]).toEqual([name, expect.arrayContaining(['request-invalid'])]);
    }
    const deleting = description.paths['/v1/assets/{fileId}']!.delete!.responses;
    expect(Object.keys(deleting)).toEqual(['200', '202', '400', '401', '403', '404', '409', '500', '503']);
    expect(deleting[409]!.description).toContain('`asset-state`');
  });

  it('refers to nothing that is not there', () => {
    for (const reference of JSON.stringify(description).match(/#\/[^"]+/g) ?? []) {
      const [, , kind = '', name = ''] = reference.split('/');
      expect((description.components as unknown as Record<string, object>)[kind]).toHaveProperty([name]);
    }
  });
});

describe('each text that a route takes', () => {
  const hostile = ["'; DROP TABLE assets;--", '../../etc/passwd', '\0', '%00'];

  const resolved = (schema: Json): Json => {
    const reference = schema.$ref as string | undefined;
    const name = reference?.slice(reference.lastIndexOf('/') + 1);
    return name === undefined ? schema : resolved(description.components.schemas[name] as Json);
  };
  const eitherOf = (schema: Json) => (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
  const propertiesOf = (schema: Json) => (schema.properties ?? {}) as Record<string, Json>;

  /** The objects that a body may be. */
  function variants(given: Json): Json[] {
    const schema = resolved(given);
    const either = eitherOf(schema);
    if (either !== undefined) return either.flatMap(variants);
    if (!Array.isArray(schema.allOf)) return [schema];
    const both = (a: Json, b: Json): Json => ({
      type: 'object',
      properties: { ...propertiesOf(a), ...propertiesOf(b) },
      required: [a.required ?? [], b.required ?? []].flat(),
    });
    return (schema.allOf as Json[]).map(variants).reduce((a, b) => a.flatMap((one) => b.map((two) => both(one, two))));
  }

  /** Something of the schema's form in which each text is that one; undefined where it takes no text. */
  function filled(given: Json, text: string): unknown {
    const schema = resolved(given);
    const either = eitherOf(schema);
    if (either !== undefined) return either.map((part) => filled(part, text)).find((value) => value !== undefined);
    if (schema.type === 'string') return text;
    if (schema.type === 'array') {
      const item = filled((schema.items ?? {}) as Json, text);
      return item === undefined ? undefined : [item];
    }
    if (schema.type !== 'object') return undefined;
    const named = Object.entries(propertiesOf(schema)).map(([name, part]) => [name, filled(part, text)] as const);
    const texts = named.filter(([, value]) => value !== undefined);
    // A map: any name is taken.
    if (named.length === 0) return schema.additionalProperties === false ? undefined : { [text]: text };
    const example = exampleOf(schema, description.components.schemas, 'input') as Json;
    return texts.length === 0 ? undefined : { ...example, ...Object.fromEntries(texts) };
  }

  it('is taken as text or refused, and no error of the service', async () => {
    const db = await openDatabase(config.database);
    const tables = async () => (await db.introspection.getTables()).map(({ name }) => name);
    const before = await tables();
    const { key, secret } = server.credentials;
    const authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`;
    const send = (method: string, url: string, payload?: unknown) =>
      server.app.inject({
        method: method.toUpperCase() as 'GET',
        url,
        // Who fails to sign in too often has to wait, at that address.
        remoteAddress: url.startsWith('/v1/session') ? '127.0.0.3' : '127.0.0.2',
        headers: { authorization, ...(payload !== undefined && { 'content-type': 'application/json' }) },
        ...(payload !== undefined && {
          payload: JSON.stringify(payload).replaceAll('https://example.com', 'http://127.0.0.1:9'),
        }),
      });

    // Where a body is changed, what the path names is there.
    const known: Record<string, string> = {};
    const made = [
      ['classId', '/v1/classes', { name: 'kept' }],
      ['definition', '/v1/templates', { kind: 'snapshot', name: 'kept', spec: {} }],
      ['subscriberId', '/v1/subscribers', { name: 'kept', kind: 'queue' }],
    ] as const;
    for (const [name, url, body] of made) known[name] = String((await send('post', url, body)).json()[name]);

    const wrong: string[] = [];
    const statuses: number[] = [];
    const check = async (what: string, method: string, url: string, body?: unknown) => {
      const { statusCode, body: answer } = await send(method, url, body);
      statuses.push(statusCode);
      const refused = statusCode === 401 && !url.startsWith('/v1/session');
      if (statusCode >= 500 || refused || answer.includes('root:')) wrong.push(`${what}: ${statusCode} ${answer}`);
    };
    for (const { name, path, method, operation } of operations()) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
      const urlOf = (changes: Record<string, string>) =>
        path.replaceAll(/\{(\w+)\}/g, (_, part: string) => {
          const example = String(inPath.find((parameter) => parameter.name === part)?.example);
          return encodeURIComponent(changes[part] ?? known[part] ?? example);
        });
      const bodies = variants((operation.requestBody?.content['application/json']?.schema ?? {}) as Json).map(
        (schema) => ({ schema, example: exampleOf(schema, description.components.schemas, 'input') as Json }),
      );
      const body = operation.requestBody === undefined ? undefined : bodies[0]!.example;
      for (const text of hostile) {
        for (const parameter of operation.parameters) {
          const what = `${name} ${parameter.in}.${parameter.name} ${JSON.stringify(text)}`;
          if (parameter.in === 'path') await check(what, method, urlOf({ [parameter.name]: text }), body);
          else await check(what, method, `${urlOf({})}?${new URLSearchParams({ [parameter.name]: text })}`, body);
        }
        for (const { schema, example } of bodies) {
          for (const [property, part] of Object.entries(propertiesOf(schema))) {
            const value = filled(part, text);
            if (value === undefined) continue;
            const what = `${name} body.${property} ${JSON.stringify(text)}`;
            await check(what, method, urlOf({}), { ...example, [property]: value });
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(statuses.length).toBeGreaterThan(500);
    // Names and notes may be anything but NUL: those were kept.
    expect(statuses.filter((status) => status < 300).length).toBeGreaterThan(50);
    expect(await tables()).toEqual(before);
    await db.destroy();
    for (const [name, url] of made) {
      const { items } = (await send('get', url)).json();
      expect(items.map((item: Record<string, unknown>) => String(item[name]))).toContain(known[name]);
    }
    expect((await send('get', '/v1/assets')).json()).toMatchObject({ total: 0 });
  });
});
