import type { WorkerRequests } from '../worker/contract.ts';

/** ICE credentials of one side. */
export interface IceParameters {
  readonly iceUfrag: string;
  readonly icePwd: string;
}

/** What a WHIP or WHEP client holds of a room. */
export interface ExternalSession {
  readonly sessionId: string;
  /** Takes the client's new ICE credentials; answers with the worker's new ones. */
  restartIce(remote: IceParameters): Promise<WorkerRequests['restartIce']['out']>;
  /** Calls back once, when the session is over for whatever reason; at once when it is over already. */
  onEnded(listener: () => void): void;
  /** Ends the session: who published leaves the room. */
  end(): void;
}
