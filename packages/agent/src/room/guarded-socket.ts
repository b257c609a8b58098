type Listener = (event: Event) => void;

/**
 * A WebSocket to a server that a page has chosen: what is sent over it and cannot be read costs the connection, not the
 * agent, whose files of other rooms go on.
 */
export class GuardedSocket extends WebSocket {
  override addEventListener(type: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    const guarded: Listener = (event) => {
      try {
        (listener as Listener)(event);
      } catch {
        this.close();
      }
    };
    super.addEventListener(type, guarded, options);
  }
}
