import type { Upload } from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import { isProblem, type RestClient } from '../../core/rest-client.ts';
import type { Completion } from './upload-source.ts';

const UPLOADS = '/v1/uploads';
/** A request that takes longer has lost its connection without being told; what came of it is kept. In milliseconds. */
const REQUEST_MS = 60_000;

/** How far the server has come with an upload. */
export interface UploadPosition {
  readonly offset: number;
  readonly whole: boolean;
}

/**
 * The requests of an upload whose length is told at its end (tus 1.0.0 with creation-defer-length). All reject with
 * AircheckError: `timeout` where the server could not be reached, else what it answered.
 */
export class UploadRequests {
  readonly #api: RestClient;
  readonly #signal: AbortSignal;

  constructor(api: RestClient, signal: AbortSignal) {
    this.#api = api;
    this.#signal = signal;
  }

  /** @returns the upload's id */
  async create(metadata: Readonly<Record<string, string | undefined>>): Promise<string> {
    const answer = await this.#send('POST', UPLOADS, {
      'upload-defer-length': '1',
      'upload-metadata': encodeMetadata(metadata),
    });
    const location = answer.headers.get('location') ?? '';
    return location.slice(location.lastIndexOf('/') + 1);
  }

  async position(uploadId: string): Promise<UploadPosition> {
    const { headers } = await this.#send('HEAD', `${UPLOADS}/${uploadId}`, {});
    const offset = Number(headers.get('upload-offset') ?? Number.NaN);
    // A proxy's answer, perhaps.
    if (!Number.isFinite(offset)) throw new AircheckError('timeout', 'The answer does not say how far the upload is');
    return { offset, whole: headers.get('upload-length') === String(offset) };
  }

  /**
   * Sends the next bytes.
   * @param completion - what is told besides once the file is whole
   * @returns how far the upload is then
   */
  async append(
    uploadId: string,
    offset: number,
    bytes: Uint8Array<ArrayBuffer>,
    completion: Completion | undefined,
  ): Promise<UploadPosition> {
    const told = completion && {
      'upload-length': String(completion.sizeBytes),
      'upload-metadata': encodeMetadata({ sha256: completion.sha256, head: base64(completion.head) }),
    };
    const { headers } = await this.#send(
      'PATCH',
      `${UPLOADS}/${uploadId}`,
      { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream', ...told },
      bytes,
    );
    const next = Number(headers.get('upload-offset'));
    return { offset: next, whole: next === completion?.sizeBytes };
  }

  describe(uploadId: string): Promise<Upload> {
    return this.#api.request('GET', `${UPLOADS}/${uploadId}`, { signal: this.#signal });
  }

  async #send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Response> {
    return send(
      this.#api,
      method,
      path,
      headers,
      AbortSignal.any([this.#signal, AbortSignal.timeout(REQUEST_MS)]),
      body,
    );
  }
}

/** Deletes what the server has of an upload. */
export async function giveUp(api: RestClient, uploadId: string): Promise<void> {
  await send(api, 'DELETE', `${UPLOADS}/${uploadId}`, {}, AbortSignal.timeout(REQUEST_MS));
}

async function send(
  api: RestClient,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  body?: Uint8Array<ArrayBuffer>,
): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`${api.baseUrl}${path}`, {
      method,
      headers: { ...api.headers, 'tus-resumable': '1.0.0', ...headers },
      signal,
      ...(body !== undefined && { body }),
    });
  } catch (cause) {
    throw new AircheckError('timeout', 'The server could not be reached', { cause });
  }
  if (answer.ok) return answer;
  const problem: unknown = await answer.json().catch(() => undefined);
  if (isProblem(problem)) throw AircheckError.fromProblem(problem);
  throw statusError(answer.status, method);
}

/** Of answers without a problem document: those to HEAD, and those of proxies. */
function statusError(status: number, method: string): AircheckError {
  const detail = `The server answered ${method} with status ${status}`;
  if (status === 401) return new AircheckError('unauthenticated', detail);
  if (status === 403) return new AircheckError('forbidden', detail);
  if (status === 404) return new AircheckError('upload-not-found', detail);
  if (status === 410) return new AircheckError('upload-gone', detail);
  if (status === 413) return new AircheckError('payload-too-large', detail);
  return new AircheckError('timeout', detail);
}

/** `Upload-Metadata` as the protocol writes it; without what is undefined. */
function encodeMetadata(metadata: Readonly<Record<string, string | undefined>>): string {
  const encoder = new TextEncoder();
  return Object.entries(metadata)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${base64(encoder.encode(value))}`]))
    .join(',');
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
