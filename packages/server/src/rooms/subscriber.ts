import type { ServerNotification } from '@aircheck/protocol';
import { createId, type RoomContext } from './room-context.ts';

type Offer = Extract<ServerNotification, { type: 'offer' }>;

/** A client that does not answer an offer within that time gets a new one for a new connection. */
const answerTimeoutMs = 10_000;
const retryDelayMs = 1_000;
/** After that many offers in a row that came to nothing the client must ask by itself (`restart-subscriber`). */
const maxFailures = 3;

interface SubscriberOptions {
  readonly context: RoomContext;
  readonly roomKey: string;
  readonly userId: string;
  /** Ids of all tracks that the participant is to receive now. */
  readonly wantedTrackIds: () => readonly string[];
  readonly notify: (offer: Offer) => void;
}

/**
 * The subscribing peer connection of one participant: the server offers, one negotiation at a time. Changes that come
 * meanwhile are taken together into the next offer.
 */
export class Subscriber {
  readonly #context: RoomContext;
  readonly #roomKey: string;
  readonly #userId: string;
  readonly #wantedTrackIds: () => readonly string[];
  readonly #notify: (offer: Offer) => void;

  #peerId: string | undefined;
  /** What the newest offer holds. */
  #offeredTrackIds: ReadonlySet<string> = new Set();
  #outstanding: { readonly offer: Offer; readonly workerRevision: number } | undefined;
  /** Counts offers over all connections: a late answer to a former connection must not be taken for the new one's. */
  #revision = 0;
  #cancelTimer: (() => void) | undefined;
  #online = true;
  #closed = false;
  #working = false;
  #changed = false;
  #restartWanted = false;
  /** The client holds a connection that the server does not know any more. */
  #clientStale = false;
  #failures = 0;

  constructor(options: SubscriberOptions) {
    this.#context = options.context;
    this.#roomKey = options.roomKey;
    this.#userId = options.userId;
    this.#wantedTrackIds = options.wantedTrackIds;
    this.#notify = options.notify;
  }

  /** Offers anew if what the participant is to receive has changed. */
  refresh(): void {
    this.#changed = true;
    void this.#advance();
  }

  /** A fresh offer with new ICE credentials; `reset` gives up the connection and makes a new one. */
  restart(reset: boolean): void {
    this.#failures = 0;
    if (reset) this.#dropPeer();
    else this.#restartWanted = true;
    this.refresh();
  }

  /** The signaling connection is gone: nothing can be offered, and no answer is waited for. */
  offline(): void {
    this.#online = false;
    this.#stopTimer();
  }

  /** The signaling connection is back: an offer that was not answered is sent again. */
  online(): void {
    this.#online = true;
    if (this.#outstanding !== undefined) this.#send(this.#outstanding.offer);
    else this.refresh();
  }

  /** The worker that held the connection is gone, and the connection with it. */
  workerLost(): void {
    this.#forgetPeer();
    this.refresh();
  }

  /**
   * Takes the client's answer; one to an older offer is ignored.
   * @throws AircheckError when the worker refuses it; a new connection is offered then
   */
  async answer(revision: number, sdp: string): Promise<void> {
    const peerId = this.#peerId;
    const outstanding = this.#outstanding;
    if (peerId === undefined || outstanding?.offer.revision !== revision) return;
    this.#outstanding = undefined;
    this.#stopTimer();
    this.#working = true;
    try {
      await this.#context.workers.request(this.#roomKey, 'subscribeAnswer', {
        peerId,
        revision: outstanding.workerRevision,
        sdp,
      });
      this.#failures = 0;
    } catch (error) {
      if (peerId === this.#peerId) this.#failed(error);
      throw error;
    } finally {
      this.#working = false;
      void this.#advance();
    }
  }

  close(): void {
    this.#closed = true;
    this.#dropPeer();
  }

  async #advance(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#changed && this.#online && !this.#closed && this.#outstanding === undefined) {
      this.#changed = false;
      await this.#negotiate();
    }
    this.#working = false;
  }

  async #negotiate(): Promise<void> {
    const trackIds = this.#wantedTrackIds();
    const restart = this.#restartWanted;
    if (this.#peerId === undefined) {
      if (trackIds.length === 0) return;
      this.#peerId = createId();
      this.#context.peerStates.watch(this.#peerId, (state) => {
        if (state === 'failed' || state === 'closed') this.#ended();
      });
    } else if (!restart && sameMembers(this.#offeredTrackIds, trackIds)) return;

    const peerId = this.#peerId;
    this.#restartWanted = false;
    try {
      const result = await this.#context.workers.request(this.#roomKey, 'subscribe', {
        roomKey: this.#roomKey,
        peerId,
        trackIds,
        ...(restart && { restart }),
      });
      if (peerId !== this.#peerId) return;
      this.#offeredTrackIds = new Set(trackIds);
      if (result.sdp === '') return;
      const offer: Offer = {
        type: 'offer',
        revision: ++this.#revision,
        sdp: result.sdp,
        tracks: [...result.tracks],
        reset: this.#clientStale,
      };
      this.#clientStale = false;
      this.#outstanding = { offer, workerRevision: result.revision };
      if (this.#online) this.#send(offer);
    } catch (error) {
      if (peerId === this.#peerId) this.#failed(error);
    }
  }

  #send(offer: Offer): void {
    this.#stopTimer();
    this.#cancelTimer = this.#context.timers.after(answerTimeoutMs, () => {
      this.#failed(new Error(`Offer ${offer.revision} was not answered`));
    });
    this.#notify(offer);
  }

  /**
   * The connection is beyond repair. A client that makes a new one by itself closes the former one first and asks then:
   * it has the time to.
   */
  #ended(): void {
    this.#dropPeer();
    this.#cancelTimer = this.#context.timers.after(retryDelayMs, () => this.refresh());
  }

  #failed(error: unknown): void {
    this.#failures += 1;
    this.#dropPeer();
    const { timers, logger } = this.#context;
    const givenUp = this.#failures >= maxFailures;
    logger.warn({ err: error, roomKey: this.#roomKey, userId: this.#userId, givenUp }, 'subscriber negotiation failed');
    if (!givenUp) this.#cancelTimer = timers.after(retryDelayMs, () => this.refresh());
  }

  /** Closes the worker's end; the next offer tells the client to make its end anew. */
  #dropPeer(): void {
    const peerId = this.#peerId;
    this.#forgetPeer();
    if (peerId === undefined) return;
    this.#context.workers.request(this.#roomKey, 'closePeer', { peerId }).catch((error: unknown) => {
      this.#context.logger.debug({ err: error, peerId }, 'subscribing peer was gone already');
    });
  }

  #forgetPeer(): void {
    this.#stopTimer();
    if (this.#peerId !== undefined) {
      this.#context.peerStates.unwatch(this.#peerId);
      this.#clientStale = true;
    }
    this.#peerId = undefined;
    this.#outstanding = undefined;
    this.#offeredTrackIds = new Set();
    this.#restartWanted = false;
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

function sameMembers(set: ReadonlySet<string>, list: readonly string[]): boolean {
  return set.size === list.length && list.every((member) => set.has(member));
}
