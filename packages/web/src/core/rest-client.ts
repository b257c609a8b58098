import type {
  Asset,
  AssetList,
  CreateTokenRequest,
  CreateTokenResponse,
  PlayUrls,
  Problem,
  Recording,
  RecordingList,
  RecordingPlayUrls,
  Room,
  RoomList,
  RoomType,
  Session,
  SignInRequest,
  StartRecordingRequest,
} from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';

export interface RestClientOptions {
  /** Where the server is, e.g. `https://rec.example.org`; `''` for the page's own. */
  readonly baseUrl: string;
  /** An access token, or what gives the present one. Without it the requests carry the console's session cookie. */
  readonly token?: string | (() => string);
  /** The page's own when absent. */
  readonly fetch?: typeof fetch;
}

export type QueryValue = string | number | boolean | undefined;

export interface RecordingFilter {
  readonly roomId?: string;
  /** Only those that have not ended. */
  readonly live?: boolean;
  readonly cursor?: string;
  readonly limit?: number;
}

export interface AssetFilter {
  readonly fileNamePrefix?: string;
  readonly roomId?: string;
  readonly recordingId?: string;
  readonly cursor?: string;
  readonly limit?: number;
}

/** Time after which a request counts as not answered. Stopping a recording answers when its files are playable. */
const requestTimeoutMs = 30_000;

/**
 * The REST API, `/v1`. Every method rejects with an {@link AircheckError}: the server's own, `timeout` when it could not
 * be reached, or `answer-unreadable` when something else answered.
 */
export class RestClient {
  readonly #options: RestClientOptions;

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  /** Where the server is, without a slash at the end. */
  get baseUrl(): string {
    return this.#options.baseUrl;
  }

  /** What authorizes a request that is made without this client, of an upload for instance. */
  get headers(): Record<string, string> {
    const { token } = this.#options;
    if (token === undefined) return {};
    return { authorization: `Bearer ${typeof token === 'string' ? token : token()}` };
  }

  /** Signs in to the console with key and secret, or a one-time code; the session is an HttpOnly cookie. */
  signIn(request: SignInRequest): Promise<Session> {
    return this.request('POST', '/v1/session', { body: request });
  }

  /** Who is signed in; rejects with `unauthenticated` when nobody is. */
  session(): Promise<Session> {
    return this.request('GET', '/v1/session');
  }

  async signOut(): Promise<void> {
    await this.request('DELETE', '/v1/session');
  }

  createToken(request: CreateTokenRequest): Promise<CreateTokenResponse> {
    return this.request('POST', '/v1/tokens', { body: request });
  }

  putRoom(roomId: string, type: RoomType): Promise<Room> {
    return this.request('PUT', `/v1/rooms/${encodeURIComponent(roomId)}`, { body: { type } });
  }

  /** One page of the rooms, newest first. */
  rooms(filter: { readonly cursor?: string; readonly limit?: number } = {}, signal?: AbortSignal): Promise<RoomList> {
    return this.request('GET', '/v1/rooms', { query: { ...filter }, signal });
  }

  room(roomId: string, signal?: AbortSignal): Promise<Room> {
    return this.request('GET', `/v1/rooms/${encodeURIComponent(roomId)}`, { signal });
  }

  async deleteRoom(roomId: string): Promise<void> {
    await this.request('DELETE', `/v1/rooms/${encodeURIComponent(roomId)}`);
  }

  startRecording(roomId: string, request: StartRecordingRequest): Promise<Recording> {
    return this.request('POST', `/v1/rooms/${encodeURIComponent(roomId)}/recordings`, { body: request });
  }

  /** Resolves when the files are playable. */
  stopRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${encodeURIComponent(recordingId)}/stop`);
  }

  pauseRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${encodeURIComponent(recordingId)}/pause`);
  }

  resumeRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${encodeURIComponent(recordingId)}/resume`);
  }

  recordings(filter: RecordingFilter = {}, signal?: AbortSignal): Promise<RecordingList> {
    return this.request('GET', '/v1/recordings', { query: { ...filter }, signal });
  }

  recording(recordingId: string, signal?: AbortSignal): Promise<Recording> {
    return this.request('GET', `/v1/recordings/${encodeURIComponent(recordingId)}`, { signal });
  }

  assets(filter: AssetFilter = {}, signal?: AbortSignal): Promise<AssetList> {
    return this.request('GET', '/v1/assets', { query: { ...filter }, signal });
  }

  asset(fileId: string, signal?: AbortSignal): Promise<Asset> {
    return this.request('GET', `/v1/assets/${encodeURIComponent(fileId)}`, { signal });
  }

  /** URLs that play without further credentials for `ttlSeconds`. */
  playUrls(fileId: string, ttlSeconds = 3600): Promise<PlayUrls> {
    return this.request('POST', `/v1/assets/${encodeURIComponent(fileId)}/play-urls`, { body: { ttlSeconds } });
  }

  /** A playlist of all files of a recording, which grows while it runs; without further credentials for `ttlSeconds`. */
  recordingPlayUrls(recordingId: string, ttlSeconds = 3600): Promise<RecordingPlayUrls> {
    return this.request('POST', `/v1/recordings/${encodeURIComponent(recordingId)}/play-urls`, {
      body: { ttlSeconds },
    });
  }

  /**
   * Any request of the API, for what has no method of its own here.
   * @param path - from `/v1` on
   * @returns the JSON of the answer; undefined where it has none
   */
  async request<Result>(
    method: string,
    path: string,
    {
      body,
      query,
      signal,
    }: { body?: unknown; query?: Record<string, QueryValue>; signal?: AbortSignal | undefined } = {},
  ): Promise<Result> {
    const { baseUrl, fetch = globalThis.fetch } = this.#options;
    const parameters = Object.entries(query ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`],
    );
    const search = parameters.length > 0 ? `?${parameters.join('&')}` : '';
    const deadline = deadlineOf(signal);
    let response: Response;
    let answer: unknown;
    try {
      response = await fetch(`${baseUrl}${path}${search}`, {
        method,
        headers: {
          accept: 'application/json, application/problem+json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...this.headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: deadline.signal,
      });
      if (response.status === 204) return undefined as Result;
      answer = await response.json().catch(() => undefined);
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      throw new AircheckError('timeout', 'The server could not be reached', { cause });
    } finally {
      deadline.end();
    }
    if (response.ok && answer !== undefined) return answer as Result;
    throw isProblem(answer)
      ? AircheckError.fromProblem(answer)
      : new AircheckError(
          'answer-unreadable',
          `${method} ${path} was answered with status ${response.status} and no JSON`,
        );
  }
}

/** Ends a request with the caller's signal or after its time. `AbortSignal.timeout` and `any` are not in React Native. */
function deadlineOf(signal: AbortSignal | undefined): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, requestTimeoutMs);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    },
  };
}

/** Whether an answer is an RFC 9457 body of ours, and not that of a proxy in between. */
export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value;
}
