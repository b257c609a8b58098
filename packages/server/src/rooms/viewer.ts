import type { IceParameters } from './external-session.ts';
import { createId, type RoomContext } from './room-context.ts';

interface ViewerOptions {
  readonly context: RoomContext;
  readonly roomKey: string;
  /** Who watches. */
  readonly userId: string;
  readonly trackIds: readonly string[];
  /** It may watch only as long as this participant is in the room. */
  readonly endsWith: string | undefined;
  readonly onEnded: (viewer: Viewer) => void;
}

/** A WHEP session: a peer connection that receives some tracks of a room, and is no participant. */
export class Viewer {
  readonly sessionId = createId();
  readonly userId: string;
  readonly trackIds: readonly string[];
  readonly endsWith: string | undefined;
  readonly #context: RoomContext;
  readonly #roomKey: string;
  readonly #onEnded: (viewer: Viewer) => void;
  readonly #endedListeners = new Set<() => void>();
  #cancelGrace: (() => void) | undefined;
  #ended = false;

  constructor(options: ViewerOptions) {
    this.#context = options.context;
    this.#roomKey = options.roomKey;
    this.userId = options.userId;
    this.trackIds = options.trackIds;
    this.endsWith = options.endsWith;
    this.#onEnded = options.onEnded;
  }

  /**
   * Answers the viewer's offer.
   * @returns the answer
   */
  async open(sdp: string): Promise<string> {
    const { peerStates, workers } = this.#context;
    peerStates.watch(this.sessionId, (state) => {
      if (state === 'failed' || state === 'closed') this.end();
      else if (state === 'connected') this.#stopGrace();
      else this.#startGrace();
    });
    this.#startGrace();
    try {
      const answer = await workers.request(this.#roomKey, 'view', {
        roomKey: this.#roomKey,
        peerId: this.sessionId,
        sdp,
        trackIds: this.trackIds,
      });
      return answer.sdp;
    } catch (error) {
      this.end();
      throw error;
    }
  }

  restartIce(remote: IceParameters) {
    return this.#context.workers.request(this.#roomKey, 'restartIce', { peerId: this.sessionId, ...remote });
  }

  onEnded(listener: () => void): void {
    if (this.#ended) listener();
    else this.#endedListeners.add(listener);
  }

  /** Ends the session; may be called twice. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopGrace();
    const { peerStates, workers, logger } = this.#context;
    peerStates.unwatch(this.sessionId);
    workers.request(this.#roomKey, 'closePeer', { peerId: this.sessionId }).catch((error: unknown) => {
      logger.debug({ err: error, peerId: this.sessionId }, 'viewing peer was gone already');
    });
    this.#onEnded(this);
    for (const listener of this.#endedListeners) listener();
  }

  #startGrace(): void {
    this.#cancelGrace ??= this.#context.timers.after(this.#context.graceMs, () => this.end());
  }

  #stopGrace(): void {
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
  }
}
