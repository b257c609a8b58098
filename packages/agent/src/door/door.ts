import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  AGENT_HEARTBEAT_MS,
  AGENT_PORTS,
  AGENT_SILENCE_MS,
  AGENT_SUBPROTOCOL,
  type AgentNotice,
  AircheckError,
} from '@aircheck/protocol';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Pairings, Settings } from '../settings/index.ts';
import { version } from '../version.ts';
import { type PageService, PageSession } from './page-session.ts';
import { requestOrigin } from './request-origin.ts';

/** Requests are a few hundred bytes; tokens and paths may be some thousand. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** Pages at once. Each tab of an application is one. */
const MAX_PAGES = 64;
/** So that no site can take all the places. */
const MAX_PAGES_OF_ORIGIN = 16;
/** Of sites that are not paired: any site that is open in the browser may knock. */
const MAX_STRANGERS = 16;
const MAX_STRANGERS_OF_ORIGIN = 4;
/** How long a page may take to be let in: as long as a code is valid. Its SDK knocks again. */
const STRANGER_MS = 5 * 60_000;
/** Then a page that may not record is shown out. */
const STRANGER_REFUSALS = 10;

interface DoorOptions {
  /** Tried in order; 0 takes any free one. Those of every agent when absent. */
  readonly ports?: readonly number[];
  readonly settings: Settings;
  readonly pairings: Pairings;
  readonly service: PageService & {
    /** No page of this origin is left, as of now. */
    pagesGone(origin: string): void;
    /** A page of this origin may record. */
    pageCame(origin: string): void;
    /** The user took the pairing back. */
    unpaired(origin: string): void;
  };
  /** A page was paired, came, or went. */
  readonly onChanged: () => void;
  readonly logger: Logger;
}

interface Page {
  readonly session: PageSession;
  readonly socket: WebSocket;
  readonly cameMs: number;
  lastHeardMs: number;
  /** What it was refused while it might not record. */
  refusals: number;
}

