import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { FastifyInstance } from 'fastify';

/** An entry point, or what the entry points share, which carries a hash of its content in its name. */
const fileName = /^(?:[\w-]+\.js|(?:assets|chunks)\/[\w-][\w.-]*)$/;

/** The PC agent as an npm package: `npm install -g https://rec.example.org/sdk/aircheck-agent.tgz`. */
const agentPackage = 'aircheck-agent.tgz';

/**
 * What a worker may do whose script comes from here: a worker obeys the policy of its own script's answer, not the page's
 * (https://www.w3.org/TR/CSP3/#initialize-global-object-csp). The AAC encoder of the recorder is WebAssembly.
 */
export const workerPolicy = [
  "default-src 'none'",
  "script-src 'self' blob: 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  'connect-src * data: blob:',
].join('; ');

/**
 * The browser SDK for pages without a build step: `import { Room } from 'https://rec.example.org/sdk/web.js'`, from any
 * page. Entry points are asked for again each time (ETag); what they share never changes.
 * Beside them lies the PC agent.
 * @param sdkFolder - `packages/web/dist`, which may come to be while the server runs
 * @param agentFolder - `packages/agent/dist`, of which the same is true
 */
export function registerSdk(app: FastifyInstance, sdkFolder: string, agentFolder: string): void {
  app.get<{ Params: { '*': string } }>('/sdk/*', async (request, reply) => {
    const name = request.params['*'];
    reply.headers({
      'access-control-allow-origin': '*',
      // Pages that are isolated (COEP) take scripts and workers with these alone.
      'cross-origin-resource-policy': 'cross-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'content-security-policy': workerPolicy,
    });
    const isAgent = name === agentPackage;
    const folder = isAgent ? agentFolder : sdkFolder;
    if (!(isAgent || fileName.test(name)) || !(await isFile(join(folder, name)))) {
      reply.header('cache-control', 'no-store');
      const built = !isAgent && (await isFile(join(folder, 'web.js')));
      throw new AircheckError(
        'not-found',
        built ? `The SDK has no file ${name}` : `${isAgent ? 'The PC agent' : 'The SDK'} has not been built yet`,
        {
          hint: built
            ? 'The entry points are web.js, recorder.js, agent.js, ilive.js and netcall.js; the PC agent is aircheck-agent.tgz'
            : 'Run "npm run build" where the server runs',
        },
      );
    }
    reply.header('cache-control', name.includes('/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    return reply.sendFile(name, folder);
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
