import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `stream`: the body may take as long as it needs, while something of it comes. Absent: a minute. */
    body?: 'stream';
  }
}

/** How long a body may take to come in whole, and one that streams may pause, in milliseconds. */
const bodyTimeoutMs = 60_000;

/**
 * Ends requests whose body does not come: who sends a letter a minute must not hold a socket. Not by the HTTP server's own
 * time-out, which knows no difference between a request of JSON and an upload of hours.
 */
export function registerBodyDeadline(app: FastifyInstance, timeoutMs: number = bodyTimeoutMs): void {
  app.addHook('onRequest', async (request, reply) => {
    const { raw } = request;
    if (raw.headers['transfer-encoding'] === undefined && Number(raw.headers['content-length'] ?? 0) === 0) return;
    const streams = request.routeOptions.config.body === 'stream';
    let received = raw.socket.bytesRead;
    const timer = setInterval(() => {
      if (raw.complete) return;
      if (streams && raw.socket.bytesRead > received) {
        received = raw.socket.bytesRead;
        return;
      }
      clearInterval(timer);
      if (!reply.raw.headersSent) raw.socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
      raw.destroy();
    }, timeoutMs).unref();
    raw.once('end', () => clearInterval(timer));
    reply.raw.once('close', () => clearInterval(timer));
  });
}
