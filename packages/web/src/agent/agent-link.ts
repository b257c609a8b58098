import type { AgentNotice, AgentRequest, AgentResponse, AgentResults } from '@aircheck/protocol';
import { AGENT_HEARTBEAT_MS, AGENT_SILENCE_MS, AGENT_SUBPROTOCOL } from '@aircheck/protocol/agent-door';
import { AircheckError } from '@aircheck/protocol/errors';

/** The first connection may wait for its user: browsers ask before a page may reach a program on the same computer. */
const OPEN_MS = 60_000;
/** Something else may listen on an agent's port. */
const HELLO_MS = 3_000;

type Type = AgentRequest['type'];
type Fields<T extends Type> = Omit<Extract<AgentRequest, { type: T }>, 'id' | 'type'>;
/** What a caller has to give: fields with a default may be left out. */
export type AgentRequestFields<T extends Type> = T extends 'record-mp4-start'
  ? Omit<Fields<T>, 'source' | 'media'> & Partial<Pick<Fields<T>, Extract<keyof Fields<T>, 'source' | 'media'>>>
  : Fields<T>;
type Result<T extends Type> = T extends keyof AgentResults ? AgentResults[T] : unknown;

interface LinkHandlers {
  readonly onNotice: (notice: AgentNotice) => void;
  /** The socket closed; called once, also by {@link AgentLink.close}. */
  readonly onClosed: () => void;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: AircheckError): void;
}

/** One WebSocket to an agent: requests and their answers, notices, signs of life. */
export class AgentLink {
  readonly port: number;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, Pending>();
  #handlers: LinkHandlers | undefined;
  #nextId = 1;
  #lastHeardMs = performance.now();
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  /**
   * Opens a connection to whatever listens on a port.
   * @throws AircheckError `agent-not-found`
   */
  static async open(port: number, WebSocketClass: typeof WebSocket): Promise<AgentLink> {
    const socket = new WebSocketClass(`ws://127.0.0.1:${port}/`, AGENT_SUBPROTOCOL);
    await new Promise<void>((resolve, reject) => {
      const fail = () => {
        clearTimeout(timer);
        socket.close();
        reject(new AircheckError('agent-not-found', `No agent answers on port ${port}`));
      };
      const timer = setTimeout(fail, OPEN_MS);
      socket.onerror = socket.onclose = fail;
      socket.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return new AgentLink(port, socket);
  }

  private constructor(port: number, socket: WebSocket) {
    this.port = port;
    this.#socket = socket;
    socket.onerror = null;
    socket.onclose = () => this.close();
    socket.onmessage = ({ data }) => this.#received(String(data));
  }

  /** When something last came from the agent, on the scale of `performance.now()`. */
  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** From now on notices are told and signs of life sent. */
  use(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    this.#heartbeat = setInterval(() => this.#beat(), AGENT_HEARTBEAT_MS);
  }

  #beat(): void {
    if (performance.now() - this.#lastHeardMs > AGENT_SILENCE_MS) this.close();
    else this.request('heartbeat', {}).catch(() => {});
  }

  /**
   * @throws AircheckError what the agent refuses it with; `agent-lost` when the connection ends before the answer
   */
  request<T extends Type>(type: T, fields: AgentRequestFields<T>): Promise<Result<T>> {
    if (this.#closed) return Promise.reject(lost());
    const id = this.#nextId++;
    return new Promise<Result<T>>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      this.#socket.send(JSON.stringify({ id, type, ...fields }));
      if (type === 'hello') setTimeout(() => this.#pending.has(id) && this.close(), HELLO_MS);
    });
  }

  #received(text: string): void {
    this.#lastHeardMs = performance.now();
    let message: AgentNotice | AgentResponse;
    try {
      message = JSON.parse(text) as AgentNotice | AgentResponse;
    } catch {
      this.close();
      return;
    }
    if ('type' in message) {
      this.#handlers?.onNotice(message);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.ok) pending?.resolve(message.result);
    else pending?.reject(AircheckError.fromProblem(message.error));
  }

  /** May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close();
    for (const { reject } of this.#pending.values()) reject(lost());
    this.#pending.clear();
    this.#handlers?.onClosed();
  }
}

function lost(): AircheckError {
  return new AircheckError('agent-lost', 'The connection to the PC agent has ended');
}
