import type { ConnectivityChecks } from './connectivity-checks.ts';
import { allProfiles, type DtlsCertificate, DtlsConnection, matchesFingerprint } from './dtls/index.ts';
import { createIceCredentials, type IceCredentials } from './ice-credentials.ts';
import type { Path } from './paths.ts';
import type {
  LocalTransportParameters,
  PeerTransport,
  RemoteTransportParameters,
  TransportHandlers,
  TransportState,
} from './port.ts';
import { type SrtpKeys, SrtpSession } from './srtp/index.ts';
import type { StunMessage } from './stun/index.ts';
import type { UdpSocket } from './udp-socket.ts';

/**
 * Without a check or a packet for this long the peer is likely away. A receiver may send nothing but consent checks,
 * which come every 4 to 6 s (RFC 7675 §5.1): one of them may get lost.
 */
const disconnectedAfterMs = 10_000;
/** And for this long its consent has run out (RFC 7675 §5.1). Also the time that a peer has to connect. */
const failedAfterMs = 30_000;
/** A selected path this silent loses to any other that the peer is heard on. */
const staleAfterMs = 1500;
/** More than a host has interfaces; the oldest is given up. */
const mostPaths = 16;
/** DTLS that comes before the remote description: an answer is often overtaken by the first flight. */
const mostEarlyDatagrams = 4;

export interface PeerOutlet {
  /** Makes a local ufrag lead to this peer, or no longer. */
  register(ufrag: string, peer: Peer): void;
  unregister(ufrag: string): void;
  /** The way to a remote address, as this peer's. */
  path(peer: Peer, socket: UdpSocket, address: string, port: number): Path;
  removePath(path: Path): void;
  closed(peer: Peer): void;
  countBad(): void;
  countOut(): void;
}

/** One remote side: its paths, its DTLS association and its SRTP session. ICE-lite, unless checks of our own are given. */
export class Peer implements PeerTransport {
  readonly #handlers: TransportHandlers;
  readonly #outlet: PeerOutlet;
  readonly #certificate: DtlsCertificate;
  readonly #candidates: readonly string[];
  readonly #checks: ConnectivityChecks | undefined;
  #credentials: IceCredentials;
  #previousCredentials: IceCredentials | undefined;
  #state: TransportState = 'new';
  #remote: RemoteTransportParameters | undefined;
  #paths: Path[] = [];
  #selected: Path | undefined;
  #dtls: DtlsConnection | undefined;
  #earlyDatagrams: Buffer[] = [];
  #srtp: SrtpSession | undefined;
  #roundTripMs: number | undefined;
  #lastHeardMs = 0;
  #connectingSinceMs = 0;

