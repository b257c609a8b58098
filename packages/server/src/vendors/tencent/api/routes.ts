import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Apps } from '../../../apps/index.ts';
import type { Clock } from '../../../clock.ts';
import type { Database } from '../../../db/index.ts';
import { actions } from './actions.ts';
import type { ActionServices } from './context.ts';
import { toFailure } from './errors.ts';
import { Nonces } from './nonces.ts';
import { parseParameters } from './parameters.ts';
import { verifyCall } from './signature.ts';
import { registerUploadTargets } from './upload-targets.ts';
import { UploadTickets } from './upload-tickets.ts';
import { WatermarkFiles } from './watermark-files.ts';

const path = '/v2/index.php';
/** What clients sign for whose address was changed, but not the name that they know the vendor by. */
const vendorHost = 'vod.api.qcloud.com';
/** Bytes of a form: 500 files to be joined take 30,000. */
const formLimit = 256 * 1024;

export interface TencentApiOptions extends ActionServices {
  readonly apps: Apps;
  readonly db: Database;
  readonly clock: Clock;
  readonly config: { readonly publicUrl: string | undefined; readonly dataFolder: string };
}

/**
 * The legacy server API of Tencent VOD, version 2: `GET|POST /v2/index.php?Action=…`. It answers 200 with `code` and
 * `message` in the body, whatever has happened (vendor's document 266/7788).
 */
export function registerTencentApi(app: FastifyInstance, options: TencentApiOptions): void {
  const { apps, clock, db, config, urls } = options;
  const nonces = new Nonces(db, clock);
  const tickets = new UploadTickets((appId) => apps.linkKey(appId), clock);
  const watermarkFiles = new WatermarkFiles(join(config.dataFolder, 'watermark-uploads'), clock);

  // A scope of its own: nothing else takes forms, or answers errors this way.
  app.register(async (scope) => {
    const parser = { parseAs: 'string', bodyLimit: formLimit } as const;
    scope.addContentTypeParser('application/x-www-form-urlencoded', parser, (_request, body, done) => done(null, body));
    scope.setErrorHandler((error, request, reply) => {
      const { answer, mine } = toFailure(error);
      if (mine) request.log.error({ err: error }, 'a call of the legacy API failed');
      reply.code(200).header('cache-control', 'no-store').send(answer);
    });
    scope.route({
      method: ['GET', 'POST'],
      url: path,
      handler: async (request, reply) => {
        const values = parseParameters(queryOf(request), typeof request.body === 'string' ? request.body : '');
        const { appId, parameters } = await verifyCall(
          { method: request.method, hosts: hostsOf(request, config.publicUrl), path, values },
          { secretOf: (secretId) => apps.signingSecret(secretId), nonces, clock },
        );
        const name = parameters.required('Action');
        const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
        if (action === undefined) {
          throw parameters.invalid('Action', 'is none that is known here: docs/guides/tencent-vod-api.md lists them');
        }
        const [origin, now, signal] = [urls.originOf(request), clock.now(), signalOf(reply)];
        const answer = await action({ ...options, appId, tickets, watermarkFiles, origin, now, signal }, parameters);
        return reply.header('cache-control', 'no-store').send({ code: 0, message: '', codeDesc: 'Success', ...answer });
      },
    });
  });
  registerUploadTargets(app, { tickets, watermarkFiles, uploads: options.uploads });
}

/** Aborted when the client goes before it has its answer. */
function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

function queryOf(request: FastifyRequest): string {
  const at = request.url.indexOf('?');
  return at < 0 ? '' : request.url.slice(at + 1);
}

/**
 * Names and ports that a client may have signed for: what it called, what a proxy passed on, what the server is called
 * from outside, and what the vendor is called. All of them are told apart by the secret alone, thus none opens anything.
 */
function hostsOf(request: FastifyRequest, publicUrl: string | undefined): string[] {
  const named = [request.host, request.headers.host, publicUrl === undefined ? undefined : new URL(publicUrl).host];
  const hosts = named.filter((host) => host !== undefined && host !== '') as string[];
  return [...new Set([...hosts, ...hosts.map((host) => host.replace(/:\d+$/, '')), vendorHost])];
}
