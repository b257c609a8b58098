import type { RemoteInfo } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { performance as loop } from 'node:perf_hooks';
import { Backlog } from './backlog.ts';
import { answerBinding } from './binding.ts';
import { hostCandidates } from './candidates.ts';
import { ConnectivityChecks } from './connectivity-checks.ts';
import { createCertificate, type DtlsCertificate } from './dtls/index.ts';
import { Path, PathTable } from './paths.ts';
import { Peer, type PeerOutlet } from './peer.ts';
import type { PeerTransport, TransportEngine, TransportEngineOptions, TransportHandlers } from './port.ts';
import { parseStunMessage, type StunMessage } from './stun/index.ts';
import { bindAnyPort, bindSockets, type UdpSocket } from './udp-socket.ts';

const tickMs = 1000;
/** Refusals a second: enough for a peer with stale credentials, too few to be a reflector. */
const mostRefusalsPerTick = 50;

/**
 * Opens the sockets of the engine: an ICE-lite agent with DTLS and SRTP for all peers of a process.
 * @throws AircheckError `config-invalid` when no port of the range can be bound
 */
export async function createTransportEngine(options: TransportEngineOptions): Promise<TransportEngine> {
  const engine = new UdpTransportEngine(options);
  await engine.open(options);
  return engine;
}

/** Where nothing more is known of the machine than that it has the internet's two kinds of addresses. */
const anyAddress = ['0.0.0.0', '::'] as const;

/**
 * Makes a client: the controlling side of ICE for peers that are ICE-lite, as our server is. Each of its peers has sockets
 * of its own: a server tells its peers apart by the address and port that they send from.
 * @param hosts - addresses to bind, of each family one; those that the machine has not are left out
 * @throws AircheckError `config-invalid` when none can be bound
 */
export async function createClientTransportEngine(hosts: readonly string[] = anyAddress): Promise<TransportEngine> {
  const engine = new UdpTransportEngine(undefined);
  await engine.openClient(hosts);
  return engine;
}

class UdpTransportEngine implements TransportEngine {
  /** Undefined: a client. */
  readonly #options: TransportEngineOptions | undefined;
  readonly #certificate: DtlsCertificate = createCertificate(Date.now());
  readonly #peers = new Set<Peer>();
  readonly #byUfrag = new Map<string, Peer>();
  readonly #paths = new PathTable();
  readonly #outlet: PeerOutlet;
  /** A server's, which all peers share. */
  #sockets: UdpSocket[] = [];
  #clientHosts: readonly string[] = [];
  readonly #socketsOfPeers = new Map<Peer, Promise<readonly UdpSocket[]>>();
  readonly #closing = new Set<Promise<void>>();
  #nextSocket = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastTickMs = performance.now();
  #refusalsLeft = mostRefusalsPerTick;
  readonly #backlog = new Backlog(() => loop.nodeTiming.idleTime);
  #packetsIn = 0;
  #packetsOut = 0;
  #badPackets = 0;

