import { AircheckError } from '@aircheck/protocol';
import type { Lock, Locker, RequestRelease } from '@tus/server';

/** How long a request waits for the one before it to end, in milliseconds. */
const waitMs = 20_000;

interface Holder {
  /** The request has to end. */
  readonly signal: AbortSignal;
  readonly askToEnd: RequestRelease;
  readonly released: Promise<void>;
  readonly release: () => void;
}

/**
 * One request at a time on an upload. A client that comes back asks the request that it has lost to end, which keeps what
 * has come so far.
 */
export class UploadLocks implements Locker {
  readonly #holders = new Map<string, Holder>();

  /** Aborted when the request that is at work on an upload has to end. */
  signalOf(id: string): AbortSignal | undefined {
    return this.#holders.get(id)?.signal;
  }

  newLock(id: string): Lock {
    const holders = this.#holders;
    let own: Holder | undefined;
    return {
      async lock(signal, requestRelease) {
        const endsAt = Date.now() + waitMs;
        for (let holder = holders.get(id); holder !== undefined; holder = holders.get(id)) {
          await holder.askToEnd();
          await oneOf(holder.released, signal, endsAt - Date.now());
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        own = { signal, askToEnd: requestRelease, released: promise, release: resolve };
        holders.set(id, own);
      },
      async unlock() {
        if (own === undefined || holders.get(id) !== own) return;
        holders.delete(id);
        own.release();
      },
    };
  }
}

async function oneOf(released: Promise<void>, signal: AbortSignal, timeoutMs: number): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new AircheckError('upload-state', 'Another request is still at work on the upload'));
  const timer = setTimeout(fail, Math.max(0, timeoutMs));
  signal.addEventListener('abort', fail, { once: true });
  try {
    await Promise.race([released, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', fail);
  }
}
