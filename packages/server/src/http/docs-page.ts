import type { FastifyInstance } from 'fastify';
import type { ApiDescription } from './openapi.ts';

interface Content {
  readonly schema: unknown;
  readonly example?: unknown;
}

interface Operation {
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, Content> };
  readonly responses: Record<string, { readonly description: string; readonly content?: Record<string, Content> }>;
}

/** The API's description: `/v1/openapi.json` for tools, `/docs` for people. */
export function registerDocs(app: FastifyInstance, description: ApiDescription): void {
  app.get('/v1/openapi.json', async () => description.document());
  app.get('/docs', async (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache');
    return page(description.document() as never);
  });
}

function page(document: {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(method, path, operation)),
  );
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<details id="${escaped(name)}"><summary><b>${escaped(name)}</b></summary>${code(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Aircheck API</title><style>
:root{color-scheme:light dark}
body{font:15px/1.6 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
code,pre{font:13px/1.5 ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;border-radius:6px;background:color-mix(in srgb,currentColor 7%,transparent)}
details{border-bottom:1px solid color-mix(in srgb,currentColor 15%,transparent);padding:.5rem 0}
summary{cursor:pointer}summary span{opacity:.7;margin-left:.75rem}
b.method{display:inline-block;min-width:4.5rem;text-transform:uppercase;font:600 13px ui-monospace,monospace}
</style></head><body>
<h1>${escaped(document.info.title)} API <small>${escaped(document.info.version)}</small></h1>
<p>${escaped(document.info.description)} <a href="/v1/openapi.json">OpenAPI 3.1</a></p>
${operations.join('\n')}
<h2>Schemas</h2>
${schemas.join('\n')}
</body></html>`;
}

function section(method: string, path: string, operation: Operation): string {
  const parameters = operation.parameters.map(
    ({ name, in: place, required }) =>
      `<li><code>${escaped(name)}</code> (${place}${required ? '' : ', optional'})</li>`,
  );
  const body = Object.values(operation.requestBody?.content ?? {})[0];
  const answers = Object.entries(operation.responses).map(([status, { description, content }]) => {
    // Errors are all of one form; what is of interest is which there are.
    if (Number(status) >= 400) return `<p>Error ${escaped(status)}: ${escaped(description)}</p>`;
    return `<p>Answer ${escaped(status)}</p>${contentOf(Object.values(content ?? {})[0])}`;
  });
  return `<details><summary><b class="method">${escaped(method)}</b><code>${escaped(path)}</code>
<span>${escaped(operation.summary)}</span></summary>
${operation.description === undefined ? '' : `<p>${escaped(operation.description)}</p>`}
${parameters.length === 0 ? '' : `<ul>${parameters.join('')}</ul>`}
${body === undefined ? '' : `<p>Body</p>${contentOf(body)}`}
${answers.join('')}</details>`;
}

function contentOf(content: Content | undefined): string {
  if (content === undefined) return '';
  const example = content.example === undefined ? '' : `<p>For example</p>${code(content.example)}`;
  return `${code(content.schema)}${example}`;
}

function code(value: unknown): string {
  return `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
