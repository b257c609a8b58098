import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createServer, type Server } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';

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
let description: Description;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aircheck-openapi-'));
  const config = readConfig({
    AIRCHECK_DATA: folder,
    AIRCHECK_PORT: '0',
    AIRCHECK_UDP_PORTS: '0',
    AIRCHECK_MEDIA_WORKERS: '1',
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
