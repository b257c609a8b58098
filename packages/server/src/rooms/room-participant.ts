import type { LiveOptions, Participant, Role, ServerNotification, Track } from '@aircheck/protocol';
import { type Entrant, isLiveHost } from './entrant.ts';
import type { PeerState } from './peer-states.ts';
import { createId, type RoomContext } from './room-context.ts';
import type { Subscriber } from './subscriber.ts';

/**
 * A client that makes a new connection by itself closes the former one first, which must not look like a loss that it
 * does not know of.
 */
const republishDelayMs = 1_000;

export type ClosedReason = Extract<ServerNotification, { type: 'closed' }>['reason'];

/** The signaling connection of a participant, as the room sees it. */
export interface SignalingLink {
  /** Sends one JSON text message. */
  send(text: string): void;
  /** Ends the connection. */
  close(reason: string): void;
}

/** A publishing peer connection in the media worker. */
export class Publisher {
  readonly peerId: string = createId();
  state: 'connecting' | PeerState = 'connecting';
  readonly #origin: string;

  /** @param origin - names the client's end of the peer connection, see `sessionOrigin` */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Nothing brings the peer connection back. */
  get ended(): boolean {
    return this.state === 'failed' || this.state === 'closed';
  }

  /** Whether an offer of that origin goes on with this peer connection. */
  continues(origin: string): boolean {
    return this.#origin === origin && !this.ended;
  }
}

interface RoomParticipantOptions {
  readonly context: RoomContext;
  readonly entrant: Entrant;
  readonly via: Participant['via'];
  /** `connected` is not what it was. */
  readonly onConnectedChanged: () => void;
  /** The participant was not connected for the whole grace time. */
  readonly onGraceOver: () => void;
}

/** A user's place in a live room, and the connections that hold it. */
export class RoomParticipant {
  readonly userId: string;
  role: Role;
  /** What the participant's token lets it become. */
  mostRole: Role;
  readonly via: Participant['via'];
  readonly sessionId: string = createId();
  /** A hidden viewer: whom it watches for. It is neither listed nor told of. */
  readonly viewerOf: string | undefined;
  /** What the participant said of live interaction; kept for the mixer, and told to nobody. */
  readonly live: LiveOptions | undefined;
  tracks: readonly Track[] = [];
  subscriber: Subscriber | undefined;
  /** Tracks of others that the client switched on or off by name. */
  readonly trackChoices = new Map<string, boolean>();
  readonly endedListeners = new Set<() => void>();

  readonly #context: RoomContext;
  readonly #joinedAt: number;
  readonly #onConnectedChanged: () => void;
  readonly #onGraceOver: () => void;
  #publisher: Publisher | undefined;
  #link: SignalingLink | undefined;
  /** The publishing connection was lost while nobody could be told. */
  #mustRepublish = false;
  #wasConnected: boolean | undefined;
  #cancelGrace: (() => void) | undefined;
  #cancelRepublish: (() => void) | undefined;

  constructor(options: RoomParticipantOptions) {
    this.#context = options.context;
    this.userId = options.entrant.userId;
    this.role = options.entrant.role;
    this.mostRole = options.entrant.mostRole;
    this.viewerOf = options.entrant.viewerOf;
    this.live = options.entrant.live;
    this.via = options.via;
    this.#joinedAt = options.context.clock.now();
    this.#onConnectedChanged = options.onConnectedChanged;
    this.#onGraceOver = options.onGraceOver;
  }

  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  get link(): SignalingLink | undefined {
    return this.#link;
  }

  /**
   * A WHIP client has nothing but its peer connection. A client of the SDK has its signaling connection, and a
   * publishing connection that is still being made is no loss.
   */
  get connected(): boolean {
    if (this.via === 'whip') return this.#publisher?.state === 'connected';
    const state = this.#publisher?.state ?? 'connected';
    return this.#link !== undefined && (state === 'connected' || state === 'connecting');
  }

  describe(): Participant {
    return {
      userId: this.userId,
      role: this.role,
      via: this.via,
      connected: this.connected,
      joinedAt: new Date(this.#joinedAt).toISOString(),
      tracks: [...this.tracks],
      ...(this.live !== undefined && { live: { host: isLiveHost(this.live) } }),
    };
  }

  notify(notification: ServerNotification): void {
    this.#link?.send(JSON.stringify(notification));
  }

  /** Takes a new signaling connection; a former one is closed. */
  attach(link: SignalingLink): void {
    this.#link?.close('resumed by another connection');
    this.#link = link;
    this.#connectionChanged();
  }

  /** Sends what waited for the signaling connection. */
  flush(): void {
    if (this.#mustRepublish) this.notify({ type: 'republish' });
    this.#mustRepublish = false;
    this.subscriber?.online();
  }

  /** The signaling connection broke. */
  detach(link: SignalingLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.subscriber?.offline();
    this.#connectionChanged();
  }

  /** Takes the publishing connection in place of a former one. */
  setPublisher(publisher: Publisher | undefined): void {
    const { peerStates } = this.#context;
    if (publisher === this.#publisher) return;
    if (this.#publisher !== undefined) peerStates.unwatch(this.#publisher.peerId);
    this.#publisher = publisher;
    this.#mustRepublish = false;
    this.#cancelRepublish?.();
    this.#cancelRepublish = undefined;
    if (publisher !== undefined) {
      peerStates.watch(publisher.peerId, (state) => {
        publisher.state = state;
        if (publisher.ended) {
          this.#cancelRepublish ??= this.#context.timers.after(republishDelayMs, () => this.requestRepublish());
        }
        this.#connectionChanged();
      });
    }
    this.#connectionChanged();
  }

  /** Asks the client for a new publishing connection; once it is back when it is away. */
  requestRepublish(): void {
    this.#mustRepublish = this.#link === undefined;
    this.notify({ type: 'republish' });
  }

  /** The place is gone: cuts every connection but for what the worker holds under the user's id. */
  dismiss(reason: ClosedReason): void {
    this.notify({ type: 'closed', reason });
    this.#link?.close(reason);
    this.#link = undefined;
    if (this.#publisher !== undefined) this.#context.peerStates.unwatch(this.#publisher.peerId);
    this.#publisher = undefined;
    this.#cancelGrace?.();
    this.#cancelRepublish?.();
    this.subscriber?.close();
    for (const listener of this.endedListeners) listener();
    this.endedListeners.clear();
  }

  #connectionChanged(): void {
    const { connected } = this;
    if (connected) {
      this.#cancelGrace?.();
      this.#cancelGrace = undefined;
    } else {
      this.#cancelGrace ??= this.#context.timers.after(this.#context.graceMs, () => {
        this.#cancelGrace = undefined;
        this.#onGraceOver();
      });
    }
    const before = this.#wasConnected;
    this.#wasConnected = connected;
    // The first state is told with the participant itself.
    if (before !== undefined && before !== connected) this.#onConnectedChanged();
  }
}