  constructor(options: TransportEngineOptions | undefined) {
    this.#options = options;
    this.#outlet = {
      register: (ufrag, peer) => this.#byUfrag.set(ufrag, peer),
      unregister: (ufrag) => this.#byUfrag.delete(ufrag),
      path: (peer, socket, address, port) => this.#path(peer, socket, address, port),
      removePath: (path) => this.#paths.remove(path),
      closed: (peer) => this.#closed(peer),
      countBad: () => {
        this.#badPackets++;
      },
      countOut: () => {
        this.#packetsOut++;
      },
    };
  }

  async open({ host, portRange, sockets }: TransportEngineOptions): Promise<void> {
    this.#sockets = await bindSockets(host, portRange, sockets, (datagram, from, socket) =>
      this.#onDatagram(datagram, from, socket),
    );
    this.#startTimer();
  }

  async openClient(hosts: readonly string[]): Promise<void> {
    // What cannot be bound at all is told now, not with the first peer.
    await closeSockets(await bindAnyPort(hosts, () => {}));
    this.#clientHosts = hosts;
    this.#startTimer();
  }

  #startTimer(): void {
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  createPeer(handlers: TransportHandlers): PeerTransport {
    const peer =
      this.#options === undefined
        ? this.#createClientPeer(handlers)
        : new Peer(handlers, this.#outlet, this.#certificate, this.#nextCandidates(this.#options));
    this.#peers.add(peer);
    return peer;
  }

  #createClientPeer(handlers: TransportHandlers): Peer {
    const checks = new ConnectivityChecks();
    const peer = new Peer(handlers, this.#outlet, this.#certificate, [], checks);
    const sockets = bindAnyPort(this.#clientHosts, (datagram, from, socket) =>
      this.#onDatagram(datagram, from, socket),
    );
    // Without sockets the peer fails as one that nobody answers does, at a pace at which it may be tried again.
    const bound = sockets.catch((): readonly UdpSocket[] => []);
    this.#socketsOfPeers.set(peer, bound);
    void bound.then((opened) => checks.open(opened));
    return peer;
  }

  #closed(peer: Peer): void {
    this.#peers.delete(peer);
    const sockets = this.#socketsOfPeers.get(peer);
    if (sockets === undefined) return;
    this.#socketsOfPeers.delete(peer);
    const closing = sockets.then(closeSockets).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Of the socket whose turn it is. */
  #nextCandidates({ host, publicIp }: TransportEngineOptions): string[] {
    const socket = this.#sockets[this.#nextSocket++ % this.#sockets.length]!;
    return hostCandidates(host, socket.port, publicIp, networkInterfaces());
  }

  stats() {
    return { packetsIn: this.#packetsIn, packetsOut: this.#packetsOut, badPackets: this.#badPackets };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const peer of [...this.#peers]) peer.close();
    await Promise.all([closeSockets(this.#sockets.splice(0)), ...this.#closing]);
  }

  /** Tells apart what shares the port by its first byte (RFC 7983 §7). */
  #onDatagram(datagram: Buffer, from: RemoteInfo, socket: UdpSocket): void {
    this.#packetsIn++;
    const first = datagram.length === 0 ? 255 : datagram[0]!;
    if (first >= 128 && first <= 191) {
      const nowMs = performance.now();
      const delayed = this.#backlog.note(nowMs);
      const path = this.#paths.find(socket, from.address, from.port);
      if (path === undefined) this.#badPackets++;
      else path.peer.onMedia(path, datagram, nowMs, delayed);
    } else if (first <= 3) {
      this.#onStun(datagram, from, socket);
    } else if (first >= 20 && first <= 63) {
      const path = this.#paths.find(socket, from.address, from.port);
      if (path === undefined) this.#badPackets++;
      else path.peer.onDtls(datagram);
    } else {
      this.#badPackets++;
    }
  }

  #onStun(datagram: Buffer, from: RemoteInfo, socket: UdpSocket): void {
    const message = parseStunMessage(datagram);
    if (message === undefined || !message.fingerprintValid) {
      this.#badPackets++;
      return;
    }
    // Indications keep a NAT binding open and want no answer.
    if (message.class === 'indication') return;
    if (message.class !== 'request') {
      this.#onAnswer(message, from, socket);
      return;
    }
    const ufrag = message.username?.split(':', 1)[0] ?? '';
    const peer = this.#byUfrag.get(ufrag);
    const answer = answerBinding(message, peer?.password(ufrag), from.address, from.port);
    if (!answer.accepted || peer === undefined) {
      this.#badPackets++;
      if (this.#refusalsLeft-- > 0) socket.send(answer.response, answer.response.length, from.address, from.port);
      return;
    }
    socket.send(answer.response, answer.response.length, from.address, from.port);
    this.#onCheck(peer, message, ufrag, from, socket);
  }

  #onCheck(peer: Peer, check: StunMessage, ufrag: string, from: RemoteInfo, socket: UdpSocket): void {
    peer.onCheck(this.#path(peer, socket, from.address, from.port), check, ufrag, performance.now());
  }

  /** The answer to a check; only the controlling side sends any. */
  #onAnswer(answer: StunMessage, from: RemoteInfo, socket: UdpSocket): void {
    if (this.#options !== undefined) return;
    for (const peer of this.#peers) if (peer.onAnswer(answer, socket, from.address, from.port)) return;
  }

  /** The way to a remote address, which is this peer's from now on. */
  #path(peer: Peer, socket: UdpSocket, address: string, port: number): Path {
    const known = this.#paths.find(socket, address, port);
    if (known?.peer === peer) return known;
    // The address has a new owner: a NAT's port was reused, or one browser closed a connection and opened another.
    known?.peer.dropPath(known);
    const path = new Path(peer, socket, address, port);
    peer.addPath(path);
    this.#paths.add(path);
    return path;
  }

  #tick(): void {
    this.#refusalsLeft = mostRefusalsPerTick;
    const nowMs = performance.now();
    const stalled = nowMs - this.#lastTickMs > 2 * tickMs;
    this.#lastTickMs = nowMs;
    // After a stall what the peers sent meanwhile is still unread: their silence would be ours.
    if (stalled) return;
    for (const peer of [...this.#peers]) peer.tick(nowMs);
  }
}

async function closeSockets(sockets: readonly UdpSocket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.close()));
}
