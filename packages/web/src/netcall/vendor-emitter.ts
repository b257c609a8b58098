type Listener<Arguments extends readonly unknown[]> = (...args: Arguments) => void;

/** Events with the calls that the vendor's pages know: `on`, `once`, `off` and their kin, which give the emitter back. */
export class VendorEmitter<Events extends { [Name in keyof Events]: readonly unknown[] }> {
  readonly #listeners = new Map<keyof Events, Map<unknown, Listener<never>>>();

  /** Calls the listener at every event of that name. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, listener, listener);
  }

  /** Calls the listener at the next event of that name. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, listener, (...args: Events[Name]) => {
      this.off(name, listener);
      listener(...args);
    });
  }

  /** Ends what `on` and `once` began; without a listener, for all of that name. */
  off<Name extends keyof Events>(name: Name, listener?: Listener<Events[Name]>): this {
    if (listener === undefined) this.#listeners.delete(name);
    else this.#listeners.get(name)?.delete(listener);
    return this;
  }

  removeListener<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.off(name, listener);
  }

  removeAllListeners(name?: keyof Events): this {
    if (name === undefined) this.#listeners.clear();
    else this.#listeners.delete(name);
    return this;
  }

  /** Whether anybody listens. @internal */
  protected listens(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** @internal */
  protected emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    // A copy: a listener may add or remove listeners.
    for (const listener of [...(this.#listeners.get(name)?.values() ?? [])]) {
      (listener as Listener<Events[Name]>)(...args);
    }
  }

  #add<Name extends keyof Events>(name: Name, key: unknown, listener: Listener<Events[Name]>): this {
    const listeners = this.#listeners.get(name) ?? new Map<unknown, Listener<never>>();
    this.#listeners.set(name, listeners);
    listeners.set(key, listener);
    return this;
  }
}