/** Where pages knock: a WebSocket on 127.0.0.1. */
export class Door {
  readonly port: number;
  readonly #options: DoorOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: () => AGENT_SUBPROTOCOL,
  });
  readonly #pages = new Set<Page>();
  readonly #agentId: string;
  readonly #heartbeat: NodeJS.Timeout;

  /** @throws AircheckError `config-invalid` when none of the ports is free */
  static async open(options: DoorOptions): Promise<Door> {
    const ports = options.ports ?? AGENT_PORTS;
    for (const port of ports) {
      const http = createServer();
      const listening = await new Promise<boolean>((resolve, reject) => {
        http.once('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
          else reject(error);
        });
        // This address alone: no other computer can reach it.
        http.listen(port, '127.0.0.1', () => resolve(true));
      });
      if (listening) return new Door(options, http);
    }
    throw new AircheckError('config-invalid', `none of the ports ${ports.join(', ')} is free`, {
      hint: 'Does another agent run already?',
    });
  }

  private constructor(options: DoorOptions, http: Server) {
    this.#options = options;
    this.#http = http;
    this.#agentId = options.settings.agentId;
    this.port = (http.address() as AddressInfo).port;
    // For another start of the agent, which looks whether this one lives. Without CORS headers no page can read it.
    http.on('request', (request, response) => {
      const own = request.headers.host === `127.0.0.1:${this.port}` && request.url === '/agent';
      response.writeHead(own ? 200 : 404, { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' });
      response.end(own ? JSON.stringify({ name: 'aircheck-agent', version, agentId: this.#agentId }) : '{}');
    });
    http.on('upgrade', (request, socket, head) => this.#knock(request, socket, head));
    this.#heartbeat = setInterval(() => this.#beat(), AGENT_HEARTBEAT_MS);
  }

  /** Origins of pages that may record now. */
  get openOrigins(): readonly string[] {
    return [...new Set([...this.#pages].filter(({ session }) => session.isOpen).map(({ session }) => session.origin))];
  }

  #knock(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { settings, logger } = this.#options;
    // Node has taken its own listener off: a peer that is gone must not end the process.
    socket.on('error', (error) => logger.debug({ err: error }, 'a connection broke before its page was let in'));
    let origin: string;
    try {
      origin = requestOrigin(request, this.port, settings);
      this.#findPlace(origin);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      logger.warn({ detail }, 'a page was turned away');
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (accepted) => this.#enter(origin, accepted));
  }

  /** @throws AircheckError `rate-limited` */
  #findPlace(origin: string): void {
    const { pairings } = this.#options;
    const pages = [...this.#pages].map(({ session }) => session);
    const ofOrigin = (sessions: readonly PageSession[]) => sessions.filter((session) => session.origin === origin);
    let isFull = pages.length >= MAX_PAGES || ofOrigin(pages).length >= MAX_PAGES_OF_ORIGIN;
    if (pairings.secretOf(origin) === undefined) {
      const strangers = pages.filter((session) => pairings.secretOf(session.origin) === undefined);
      isFull ||= strangers.length >= MAX_STRANGERS || ofOrigin(strangers).length >= MAX_STRANGERS_OF_ORIGIN;
    }
    if (!isFull) return;
    throw new AircheckError(
      'rate-limited',
      `${ofOrigin(pages).length} pages of ${origin} are connected, ${pages.length} in all`,
    );
  }

  #enter(origin: string, socket: WebSocket): void {
    const { settings, pairings, service, onChanged, logger } = this.#options;
    const session = new PageSession({
      origin,
      agentId: settings.agentIdFor(origin),
      pairings,
      service,
      send: (text) => socket.send(text),
      onOpened: () => {
        service.pageCame(origin);
        onChanged();
      },
      onPaired: () => logger.info({ origin }, 'paired'),
      onRefused: () => {
        if (session.wasOpened) return;
        page.refusals += 1;
        if (page.refusals >= STRANGER_REFUSALS) socket.close(1008);
      },
      logger,
    });
    const nowMs = performance.now();
    const page: Page = { session, socket, cameMs: nowMs, lastHeardMs: nowMs, refusals: 0 };
    this.#pages.add(page);
    socket.on('message', (data, isBinary) => {
      // Shown out: what was on its way is not answered any more.
      if (socket.readyState !== socket.OPEN) return;
      page.lastHeardMs = performance.now();
      if (isBinary) socket.close(1003);
      else void session.receive(String(data));
    });
    // Answered by the browser itself, also for a page in the background whose own timers sleep.
    socket.on('pong', () => {
      page.lastHeardMs = performance.now();
    });
    socket.on('error', (error) => logger.debug({ err: error, origin }, 'the connection to a page broke'));
    socket.on('close', () => {
      this.#pages.delete(page);
      if (session.wasOpened && !this.#isHere(origin)) service.pagesGone(origin);
      onChanged();
    });
  }

  #isHere(origin: string): boolean {
    return [...this.#pages].some(({ session }) => session.wasOpened && session.origin === origin);
  }

  #beat(): void {
    const { pairings, service } = this.#options;
    for (const page of [...this.#pages]) {
      const { session, socket, cameMs, lastHeardMs } = page;
      const nowMs = performance.now();
      if (nowMs - lastHeardMs > AGENT_SILENCE_MS) socket.terminate();
      else if (!session.wasOpened && nowMs - cameMs > STRANGER_MS) socket.close(1008);
      else if (session.wasOpened && !session.isOpen) {
        // Paired anew meanwhile: what the origin records since is none of this page's.
        if (pairings.secretOf(session.origin) === undefined) service.unpaired(session.origin);
        this.#showOut('unpaired', page);
      } else {
        session.notify({ type: 'heartbeat' });
        socket.ping();
      }
    }
  }

  /** Tells all pages of an origin that may record. @returns whether there is one */
  notify(origin: string, notice: AgentNotice): boolean {
    const pages = [...this.#pages].filter(({ session }) => session.origin === origin && session.isOpen);
    for (const { session } of pages) session.notify(notice);
    return pages.length > 0;
  }

  #showOut(reason: 'unpaired' | 'ended', { session, socket }: Page): void {
    session.notify({ type: 'closed', reason });
    socket.close(1000);
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const page of this.#pages) this.#showOut('ended', page);
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeAllConnections();
    // Upgraded sockets are the WebSocket server's: a page that does not answer the closing must not hold it up.
    for (const { socket } of this.#pages) socket.terminate();
    this.#sockets.close();
    await closed;
  }
}
