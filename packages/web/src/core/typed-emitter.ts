type Listener<Arguments extends readonly unknown[]> = (...args: Arguments) => void;

/** Events by name, each with its own arguments. */
export class TypedEmitter<Events extends { [Name in keyof Events]: readonly unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /**
   * Calls the listener at every event of that name.
   * @returns a function that ends it
   */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  protected emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    // A copy: a listener may add or remove listeners.
    for (const listener of [...(this.#listeners.get(name) ?? [])]) (listener as Listener<Events[Name]>)(...args);
  }

  protected removeAllListeners(): void {
    this.#listeners.clear();
  }
}
