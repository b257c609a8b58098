import type {
  ClientRequest,
  JoinResult,
  LiveOptions,
  RequestResults,
  Role,
  ServerNotification,
} from '@aircheck/protocol';
import { AircheckError } from '@aircheck/protocol/errors';
import type { Platform } from './platform.ts';
import { isProblem } from './rest-client.ts';
import { TypedEmitter } from './typed-emitter.ts';

export type RequestType = ClientRequest['type'];
/** As what and where a client joins; see `JoinRequest` of the protocol. */
export interface JoinOptions {
  readonly token: string;
  readonly roomId?: string;
  readonly role?: Role;
  /** What the room must be like at the first join; who comes back after a broken connection takes it as it is. */
  readonly expect?: 'new' | 'existing';
  readonly live?: Partial<LiveOptions>;
  readonly autoSubscribe: boolean;
}

export type RequestBody<Type extends RequestType> = Type extends 'join'
  ? JoinOptions & { readonly sessionId?: string }
  : Omit<Extract<ClientRequest, { type: Type }>, 'id' | 'type'>;
export type RequestResult<Type extends RequestType> = Type extends keyof RequestResults
  ? RequestResults[Type]
  : Record<string, never>;

/** Why the connection is over: the server's word, or `failed` with the error that ended it. */
export type SignalingEnd = Extract<ServerNotification, { type: 'closed' }>['reason'] | 'failed';

export interface SignalingEvents {
  /** The session was opened, or taken over after the connection broke. */
  joined: [result: JoinResult];
  /** The connection broke; it is being made again. */
  lost: [];
  notification: [notification: ServerNotification];
  /** Over for good. */
  closed: [reason: SignalingEnd, error: AircheckError | undefined];
}

export interface SignalingOptions {
  /** `ws://` or `wss://` URL of the signaling endpoint. */
  readonly url: string;
  readonly join: JoinOptions;
  readonly platform: Pick<Platform, 'WebSocket' | 'random'>;
}

const subprotocol = 'aircheck.v1';
const pingIntervalMs = 10_000;
const pingTimeoutMs = 5_000;
const requestTimeoutMs = 15_000;
const openTimeoutMs = 10_000;
const firstRetryDelayMs = 300;
const maxRetryDelayMs = 10_000;
/** The server keeps a place for about a minute; after five nobody waits for this participant any more. */
const giveUpAfterMs = 300_000;

interface PendingRequest {
  resolve(result: unknown): void;
  reject(error: AircheckError): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * The signaling WebSocket of one participant. Requests carry ids and time out; a broken connection is made again with
 * growing, jittered delays, and the session is taken over by its id.
 */
export class SignalingConnection extends TypedEmitter<SignalingEvents> {
  readonly #options: SignalingOptions;
  readonly #pending = new Map<number, PendingRequest>();
  #join: JoinOptions;
  #nextId = 1;
  #socket: WebSocket | undefined;
  #sessionId: string | undefined;
  #state: 'idle' | 'connecting' | 'joined' | 'waiting' | 'closed' = 'idle';
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #lostAtMs = 0;

  constructor(options: SignalingOptions) {
    super();
    this.#options = options;
    this.#join = options.join;
  }

  /** Whether requests can be sent now. */
  get joined(): boolean {
    return this.#state === 'joined';
  }