  constructor(
    handlers: TransportHandlers,
    outlet: PeerOutlet,
    certificate: DtlsCertificate,
    candidates: readonly string[],
    checks?: ConnectivityChecks,
  ) {
    this.#handlers = handlers;
    this.#outlet = outlet;
    this.#certificate = certificate;
    this.#candidates = candidates;
    this.#checks = checks;
    this.#credentials = createIceCredentials();
    outlet.register(this.#credentials.ufrag, this);
  }

  get local(): LocalTransportParameters {
    return {
      iceUfrag: this.#credentials.ufrag,
      icePwd: this.#credentials.password,
      fingerprint: { algorithm: 'sha-256', value: this.#certificate.fingerprint },
      candidates: this.#candidates,
    };
  }

  get state(): TransportState {
    return this.#state;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  setRemote(parameters: RemoteTransportParameters): void {
    if (this.#ended) return;
    const first = this.#remote === undefined;
    this.#remote = parameters;
    // Later calls bring new ICE credentials, which a lite agent does not use: it sends no checks.
    this.#checks?.begin(this.#credentials, parameters);
    if (!first) return;
    this.#connectingSinceMs = performance.now();
    this.#setState('connecting');
    this.#startDtls();
  }

  restartIce(): LocalTransportParameters {
    if (this.#ended) return this.local;
    if (this.#previousCredentials !== undefined) this.#outlet.unregister(this.#previousCredentials.ufrag);
    this.#previousCredentials = this.#credentials;
    this.#credentials = createIceCredentials();
    this.#outlet.register(this.#credentials.ufrag, this);
    return this.local;
  }

  sendRtp(packet: Uint8Array): boolean {
    const path = this.#selected;
    const srtp = this.#srtp;
    if (srtp === undefined || path === undefined) return false;
    const output = path.socket.scratch();
    return this.#send(path, output, srtp.sealRtp(packet, output));
  }

  sendRtcp(packet: Uint8Array): boolean {
    const path = this.#selected;
    const srtp = this.#srtp;
    if (srtp === undefined || path === undefined) return false;
    const output = path.socket.scratch();
    return this.#send(path, output, srtp.sealRtcp(packet, output));
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#dtls?.close();
    this.#release();
    this.#setState('closed');
  }

  /** Password of a local ufrag. */
  password(ufrag: string): string | undefined {
    if (ufrag === this.#credentials.ufrag) return this.#credentials.password;
    return ufrag === this.#previousCredentials?.ufrag ? this.#previousCredentials.password : undefined;
  }

  /** Notes a path that its first authenticated check has just shown. */
  addPath(path: Path): void {
    if (this.#paths.length === mostPaths) {
      const oldest = this.#paths
        .filter((other) => other !== this.#selected)
        .reduce((a, b) => (b.lastHeardMs < a.lastHeardMs ? b : a));
      this.dropPath(oldest);
    }
    this.#paths.push(path);
  }

  /** Forgets a path: its address belongs to another peer now, or there are too many. */
  dropPath(path: Path): void {
    this.#paths = this.#paths.filter((other) => other !== path);
    if (this.#selected === path) this.#selected = undefined;
    this.#outlet.removePath(path);
  }

  /** An authenticated, accepted check came in; its answer is on the way. */
  onCheck(path: Path, check: StunMessage, ufrag: string, nowMs: number): void {
    if (ufrag === this.#credentials.ufrag && this.#previousCredentials !== undefined) {
      this.#outlet.unregister(this.#previousCredentials.ufrag);
      this.#previousCredentials = undefined;
    }
    path.priority = check.priority;
    if (check.useCandidate) path.nominated = true;
    const selected = this.#selected;
    // A peer that nominates all its pairs means the one of the highest priority (RFC 8445 §8.1.1).
    if (check.useCandidate && (!selected?.nominated || path.priority >= selected.priority)) this.#select(path);
    this.#heard(path, nowMs);
    this.#startDtls();
  }

  /** Takes what may be the answer to a check of ours. @returns whether it was */
  onAnswer(answer: StunMessage, socket: UdpSocket, address: string, port: number): boolean {
    const answered = this.#checks?.receive(answer, socket, address, port);
    if (answered === undefined) return false;
    const path = this.#outlet.path(this, socket, address, port);
    if (answered.nominated) {
      path.nominated = true;
      this.#select(path);
    }
    this.#heard(path, performance.now());
    if (path === this.#selected) this.#roundTripMs = answered.roundTripMs;
    if (this.#state === 'disconnected') this.#setState('connected');
    if (answered.nominated) this.#startDtls();
    return true;
  }

  onDtls(datagram: Buffer): void {
    if (this.#dtls !== undefined) this.#dtls.receive(datagram);
    else if (this.#earlyDatagrams.length < mostEarlyDatagrams) this.#earlyDatagrams.push(datagram);
  }

  onMedia(path: Path, datagram: Buffer, nowMs: number, delayed: boolean): void {
    const srtp = this.#srtp;
    const payloadType = datagram.length < 12 ? -1 : datagram[1]!;
    if (srtp === undefined || payloadType < 0) {
      this.#outlet.countBad();
      return;
    }
    // RFC 5761 §4.
    const isRtcp = payloadType >= 192 && payloadType <= 223;
    const packet = isRtcp ? srtp.openRtcp(datagram) : srtp.openRtp(datagram);
    if (packet === undefined) {
      this.#outlet.countBad();
      return;
    }
    if (path.nominated) this.#select(path);
    this.#heard(path, nowMs);
    if (isRtcp) this.#handlers.onRtcp(packet, nowMs);
    else this.#handlers.onRtp(packet, nowMs, delayed);
  }

  /** Looks after consent (RFC 7675) and the time to connect; called about once a second. */
  tick(nowMs: number): void {
    if (this.#state === 'connecting' && nowMs - this.#connectingSinceMs > failedAfterMs)
      this.#fail('no connection within 30 s');
    if (this.#state !== 'connected' && this.#state !== 'disconnected') return;
    this.#checks?.tick(nowMs);
    // Consent is in the answers to our checks alone, where we send any; media may go on for somebody who has our address.
    const silentMs = nowMs - (this.#checks?.lastAnswerMs ?? this.#lastHeardMs);
    if (silentMs > failedAfterMs) this.#fail('nothing heard for 30 s');
    else if (silentMs > disconnectedAfterMs) this.#setState('disconnected');
  }

  get #ended(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  /** Notes a packet that is certainly the peer's. */
  #heard(path: Path, nowMs: number): void {
    const selected = this.#selected;
    // Where a NAT gives the peer another address, its checks go on without a new nomination.
    if (selected === undefined || nowMs - selected.lastHeardMs > staleAfterMs) this.#select(path);
    path.lastHeardMs = nowMs;
    this.#lastHeardMs = nowMs;
    if (this.#state === 'disconnected' && this.#checks === undefined) this.#setState('connected');
  }

  #select(path: Path): void {
    if (this.#selected === path) return;
    if (this.#selected !== undefined) this.#roundTripMs = undefined;
    this.#selected = path;
  }

  /** DTLS needs both: the remote description and somewhere to send to. */
  #startDtls(): void {
    if (this.#dtls !== undefined || this.#remote === undefined || this.#selected === undefined || this.#ended) return;
    const { fingerprints, setup } = this.#remote;
    this.#dtls = new DtlsConnection({
      role: setup === 'active' ? 'server' : 'client',
      certificate: this.#certificate,
      profiles: allProfiles,
      isPeer: (certificate) => matchesFingerprint(certificate, fingerprints),
      send: (datagram) => {
        const path = this.#selected;
        path?.socket.send(datagram, datagram.length, path.address, path.port);
      },
      onConnected: (keys, roundTripMs) => this.#connected(keys, roundTripMs),
      onEnd: (error) => this.#fail(error?.message ?? 'the peer closed'),
    });
    this.#dtls.start();
    for (const datagram of this.#earlyDatagrams.splice(0)) this.#dtls.receive(datagram);
  }

  #connected(keys: SrtpKeys, roundTripMs: number | undefined): void {
    this.#srtp = new SrtpSession(keys);
    this.#roundTripMs = roundTripMs;
    this.#lastHeardMs = performance.now();
    this.#setState('connected');
  }

  #send(path: Path, output: Buffer, length: number): boolean {
    if (length < 0 || !path.socket.send(output, length, path.address, path.port)) return false;
    this.#outlet.countOut();
    return true;
  }

  #fail(reason: string): void {
    if (this.#ended) return;
    this.#dtls?.close();
    this.#release();
    this.#setState('failed', reason);
  }

  #release(): void {
    this.#outlet.unregister(this.#credentials.ufrag);
    if (this.#previousCredentials !== undefined) this.#outlet.unregister(this.#previousCredentials.ufrag);
    this.#checks?.close();
    for (const path of this.#paths) this.#outlet.removePath(path);
    this.#paths = [];
    this.#selected = undefined;
    this.#srtp = undefined;
    this.#earlyDatagrams = [];
    this.#outlet.closed(this);
  }

  #setState(state: TransportState, reason?: string): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#handlers.onState(state, reason);
  }
}
