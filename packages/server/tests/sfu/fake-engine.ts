import type {
  LocalTransportParameters,
  PeerTransport,
  RemoteTransportParameters,
  TransportEngine,
  TransportHandlers,
  TransportState,
} from '@aircheck/engine/transport';

/** Stands for ICE, DTLS and SRTP: notes what is sent, and hands in what a test wants to have received. */
export class FakeTransport implements PeerTransport {
  readonly handlers: TransportHandlers;
  readonly rtp: Buffer[] = [];
  readonly rtcp: Buffer[] = [];
  readonly remotes: RemoteTransportParameters[] = [];
  state: TransportState = 'new';
  roundTripMs: number | undefined;
  #generation = 0;

  constructor(handlers: TransportHandlers) {
    this.handlers = handlers;
  }

  get local(): LocalTransportParameters {
    return {
      iceUfrag: `local${this.#generation}`,
      icePwd: 'localpasswordlocalpassword',
      fingerprint: { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') },
      candidates: ['candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host'],
    };
  }

  setRemote(parameters: RemoteTransportParameters): void {
    this.remotes.push(parameters);
  }

  restartIce(): LocalTransportParameters {
    this.#generation += 1;
    return this.local;
  }

  get #sends(): boolean {
    return this.state === 'connected' || this.state === 'disconnected';
  }

  sendRtp(packet: Uint8Array): boolean {
    if (!this.#sends) return false;
    this.rtp.push(Buffer.from(packet));
    return true;
  }

  sendRtcp(packet: Uint8Array): boolean {
    if (!this.#sends) return false;
    this.rtcp.push(Buffer.from(packet));
    return true;
  }

  become(state: TransportState): void {
    this.state = state;
    this.handlers.onState(state);
  }

  close(): void {
    if (this.state !== 'closed') this.become('closed');
  }
}

export class FakeEngine implements TransportEngine {
  readonly peers: FakeTransport[] = [];

  createPeer(handlers: TransportHandlers): FakeTransport {
    const peer = new FakeTransport(handlers);
    this.peers.push(peer);
    return peer;
  }

  stats(): { packetsIn: number; packetsOut: number; badPackets: number } {
    return { packetsIn: 0, packetsOut: 0, badPackets: 0 };
  }

  async close(): Promise<void> {}
}
