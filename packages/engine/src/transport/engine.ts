import type { RemoteInfo } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { performance as loop } from 'node:perf_hooks';
import { Backlog } from './backlog.ts';
import { answerBinding } from './binding.ts';
import { hostCandidates } from './candidates.ts';
import { createCertificate, type DtlsCertificate } from './dtls/index.ts';
import { Path, PathTable } from './paths.ts';
import { Peer, type PeerOutlet } from './peer.ts';
import type { PeerTransport, TransportEngine, TransportEngineOptions, TransportHandlers } from './port.ts';
import { parseStunMessage, type StunMessage } from './stun/index.ts';
import { bindSockets, type UdpSocket } from './udp-socket.ts';

const tickMs = 1000;
/** Refusals a second: enough for a peer with stale credentials, too few to be a reflector. */
const mostRefusalsPerTick = 50;

/**
 * Opens the sockets of the engine: an ICE-lite agent with DTLS and SRTP for all peers of a process.
 * @throws AircheckError `config-invalid` when no port of the range can be bound
 */
export async function createTransportEngine(options: TransportEngineOptions): Promise<TransportEngine> {
  const engine = new UdpTransportEngine(options);
  await engine.open();
  return engine;
}

class UdpTransportEngine implements TransportEngine {
  readonly #options: TransportEngineOptions;
  readonly #certificate: DtlsCertificate = createCertificate(Date.now());
  readonly #peers = new Set<Peer>();
  readonly #byUfrag = new Map<string, Peer>();
  readonly #paths = new PathTable();
  readonly #outlet: PeerOutlet;
  #sockets: UdpSocket[] = [];
  #nextSocket = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastTickMs = performance.now();
  #refusalsLeft = mostRefusalsPerTick;
  readonly #backlog = new Backlog(() => loop.nodeTiming.idleTime);
  #packetsIn = 0;
  #packetsOut = 0;
  #badPackets = 0;

  constructor(options: TransportEngineOptions) {
    this.#options = options;
    this.#outlet = {
      register: (ufrag, peer) => this.#byUfrag.set(ufrag, peer),
      unregister: (ufrag) => this.#byUfrag.delete(ufrag),
      removePath: (path) => this.#paths.remove(path),
      closed: (peer) => this.#peers.delete(peer),
      countBad: () => {
        this.#badPackets++;
      },
      countOut: () => {
        this.#packetsOut++;
      },
    };
  }

  async open(): Promise<void> {
    const { host, portRange, sockets } = this.#options;
    this.#sockets = await bindSockets(host, portRange, sockets, (datagram, from, socket) =>
      this.#onDatagram(datagram, from, socket),
    );
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  createPeer(handlers: TransportHandlers): PeerTransport {
    const socket = this.#sockets[this.#nextSocket++ % this.#sockets.length]!;
    const { host, publicIp } = this.#options;
    const candidates = hostCandidates(host, socket.port, publicIp, networkInterfaces());
    const peer = new Peer(handlers, this.#outlet, this.#certificate, candidates);
    this.#peers.add(peer);
    return peer;
  }

  stats() {
    return { packetsIn: this.#packetsIn, packetsOut: this.#packetsOut, badPackets: this.#badPackets };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const peer of [...this.#peers]) peer.close();
    await Promise.all(this.#sockets.splice(0).map((socket) => socket.close()));
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
    // Indications keep a NAT binding open and want no answer; responses are to checks, which we do not send.
    if (message.class !== 'request') return;
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
    let path = this.#paths.find(socket, from.address, from.port);
    if (path !== undefined && path.peer !== peer) {
      // The address has a new owner: a NAT's port was reused, or one browser closed a connection and opened another.
      path.peer.dropPath(path);
      path = undefined;
    }
    if (path === undefined) {
      path = new Path(peer, socket, from.address, from.port);
      peer.addPath(path);
      this.#paths.add(path);
    }
    peer.onCheck(path, check, ufrag, performance.now());
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
