import type { FastifyInstance } from 'fastify';
import { afterEach, expect } from 'vitest';
import { createHttpServer, type HttpServerOptions } from '../../src/http/index.ts';
import { errorCodesOf } from '../../src/http/openapi.ts';

const undeclared = new Set<string>();

afterEach(() => {
  const found = [...undeclared];
  undeclared.clear();
  expect(found, 'errors that routes answer with and do not declare').toEqual([]);
});

/** The HTTP server for tests: one that ends with an error which the description of its route does not name fails. */
export async function createTestHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const app = await createHttpServer(options);
  const declared = new Map<string, ReadonlySet<string>>();
  app.addHook('onSend', async (request, reply, payload) => {
    const { method } = request;
    const { url: path = '', schema, config } = request.routeOptions;
    const isProblem = String(reply.getHeader('content-type')).startsWith('application/problem+json');
    if (schema?.summary === undefined || !isProblem || typeof payload !== 'string' || payload === '') return;
    const route = `${method} ${path}`;
    const codes = declared.get(route) ?? new Set(errorCodesOf({ method: method.toLowerCase(), path, schema, config }));
    declared.set(route, codes);
    const { code } = JSON.parse(payload) as { code: string };
    if (!codes.has(code)) undeclared.add(`${route}: ${code}`);
  });
  return app;
}