  /**
   * Opens the connection and joins.
   * @throws AircheckError the server's refusal, or `timeout` when it could not be reached; nothing is retried then
   */
  async connect(): Promise<JoinResult> {
    if (this.#state !== 'idle') throw new AircheckError('request-invalid', 'This connection has been used already');
    try {
      return await this.#open();
    } catch (error) {
      this.#end('failed', asAircheckError(error), false);
      throw error;
    }
  }

  /**
   * Sends a request and waits for its answer.
   * @throws AircheckError the server's error; `timeout` (retryable) when there is no connection or no answer
   */
  request<Type extends RequestType>(type: Type, body: RequestBody<Type>): Promise<RequestResult<Type>> {
    if (this.#state !== 'joined') return Promise.reject(connectionLost());
    return this.#send(type, body, requestTimeoutMs);
  }

  /** What the session is taken over with from now on, after a broken connection. */
  rejoinAs(changes: Pick<JoinOptions, 'token' | 'role'>): void {
    this.#join = { ...this.#join, ...changes };
  }

  /** Tries at once, when something says that the network is back or another one. */
  networkChanged(): void {
    if (this.#state === 'waiting') this.#retry();
    else if (this.#state === 'joined') void this.#ping();
  }

  /** Leaves the room and closes the connection. May be called twice. */
  async leave(): Promise<void> {
    if (this.#state === 'closed') return;
    const { joined } = this;
    const goodbye = joined ? this.#send('leave', {}, 1_000) : Promise.resolve();
    // No answer is needed: the server ends the session when the socket closes without one, only later.
    await goodbye.catch(() => {});
    this.#end('left', undefined, true);
  }

  async #open(): Promise<JoinResult> {
    const { url, platform } = this.#options;
    this.#state = 'connecting';
    const socket = new platform.WebSocket(url, subprotocol);
    this.#socket = socket;
    socket.addEventListener('message', (event) => this.#received(socket, event.data));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.close();
        reject(connectionLost());
      }, openTimeoutMs);
      socket.addEventListener('open', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.addEventListener('close', () => {
        clearTimeout(timer);
        reject(connectionLost());
        this.#broken(socket);
      });
    });
    const sessionId = this.#sessionId;
    return this.#send('join', { ...this.#join, ...(sessionId !== undefined && { sessionId }) }, requestTimeoutMs);
  }

  #send<Type extends RequestType>(
    type: Type,
    body: RequestBody<Type>,
    timeoutMs: number,
  ): Promise<RequestResult<Type>> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new AircheckError('timeout', `The server did not answer "${type}" in time`));
      }, timeoutMs);
      this.#pending.set(id, {
        timer,
        reject,
        resolve: (result) => {
          try {
            // Before anything else is received: what follows must find the session joined.
            if (type === 'join') this.#joined(result as JoinResult);
            resolve(result as RequestResult<Type>);
          } catch (cause) {
            reject(asAircheckError(cause));
          }
        },
      });
      this.#socket?.send(JSON.stringify({ id, type, ...body }));
    });
  }

  #joined(result: JoinResult): void {
    this.#sessionId = result.sessionId;
    this.#state = 'joined';
    const { expect: _, ...again } = this.#join;
    this.#join = again;
    this.#retries = 0;
    this.#pingTimer = setInterval(() => void this.#ping(), pingIntervalMs);
    this.emit('joined', result);
  }

  #received(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== 'string') return;
    const message = JSON.parse(data) as
      | ServerNotification
      | { id: number | null; ok: true; result: unknown }
      | { id: number | null; ok: false; error: unknown };
    if (!('id' in message)) {
      if (message.type === 'closed') this.#end(message.reason, undefined, true);
      else this.emit('notification', message);
      return;
    }
    const pending = message.id === null ? undefined : this.#pending.get(message.id);
    if (pending === undefined || message.id === null) return;
    this.#pending.delete(message.id);
    clearTimeout(pending.timer);
    if (message.ok) pending.resolve(message.result);
    else
      pending.reject(asAircheckError(isProblem(message.error) ? AircheckError.fromProblem(message.error) : undefined));
  }

  async #ping(): Promise<void> {
    const socket = this.#socket;
    try {
      await this.#send('ping', {}, pingTimeoutMs);
    } catch {
      // A socket whose network is gone reports nothing for minutes: the missing answer is how it is found out.
      if (socket !== undefined) this.#broken(socket);
    }
  }

  #broken(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    const wasJoined = this.#state === 'joined';
    this.#detachSocket();
    if (!wasJoined) return;
    this.#lostAtMs = Date.now();
    this.#state = 'waiting';
    this.emit('lost');
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    if (this.#state === 'closed') return;
    this.#state = 'waiting';
    if (Date.now() - this.#lostAtMs > giveUpAfterMs) {
      this.#end('failed', connectionLost(), true);
      return;
    }
    const fullDelayMs = Math.min(maxRetryDelayMs, firstRetryDelayMs * 2 ** this.#retries);
    this.#retries += 1;
    // Half of it at random: after a server restart not everybody comes back in the same instant.
    const delayMs = fullDelayMs * (0.5 + this.#options.platform.random() / 2);
    this.#retryTimer = setTimeout(() => this.#retry(), delayMs);
  }

  #retry(): void {
    clearTimeout(this.#retryTimer);
    this.#open().catch((cause: unknown) => {
      const error = asAircheckError(cause);
      this.#detachSocket();
      if (error.code === 'session-not-found') {
        this.#sessionId = undefined;
        this.#scheduleRetry();
      } else if (error.retryable || error.fault !== 'caller') this.#scheduleRetry();
      else this.#end('failed', error, true);
    });
  }

  #detachSocket(): void {
    clearInterval(this.#pingTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(connectionLost());
    }
    this.#pending.clear();
  }

  #end(reason: SignalingEnd, error: AircheckError | undefined, tell: boolean): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#retryTimer);
    this.#detachSocket();
    if (tell) this.emit('closed', reason, error);
    this.removeAllListeners();
  }
}

function connectionLost(): AircheckError {
  return new AircheckError('timeout', 'There is no connection to the server at the moment');
}

function asAircheckError(cause: unknown): AircheckError {
  return cause instanceof AircheckError ? cause : new AircheckError('internal', 'Something went wrong', { cause });
}
