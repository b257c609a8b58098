import type { FastifyInstance } from 'fastify';

/**
 * The console's pages may run their own scripts only. Ant Design writes its styles into the page, hls.js runs its
 * demuxer from a blob, the recorder its sound processor (whoever can make a blob runs scripts already), and recordings and
 * live pictures are played from blobs.
 */
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "media-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "connect-src 'self' ws: wss:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers that keep a browser from doing more with an answer than it should, and let other sites' pages use the API. */
export function registerSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': contentSecurityPolicy,
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self), autoplay=(self)',
    });
    if (!isApi(request.url)) return;
    // Any page may call the API with a token of its own. Credentials are not allowed: the cookie works from our page only.
    reply.headers({
      'access-control-allow-origin': '*',
      'access-control-expose-headers':
        'Location, ETag, Link, Accept-Patch, Accept-Post, Content-Range, Content-Length, Content-Disposition, ' +
        'Accept-Ranges, Retry-After, X-Request-Id, ' +
        'Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Offset, Upload-Length, Upload-Defer-Length, ' +
        'Upload-Metadata, Upload-Expires',
    });
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      reply
        .code(204)
        .headers({
          'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
          'access-control-allow-headers':
            'Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, Tus-Resumable, Upload-Length, ' +
            'Upload-Defer-Length, Upload-Metadata, Upload-Offset, X-Requested-With',
          'access-control-max-age': '7200',
        })
        .send();
      return reply;
    }
    return undefined;
  });
}

/** Paths that the console's pages never have. */
export function isApi(url: string): boolean {
  return /^\/(v[123]|whip|whep)([/?]|$)/.test(url);
}
