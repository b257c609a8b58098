import type { ServerNotification } from '@aircheck/protocol';
import { IceSupervisor } from './ice-supervisor.ts';
import type { Platform } from './platform.ts';
import { RetryTimer } from './retry-timer.ts';
import type { SignalingConnection } from './signaling.ts';
import { TypedEmitter } from './typed-emitter.ts';

type Offer = Extract<ServerNotification, { type: 'offer' }>;

/** What comes in over one m-line. */
export interface Subscription {
  readonly userId: string;
  readonly trackId: string;
  readonly receiver: RTCRtpReceiver;
}

export interface SubscriberEvents {
  /** Tracks came or went; `subscriptions` has them all. */
  changed: [];
}

export interface SubscriberOptions {
  readonly signaling: Pick<SignalingConnection, 'request' | 'joined'>;
  readonly platform: Platform;
}

/** The subscribing peer connection: the server offers, this client answers. */
export class Subscriber extends TypedEmitter<SubscriberEvents> {
  readonly #signaling: SubscriberOptions['signaling'];
  readonly #platform: Platform;
  readonly #supervisor: IceSupervisor;
  /** Asks for a new connection after an offer that could not be applied. */
  readonly #retry: RetryTimer;
  #iceServers: readonly RTCIceServer[] = [];
  #connection: RTCPeerConnection | undefined;
  #newestOffer: Offer | undefined;
  #tail: Promise<void> = Promise.resolve();
  #subscriptions: ReadonlyMap<string, Subscription> = new Map();
  #closed = false;

  constructor({ signaling, platform }: SubscriberOptions) {
    super();
    this.#signaling = signaling;
    this.#platform = platform;
    this.#retry = new RetryTimer(platform, () => this.#askForOffer(true));
    this.#supervisor = new IceSupervisor({
      restart: () => this.#askForOffer(false),
      rebuild: () => this.#askForOffer(true),
      reachable: () => signaling.joined,
    });
  }

  get connection(): RTCPeerConnection | undefined {
    return this.#connection;
  }

  /** All that is received now, by track id. */
  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions;
  }

  setIceServers(iceServers: readonly RTCIceServer[]): void {
    this.#iceServers = iceServers;
  }

  /** Takes the server's offer; offers that a newer one has overtaken are left out. */
  offered(offer: Offer): void {
    // A reset must not be lost with the offer that carried it.
    if (offer.reset) this.#dropConnection();
    this.#newestOffer = offer;
    this.#tail = this.#tail.then(() => this.#answer(offer));
  }

  networkChanged(): void {
    this.#supervisor.networkChanged();
  }

  /** The signaling connection is there again. @param resumed - the server kept the session and its peer connections */
  resynchronize(resumed: boolean): void {
    if (this.#connection === undefined) return;
    if (!resumed) {
      this.#dropConnection();
      this.emit('changed');
    } else this.#supervisor.resume();
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.#newestOffer = undefined;
    this.#retry.reset();
    this.#dropConnection();
    this.removeAllListeners();
  }

  #dropConnection(): void {
    this.#supervisor.close();
    this.#connection?.close();
    this.#connection = undefined;
    this.#subscriptions = new Map();
  }

  #askForOffer(reset: boolean): void {
    this.#signaling.request('restart-subscriber', { reset }).catch(() => {
      // The signaling connection broke: when it is back the state of this connection is looked at again.
    });
  }

  async #answer(offer: Offer): Promise<void> {
    if (offer !== this.#newestOffer || this.#closed) return;
    const connection = this.#connection ?? this.#connect();
    try {
      await connection.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
      await connection.setLocalDescription(await connection.createAnswer());
    } catch {
      // A description that this browser can't apply to this connection; a new one has no past to disagree with.
      if (connection === this.#connection) this.#retry.start();
      return;
    }
    if (connection !== this.#connection) return;
    this.#retry.reset();
    this.#map(connection, offer);
    const sdp = connection.localDescription?.sdp ?? '';
    this.#signaling.request('answer', { revision: offer.revision, sdp }).catch(() => {
      // The server offers again: after a refusal a new connection, after a broken signaling connection the same offer.
    });
  }

  #connect(): RTCPeerConnection {
    const connection = new this.#platform.RTCPeerConnection({
      iceServers: [...this.#iceServers],
      bundlePolicy: 'max-bundle',
    });
    this.#connection = connection;
    this.#supervisor.watch(connection);
    return connection;
  }

  #map(connection: RTCPeerConnection, offer: Offer): void {
    const subscriptions = new Map<string, Subscription>();
    for (const transceiver of connection.getTransceivers()) {
      const offered = offer.tracks.find(({ mid }) => mid === transceiver.mid);
      if (offered === undefined) continue;
      const { userId, trackId } = offered;
      subscriptions.set(trackId, { userId, trackId, receiver: transceiver.receiver });
    }
    this.#subscriptions = subscriptions;
    this.emit('changed');
  }
}
