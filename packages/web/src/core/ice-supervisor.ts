export interface IceSupervisorOptions {
  /** Keeps the connection and restarts ICE. */
  readonly restart: () => void;
  /** Gives the connection up and makes a new one. */
  readonly rebuild: () => void;
  /** Whether the signaling connection is there; without it neither of the two can work. */
  readonly reachable: () => boolean;
}

/** `disconnected` often heals by itself within a second or two. */
const patienceMs = 2_000;
const attemptMs = 6_000;
const restartsBeforeRebuild = 2;

/** Watches one peer connection, restarts ICE when the path breaks, and asks for a new connection as a last resort. */
export class IceSupervisor {
  readonly #options: IceSupervisorOptions;
  #connection: RTCPeerConnection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;

  constructor(options: IceSupervisorOptions) {
    this.#options = options;
  }

  /** Takes a new connection in place of the former one. */
  watch(connection: RTCPeerConnection): void {
    clearTimeout(this.#timer);
    this.#connection = connection;
    connection.addEventListener('iceconnectionstatechange', () => {
      if (connection === this.#connection) this.#stateChanged(connection.iceConnectionState);
    });
    // A connection that never comes up reports `failed` only after half a minute.
    this.#timer = setTimeout(() => this.#attempt(), 2 * attemptMs);
  }

  /** The network is back, or another one: the old path is dead even where nobody has noticed yet. */
  networkChanged(): void {
    this.#attempts = 0;
    this.#attempt();
  }

  /** The signaling connection is there again, without which nothing could be tried. */
  resume(): void {
    if (!isConnected(this.#connection)) this.#attempt();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#connection = undefined;
  }

  #stateChanged(state: RTCIceConnectionState): void {
    if (state === 'connected' || state === 'completed') {
      clearTimeout(this.#timer);
      this.#attempts = 0;
    } else if (state === 'disconnected') {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#attempt(), patienceMs);
    } else if (state === 'failed') this.#attempt();
  }

  #attempt(): void {
    clearTimeout(this.#timer);
    if (this.#connection === undefined || !this.#options.reachable()) return;
    this.#attempts += 1;
    this.#timer = setTimeout(() => {
      // A path that held through the attempt tells of no change of state.
      if (isConnected(this.#connection)) this.#attempts = 0;
      else this.#attempt();
    }, attemptMs);
    if (this.#attempts <= restartsBeforeRebuild) this.#options.restart();
    else {
      this.#attempts = 0;
      this.#options.rebuild();
    }
  }
}

/** Whether media can flow. */
export function isConnected(connection: RTCPeerConnection | undefined): boolean {
  const state = connection?.iceConnectionState;
  return state === 'connected' || state === 'completed';
}
