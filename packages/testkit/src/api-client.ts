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
  Role,
  Room,
  RoomList,
  RoomType,
  StartRecordingRequest,
} from '@aircheck/protocol';

/** The server answered with an error. */
export class ApiError extends Error {
  readonly status: number;
  /** The problem document; absent when the body was something else. */
  readonly problem: Problem | undefined;

  constructor(message: string, status: number, problem: Problem | undefined) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

/** The REST interface of a server, spoken with the key and secret of an app. */
export class ApiClient {
  readonly #url: string;
  readonly #authorization: string;

  constructor(url: string, key: string, secret: string) {
    this.#url = url;
    this.#authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`;
  }

  /**
   * One request with a JSON body and a JSON answer.
   * @throws ApiError for every status that is not 2xx
   */
  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(path, this.#url), {
      method,
      headers: {
        authorization: this.#authorization,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
    const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json') === true;
    const problem = isProblem ? (JSON.parse(text) as Problem) : undefined;
    throw new ApiError(
      `${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`,
      response.status,
      problem,
    );
  }

  createToken(request: Omit<CreateTokenRequest, 'ttlSeconds'> & { ttlSeconds?: number }): Promise<CreateTokenResponse> {
    return this.request('POST', '/v1/tokens', request);
  }

  putRoom(roomId: string, type: RoomType = 'multi'): Promise<Room> {
    return this.request('PUT', `/v1/rooms/${encodeURIComponent(roomId)}`, { type });
  }

  listRooms(): Promise<RoomList> {
    return this.request('GET', '/v1/rooms');
  }

  getRoom(roomId: string): Promise<Room> {
    return this.request('GET', `/v1/rooms/${encodeURIComponent(roomId)}`);
  }

  deleteRoom(roomId: string): Promise<void> {
    return this.request('DELETE', `/v1/rooms/${encodeURIComponent(roomId)}`);
  }

  startRecording(roomId: string, request: StartRecordingRequest): Promise<Recording> {
    return this.request('POST', `/v1/rooms/${encodeURIComponent(roomId)}/recordings`, request);
  }

  listRecordings(query = ''): Promise<RecordingList> {
    return this.request('GET', `/v1/recordings${query}`);
  }

  getRecording(recordingId: string): Promise<Recording> {
    return this.request('GET', `/v1/recordings/${recordingId}`);
  }

  /** Answers when the files are playable. */
  stopRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${recordingId}/stop`);
  }

  pauseRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${recordingId}/pause`);
  }

  resumeRecording(recordingId: string): Promise<Recording> {
    return this.request('POST', `/v1/recordings/${recordingId}/resume`);
  }

  /** @param query - e.g. `?fileNamePrefix=lesson` */
  listAssets(query = ''): Promise<AssetList> {
    return this.request('GET', `/v1/assets${query}`);
  }

  getAsset(fileId: string): Promise<Asset> {
    return this.request('GET', `/v1/assets/${fileId}`);
  }

  playUrls(fileId: string, ttlSeconds?: number): Promise<PlayUrls> {
    return this.request('POST', `/v1/assets/${fileId}/play-urls`, ttlSeconds === undefined ? {} : { ttlSeconds });
  }

  recordingPlayUrls(recordingId: string): Promise<RecordingPlayUrls> {
    return this.request('POST', `/v1/recordings/${recordingId}/play-urls`, {});
  }

  /** An access token of a user for a room. */
  async token(userId: string, roomId: string, role: Role = 'host'): Promise<string> {
    return (await this.createToken({ userId, roomId, role })).token;
  }
}
