import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type { TargetGuard } from './target-guard.ts';

export interface SafeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Ends the request, and the reading of its answer. */
  readonly signal?: AbortSignal;
}

/** HTTP to URLs that others have named: to allowed addresses alone; redirects are answers like any other. */
export class SafeHttp {
  readonly #guard: TargetGuard;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(guard: TargetGuard) {
    this.#guard = guard;
    const options = { keepAlive: true, lookup: guard.lookup };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  /**
   * Sends a request.
   * @returns the answer once its headers are there; its body must be read or destroyed
   * @throws AircheckError `target-forbidden`, `request-invalid`; else the error of the system (`ECONNREFUSED` …)
   */
  async request(url: URL, { method, headers, body, signal }: SafeRequest): Promise<IncomingMessage> {
    this.#guard.checkUrl(url);
    signal?.throwIfAborted();
    const secure = url.protocol === 'https:';
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = (secure ? requestHttps : requestHttp)(url, {
      method,
      agent: secure ? this.#https : this.#http,
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
      ...(signal !== undefined && { signal }),
    });
    request.once('response', resolve);
    // Stays: after the answer the socket may fail too, of which the answer's own `error` tells.
    request.on('error', reject);
    // Of some ends Node tells nothing but this: of an answer 101, to which nothing follows here.
    request.once('close', () => reject(new Error('The connection ended without an answer')));
    request.end(body);
    return promise;
  }

  /** Gives up the connections that are kept open. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
