import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { pathOf } from './problems.ts';
import { workerPolicy } from './sdk.ts';
import { isApi } from './security-headers.ts';

/** The recorder's workers, which are those of the SDK. */
const workerScript = /^assets\/[\w-]*worker-[\w-]+\.js$/;

const missingPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Aircheck</title>
<body style="font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem">
<h1 style="font-size:1.4rem">The page has not been built yet</h1>
<p>The server is up, and its API works. To get this page, run <code>npm run build</code> and reload.</p>
<p lang="zh">服务已启动，接口可用。要看到页面，请运行 <code>npm run build</code>，然后刷新。</p>
<p><a href="/docs">API</a></p></body></html>`;

/** The console: one page whose own router knows the paths; its files carry a hash of their content in their names. */
export async function registerConsole(app: FastifyInstance, folder: string): Promise<void> {
  // Its folder may come to be while the server runs, thus no list of files is made at start.
  await app.register(fastifyStatic, {
    root: folder,
    serve: false,
    cacheControl: false,
    // Of what has a compressed file beside it, that one is given out.
    preCompressed: true,
    suppressWarning: true,
  });
  app.get('/*', async (request, reply) => {
    const path = pathOf(request);
    if (isApi(path)) return reply.callNotFound();
    if (/\/[^/]+\.[a-z0-9]+$/i.test(path)) {
      const name = decodeURIComponent(path.slice(1));
      if (!(await isFile(join(folder, name)))) return reply.callNotFound();
      const hashed = name.startsWith('assets/');
      reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      if (workerScript.test(name)) reply.header('content-security-policy', workerPolicy);
      return reply.sendFile(name);
    }
    reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8');
    try {
      return await readFile(join(folder, 'index.html'), 'utf8');
    } catch {
      return missingPage;
    }
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
