import { randomBytes } from 'node:crypto';
import { sameText } from '@aircheck/engine/same-text';
import {
  AGENT_PROTOCOL_VERSION,
  type AgentNotice,
  AgentRequest,
  type AgentResults,
  type AgentWelcome,
  AircheckError,
  agentStatusOf,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import { type Pairings, proofOf } from '../settings/index.ts';

type RecordType = 'record-mp4-start' | 'record-mp4-stop' | 'record-aac-start' | 'record-aac-stop';
type RecordRequest = Extract<AgentRequest, { type: RecordType }>;
type RenewRequest = Extract<AgentRequest, { type: 'renew' }>;

/** What a page that may record can ask for. */
export interface PageService {
  welcome(origin: string): AgentWelcome;
  record(origin: string, request: RecordRequest): Promise<AgentResults[RecordType]>;
  /** Takes a newer token. @throws AircheckError `recording-not-found` */
  renew(origin: string, request: RenewRequest): Promise<void>;
}

interface PageSessionOptions {
  /** As the browser wrote it. */
  readonly origin: string;
  /** The agent's name for this origin. */
  readonly agentId: string;
  readonly pairings: Pairings;
  readonly service: PageService;
  readonly send: (text: string) => void;
  /** The page may record from now on. */
  readonly onOpened: () => void;
  readonly onPaired: () => void;
  /** A request was answered with an error. */
  readonly onRefused: () => void;
  readonly logger: Logger;
}

/** The conversation with one page, from `hello` on. It knows nothing of sockets. */
export class PageSession {
  readonly origin: string;
  readonly #options: PageSessionOptions;
  #nonces: { readonly pageNonce: string; readonly agentNonce: string } | undefined;
  /** The secret under which this page was let in; undefined while it may not record. */
  #secret: string | undefined;

  constructor(options: PageSessionOptions) {
    this.origin = options.origin;
    this.#options = options;
  }

  /** Whether the page may record: it was let in, and the pairing has not been taken back since. */
  get isOpen(): boolean {
    return this.#secret !== undefined && this.#options.pairings.secretOf(this.origin) === this.#secret;
  }

  get wasOpened(): boolean {
    return this.#secret !== undefined;
  }

  notify(notice: AgentNotice): void {
    this.#options.send(JSON.stringify(notice));
  }

  /** Takes one message of the page and answers it. Never rejects. */
  async receive(text: string): Promise<void> {
    let id = 0;
    try {
      const message: unknown = parseJson(text);
      id = idOf(message);
      const parsed = AgentRequest.safeParse(message);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new AircheckError('request-invalid', issue?.message ?? 'not a request of this protocol', {
          input: issue?.path.join('.') ?? '',
        });
      }
      const result = await this.#answer(parsed.data);
      this.#options.send(JSON.stringify({ id, ok: true, result }));
    } catch (cause) {
      const error =
        cause instanceof AircheckError ? cause : new AircheckError('internal', 'the agent failed', { cause });
      if (error.code === 'internal') this.#options.logger.error({ err: cause }, 'a request failed');
      else this.#options.logger.info({ origin: this.origin, code: error.code, detail: error.message }, 'refused');
      const status = agentStatusOf(error.code);
      this.#options.send(JSON.stringify({ id, ok: false, error: error.toProblem(), status }));
      this.#options.onRefused();
    }
  }

  async #answer(request: AgentRequest): Promise<unknown> {
    const { origin } = this;
    const { agentId, pairings, service } = this.#options;
    switch (request.type) {
      case 'hello':
        return this.#hello(request);
      case 'heartbeat':
        return {};
      case 'authenticate': {
        const secret = pairings.secretOf(origin);
        const nonces = this.#nonces;
        // One try for each hello: a proof is never taken twice.
        this.#nonces = undefined;
        if (secret === undefined || nonces === undefined) throw notPaired(origin);
        if (!sameText(request.proof, proofOf(secret, 'page', { origin, agentId, ...nonces }))) throw notPaired(origin);
        this.#open(secret);
        return service.welcome(origin);
      }
      case 'pair': {
        const secret = pairings.pair(origin, request.code);
        this.#options.onPaired();
        this.#open(secret);
        return { ...service.welcome(origin), secret };
      }
      default:
        if (!this.isOpen) throw notPaired(origin);
        if (request.type !== 'renew') return service.record(origin, request);
        await service.renew(origin, request);
        return {};
    }
  }

  #hello({ version: pageVersion, nonce }: Extract<AgentRequest, { type: 'hello' }>): AgentResults['hello'] {
    if (pageVersion !== AGENT_PROTOCOL_VERSION) {
      throw new AircheckError('request-invalid', `this agent speaks version ${AGENT_PROTOCOL_VERSION}`, {
        input: 'version',
        hint: 'Use the agent and the SDK of one release',
      });
    }
    const { origin } = this;
    const { agentId, pairings } = this.#options;
    const nonces = { pageNonce: nonce, agentNonce: randomBytes(24).toString('base64url') };
    this.#nonces = nonces;
    const secret = pairings.secretOf(origin);
    return {
      version: AGENT_PROTOCOL_VERSION,
      agentId,
      nonce: nonces.agentNonce,
      ...(secret !== undefined && { proof: proofOf(secret, 'agent', { origin, agentId, ...nonces }) }),
    };
  }

  #open(secret: string): void {
    this.#secret = secret;
    this.#options.onOpened();
  }
}

function notPaired(origin: string): AircheckError {
  return new AircheckError('agent-not-paired', `${origin} has not been paired with this agent`, {
    hint: 'Ask the user for the code that the agent shows, and send it with `pair`',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AircheckError('request-invalid', 'the message is not JSON', { cause });
  }
}

function idOf(message: unknown): number {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : undefined;
  return Number.isSafeInteger(id) ? (id as number) : 0;
}
