/**
 * The narrow port between the product and the engine that does ICE, DTLS and SRTP. Everything from RTP upward is
 * ours and knows nothing of the engine.
 */

/** What a description says about one side of a transport. */
export interface TransportParameters {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprint: { readonly algorithm: 'sha-256'; readonly value: string };
}

export interface LocalTransportParameters extends TransportParameters {
  /**
   * As SDP candidate attributes without `a=`. An ICE-lite engine has no others; a controlling one names none, since a lite
   * agent learns our address from our checks.
   */
  readonly candidates: readonly string[];
}

/** An address of the remote side, over UDP, for RTP and RTCP together. */
export interface RemoteCandidate {
  /** IPv4 or IPv6, numeric. */
  readonly address: string;
  readonly port: number;
  readonly priority: number;
}

export interface RemoteTransportParameters {
  readonly iceUfrag: string;
  readonly icePwd: string;
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  /** The remote side's DTLS role: `active` sends the ClientHello. */
  readonly setup: 'active' | 'passive';
  /** Where the remote side can be reached; needed on the controlling side of ICE alone. */
  readonly candidates?: readonly RemoteCandidate[];
}

/**
 * `disconnected`: not heard for about 10 s, may come back; what is sent still goes out, since consent (RFC 7675) holds
 * for 30 s. `failed`: consent ran out, or DTLS failed.
 */
export type TransportState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed';

export interface TransportHandlers {
  /**
   * One decrypted, authenticated RTP packet. The engine does not touch the bytes again: the receiver may keep them.
   * @param arrivalMs - when it was read, `performance.now()` scale
   * @param delayed - the event loop was busy: it may have come at any time since the packet read before
   */
  onRtp(packet: Buffer, arrivalMs: number, delayed: boolean): void;
  /** One decrypted compound RTCP packet. */
  onRtcp(packet: Buffer, arrivalMs: number): void;
  /** @param reason - why it failed, for the log */
  onState(state: TransportState, reason?: string): void;
}

export interface PeerTransport {
  readonly local: LocalTransportParameters;
  readonly state: TransportState;
  /** Smoothed round trip in milliseconds if known. */
  readonly roundTripMs: number | undefined;
  /** Called once both descriptions are known, and again with new ICE credentials after a restart. */
  setRemote(parameters: RemoteTransportParameters): void;
  /** New local ICE credentials for an ICE restart; DTLS and SRTP go on. Old ones stay valid until a check uses the new. */
  restartIce(): LocalTransportParameters;
  /**
   * Encrypts and sends one plain RTP packet; the buffer may be reused at once. False when it was not sent: neither
   * connected nor disconnected, or a sequence number of this SSRC that was sent before. Two packets under one SRTP nonce give away
   * the authentication key (RFC 7714 §8.4), so what is sent again goes out as RTX (RFC 4588).
   */
  sendRtp(packet: Uint8Array): boolean;
  sendRtcp(packet: Uint8Array): boolean;
  close(): void;
}

export interface TransportEngine {
  createPeer(handlers: TransportHandlers): PeerTransport;
  /** Sum over all peers, for metrics and tests. */
  stats(): { readonly packetsIn: number; readonly packetsOut: number; readonly badPackets: number };
  close(): Promise<void>;
}

export interface TransportEngineOptions {
  /** Addresses to bind. */
  readonly host: string;
  /** Inclusive range; `[0, 0]` takes any free port. The engine binds up to `sockets` ports of it. */
  readonly portRange: readonly [number, number];
  /** UDP sockets to spread peers over; each has a kernel buffer of its own. */
  readonly sockets: number;
  /** Address to announce when it differs from the bound one (NAT). */
  readonly publicIp?: string;
}
