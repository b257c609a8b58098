import { randomBytes } from 'node:crypto';
import { AircheckError } from '@aircheck/protocol';
import fastifyCookie from '@fastify/cookie';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import { registerBodyDeadline } from './body-deadline.ts';
import { registerConsole } from './console.ts';
import { registerDocs } from './docs-page.ts';
import { type Health, registerHealth } from './health.ts';
import { ApiDescription } from './openapi.ts';
import { answerError, pathOf, registerProblems } from './problems.ts';
import { registerSdk } from './sdk.ts';
import { isApi, registerSecurityHeaders } from './security-headers.ts';
import { serializerCompiler, validatorCompiler } from './validation.ts';

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly health: Health;
  readonly version: string;
  /** Folder with the console's built page. */
  readonly consoleFolder: string;
  /** Folder with the browser SDK built for pages. */
  readonly sdkFolder: string;
  /** Folder with the PC agent's package. */
  readonly agentFolder: string;
}

/** Bytes that a body may have: the largest is a session description. */
const bodyLimit = 1024 * 1024;

/** The HTTP server without the domains' routes, which register themselves on it. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { logger, health } = options;
  const app: FastifyInstance = Fastify({
    // Of what it says of itself, that it listens among it, warnings are enough; requests log as the rest does.
    loggerInstance: logger.child(
      {},
      { level: logger.isLevelEnabled('warn') ? 'warn' : logger.level },
    ) as FastifyBaseLogger,
    childLoggerFactory: (_own, bindings, options) => logger.child(bindings, options) as FastifyBaseLogger,
    // Its own request log would hold URLs with signatures in them.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    // A reverse proxy on the same machine may say whom it speaks for; nobody else.
    trustProxy: 'loopback',
    genReqId: () => randomBytes(9).toString('base64url'),
    // Ids and names in paths may be of letters that take twelve characters each when encoded.
    routerOptions: { maxParamLength: 2048 },
    forceCloseConnections: 'idle',
    frameworkErrors: answerError,
  });
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(serializerCompiler as never);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      // No body at all is the validation's matter, which knows whether one is needed.
      done(null, body === '' ? undefined : JSON.parse(body as string));
    } catch (cause) {
      done(new AircheckError('request-invalid', 'The body is not JSON', { cause, input: 'body' }));
    }
  });

  registerProblems(app);
  registerBodyDeadline(app);
  registerSecurityHeaders(app);
  await app.register(fastifyCookie);
  registerRequestLog(app);
  app.addHook('onRequest', async (request) => {
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    if (changes && isApi(request.url) && health.draining()) {
      throw new AircheckError('draining', 'The server is shutting down');
    }
  });
  registerHealth(app, health);
  const description = new ApiDescription(app, options.version);
  registerDocs(app, description);
  await registerConsole(app, options.consoleFolder);
  registerSdk(app, options.sdkFolder, options.agentFolder);
  return app;
}

function registerRequestLog(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const line = {
      method: request.method,
      path: pathOf(request),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
    };
    // Reading is frequent (players fetch ranges, monitors ask for health) and seldom of interest.
    if (request.method === 'GET' || request.method === 'HEAD') request.log.debug(line, 'request');
    else request.log.info(line, 'request');
  });
}
