import type { WorkerEvents } from '../worker/contract.ts';

export type PeerState = WorkerEvents['peer-state']['state'];

/** Hands the workers' news of a peer connection to the one who made it. */
export class PeerStates {
  readonly #listeners = new Map<string, (state: PeerState) => void>();

  watch(peerId: string, listener: (state: PeerState) => void): void {
    this.#listeners.set(peerId, listener);
  }

  unwatch(peerId: string): void {
    this.#listeners.delete(peerId);
  }

  report({ peerId, state }: WorkerEvents['peer-state']): void {
    this.#listeners.get(peerId)?.(state);
  }
}
