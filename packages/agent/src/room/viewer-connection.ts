import { randomBytes, randomInt } from 'node:crypto';
import {
  buildReceiveAnswer,
  parseDescription,
  type ReceivedMedia,
  ReceivingPeer,
  type RemoteDescription,
} from '@aircheck/engine/receiving';
import type { PeerTransport, TransportEngine, TransportHandlers, TransportState } from '@aircheck/engine/transport';
import type { Logger } from 'pino';

/** A connection that is not there for so long after a restart of ICE gets another, and then is made anew. */
const ATTEMPT_MS = 6_000;
const RESTARTS_BEFORE_REBUILD = 2;

interface ViewerConnectionOptions {
  readonly engine: TransportEngine;
  readonly logger: Logger;
  /** Has the server offer anew: with new ICE credentials, or (`reset`) a new connection. */
  readonly askForOffer: (reset: boolean) => void;
}

/** The subscribing peer connection of a viewer: the server offers, we answer and receive. */
export class ViewerConnection {
  readonly #options: ViewerConnectionOptions;
  readonly #sessionId = String(randomInt(1, 2 ** 47));
  #version = 0;
  #peer: ReceivingPeer | undefined;
  #remote: RemoteDescription['transport'] | undefined;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ViewerConnectionOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#peer?.transport.state === 'connected';
  }

  /**
   * Answers an offer.
   * @param take - says with which tracks its m-lines are received
   * @throws AircheckError `sdp-invalid`, `codec-unsupported`
   */
  answer(sdp: string, take: (offer: RemoteDescription) => readonly ReceivedMedia[]): string {
    const offer = parseDescription(sdp, 'controlling');
    const peer = this.#peerFor(offer);
    const received = take(offer);
    peer.update(received);
    this.#version += 1;
    return buildReceiveAnswer({
      origin: { sessionId: this.#sessionId, version: this.#version },
      offer,
      codecs: new Map(received.map(({ media, codec }) => [media.mid, codec])),
      local: peer.transport.local,
      setup: 'active',
      ice: 'controlling',
    });
  }

  /** The peer that an offer is for: the one there is, restarted if need be, or a new one (RFC 8842 §4). */
  #peerFor({ transport, candidates }: RemoteDescription): ReceivingPeer {
    const former = this.#remote;
    this.#remote = transport;
    const remote = { ...transport, setup: 'passive', candidates } as const;
    const known = this.#peer;
    const state = known?.transport.state;
    if (known !== undefined && state !== 'failed' && state !== 'closed') {
      if (JSON.stringify(former?.fingerprints) === JSON.stringify(transport.fingerprints)) {
        if (former?.iceUfrag !== transport.iceUfrag) {
          known.transport.restartIce();
          known.transport.setRemote(remote);
        }
        return known;
      }
    }
    this.drop();
    this.#remote = transport;
    const peer = new ReceivingPeer({
      peerId: randomBytes(9).toString('base64url'),
      localSsrc: randomInt(1, 2 ** 32),
      cname: randomBytes(9).toString('base64url'),
      createTransport: (handlers) => this.#createTransport(handlers),
    });
    this.#peer = peer;
    peer.transport.setRemote(remote);
    this.#watchAttempt();
    return peer;
  }

  #createTransport(handlers: Omit<TransportHandlers, 'onState'>): PeerTransport {
    const { engine, logger } = this.#options;
    const guarded = (handle: () => void): void => {
      try {
        handle();
      } catch (error) {
        logger.error({ err: error }, 'a packet could not be handled');
        transport.close();
      }
    };
    const transport: PeerTransport = engine.createPeer({
      onRtp: (packet, arrivalMs, delayed) => guarded(() => handlers.onRtp(packet, arrivalMs, delayed)),
      onRtcp: (packet, arrivalMs) => guarded(() => handlers.onRtcp(packet, arrivalMs)),
      onState: (state, reason) => {
        logger.debug({ state, reason }, 'connection to the room');
        if (this.#peer?.transport === transport) this.#stateChanged(state);
      },
    });
    return transport;
  }

  #stateChanged(state: TransportState): void {
    if (state === 'connected') {
      clearTimeout(this.#timer);
      this.#attempts = 0;
    } else if (state === 'disconnected') this.#attempt();
    else if (state === 'failed' || state === 'closed') this.#rebuild();
  }

  /** The signaling connection is there again, without which nothing could be tried. */
  resume(): void {
    if (this.#peer !== undefined && !this.connected) this.#attempt();
  }

  #attempt(): void {
    if (this.#attempts >= RESTARTS_BEFORE_REBUILD) {
      this.#rebuild();
      return;
    }
    this.#attempts += 1;
    this.#options.askForOffer(false);
    this.#watchAttempt();
  }

  #watchAttempt(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.connected) this.#attempt();
    }, ATTEMPT_MS);
  }

  #rebuild(): void {
    this.#attempts = 0;
    this.#options.askForOffer(true);
    this.#watchAttempt();
  }

  /** To be called every few ten milliseconds. */
  tick(nowMs: number): void {
    this.#peer?.tick(nowMs);
  }

  /** Gives the connection up; the next offer makes a new one. */
  drop(): void {
    clearTimeout(this.#timer);
    const peer = this.#peer;
    this.#peer = undefined;
    this.#remote = undefined;
    peer?.close();
  }
}
