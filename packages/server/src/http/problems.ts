import { AircheckError, type ErrorCode } from '@aircheck/protocol';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** What Fastify's own errors are called here. */
const fastifyCodes: Readonly<Record<string, { readonly code: ErrorCode; readonly detail: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'media-type-unsupported', detail: 'This content type is not taken here' },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'payload-too-large', detail: 'The body is larger than is taken here' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: 'request-invalid', detail: 'The body is not as long as it said' },
  FST_ERR_BAD_URL: { code: 'request-invalid', detail: 'The URL is not valid' },
};

/** Every error leaves as RFC 9457 `application/problem+json`; what is not meant for the caller is logged, not told. */
export function registerProblems(app: FastifyInstance): void {
  const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    // The console's catch-all says nothing about what else is there.
    if (url === '/*') return;
    for (const name of [method].flat()) routes.push({ method: name, pattern: pathPattern(url) });
  });

  app.setErrorHandler(answerError);

  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request);
    const allowed = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
    // A route that would match but for the length of a part of its path is no other method's.
    if (allowed.length === 0 || allowed.includes(request.method))
      return sendProblem(reply, new AircheckError('not-found', `There is nothing at ${path}`));
    reply.header('allow', allowed.join(', '));
    const detail = `${request.method} is not allowed at ${path}`;
    return sendProblem(
      reply,
      new AircheckError('method-not-allowed', detail, { hint: `Allowed: ${allowed.join(', ')}` }),
    );
  });
}

/** Answers with the problem that an error is, and logs it where it is not the caller's. */
export function answerError(error: FastifyError | AircheckError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toAircheckError(error);
  if (problem.fault !== 'caller') request.log.error({ err: error, code: problem.code }, 'request failed');
  sendProblem(reply, problem);
}

/** Path of a request without its query, which may hold a signature or a code. */
export function pathOf(request: FastifyRequest): string {
  const query = request.url.indexOf('?');
  return query < 0 ? request.url : request.url.slice(0, query);
}

function sendProblem(reply: FastifyReply, error: AircheckError): FastifyReply {
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="aircheck"');
  if (error.code === 'rate-limited') reply.header('retry-after', '60');
  if (error.status === 503) reply.header('retry-after', '1');
  // What a route had prepared for its own answer must not describe the error.
  for (const name of ['content-length', 'content-disposition', 'etag', 'last-modified', 'content-encoding']) {
    reply.removeHeader(name);
  }
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(error.toProblem());
}

function toAircheckError(error: FastifyError | AircheckError): AircheckError {
  if (error instanceof AircheckError) return error;
  const known = fastifyCodes[error.code];
  if (known !== undefined) return new AircheckError(known.code, known.detail, { cause: error });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new AircheckError('request-invalid', 'The request cannot be read', { cause: error });
  }
  return new AircheckError('internal', 'Something went wrong inside; the log says what', { cause: error });
}

/** What paths a route pattern such as `/v1/rooms/:roomId` or `/docs/*` matches. */
function pathPattern(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) =>
      part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replace('\\*', '.*'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}
