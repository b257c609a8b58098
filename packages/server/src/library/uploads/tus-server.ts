import { AircheckError, type ErrorCode, UploadId } from '@aircheck/protocol';
import { Server } from '@tus/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Principal } from '../../apps/index.ts';
import { UploadFiles, uploadExtensions } from './upload-files.ts';
import { UploadLocks } from './upload-locks.ts';
import { detailsOf } from './upload-store.ts';
import { newUploadId, type Uploads } from './uploads.ts';

export const uploadsPath = '/v1/uploads';

export const tusHeaders = {
  'tus-resumable': '1.0.0',
  'tus-version': '1.0.0',
  'tus-extension': uploadExtensions.join(','),
};

/** How long a request that another one has taken the place of may still write down what it got, in milliseconds. */
const drainMs = 500;

/** What a status of the protocol is called here. */
const codes: Readonly<Record<number, ErrorCode>> = {
  404: 'upload-not-found',
  409: 'upload-state',
  410: 'upload-gone',
  413: 'payload-too-large',
};

export interface TusServerOptions {
  readonly uploads: Uploads;
  readonly uploadsFolder: string;
  /** Its path goes in front of what the answers' `Location` says. */
  readonly publicUrl: string | undefined;
  readonly logger: Logger;
}

/**
 * The tus protocol, version 1.0.0, with creation, creation-with-upload, creation-defer-length, termination and expiration.
 * Errors are told as everywhere: RFC 9457 problems, with the status that the protocol wants.
 */
export class TusServer {
  readonly #server: Server;
  readonly #files: UploadFiles;
  readonly #principals = new WeakMap<object, Principal>();

  constructor({ uploads, uploadsFolder, publicUrl, logger }: TusServerOptions) {
    const prefix = publicUrl === undefined ? '' : new URL(publicUrl).pathname.replace(/\/$/, '');
    const locks = new UploadLocks();
    this.#files = new UploadFiles(uploads, uploadsFolder, locks);
    this.#server = new Server({
      path: uploadsPath,
      generateUrl: (_request, { id }) => `${prefix}${uploadsPath}/${id}`,
      datastore: this.#files,
      locker: locks,
      lockDrainTimeout: drainMs,
      maxSize: uploads.maxBytes,
      namingFunction: newUploadId,
      onUploadCreate: async (request, upload) => {
        await uploads.create(this.#principalOf(request), upload.id, upload.size, upload.metadata ?? {});
        return {};
      },
      onIncomingRequest: async (request, id) => {
        if (request.method === 'POST') return;
        if (!UploadId.safeParse(id).success) throw new AircheckError('upload-not-found', `There is no upload ${id}`);
        const row = await uploads.require(this.#principalOf(request), id);
        if (row.state === 'aborted') throw new AircheckError('upload-gone', row.detail ?? 'The upload was given up');
        if (request.method === 'PATCH' && detailsOf(row).source === 'pull') {
          throw new AircheckError(
            'upload-state',
            'The file is pulled from an address, and takes no bytes from elsewhere',
          );
        }
        if (request.method !== 'HEAD' && row.state !== 'receiving') {
          throw new AircheckError('upload-state', 'The upload is whole already', {
            hint: `GET ${uploadsPath}/${id} tells what has become of it`,
          });
        }
      },
      onUploadFinish: async (_request, upload) => {
        await uploads.complete(upload.id);
        return {};
      },
      onResponseError: (_request, error) => {
        const problem = toAircheckError(error);
        if (problem.fault !== 'caller') logger.error({ err: error, code: problem.code }, 'an upload failed');
        return { status_code: problem.status, body: JSON.stringify(problem.toProblem()) };
      },
    });
  }

  /** Answers a request of the protocol. @param principal - whose it is */
  async serve(principal: Principal, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { raw } = request;
    const headers = new Headers();
    for (let index = 0; index < raw.rawHeaders.length; index += 2) {
      headers.append(raw.rawHeaders[index]!, raw.rawHeaders[index + 1]!);
    }
    // A client whose connection was cut says the length again, which the protocol's server takes for a change.
    const length = headers.get('upload-length');
    if (request.method === 'PATCH' && length !== null && (await this.#files.isDeclared(request.url, length))) {
      headers.delete('upload-length');
    }
    // The host does not matter, and what a client says it is must not get anywhere.
    const webRequest = new Request(`http://aircheck${request.url.replace(/\?.*$/, '')}`, {
      method: request.method,
      headers,
    });
    this.#principals.set(webRequest, principal);
    const answer = await this.#files.withBody(raw, () => this.#server.handleWeb(webRequest));
    const text = await answer.text();
    for (const [name, value] of answer.headers) {
      // The rest of the answer's headers are those of every answer.
      if (!name.startsWith('access-control-') && name !== 'content-length') reply.header(name, value);
    }
    if (answer.status < 400) return reply.code(answer.status).send(text === '' ? undefined : text);
    return reply
      .code(answer.status)
      .header('cache-control', 'no-store')
      .type('application/problem+json')
      .serializer((body: unknown) => String(body))
      .send(request.method === 'HEAD' ? undefined : asProblem(answer.status, text));
  }

  #principalOf(request: object): Principal {
    const principal = this.#principals.get(request);
    if (principal === undefined) throw new Error('a request of uploads without a principal');
    return principal;
  }
}

function toAircheckError(error: Error | { status_code: number; body: string }): AircheckError {
  if (error instanceof AircheckError) return error;
  if ('status_code' in error) {
    const detail = error.body.trim();
    const code = codes[error.status_code];
    if (code !== undefined) return new AircheckError(code, detail, { cause: error });
    if (error.status_code < 500 || error.status_code === 501)
      return new AircheckError('request-invalid', detail, { cause: error });
  }
  return new AircheckError('internal', 'Something went wrong inside; the log says what', { cause: error });
}

/** What the protocol's server finds before it asks anybody (a missing header) comes as plain text. */
function asProblem(status: number, text: string): string {
  if (text.startsWith('{')) return text;
  const detail = text.trim() === '' ? 'The request is not one of the tus protocol' : text.trim();
  return JSON.stringify({ ...new AircheckError(codes[status] ?? 'request-invalid', detail).toProblem(), status });
}
